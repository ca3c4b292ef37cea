//! The shell: exit statuses, what goes to which stream, bad input that changes nothing.

use std::io::Write as _;
use std::process::{Command, Stdio};

use sealbook_tests::{TestLedger, event, expect, run, sealbook, sealbook_verify};
use serde_json::Value;

fn ndjson(ids: &[&str]) -> String {
    ids.iter().map(|id| format!("{}\n", event(id))).collect()
}

#[test]
fn init_prints_the_verifier_key_and_nothing_else_and_never_overwrites() {
    let ledger = TestLedger::new();
    assert!(ledger.key.starts_with("test.example/ledger+") && !ledger.key.contains('\n'));
    expect(2, &["init", &ledger.arg(), "--origin", "test.example/other"]);
    expect(2, &["init", ledger.dir().join("x").to_str().unwrap(), "--origin", "has space"]);
    assert_eq!(ledger.check(), 1);
}

#[test]
fn importing_twice_adds_nothing_and_says_so() {
    let ledger = TestLedger::new();
    let file = ledger.file("events.ndjson", ndjson(&["a", "b"]));
    let first: Value = serde_json::from_str(&expect(0, &["import", &ledger.arg(), &file, "--json"])).unwrap();
    assert_eq!((&first["committed"], &first["duplicates"]), (&2.into(), &0.into()));
    let second: Value = serde_json::from_str(&expect(0, &["import", &ledger.arg(), &file, "--json"])).unwrap();
    assert_eq!((&second["committed"], &second["duplicates"]), (&0.into(), &2.into()));
    assert_eq!(ledger.check(), 3);
}

#[test]
fn standard_input_and_gzip_are_read_as_they_are() {
    let ledger = TestLedger::new();
    let mut child = Command::new(sealbook())
        .args(["import", &ledger.arg(), "-", "--from", "native"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(ndjson(&["a"]).as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    let file = ledger.file("events.ndjson", ndjson(&["b", "c"]));
    assert!(Command::new("gzip").arg(&file).status().unwrap().success());
    expect(0, &["import", &ledger.arg(), &format!("{file}.gz")]);
    assert_eq!(ledger.check(), 4);
}

/// Each bad input: exit 2, a message that names the place, and a ledger as it was.
#[test]
fn bad_input_is_refused_with_its_place_and_nothing_is_half_committed() {
    let ledger = TestLedger::new();
    let with = |from: &str, to: &str| format!("{}{}", ndjson(&["good"]), ndjson(&["bad"]).replace(from, to));
    let long = format!("\"id\":\"{}\"", "x".repeat(200));
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("unknown-field", with("\"action\"", "\"colour\"").into(), "colour"),
        ("wrong-type", with("\"read\"", "7").into(), "action"),
        ("oversize", with("\"id\":\"bad\"", &long).into(), "128"),
        ("duplicate-key", with("\"action\":\"read\"", "\"action\":\"read\",\"action\":\"write\"").into(), "action"),
        ("bad-time", with("2026-05-01T12:00:00Z", "2026-05-41T12:00:00Z").into(), "occurred_at"),
        ("no-offset", with("2026-05-01T12:00:00Z", "2026-05-01T12:00:00").into(), "occurred_at"),
        ("not-json", with("{", "<").into(), "line 2"),
        ("truncated-gzip", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b], "gzip"),
        ("unknown-format", b"hello world\n".to_vec(), "--from"),
    ];
    for (name, content, expected) in cases {
        let file = ledger.file(name, content);
        let from = if name == "unknown-format" || name == "truncated-gzip" { "auto" } else { "native" };
        let output = run(&["import", &ledger.arg(), &file, "--from", from]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name}: {message}");
        assert!(message.contains(expected) && message.contains(name), "{name}: {message}");
        assert!(output.stdout.is_empty(), "{name}");
    }
    assert_eq!(ledger.check(), 1);
}

#[test]
fn what_is_no_ledger_pack_or_proof_is_undecided_with_a_sentence() {
    let ledger = TestLedger::new();
    let empty = ledger.dir().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let zip = ledger.file("other.zip", b"PK\x03\x04 somebody else's");
    for target in [empty.to_str().unwrap(), &zip, "/nowhere/at/all", "/dev/null"] {
        for binary in [sealbook(), sealbook_verify()] {
            let output = Command::new(binary)
                .args(if binary == sealbook() { vec!["verify", target] } else { vec![target] })
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{target}");
            assert!(String::from_utf8_lossy(&output.stdout).starts_with("UNDECIDED"), "{target}");
        }
    }
    expect(2, &["log", empty.to_str().unwrap()]);
}

#[test]
fn a_proof_checks_alone_and_for_no_other_entry() {
    let ledger = TestLedger::new();
    ledger.fill(600);
    let out = ledger.dir().join("proofs");
    for index in ["0", "255", "256", "600"] {
        expect(0, &["prove", &ledger.arg(), index, "--out", out.to_str().unwrap()]);
        let proof = out.join(format!("entry-{index}.tlog-proof"));
        expect(0, &["verify", proof.to_str().unwrap(), "--key", &ledger.key]);
        expect(2, &["verify", proof.to_str().unwrap()]);
        let other = out.join("entry-0.cbor");
        let status = if index == "0" { 0 } else { 1 };
        expect(status, &["verify", proof.to_str().unwrap(), "--key", &ledger.key, "--entry", other.to_str().unwrap()]);
    }
    expect(2, &["prove", &ledger.arg(), "601"]);
}

#[test]
fn queries_read_only_and_name_what_is_wrong() {
    let ledger = TestLedger::new();
    ledger.fill(500);
    let csv = expect(0, &["query", &ledger.arg(), "SELECT COUNT(*) AS n FROM entries", "--format", "csv"]);
    assert_eq!(csv, "n\r\n501\r\n");
    for sql in
        ["DELETE FROM entries", "SELEC 1", "SELECT nothing FROM entries", "ATTACH 'x' AS y", "PRAGMA user_version"]
    {
        expect(2, &["query", &ledger.arg(), sql]);
    }
    assert_eq!(ledger.check(), 501);
}

#[test]
fn derived_stores_can_be_thrown_away_and_made_anew() {
    let ledger = TestLedger::new();
    ledger.fill(700);
    let ask = || {
        let coverage = expect(0, &["coverage", &ledger.arg(), "--json"]);
        let log = expect(0, &["log", &ledger.arg(), "--limit", "0", "--json"]);
        let count =
            expect(0, &["query", &ledger.arg(), "SELECT kind, COUNT(*) FROM entries GROUP BY kind ORDER BY kind"]);
        (coverage, log, count)
    };
    let before = ask();
    for store in ["tiles", "index", "state", "sql", "columns"] {
        let path = ledger.path().join(store);
        if path.exists() {
            std::fs::remove_dir_all(path).unwrap();
        }
    }
    expect(0, &["rebuild", &ledger.arg()]);
    // The index has a file for each 65,536 entries; these few are looked up without one.
    for store in ["tiles", "state", "sql", "columns"] {
        assert!(ledger.path().join(store).exists(), "{store}");
    }
    assert_eq!(ask(), before);
    expect(0, &["prove", &ledger.arg(), "3", "--out", ledger.dir().to_str().unwrap()]);
    assert_eq!(ledger.check(), 701);
}

#[test]
fn older_names_of_controls_are_answered_with_the_present_one() {
    for (framework, query, answer) in [
        ("nist-csf-2.0", "PR.AC-4", "PR.AA-05"),
        ("owasp-nhi-top10-2025", "NHI-01", "NHI1:2025"),
        ("nist-sp-800-207", "4.2", "4.2"),
        ("nist-ai-rmf-1.0", "govern 1.1", "GOVERN 1.1"),
    ] {
        let shown = expect(0, &["frameworks", "show", framework, query]);
        assert!(shown.contains(answer), "{query}: {shown}");
    }
    let said = expect(0, &["frameworks", "show", "nist-csf-2.0", "PR.AC-4"]);
    assert!(said.contains("CSF 1.1"), "{said}");
    expect(2, &["frameworks", "show", "nist-csf-2.0", "XX.YY-99"]);
    expect(0, &["frameworks", "check"]);
}

#[test]
fn a_token_is_shown_once_and_each_change_of_it_is_an_entry() {
    let ledger = TestLedger::new();
    let make = ["tokens", "create", &ledger.arg(), "--name", "opa", "--scope", "ingest:opa@opa", "--days", "1"];
    let token = expect(0, &make);
    let token = token.trim();
    assert!(token.starts_with("sbk_") && token.len() == 68, "{token}");
    let list = expect(0, &["tokens", "list", &ledger.arg(), "--json"]);
    let listed: Value = serde_json::from_str(&list).unwrap();
    assert_eq!((&listed[0]["status"], &listed[0]["scopes"][0]), (&"active".into(), &"ingest:opa@opa".into()));
    assert!(!list.contains(token));
    expect(2, &["tokens", "create", &ledger.arg(), "--name", "x", "--scope", "write"]);
    expect(2, &["tokens", "create", &ledger.arg(), "--name", "x", "--scope", "read", "--expires", "2020-01-01"]);
    expect(0, &["tokens", "revoke", &ledger.arg(), "opa", "--reason", "no longer needed"]);
    expect(2, &["tokens", "revoke", &ledger.arg(), "opa"]);
    assert!(expect(0, &["tokens", "list", &ledger.arg()]).contains("revoked"));
    // Genesis, made, withdrawn.
    assert_eq!(ledger.check(), 3);
}

#[test]
fn settings_are_checked_and_shown_with_where_they_came_from() {
    let ledger = TestLedger::new();
    let good = ledger.file("good.toml", "listen = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n");
    let shown = expect(0, &["config", "check", &good, "--log-level", "debug"]);
    assert!(
        shown.contains("good.toml line 1") && shown.contains("log.level = \"debug\"  # flag --log-level"),
        "{shown}"
    );
    for (name, text, said) in [
        ("unknown.toml", "[tls]\nkye = \"a\"\n", "line 2: tls.kye is no setting"),
        ("file.toml", "[tls]\ncertificate = \"no.crt\"\nkey = \"no.key\"\n", "no.crt"),
        ("seal.toml", "seal = [\"nothing\"]\n", "seal"),
    ] {
        let output = run(&["config", "check", &ledger.file(name, text)]);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && err.contains(said), "{name}: {err}");
    }
    let refused = run(&["serve", &ledger.arg(), "--listen", "0.0.0.0:0"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("tokens create"));
}
