//! Real logs are committed to the last event, and only once.

use sealbook_tests::{TestLedger, expect, samples};
use serde_json::Value;

/// What lies where, how it is called, and how many events it holds.
const SETS: [(&str, &str, u64); 4] = [
    ("cloudtrail/invictus-stratus", "cloudtrail", 1_983),
    ("kubernetes/perfspec-cluster-reconstructed.ndjson", "kubernetes", 11_042),
    ("vault/openbao-2.7.2-audit.ndjson", "vault", 3_685),
    ("opa/decision-log-events.ndjson", "opa", 4_000),
];

fn import(ledger: &TestLedger, path: &str, from: &str) -> Value {
    serde_json::from_str(&expect(0, &["import", &ledger.arg(), path, "--from", from, "--json"])).unwrap()
}

#[test]
fn every_event_of_the_samples_is_committed_once() {
    let Some(samples) = samples() else { return };
    let ledger = TestLedger::new();
    let mut size = 1;
    for (set, format, events) in SETS {
        let path = samples.join(set).display().to_string();
        let first = import(&ledger, &path, format);
        assert_eq!((&first["committed"], &first["refused"]), (&events.into(), &0.into()), "{set}: {first}");
        let again = import(&ledger, &path, "auto");
        assert_eq!((&again["committed"], &again["duplicates"]), (&0.into(), &events.into()), "{set}: {again}");
        size += events;
    }
    assert_eq!(ledger.check(), size);
    let csv = expect(
        0,
        &[
            "query",
            &ledger.arg(),
            "SELECT source_format, COUNT(*) AS n FROM entries GROUP BY source_format ORDER BY n",
            "--format",
            "csv",
        ],
    );
    for (_, format, events) in SETS {
        assert!(csv.contains(&format!("{format},{events}\r\n")), "{csv}");
    }
}

#[test]
fn each_set_of_samples_makes_a_pack_that_verifies() {
    let Some(samples) = samples() else { return };
    for (set, format, _) in SETS {
        let ledger = TestLedger::new();
        import(&ledger, &samples.join(set).display().to_string(), format);
        let pack = ledger.dir().join("pack.zip").display().to_string();
        expect(0, &["pack", &ledger.arg(), "--framework", "nist-csf-2.0", "--out", &pack]);
        expect(0, &["verify", &pack, "--key", &ledger.key]);
        ledger.check();
    }
}
