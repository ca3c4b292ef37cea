//! A ledger whose signing key was changed by its writer is verified with each of its keys.

use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing, Submission, create};
use sealbook_verifier::{KeySource, Trust, verify_ledger};

fn submission(n: u64) -> Submission {
    let subject = Identity::new(format!("subject-{}", n % 5), IdentityType::Workload);
    let event = Event::new(format!("e{n}"), Kind::Decision, subject, Outcome::Allow);
    let source = Source { id: "test".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
    Submission { source, event, raw: None }
}

#[test]
fn a_ledger_whose_writer_changed_the_key_twice_is_verified_with_each_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger");
    let mut keys = vec![create(&World::real(), &path, "example.org/key-change").unwrap()];
    let mut committed = 0..;
    for round in 0..3 {
        let ledger = Ledger::open(&World::real(), &path, Sealing::default()).unwrap();
        for _ in 0..4 {
            ledger.commit(committed.by_ref().take(3).map(submission).collect(), true).unwrap();
        }
        if round < 2 {
            keys.push(ledger.rotate_key().unwrap());
        }
        // The second time, the new key signs at once; the third time it only signs after the ledger was opened again.
        if round == 0 {
            ledger.commit(vec![submission(1_000)], true).unwrap();
        }
        ledger.close().unwrap();
        let named: Vec<_> = keys.iter().map(ToString::to_string).collect();
        for key in &keys {
            let trust = Trust { keys: vec![key.clone()], at_least: None };
            let report = verify_ledger(&path, &trust, &mut |_| {});
            assert_eq!(report.verdict().word(), "VERIFIED", "{report}");
            assert_eq!(report.key(), &KeySource::Given(named.clone()), "{report}");
        }
    }
}
