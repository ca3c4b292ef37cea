//! Durable appends beside a bare loop that writes the same bytes with one `fdatasync` a batch.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use sealbook_benches::{median, print, submission, time};
use sealbook_disk::World;
use sealbook_log::{Group, Ledger, Sealing, Submission, create};

const ENTRIES: u64 = 200_000;
const CALLERS: u64 = 256;

fn ledger() -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir_in(".").unwrap();
    let path = dir.path().join("ledger");
    create(&World::real(), &path, "bench.example/ledger").unwrap();
    let ledger = Ledger::open(&World::real(), &path, Sealing::default()).unwrap();
    (dir, ledger)
}

/// Callers that each commit groups of `group`, one after the other, and wait for each answer.
fn callers(entries: u64, callers: u64, group: u64) -> Duration {
    let (_dir, ledger) = ledger();
    let work: Vec<Vec<Vec<Submission>>> = (0..callers)
        .map(|caller| {
            let groups = (caller..entries / group).step_by(usize::try_from(callers).unwrap());
            groups.map(|g| (g * group..(g + 1) * group).map(submission).collect()).collect()
        })
        .collect();
    let ledger = Arc::new(ledger);
    time(|| {
        std::thread::scope(|scope| {
            for groups in work {
                let ledger = &ledger;
                scope.spawn(move || {
                    for group in groups {
                        ledger.commit(group, true).unwrap();
                    }
                });
            }
        });
    })
}

/// Tasks instead of threads: each waits for its own answer before it sends the next event.
fn tasks(entries: u64, tasks: u64) -> Duration {
    let (_dir, ledger) = ledger();
    let work: Vec<Vec<Submission>> =
        (0..tasks).map(|t| (t..entries).step_by(usize::try_from(tasks).unwrap()).map(submission).collect()).collect();
    let ledger = Arc::new(ledger);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    time(|| {
        runtime.block_on(async {
            let tasks: Vec<_> = work
                .into_iter()
                .map(|submissions| {
                    let ledger = ledger.clone();
                    tokio::spawn(async move {
                        for submission in submissions {
                            let entries = vec![ledger.prepare(submission).unwrap()];
                            let (sender, receiver) = tokio::sync::oneshot::channel();
                            let group = Group { entries, all_or_nothing: true };
                            ledger.submit(group, move |answer| drop(sender.send(answer))).unwrap();
                            receiver.await.unwrap().unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
        });
    })
}

/// The same bytes into a zero-filled file, with one `fdatasync` a batch.
fn bare(entries: u64, batch: u64, bytes: usize) -> Duration {
    let dir = tempfile::tempdir_in(".").unwrap();
    let file = File::create(dir.path().join("bare")).unwrap();
    let total = bytes * usize::try_from(entries).unwrap();
    file.write_all_at(&vec![0; total], 0).unwrap();
    file.sync_all().unwrap();
    let batch_bytes = vec![7u8; bytes * usize::try_from(batch).unwrap()];
    time(|| {
        for n in 0..entries / batch {
            file.write_all_at(&batch_bytes, n * batch_bytes.len() as u64).unwrap();
            file.sync_data().unwrap();
        }
    })
}

/// Bytes of log for each entry, in batches of 100.
fn bytes_per_entry() -> usize {
    let (dir, ledger) = ledger();
    for group in 0..10 {
        ledger.commit((group * 100..(group + 1) * 100).map(submission).collect(), true).unwrap();
    }
    let stored: usize = ledger.reader().entries(1, 1001).map(|s| s.unwrap().bytes.len() + 9).sum();
    drop(dir);
    stored / 1000 + 2
}

/// Prints one row, unless the command line asks for others.
fn row(what: &str, entries: u64, run: impl FnMut() -> Duration, reference: impl FnMut() -> Duration) {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if asked.is_empty() || asked.iter().any(|word| what.contains(word.as_str())) {
        print(what, entries, median(run), median(reference));
    }
}

fn main() {
    let bytes = bytes_per_entry();
    println!("{bytes} bytes of log an entry");
    row(
        "append, groups of 100, one caller waiting",
        ENTRIES,
        || callers(ENTRIES, 1, 100),
        || bare(ENTRIES, 100, bytes),
    );
    row("append, groups of 100, four callers", ENTRIES, || callers(ENTRIES, 4, 100), || bare(ENTRIES, 100, bytes));
    row("append, groups of 100, 16 callers", ENTRIES, || callers(ENTRIES, 16, 100), || bare(ENTRIES, 100, bytes));
    row("append, 256 waiting callers, tasks", ENTRIES, || tasks(ENTRIES, CALLERS), || bare(ENTRIES, 256, bytes));
    row("append, 256 waiting callers, threads", ENTRIES, || callers(ENTRIES, CALLERS, 1), || bare(ENTRIES, 256, bytes));
    row("append, one caller waiting each time", 5_000, || callers(5_000, 1, 1), || bare(5_000, 1, bytes));
}
