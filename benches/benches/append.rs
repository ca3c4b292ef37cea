//! Durable appends beside a bare loop that writes the same bytes with one `fdatasync` a batch.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use sealbook_benches::{median, print, time};
use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome, Resource};
use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing, Submission, create};

const ENTRIES: u64 = 20_000;
const CALLERS: u64 = 256;

fn submission(n: u64) -> Submission {
    let subject = Identity::new(format!("spiffe://bench.example/ns/shop/sa/cart-{}", n % 500), IdentityType::Workload);
    let mut event = Event::new(format!("event-{n:012}"), Kind::Decision, subject, Outcome::Allow);
    event.action = Some("orders.read".to_owned());
    event.resource = Some(Resource { id: Some("orders/production".to_owned()), ..Resource::default() });
    let source = Source { id: "bench".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
    Submission { source, event, raw: None }
}

fn ledger() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let path = dir.path().join("ledger");
    create(&World::real(), &path, "bench.example/ledger").unwrap();
    let ledger = Ledger::open(&World::real(), &path, Sealing::default()).unwrap();
    (dir, ledger)
}

fn batches(size: u64) -> Duration {
    let (_dir, ledger) = ledger();
    let groups: Vec<Vec<Submission>> =
        (0..ENTRIES / size).map(|g| (g * size..(g + 1) * size).map(submission).collect()).collect();
    time(|| {
        for group in groups {
            ledger.commit(group, true).unwrap();
        }
    })
}

fn callers() -> Duration {
    let (_dir, ledger) = ledger();
    let ledger = Arc::new(ledger);
    time(|| {
        let threads: Vec<_> = (0..CALLERS)
            .map(|caller| {
                let ledger = ledger.clone();
                std::thread::spawn(move || {
                    for n in (caller..ENTRIES).step_by(CALLERS as usize) {
                        ledger.commit(vec![submission(n)], true).unwrap();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    })
}

/// The same number of bytes into a zero-filled file.
fn bare(size: u64) -> Duration {
    const BYTES: usize = 420;
    let dir = tempfile::tempdir_in(".").unwrap();
    let file = File::create(dir.path().join("bare")).unwrap();
    file.write_all_at(&vec![0; BYTES * ENTRIES as usize], 0).unwrap();
    file.sync_all().unwrap();
    let batch = vec![7u8; BYTES * size as usize];
    time(|| {
        for n in 0..ENTRIES / size {
            file.write_all_at(&batch, n * batch.len() as u64).unwrap();
            file.sync_data().unwrap();
        }
    })
}

fn main() {
    print("append, batches of 100, durable", ENTRIES, median(|| batches(100)), median(|| bare(100)));
    print("append, 256 callers, each its own answer", ENTRIES, median(callers), median(|| bare(250)));
    print("append, one caller waiting each time", ENTRIES, batches(1), bare(1));
}
