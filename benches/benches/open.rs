//! Opening a ledger beside opening one of a tenth of its entries: `cargo bench --bench open [-- ENTRIES]`.

use std::path::Path;
use std::time::Duration;

use sealbook_benches::{median, submission, time};
use sealbook_disk::World;
use sealbook_log::{Ledger, Reader, Sealing, create};

const ENTRIES: u64 = 2_000_000;
const GROUP: u64 = 1_000;

fn fill(path: &Path, entries: u64) {
    create(&World::real(), path, "bench.example/ledger").unwrap();
    let ledger = Ledger::open(&World::real(), path, Sealing::default()).unwrap();
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let ledger = &ledger;
            scope.spawn(move || {
                for group in (caller..entries / GROUP).step_by(4) {
                    ledger.commit((group * GROUP..(group + 1) * GROUP).map(submission).collect(), true).unwrap();
                }
            });
        }
    });
    ledger.close().unwrap();
}

fn open_to_write(path: &Path) -> Duration {
    time(|| drop(Ledger::open(&World::real(), path, Sealing::default()).unwrap()))
}

fn open_to_read(path: &Path) -> Duration {
    time(|| drop(Reader::open(&World::real(), path).unwrap()))
}

/// Bytes of the segment that is read when the ledger opens.
fn tail(path: &Path) -> u64 {
    let segments = std::fs::read_dir(path.join("log")).unwrap().map(|file| file.unwrap().path());
    segments.max().map_or(0, |last| last.metadata().unwrap().len())
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|word| word.replace('_', "").parse().ok());
    let entries = asked.unwrap_or(ENTRIES);
    let dir = tempfile::tempdir_in(".").unwrap();
    let (small, large) = (dir.path().join("small"), dir.path().join("large"));
    fill(&small, entries / 10);
    println!("{entries} entries written in {:.0?}", time(|| fill(&large, entries)));
    for (what, open) in [("to write", open_to_write as fn(&Path) -> Duration), ("to read", open_to_read)] {
        let (few, many) = (median(|| open(&small)), median(|| open(&large)));
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        println!("open {what}: {} entries {few:.0?}, {entries} entries {many:.0?}, ratio {ratio:.2}", entries / 10);
    }
    println!("of which the last segment: {} and {} MiB", tail(&small) >> 20, tail(&large) >> 20);
}
