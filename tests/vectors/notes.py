"""Signed notes, checkpoints, proof files, cosignatures, policies (C2SP) and COSE receipts (RFC 9942)."""

import re

import cbor
import tree
from entry import leaf_hash
from primitives import ed25519_verifies, from_base64, sha256, to_base64

LOG, WITNESS = 1, 4


class Key:
    def __init__(self, vkey):
        self.vkey = vkey
        self.name, key_id, typed = vkey.split("+", 2)
        typed = from_base64(typed)
        self.type, self.public = typed[0], typed[1:]
        self.id = sha256(self.name.encode(), b"\n", typed)[:4]
        if not self.name or re.search(r"\s", self.name) or self.type not in (LOG, WITNESS) or len(self.public) != 32:
            raise ValueError("no key of a log or a witness")
        if self.id.hex() != key_id:
            raise ValueError("the hash does not belong to name and key")

    def verifies(self, text, signature):
        if self.type == WITNESS:
            time, signature = signature[:8], signature[8:]
            seconds = int.from_bytes(time, "big")
            if len(time) != 8 or not 0 < seconds < 1 << 63:
                return False
            text = f"cosignature/v1\ntime {seconds}\n".encode() + text
        return ed25519_verifies(self.public, text, signature)


def note(data):
    """Text and signature lines (name, key id, signature), not yet believed."""
    if len(data) > 1_000_000 or any(byte < 0x20 and byte != 10 for byte in data):
        raise ValueError("too long, or a control character")
    text, blank, lines = data.decode().rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise ValueError("no text, blank line, signatures and line feed")
    signatures = []
    for line in lines[:-1].split("\n"):
        found = re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line)
        blob = from_base64(found[2]) if found else b""
        if len(blob) < 5:
            raise ValueError("a signature line is none")
        signatures.append((found[1], blob[:4], blob[4:]))
    if len(signatures) > 100:
        raise ValueError("more than 100 signatures")
    return text + "\n", signatures


def signed_by(data, key):
    """Text and the signatures by `key`, all of which must verify."""
    text, signatures = note(data)
    ours = [signature for name, key_id, signature in signatures if (name, key_id) == (key.name, key.id)]
    if not all(key.verifies(text.encode(), signature) for signature in ours):
        raise ValueError(f"a signature by {key.name} does not verify")
    return text, ours


def verified(data, key):
    text, ours = signed_by(data, key)
    if not ours:
        raise ValueError(f"no signature by {key.name}")
    return text


def decimal(text):
    if not re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII) or int(text) >= 1 << 63:
        raise ValueError("no decimal number below 2^63")
    return int(text)


def hash_of(text):
    data = from_base64(text)
    if len(data) != 32:
        raise ValueError("no hash of 32 bytes")
    return data


def checkpoint_text(origin, size, root):
    return f"{origin}\n{size}\n{to_base64(root)}\n"


def checkpoint(text):
    """Origin, size, root."""
    if not text.endswith("\n"):
        raise ValueError("no line feed at the end")
    origin, size, root, *more = text[:-1].split("\n")
    if not origin or "" in more:
        raise ValueError("an empty line")
    size, root = decimal(size), hash_of(root)
    if size == 0 and root != sha256():
        raise ValueError("a tree of no entries has another root")
    return origin, size, root


def verify_proof(data, entry, key):
    """Index and checkpoint of a `.tlog-proof` that holds for the entry."""
    head, blank, rest = data.decode().partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != "c2sp.org/tlog-proof@v1":
        raise ValueError("no proof file")
    if lines and lines[0].startswith("extra "):
        from_base64(lines.pop(0)[6:])
    word, index = lines.pop(0).split(" ", 1)
    if word != "index":
        raise ValueError("no index")
    found = checkpoint(verified(rest.encode(), key))
    if tree.inclusion_root(decimal(index), found[1], leaf_hash(entry), [hash_of(line) for line in lines]) != found[2]:
        raise ValueError("the entry is not there")
    return decimal(index), found


def cosignature_times(data, key):
    return [int.from_bytes(signature[:8], "big") for signature in signed_by(data, key)[1]]


def verify_with_policy(policy, data):
    """A policy in the form of the vectors: single spaces, no URLs."""
    logs, members, quorum = [], {}, []
    for line in policy.rstrip("\n").split("\n"):
        word, *items = line.split()
        if word == "log":
            logs.append(Key(items[0]))
        elif word == "witness":
            members[items[0]] = bool(cosignature_times(data, Key(items[1])))
        elif word == "group":
            enough = {"all": len(items) - 2, "any": 1}.get(items[1]) or decimal(items[1])
            members[items[0]] = sum(members[name] for name in items[2:]) >= enough
        elif word == "quorum":
            quorum.append(items[0] == "none" or members[items[0]])
        elif not word.startswith("#"):
            raise ValueError(f"{word} is no line of a policy")
    if len(quorum) != 1:
        raise ValueError("not one quorum line")
    origin = checkpoint(note(data)[0])[0]
    if not any(key.name == origin and signed_by(data, key)[1] for key in logs):
        raise ValueError("no log of the policy signed")
    return quorum[0]


def receipt(data, kind):
    """Protected bytes, claims, the three parts of the proof, signature."""
    found = cbor.decode(data)
    if not isinstance(found, cbor.Tag) or found.number != 18 or len(found.value) != 4:
        raise ValueError("no COSE_Sign1")
    protected, unprotected, payload, signature = found.value
    header = cbor.decode(protected)
    if header.get(1) != -8 or header.get(395) != 1 or 395 in unprotected or payload is not None:
        raise ValueError("another algorithm, tree or payload")
    ((found_kind, (proof,)),) = unprotected[396].items()
    first, second, path = cbor.decode(proof)
    numbers = all(type(n) is int and n >= 0 for n in (first, second))
    if found_kind != kind or not numbers or not path or any(len(hash_) != 32 for hash_ in path):
        raise ValueError("another proof")
    return protected, header.get(15, {}), (first, second, path), signature


def check_signature(protected, root, signature, key):
    if not ed25519_verifies(key.public, cbor.encode(["Signature1", protected, b"", root]), signature):
        raise ValueError("the signature does not verify")


def verify_inclusion_receipt(data, entry, key):
    """Root, claims, and (size, index), which are worth nothing without a checkpoint."""
    protected, claims, (size, index, path), signature = receipt(data, -1)
    root = tree.inclusion_root(index, size, leaf_hash(entry), path)
    if root is None:
        raise ValueError("the path does not fit")
    check_signature(protected, root, signature, key)
    return root, claims, (size, index)


def verify_consistency_receipt(data, old_root, key):
    protected, _, (old, new, path), signature = receipt(data, -2)
    roots = tree.consistency_roots(old, new, old_root, path)
    if roots is None or roots[0] != old_root:
        raise ValueError("the path does not begin at the old root")
    check_signature(protected, roots[1], signature, key)
    return roots[1], (old, new)
