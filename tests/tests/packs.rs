//! Evidence packs as an auditor meets them: verified, refuted at any changed byte, undecided without a key.

use std::process::Command;

use sealbook_tests::{TestLedger, expect, sealbook, sealbook_verify};
use serde_json::Value;

struct Packed {
    ledger: TestLedger,
    pack: String,
}

fn packed() -> Packed {
    let ledger = TestLedger::new();
    ledger.fill(800);
    let pack = ledger.dir().join("pack.zip").display().to_string();
    expect(0, &["pack", &ledger.arg(), "--framework", "owasp-nhi-top10-2025", "--out", &pack]);
    Packed { ledger, pack }
}

fn verdict(target: &str, key: &str) -> (Option<i32>, Value) {
    let output = Command::new(sealbook()).args(["verify", target, "--key", key, "--json"]).output().unwrap();
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code(), report)
}

#[test]
fn a_pack_verifies_with_the_key_and_is_undecided_without_or_with_another() {
    let Packed { ledger, pack } = packed();
    let (status, report) = verdict(&pack, &ledger.key);
    assert_eq!((status, &report["verdict"]), (Some(0), &"VERIFIED".into()), "{report}");
    assert!(report["notes"].to_string().contains("run again"), "{report}");
    expect(2, &["verify", &pack]);
    let other = TestLedger::new();
    let (status, report) = verdict(&pack, &other.key);
    assert_ne!(status, Some(0), "{report}");
    for (key, expected) in [(Some(&ledger.key), 0), (None, 2)] {
        let mut command = Command::new(sealbook_verify());
        command.arg(&pack);
        if let Some(key) = key {
            command.args(["--key", key]);
        }
        assert_eq!(command.output().unwrap().status.code(), Some(expected));
    }
    ledger.check();
}

#[test]
fn every_changed_byte_of_a_pack_is_refuted_with_its_place() {
    let Packed { ledger, pack } = packed();
    let good = std::fs::read(&pack).unwrap();
    let bad_path = ledger.dir().join("bad.zip");
    // A prime step reaches every file of the archive, its headers and its directory over the rounds.
    let places = (0..good.len()).step_by(good.len() / 61).chain(good.len() - 120..good.len());
    for at in places {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        std::fs::write(&bad_path, &bad).unwrap();
        let output =
            Command::new(sealbook_verify()).arg(&bad_path).args(["--key", &ledger.key, "--json"]).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "byte {at} of {}: {report}", good.len());
        assert!(
            report["failures"][0]["file"].is_string() || report["failures"][0]["offset"].is_u64(),
            "byte {at}: {report}"
        );
    }
}

#[test]
fn every_changed_byte_of_a_ledger_is_refuted_with_its_place() {
    let ledger = TestLedger::new();
    ledger.fill(500);
    for file in ["log/00000000.seg", "checkpoint", "keys/verifier.key"] {
        let path = ledger.path().join(file);
        let good = std::fs::read(&path).unwrap();
        let used = good.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in (0..used).step_by((used / 37).max(1)) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bad).unwrap();
            let (status, report) = verdict(&ledger.arg(), &ledger.key);
            assert_eq!((status, &report["verdict"]), (Some(1), &"REFUTED".into()), "{file} byte {at}: {report}");
            assert!(report["failures"][0]["file"].is_string(), "{file} byte {at}: {report}");
        }
        std::fs::write(&path, &good).unwrap();
    }
    ledger.check();
}

#[test]
fn an_export_is_an_entry_and_the_pack_names_it() {
    let Packed { ledger, pack } = packed();
    let listed = expect(0, &["log", &ledger.arg(), "--newest", "--limit", "1", "--json"]);
    let entry: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(entry["event"]["action"], "pack.exported");
    let archive = String::from_utf8_lossy(&std::fs::read(pack).unwrap()).into_owned();
    assert!(archive.contains(&format!("\"export\": {}", entry["index"])));
}
