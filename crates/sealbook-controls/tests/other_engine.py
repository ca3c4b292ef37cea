"""Runs every control test in DuckDB over the Parquet files of an example ledger and compares each row with SQLite's.

    cargo run --release -p sealbook-controls --example organisation -- 20000 faults FOLDER
    python3 crates/sealbook-controls/tests/other_engine.py FOLDER        # needs the package duckdb

Ends with status 1 when a count, a finding or its wording differs. This is the promise that an auditor's own engine
gives the same answers.
"""

import json
import pathlib
import re
import sys

import duckdb

TESTS = pathlib.Path(__file__).parents[3] / "frameworks" / "tests"
CHECKS = ["inclusion", "consistency", "completeness", "signature", "chain"]
FACTS = """
    CREATE TABLE verified_ranges (check_id VARCHAR, first_index BIGINT, end_index BIGINT, ok BIGINT, detail VARCHAR);
    CREATE TABLE inventory_sources (id VARCHAR, heartbeat_seconds BIGINT, description VARCHAR);
    CREATE TABLE policy_owners (domain VARCHAR, role VARCHAR, owner VARCHAR, team VARCHAR);
    CREATE TABLE policy_teams (team VARCHAR, role VARCHAR);
    CREATE TABLE policy_team_members (team VARCHAR, member VARCHAR);
    CREATE TABLE ledger AS SELECT 'example' AS origin, MAX(entry) + 1 AS size, '' AS root, MIN(entry) AS first_entry,
      MAX(entry) + 1 AS end_entry, MIN(recorded_at) AS first_recorded_at, MAX(recorded_at) AS last_recorded_at FROM entries;
"""


def connect(folder):
    duck = duckdb.connect()
    for table in ["entries", "labels"]:
        duck.execute(f"CREATE VIEW {table} AS SELECT * FROM '{folder / table}.parquet'")
    duck.execute(FACTS)
    for check in CHECKS:
        duck.execute(f"INSERT INTO verified_ranges SELECT '{check}', 0, size, 1, '' FROM ledger")
    duck.execute((folder / "views.sql").read_text())
    return duck


def indexes(cell):
    return sorted({int(index) for index in str("" if cell is None else cell).split(",") if index.strip()})


def answer(duck, test):
    """Rows of the test in DuckDB: how many per outcome, and those that did not pass."""
    sql = (TESTS / test["id"] / "test.sql").read_text()
    values = {name: p["value"] for name, p in test["parameters"].items() if re.search(rf"\${name}\b", sql)}
    values = {name: int(v) if re.fullmatch(r"-?\d+", v) else v for name, v in values.items()}
    asked = duck.execute(sql, values) if values else duck.execute(sql)
    names = [column[0] for column in asked.description]
    rows = [dict(zip(names, row)) for row in asked.fetchall()]
    counts = [sum(row["outcome"] == outcome for row in rows) for outcome in ("pass", "fail", "insufficient")]
    findings = [(r["subject"], r["outcome"], r["reason"], indexes(r["entries"]), r["at"] or 0) for r in rows if r["outcome"] != "pass"]
    return counts, sorted(findings)


def main():
    folder = pathlib.Path(sys.argv[1])
    duck, results = connect(folder), json.loads((folder / "results.json").read_text())
    differing = 0
    for test in results["tests"]:
        counts, findings = answer(duck, test)
        expected = sorted((f["subject"], f["outcome"], f["reason"], f["entries"], f["at"] or 0) for f in test["findings"])
        if counts != [test["pass"], test["fail"], test["insufficient"]] or findings != expected:
            differing += 1
            print(test["id"], "differs:", counts, [f for f in findings if f not in expected][:2], [f for f in expected if f not in findings][:2])
    print(f"{len(results['tests'])} tests compared, {differing} differ")
    sys.exit(1 if differing or not results["tests"] else 0)


main()
