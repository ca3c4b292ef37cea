"""A whole ledger from its segment files (docs/spec/segment.md, chain.md): every byte is accounted for."""

import entry as entries
import notes
import tree
from primitives import blake3_derive, blake3_keyed, crc32c

SEAL_KEY = "sealbook 2026-11 writer's seal v1: key"
ENTRY, SEALED, COMMIT, FOOTER = 1, 2, 3, 4


def must(holds, what):
    if not holds:
        raise ValueError(what)


def little(data):
    return int.from_bytes(data, "little")


class Frontier:
    """Roots of the complete subtrees at the right edge."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, leaf):
        size = self.size
        while size & 1:
            leaf, size = tree.node(self.peaks.pop(), leaf), size >> 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self):
        result = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            result = tree.node(peak, result)
        return result


class Ledger:
    """Reads segments in order; raises ValueError at the first thing that is wrong."""

    def __init__(self, key, seeds=()):
        self.key, self.seeds = key, list(seeds)
        self.entries, self.sealed, self.roots, self.commits, self.threads = [], [], [], [], {}
        self.tree, self.chain, self.time = Frontier(), bytes(32), None
        self.next_key, self.batch, self.last = None, 0, None

    def segment(self, number, data, is_last):
        must(len(data) >= 64 and data[:8] == b"SEALSEG1", "no segment")
        must(little(data[56:60]) == crc32c(data[:56]) and data[60:64] == bytes(4), "checksum of the header")
        header = (little(data[8:16]), little(data[16:24]), data[24:56])
        must(header == (number, len(self.entries), self.chain), "the header does not continue the segment before")
        at, first, closed = 64, len(self.entries), False
        while at + 9 <= len(data) and data[at : at + 9] != bytes(9):
            length, kind = little(data[at : at + 4]), data[at + 4]
            payload = data[at + 9 : at + 9 + length]
            must(not closed and len(payload) == length, "a frame that is cut or behind the footer")
            must(little(data[at + 5 : at + 9]) == crc32c(data[at : at + 5] + payload), "checksum of a frame")
            if kind == FOOTER:
                expected = [len(self.entries) - first, len(self.entries), self.chain, self.tree.root()]
                must(payload == b"".join(n if isinstance(n, bytes) else n.to_bytes(8, "little") for n in expected), "footer")
                must(self.batch == len(self.entries), "a footer inside a batch")
                closed = True
            else:
                {ENTRY: self.entry, SEALED: self.openings, COMMIT: self.commit}[kind](payload)
            at += 9 + length
        must(not any(data[at:]), "bytes where nothing was written")
        must(closed or is_last, "a segment without footer that has a successor")
        must(self.batch == len(self.entries), "entries without a commit")

    def entry(self, data):
        entry = entries.read(data)
        index = len(self.entries)
        must(entry["index"] == index and entry["prev"] == self.chain.hex(), "index or link")
        must(self.time is None or entry["recorded_at"] >= self.time, "time")
        must(self.next_key is None, "an entry behind the naming of a key in the same commit")
        subject = entry["event"]["subject"]["id"]
        n, last = self.threads.get(subject, (0, None))
        thread = {"n": n + 1} | ({} if last is None else {"prev": last})
        must(entry["thread"] == thread, "thread")
        must(("genesis" in entry) == (index == 0), "genesis")
        if index == 0:
            genesis = entry["genesis"]
            must((genesis["origin"], genesis["verifier_key"]) == (self.key.name, self.key.vkey), "origin or key")
        if "successor" in entry:
            must(entry["source"]["id"] == "sealbook", "a key named by somebody else")
            self.next_key = notes.Key(entry["successor"])
            must(self.next_key.name == self.key.name, "a key of another name")
        self.threads[subject] = (n + 1, index)
        self.time, self.chain, self.last = entry["recorded_at"], entries.chain_value(data), entry
        self.tree.append(entries.leaf_hash(data))
        self.entries.append(data)
        self.sealed.append(b"")
        self.roots.append(self.tree.root())

    def openings(self, data):
        must(len(self.entries) > self.batch and not self.sealed[-1], "openings without an entry")
        paths = set()
        for path, salt, value in entries.openings(data):
            must(path not in paths and entries.opened(self.last, path, salt, value), f"the opening of {path}")
            paths.add(path)
        self.sealed[-1] = data

    def commit(self, data):
        must(len(data) == 176 and len(self.entries) > self.batch, "commit")
        fields = (little(data[:8]), little(data[8:16]), data[16:48], data[48:80])
        must(fields == (self.batch, len(self.entries), self.chain, self.tree.root()), "a commit that says something else")
        if self.commits:
            key, size, root = self.commits[-1]
            text = notes.checkpoint_text(key.name, size, root)
            must(key.verifies(text.encode(), data[80:144]), "the signature over the commit before")
        else:
            must(data[80:144] == bytes(64), "a signature before the first commit")
        if self.seeds:
            must(blake3_keyed(blake3_derive(SEAL_KEY, self.seeds[0]), data[:144]) == data[144:], "seal")
        self.commits.append((self.key, len(self.entries), self.tree.root()))
        self.batch = len(self.entries)
        if self.next_key:
            # The checkpoint over this commit is by the key before, every larger one by the new key.
            self.key, self.next_key, self.seeds = self.next_key, None, self.seeds[1:]

    def checkpoint(self, note):
        """A signed checkpoint over one of the commits, by the key that was valid then; gives its size."""
        for key, size, root in self.commits:
            if note.startswith(notes.checkpoint_text(key.name, size, root).encode() + b"\n"):
                notes.verified(note, key)
                return size
        raise ValueError("a checkpoint over no commit")
