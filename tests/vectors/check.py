#!/usr/bin/env python3
"""Replays the vectors of Sealbook's formats in another language: what docs/spec/ says, written a second time.

check.py [FOLDER]              check every vector in FOLDER (default: where this script lies)
check.py --self-test [FOLDER]  change each vector in every place and show that each change is refused
check.py --ledger DIR VKEY     check a real ledger folder against the verifier key of its first entry

Exit status: 0 all right, 1 something is wrong, 2 could not tell. Needs Python 3.9 and nothing else; the packages
`blake3` and `cryptography` are used where they are installed.
"""

import copy
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import entry as entries
import ledger
import notes
import primitives
import tree

unhex = bytes.fromhex


class Wrong(Exception):
    pass


def must_equal(found, expected, what):
    if found != expected:
        raise Wrong(f"{what}: found {found!r}, the vector says {expected!r}")


def attempt(action):
    """What an action gives, or None where it refuses."""
    try:
        return action()
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
        return None


# One function per group: a case in, Wrong where it does not hold.


def check_entry(case):
    data = unhex(case["bytes"])
    must_equal(entries.write(case["entry"]).hex(), case["bytes"], "bytes from the names")
    must_equal(entries.read(data), case["entry"], "names from the bytes")
    must_equal(entries.chain_value(data).hex(), case["chain"], "chain value")
    must_equal(entries.leaf_hash(data).hex(), case["leaf"], "leaf hash")


def check_refused(case):
    must_equal(attempt(lambda: entries.read(unhex(case["bytes"]))), None, "an entry in another spelling")


def check_sealed(case):
    entry = entries.read(unhex(case["entry"]))
    values = [(value["path"], unhex(value["salt"]), unhex(value["value"])) for value in case["values"]]
    must_equal(entries.chain_value(unhex(case["entry"])).hex(), case["chain"], "chain value")
    must_equal(entries.openings(unhex(case["openings"])), values, "openings")
    for value, named in zip(values, case["values"]):
        must_equal(entries.commitment(value[1], value[0], value[2]).hex(), named["commitment"], "commitment")
        must_equal(entries.opened(entry, *value), True, f"the opening of {value[0]}")
    must_equal(len(values), len(entry["commitments"]) + 1, "commitments that are opened")


def check_ledger(case):
    read = ledger.Ledger(notes.Key(case["key"]), [unhex(seed) for seed in case["seeds"]])
    for number, data in enumerate(case["segments"]):
        read.segment(number, unhex(data), number == len(case["segments"]) - 1)
    must_equal([data.hex() for data in read.entries], case["entries"], "entries")
    must_equal([data.hex() for data in read.sealed], case["sealed"], "sealed values")
    must_equal([root.hex() for root in read.roots], case["roots"], "roots")
    threads = {subject: {"n": n, "last": last} for subject, (n, last) in read.threads.items()}
    must_equal(threads, case["threads"], "threads")
    sizes = [read.checkpoint(note.encode()) for note in case["checkpoints"]]
    must_equal(sizes, [size for _, size, _ in read.commits], "checkpoints")
    must_equal(len(read.seeds), 1, "seeds left after the changes of key")


LEAVES = [f"leaf {n}".encode() for n in range(1024)]
HASHES = [entries.leaf_hash(leaf) for leaf in LEAVES]


def check_root(case):
    must_equal(tree.root(HASHES[: case["size"]]).hex(), case["root"], "root")


def hashes(texts):
    return [unhex(text) for text in texts]


def check_inclusion(case):
    root = tree.inclusion_root(case["index"], case["size"], unhex(case["leaf"]), hashes(case["path"]))
    must_equal(root == unhex(case["root"]), case["holds"], "verdict")
    if case["holds"]:
        must_equal(case["leaf"], HASHES[case["index"]].hex(), "leaf")
        must_equal(tree.inclusion_path(case["index"], HASHES[: case["size"]]), hashes(case["path"]), "path")


def check_consistency(case):
    old, new, old_root, root = case["old"], case["new"], unhex(case["old_root"]), unhex(case["root"])
    must_equal(tree.consistent(old, new, old_root, root, hashes(case["path"])), case["holds"], "verdict")
    if case["holds"]:
        must_equal((old_root, root), (tree.root(HASHES[:old]), tree.root(HASHES[:new])), "roots")
        if old:
            must_equal(tree.consistency_path(old, HASHES[:new]), hashes(case["path"]), "path")


def check_tiles(case):
    made = tree.tiles(LEAVES[: case["size"]], HASHES[: case["size"]])
    made = {path: primitives.sha256(data).hex() for path, data in made.items()}
    must_equal(made, {tile["path"]: tile["sha256"] for tile in case["tiles"]}, "tiles")


def check_path(case):
    must_equal(tree.tile_path(0, case["index"]), case["full"], "path")
    must_equal(tree.tile_path(0, case["index"], 7), case["partial"], "path of a partial tile")


def check_key(case):
    key = notes.Key(case["vkey"])
    must_equal((key.name, key.type, key.public.hex()), (case["name"], case["type"], case["public"]), "key")


def check_note(case):
    must_equal(attempt(lambda: notes.verified(case["note"].encode(), notes.Key(case["key"]))) is not None, case["holds"], "verdict")


def check_checkpoint(case):
    found = attempt(lambda: notes.checkpoint(notes.verified(case["note"].encode(), notes.Key(case["key"]))))
    must_equal(found is not None, case["holds"], "verdict")
    if found:
        must_equal((found[1], found[2].hex()), (case["size"], case["root"]), "checkpoint")


def check_proof(case):
    found = attempt(lambda: notes.verify_proof(case["file"].encode(), case["entry"].encode(), notes.Key(case["key"])))
    must_equal(found is not None, case["holds"], "verdict")


def check_cosignature(case):
    found = attempt(lambda: notes.cosignature_times(case["note"].encode(), notes.Key(case["key"])))
    must_equal(bool(found), case["holds"], "verdict")
    must_equal([max(found)] if found else [], case["times"], "time")


def check_policy(case):
    found = attempt(lambda: notes.verify_with_policy(case["policy"], case["note"].encode()))
    must_equal(bool(found), case["holds"], "verdict")


def check_inclusion_receipt(case):
    key = notes.Key(case["key"])
    found = attempt(lambda: notes.verify_inclusion_receipt(unhex(case["receipt"]), unhex(case["entry"]), key))
    must_equal(found is not None, case["holds"], "verdict")
    if found:
        root, claims, place = found
        must_equal((claims[1], claims[2]), (case["issuer"], case["subject"]), "claims")
        # Size and index count only because a signed checkpoint of the same root says the size.
        origin, size, signed = notes.checkpoint(notes.verified(case["checkpoint"].encode(), key))
        must_equal((signed, size), (root, place[0]), "checkpoint")
        must_equal((place, origin), ((case["size"], case["index"]), key.name), "place")


def check_consistency_receipt(case):
    key, old_root = notes.Key(case["key"]), unhex(case["old_root"])
    found = attempt(lambda: notes.verify_consistency_receipt(unhex(case["receipt"]), old_root, key))
    must_equal(found is not None, case["holds"], "verdict")
    if found:
        root, sizes = found
        must_equal((root.hex(), sizes), (case["root"], (case["old"], case["new"])), "newer tree")


GROUPS = [
    ("entries.json", "entries", check_entry, 16),
    ("entries.json", "refused", check_refused, 8),
    ("entries.json", "sealed", check_sealed, 1),
    ("ledger.json", "ledgers", check_ledger, 1),
    ("trees.json", "roots", check_root, 15),
    ("trees.json", "inclusion", check_inclusion, 39),
    ("trees.json", "consistency", check_consistency, 39),
    ("trees.json", "tiles", check_tiles, 5),
    ("trees.json", "paths", check_path, 6),
    ("notes.json", "keys", check_key, 3),
    ("notes.json", "notes", check_note, 11),
    ("notes.json", "checkpoints", check_checkpoint, 10),
    ("notes.json", "proofs", check_proof, 10),
    ("notes.json", "cosignatures", check_cosignature, 6),
    ("notes.json", "policies", check_policy, 8),
    ("receipts.json", "inclusion", check_inclusion_receipt, 13),
    ("receipts.json", "consistency", check_consistency_receipt, 8),
]


def problem(check, case):
    """What is wrong with a case, or None."""
    try:
        check(case)
    except Wrong as wrong:
        return str(wrong)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def check_all(folder):
    failures = 0
    for file, section, check, expected in GROUPS:
        cases = json.loads((folder / file).read_text(encoding="utf-8"))[section]
        found = [(n, problem(check, case)) for n, case in enumerate(cases)]
        wrong = [f"  {section} {n}: {what}"[:400] for n, what in found if what]
        if len(cases) != expected:
            wrong.append(f"  {len(cases)} cases, expected {expected}")
        print(f"{file} {section}: {len(cases)} checked, {len(wrong)} wrong", *wrong, sep="\n")
        failures += len(wrong)
    return failures


# The self-test: a check that accepts everything would be worth nothing.


def places(value, path=()):
    """Every text, number, truth and list of a case."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in ("name", "format") or len(path) > 0:
                yield from places(item, (*path, name))
    elif isinstance(value, list):
        if value:
            yield path
        for n, item in enumerate(value):
            yield from places(item, (*path, n))
    elif value is not None and value != "":
        yield path


def changed(value):
    """Other values in the place of this one."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, list):
        return [value[:-1]]
    spots = {0, len(value) // 2, len(value) - 1} if all(c in "0123456789abcdef" for c in value) else {0, max(0, len(value) - 10)}
    return [value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in sorted(spots)]


def variants(section, case, good_entry):
    if section == "refused":
        yield ("bytes",), {"bytes": good_entry}
        return
    # Of a case that must be refused only the verdict is turned round: changed otherwise, it must still be refused.
    paths = list(places(case)) if case.get("holds", True) else [("holds",)]
    for path in paths:
        *way, last = path
        holder = case
        for step in way:
            holder = holder[step]
        for other in changed(holder[last]):
            variant = copy.deepcopy(case)
            holder_of_copy = variant
            for step in way:
                holder_of_copy = holder_of_copy[step]
            holder_of_copy[last] = other
            yield path, variant


def self_test(folder):
    good_entry = json.loads((folder / "entries.json").read_text(encoding="utf-8"))["entries"][1]["bytes"]
    failures = 0
    for file, section, check, _ in GROUPS:
        tried, unseen = 0, []
        for n, case in enumerate(json.loads((folder / file).read_text(encoding="utf-8"))[section]):
            if problem(check, case) is not None:
                unseen.append(f"  {section} {n}: wrong before anything was changed")
            for path, variant in variants(section, case, good_entry):
                tried += 1
                if problem(check, variant) is None:
                    unseen.append(f"  {section} {n}: a change at {'.'.join(map(str, path))} is not seen")
        print(f"{file} {section}: {tried} changes, {tried - len(unseen)} refused", *unseen, sep="\n")
        failures += len(unseen) + (tried == 0)
    return failures


def check_folder(folder, vkey):
    segments = sorted((folder / "log").glob("*.seg"))
    read = ledger.Ledger(notes.Key(vkey))
    for number, path in enumerate(segments):
        if path.name != f"{number:08}.seg":
            raise ValueError(f"{path.name} stands where segment {number} should be")
        read.segment(number, path.read_bytes(), number == len(segments) - 1)
    size = read.checkpoint((folder / "checkpoint").read_bytes())
    if size != len(read.entries):
        raise ValueError(f"the checkpoint is over {size} entries, the log has {len(read.entries)}")
    sealed = sum(data != b"" for data in read.sealed)
    commits = f"{len(read.commits)} commits, {len(read.threads)} threads, {sealed} with sealed values"
    print(f"{size} entries, {commits}, root {read.roots[-1].hex()}")


def main(arguments):
    libraries = ", ".join(f"{name} by {by}" for name, by in primitives.USED.items())
    if arguments[:1] == ["--ledger"] and len(arguments) == 3:
        print(libraries)
        try:
            check_folder(Path(arguments[1]), arguments[2])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            print(f"refused: {error}")
            return 1
        return 0
    test = arguments[:1] == ["--self-test"]
    rest = arguments[1:] if test else arguments
    folder = Path(rest[0]) if rest else Path(__file__).parent
    if len(rest) > 1 or not (folder / "entries.json").exists():
        print(__doc__, file=sys.stderr)
        return 2
    print(libraries)
    failures = self_test(folder) if test else check_all(folder)
    print(f"{failures} failures" if failures else "all as it should be")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
