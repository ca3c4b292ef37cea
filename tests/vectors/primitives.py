"""BLAKE3, Ed25519, CRC-32C and base64, with nothing but the standard library.

Where the packages `blake3` and `cryptography` are installed they do the work instead, and `USED` says so.
"""

import base64
import hashlib
import re

USED = {"SHA-256": "hashlib", "BLAKE3": "primitives.py", "Ed25519": "primitives.py", "CRC-32C": "primitives.py"}

try:
    import blake3 as _blake3

    USED["BLAKE3"] = "package blake3"
except ImportError:
    _blake3 = None
try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    USED["Ed25519"] = "package cryptography"
except ImportError:
    Ed25519PublicKey = None


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs, section 2).

_IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
_DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
_CHUNK_START, _CHUNK_END, _PARENT, _ROOT, _KEYED, _CONTEXT, _MATERIAL = 1, 2, 4, 8, 16, 32, 64
_MASK = 0xFFFFFFFF


def _compress(chaining, block, counter, length, flags):
    v = list(chaining) + [*_IV[:4], counter & _MASK, counter >> 32, length, flags]
    m = list(block)
    for _ in range(7):
        for n, (a, b, c, d) in enumerate(_COLUMNS + _DIAGONALS):
            for word, turn, turn_back in ((m[2 * n], 16, 12), (m[2 * n + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & _MASK
                x = v[d] ^ v[a]
                v[d] = (x >> turn | x << (32 - turn)) & _MASK
                v[c] = (v[c] + v[d]) & _MASK
                x = v[b] ^ v[c]
                v[b] = (x >> turn_back | x << (32 - turn_back)) & _MASK
        m = [m[place] for place in _PERMUTATION]
    return [v[n] ^ v[n + 8] for n in range(8)]


def _words(data):
    return [int.from_bytes(data[n : n + 4], "little") for n in range(0, len(data), 4)]


def _blake3_with(data, key, flags):
    """The root hash; flags of the mode are set everywhere."""

    def chunk(part, number, last):
        value = key
        blocks = [part[n : n + 64] for n in range(0, len(part), 64)] or [b""]
        for n, block in enumerate(blocks):
            extra = flags | (_CHUNK_START if n == 0 else 0)
            if n == len(blocks) - 1:
                extra |= _CHUNK_END | (_ROOT if last else 0)
            value = _compress(value, _words(block.ljust(64, b"\0")), number, len(block), extra)
        return value

    def tree(chunks, first, is_root):
        if len(chunks) == 1:
            return chunk(chunks[0], first, is_root)
        left = 1 << (len(chunks) - 1).bit_length() - 1
        block = tree(chunks[:left], first, False) + tree(chunks[left:], first + left, False)
        return _compress(key, block, 0, 64, flags | _PARENT | (_ROOT if is_root else 0))

    chunks = [data[n : n + 1024] for n in range(0, len(data), 1024)] or [b""]
    return b"".join(word.to_bytes(4, "little") for word in tree(chunks, 0, True))


def blake3_derive(context, *parts):
    """BLAKE3 in derive-key mode."""
    data = b"".join(parts)
    if _blake3:
        return _blake3.blake3(data, derive_key_context=context).digest()
    return _blake3_with(data, _words(_blake3_with(context.encode(), _IV, _CONTEXT)), _MATERIAL)


def blake3_keyed(key, data):
    """BLAKE3 in keyed mode."""
    if _blake3:
        return _blake3.blake3(data, key=key).digest()
    return _blake3_with(data, _words(key), _KEYED)


# Ed25519 (RFC 8032 section 5.1).

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_1 = pow(2, (_P - 1) // 4, _P)


def _point(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    x2 = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(x2, (_P + 3) // 8, _P)
    if x * x % _P != x2:
        x = x * _ROOT_OF_MINUS_1 % _P
    if x * x % _P != x2 or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return (x, y, 1, x * y % _P)


def _add(a, b):
    e = (a[1] - a[0]) * (b[1] - b[0]) % _P
    f = (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    e, f, g, h = f - e, h - g, h + g, f + e
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(n, point):
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = _add(total, point)
        point, n = _add(point, point), n >> 1
    return total


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def ed25519_verifies(public, message, signature):
    if len(signature) != 64 or len(public) != 32:
        return False
    if Ed25519PublicKey:
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
            return True
        except InvalidSignature:
            return False
    a, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(s, _BASE), _add(r, _times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % _P == 0 and (left[1] * right[2] - right[1] * left[2]) % _P == 0


# CRC-32C (RFC 3720 appendix B.4).


def _crc_row(n):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    return n


_CRC = [_crc_row(n) for n in range(256)]


def crc32c(data):
    value = _MASK
    for byte in data:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ _MASK


# base64 with padding, one spelling.


def from_base64(text):
    if not re.fullmatch(r"[A-Za-z0-9+/]*={0,2}", text, re.ASCII):
        raise ValueError("not base64")
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("base64 in another spelling")
    return data


def to_base64(data):
    return base64.b64encode(data).decode()
