"""Deterministic CBOR (RFC 8949 section 4.2.1): an encoder, a decoder, and a strict reading that needs both."""


def _head(major, value):
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 24:
            return bytes([major << 5 | value])
        if value < 1 << 8 * width:
            return bytes([major << 5 | info]) + value.to_bytes(width, "big")
    raise ValueError("a number of more than 64 bits")


class Tag:
    def __init__(self, number, value):
        self.number, self.value = number, value


def encode(value):
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(item)) for key, item in value.items())
        return _head(5, len(pairs)) + b"".join(key + item for key, item in pairs)
    if isinstance(value, Tag):
        return _head(6, value.number) + encode(value.value)
    raise ValueError(f"{type(value)} has no encoding")


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise ValueError("cut short")
        self.at += count
        return part

    def item(self, depth=0):
        if depth > 16:
            raise ValueError("nested too deeply")
        first = self.take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            if info not in (20, 21, 22):
                raise ValueError("a value without a meaning")
            return {20: False, 21: True, 22: None}[info]
        if info > 27:
            raise ValueError("a length that is not said beforehand")
        value = info if info < 24 else int.from_bytes(self.take(1 << info - 24), "big")
        if major == 0:
            return value
        if major == 1:
            return -1 - value
        if major == 2:
            return self.take(value)
        if major == 3:
            return self.take(value).decode()
        if major == 4:
            return [self.item(depth + 1) for _ in range(value)]
        if major == 6:
            return Tag(value, self.item(depth + 1))
        pairs = [(self.item(depth + 1), self.item(depth + 1)) for _ in range(value)]
        keys = [(type(key), key) for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError("a key twice in a map")
        return dict(pairs)


def decode(data):
    """One item and nothing behind it, in any order of keys and length of numbers."""
    reader = _Reader(data)
    value = reader.item()
    if reader.at != len(data):
        raise ValueError("bytes behind the end")
    return value


def decode_strictly(data):
    value = decode(data)
    if encode(value) != data:
        raise ValueError("not in deterministic encoding")
    return value
