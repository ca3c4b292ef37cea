"""Checks an exported log, and proofs of single entries, with PyPI aics-tlog.

check_aics_tlog.py VKEY DIR [PROOF ENTRY]...
"""

import sys
from pathlib import Path

import aics_tlog as other
from aics_tlog.note import b64_decode


def checkpoint(note, key):
    result = other.verify_checkpoint(other.parse_note(note), key, expected_origin=key.name)
    assert result.ok, result
    return result


def exported(folder, key):
    signed = checkpoint((folder / "checkpoint").read_bytes(), key)
    reader = other.FileSystemTileReader(folder)
    report = other.audit_tiles(reader, signed.size, signed.root, entries=True)
    verified = other.VerifiedTileReader(reader, signed.size, signed.root)
    proven = 0
    for index in range(0, signed.size, 7):
        path = other.inclusion_proof_from_tiles(verified, index, signed.size)
        assert other.verify_leaf_inclusion(verified.entry(index), index, signed.size, path, signed.root), index
        proven += 1
    grown = 0
    for size in (1, 2, 255, 256, 257, signed.size - 1):
        if size < signed.size:
            older = other.tree_root_from_tiles(verified, size)
            path = other.consistency_proof_from_tiles(verified, size, signed.size)
            assert other.verify_consistency(size, signed.size, older, signed.root, path), size
            grown += 1
    print(f"log of {signed.size} entries: {report}, {proven} records, {grown} earlier trees")


def proven(file, entry, key):
    head, blank, note = file.read_bytes().partition(b"\n\n")
    first, index, *hashes = head.decode().split("\n")
    assert blank and first == "c2sp.org/tlog-proof@v1" and index.startswith("index "), "no proof file"
    signed, path = checkpoint(note, key), [b64_decode(hash_) for hash_ in hashes]
    assert other.verify_leaf_inclusion(entry.read_bytes(), int(index[6:]), signed.size, path, signed.root), "not included"
    print(f"proof of entry {index[6:]} in {signed.size}")


def main():
    key = other.parse_vkey(sys.argv[1])
    exported(Path(sys.argv[2]), key)
    for proof, entry in zip(sys.argv[3::2], sys.argv[4::2]):
        proven(Path(proof), Path(entry), key)


main()
