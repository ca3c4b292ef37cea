"""Entries by name and as bytes (docs/spec/entry.md): the tables of keys and words, written down a second time."""

import re
from datetime import datetime, timedelta, timezone

import cbor
from primitives import blake3_derive, sha256

CHAIN = "sealbook 2026-11 chain v1: value of an entry"
SEAL = "sealbook 2026-11 seal v1: salt, field path, value"

TEXT, TIME, BOOL, LABELS = "text", "time", "bool", "labels"


def words(text):
    return text.split()


IDENTITY = {
    "id": (1, TEXT),
    "type": (2, words("human service-account workload api-key token certificate role agent group system unknown")),
    "name": (3, TEXT),
    "owner": (4, TEXT),
    "team": (5, TEXT),
    "issuer": (6, TEXT),
}
EVENT = {
    "id": (1, TEXT),
    "kind": (2, words("decision approval issuance rotation revocation exception elevation lifecycle review policy ownership attestation")),
    "occurred_at": (3, TIME),
    "subject": (4, IDENTITY),
    "actor": (5, IDENTITY),
    "resource": (6, {"id": (1, TEXT), "type": (2, TEXT), "environment": (3, TEXT), "account": (4, TEXT)}),
    "action": (7, TEXT),
    "outcome": (8, words("allow deny success failure error unknown")),
    "reason": (9, TEXT),
    "policy": (10, {"id": (1, TEXT), "version": (2, TEXT), "digest": (3, TEXT), "owner": (4, TEXT), "decision_point": (5, TEXT), "enforcement_point": (6, TEXT)}),
    "credential": (11, {"id": (1, TEXT), "type": (2, words("x509-svid jwt-svid oidc-token api-key cloud-key password secret ssh-key certificate token")), "issued_at": (3, TIME), "expires_at": (4, TIME), "replaces": (5, TEXT)}),
    "approval": (12, {"id": (1, TEXT), "request": (2, TEXT), "decision": (3, words("granted refused")), "requester": (4, TEXT), "approver": (5, TEXT), "valid_until": (6, TIME)}),
    "exception": (13, {"id": (1, TEXT), "verb": (2, words("opened renewed closed used")), "owner": (3, TEXT), "granted_by": (4, TEXT), "justification": (5, TEXT), "expires_at": (6, TIME), "compensating_control": (7, TEXT)}),
    "elevation": (14, {"id": (1, TEXT), "verb": (2, words("requested started ended")), "break_glass": (3, BOOL), "approval": (4, TEXT), "ends_at": (5, TIME)}),
    "lifecycle": (15, {"verb": (1, words("provisioned changed disabled offboarded transferred")), "owner": (2, TEXT)}),
    "review": (16, {"id": (1, TEXT), "scope": (2, TEXT), "decision": (3, words("keep revoke change")), "next_due": (4, TIME)}),
    "ownership": (17, {"domain": (1, TEXT), "role": (2, words("policy-owner lifecycle-owner control-owner enforcement")), "owner": (3, TEXT), "team": (4, TEXT)}),
    "attestation": (18, {"framework": (1, TEXT), "control": (2, TEXT), "statement": (3, TEXT), "document": (4, TEXT)}),
    "context": (19, {
        "source_ip": (1, TEXT), "user_agent": (2, TEXT), "device": (3, TEXT), "mfa": (4, BOOL), "risk": (5, TEXT), "location": (6, TEXT),
        "runtime": (7, {"cluster": (1, TEXT), "namespace": (2, TEXT), "workload": (3, TEXT), "node": (4, TEXT)}),
        "agent": (8, {"model": (1, TEXT), "tool": (2, TEXT), "session": (3, TEXT)}),
    }),
    "correlation": (20, {"request": (1, TEXT), "session": (2, TEXT), "trace": (3, TEXT)}),
    "labels": (21, LABELS),
}  # fmt: skip


def micros(text):
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?Z", text)
    if not found:
        raise ValueError(f"{text} is no UTC time")
    whole = datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return whole // timedelta(microseconds=1) + int((found[2] or "0").ljust(6, "0"))


def time_text(value):
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=value)
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction + "Z"


def number(value):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise ValueError(f"{value!r} is no number of the format")
    return value


def keyed(names, table):
    """Names to integer keys."""
    out = {}
    for name, value in names.items():
        key, kind = table[name]
        if isinstance(kind, dict):
            out[key] = keyed(value, kind)
        elif isinstance(kind, list):
            out[key] = kind.index(value) + 1
        elif kind == TIME:
            out[key] = micros(value)
        elif kind == LABELS:
            out[key] = {str(a): str(b) for a, b in value.items()}
        elif isinstance(value, str if kind == TEXT else bool):
            out[key] = value
        else:
            raise ValueError(f"{name}: {value!r} is no {kind}")
    return out


def named(keys, table):
    """Integer keys to names."""
    by_key = {key: (name, kind) for name, (key, kind) in table.items()}
    out = {}
    for key, value in keys.items():
        name, kind = by_key[key]
        if isinstance(kind, dict):
            out[name] = named(value, kind)
        elif isinstance(kind, list):
            if number(value) == 0:
                raise ValueError(f"{name} has no word 0")
            out[name] = kind[value - 1]
        else:
            out[name] = time_text(value) if kind == TIME else value
    return out


def pick(names, required, optional=()):
    if set(names) - set(required) - set(optional) or set(required) - set(names):
        raise ValueError(f"names {sorted(names)}, expected {required} and perhaps {optional}")
    return names


def write(entry):
    """The bytes of an entry given by names."""
    optional = ("commitments", "raw", "genesis", "successor")
    pick(entry, ("index", "recorded_at", "prev", "source", "event", "thread"), optional)
    source = pick(entry["source"], ("id", "format", "version"), ("sequence",))
    thread = pick(entry["thread"], ("n",), ("prev",))
    out = {1: 1, 2: number(entry["index"]), 3: entry["recorded_at"], 4: bytes.fromhex(entry["prev"])}
    out[5] = {1: str(source["id"]), 2: str(source["format"]), 3: number(source["version"])}
    if "sequence" in source:
        out[5][4] = number(source["sequence"])
    out[6] = keyed(entry["event"], EVENT)
    if "commitments" in entry:
        out[7] = {path: bytes.fromhex(value) for path, value in entry["commitments"].items()}
    if "raw" in entry:
        raw = pick(entry["raw"], ("commitment", "length", "media_type"))
        out[8] = {1: bytes.fromhex(raw["commitment"]), 2: number(raw["length"]), 3: raw["media_type"]}
    out[9] = {1: number(thread["n"])} | ({2: number(thread["prev"])} if "prev" in thread else {})
    if "genesis" in entry:
        genesis = pick(entry["genesis"], ("origin", "verifier_key", "formats"))
        out[10] = {1: genesis["origin"], 2: genesis["verifier_key"], 3: dict(genesis["formats"])}
    if "successor" in entry:
        out[11] = entry["successor"]
    return cbor.encode(out)


def read(data):
    """The entry by names; anything but the one spelling is refused."""
    if len(data) > 65_535:
        raise ValueError("too long")
    found = cbor.decode_strictly(data)
    if not isinstance(found, dict) or found.get(1) != 1 or set(found) - set(range(1, 12)):
        raise ValueError("no entry of format 1")
    for key, kind in ((2, int), (3, int), (4, bytes), (5, dict), (6, dict), (9, dict)):
        if type(found.get(key)) is not kind:
            raise ValueError(f"pair {key} is missing or of another type")
    entry = {"index": number(found[2]), "recorded_at": found[3], "prev": found[4].hex()}
    entry["source"] = {name: found[5][key] for key, name in enumerate(("id", "format", "version", "sequence"), 1) if key in found[5]}
    entry["event"] = named(found[6], EVENT)
    pick(entry["event"], ("id", "kind", "subject", "outcome"), EVENT)
    if 7 in found:
        entry["commitments"] = {path: value.hex() for path, value in found[7].items()}
    if 8 in found:
        entry["raw"] = {"commitment": found[8][1].hex(), "length": found[8][2], "media_type": found[8][3]}
    entry["thread"] = {name: found[9][key] for key, name in ((1, "n"), (2, "prev")) if key in found[9]}
    if 10 in found:
        entry["genesis"] = {"origin": found[10][1], "verifier_key": found[10][2], "formats": found[10][3]}
    if 11 in found:
        entry["successor"] = found[11]
    if len(found[4]) != 32 or write(entry) != data:
        raise ValueError("no entry that could be written like this")
    return entry


def chain_value(data):
    return blake3_derive(CHAIN, data)


def leaf_hash(data):
    return sha256(b"\0", data)


def commitment(salt, path, value):
    if len(salt) != 16:
        raise ValueError("a salt has 16 bytes")
    name = path.encode()
    return blake3_derive(SEAL, salt, len(name).to_bytes(2, "big"), name, value)


def openings(data):
    """`[path, salt, value]` of everything that lies sealed beside an entry."""
    found = cbor.decode_strictly(data)
    for path, salt, value in found:
        if not (isinstance(path, str) and isinstance(salt, bytes) and isinstance(value, bytes)):
            raise ValueError("no list of openings")
    return [tuple(opening) for opening in found]


def opened(entry, path, salt, value):
    """Whether this opens a commitment of the entry."""
    if path == "raw":
        raw = entry.get("raw", {})
        known = raw.get("commitment") if raw.get("length") == len(value) else None
    else:
        known = entry.get("commitments", {}).get(path)
    return known == commitment(salt, path, value).hex()
