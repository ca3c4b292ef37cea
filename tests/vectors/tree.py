"""The Merkle tree of RFC 6962 and the proofs of RFC 9162, and tile paths (C2SP tlog-tiles)."""

from primitives import sha256


def node(left, right):
    return sha256(b"\1", left, right)


def split(size):
    return 1 << (size - 1).bit_length() - 1


def root(leaves):
    """RFC 6962 section 2.1, literally."""
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def inclusion_path(index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return inclusion_path(index, leaves[:k]) + [root(leaves[k:])]
    return inclusion_path(index - k, leaves[k:]) + [root(leaves[:k])]


def consistency_path(old, leaves, known=True):
    if old == len(leaves):
        return [] if known else [root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return consistency_path(old, leaves[:k], known) + [root(leaves[k:])]
    return consistency_path(old - k, leaves[k:], False) + [root(leaves[:k])]


def inclusion_root(index, size, leaf, path):
    """RFC 9162 section 2.1.3.2; None where the path does not fit."""
    if not 0 <= index < size:
        return None
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


def consistency_roots(first, second, first_root, path):
    """RFC 9162 section 2.1.4.2, for 0 < first < second: what the path gives for both; None where it does not fit."""
    if not 0 < first < second or not path:
        return None
    if first & first - 1 == 0:
        path = [first_root, *path]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr) if sn == 0 else None


def consistent(old, new, old_root, new_root, path):
    if old > new:
        return False
    if old in (0, new):
        return not path and (old != new or old_root == new_root) and (old > 0 or old_root == sha256())
    return consistency_roots(old, new, old_root, path) == (old_root, new_root)


def number_path(index):
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.insert(0, f"x{index % 1000:03}")
    return "/".join(groups)


def tile_path(kind, index, width=256):
    return f"tile/{kind}/{number_path(index)}" + (f".p/{width}" if width < 256 else "")


def tiles(entries, leaves):
    """Path and bytes of every tile."""
    found, level, hashes = {}, 0, leaves
    for n in range(0, len(entries), 256):
        part = entries[n : n + 256]
        found[tile_path("entries", n // 256, len(part))] = b"".join(len(e).to_bytes(2, "big") + e for e in part)
    while hashes:
        for n in range(0, len(hashes), 256):
            part = hashes[n : n + 256]
            found[tile_path(level, n // 256, len(part))] = b"".join(part)
        hashes = [root(hashes[n : n + 256]) for n in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    return found
