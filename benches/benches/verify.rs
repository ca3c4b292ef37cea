//! Full verification beside BLAKE3 and SHA-256 over the same entries, both on two threads.
//!
//! `SEALBOOK_BENCH_ENTRIES` asks for another number of entries, `SEALBOOK_BENCH_SUBJECTS` for another number of subjects,
//! `SEALBOOK_BENCH_BATCH` for other batches, `SEALBOOK_BENCH_LEDGER` for a folder that is kept and used again.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealbook_benches::{median, time};
use sealbook_core::entry::{Entry, Source};
use sealbook_core::event::{Correlation, Event, Identity, IdentityType, Kind, Outcome, Policy, Resource};
use sealbook_core::hash::sha256;
use sealbook_core::segment::{Frame, HEADER_BYTES, read_frame};
use sealbook_core::time::Micros;
use sealbook_core::view::EntryView;
use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing, Submission, create};
use sealbook_verifier::{Trust, verify_ledger};

/// Entries that the reference hashes; its rate does not depend on their number.
const REFERENCE: usize = 400_000;
const THREADS: usize = 2;

fn asked(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// An entry of about 400 bytes; every fourth has a sealed value.
fn submission(n: u64, subjects: u64) -> Submission {
    let id = format!("spiffe://bench.example/ns/shop/sa/cart-{}", n % subjects);
    let mut event =
        Event::new(format!("event-{n:012}"), Kind::Decision, Identity::new(id, IdentityType::Workload), Outcome::Allow);
    event.occurred_at = Some(Micros(1_780_000_000_000_000 + n.cast_signed()));
    event.action = Some("orders.read".to_owned());
    event.resource = Some(Resource {
        id: Some(format!("orders/production/{}", n % 977)),
        kind: Some("database".to_owned()),
        environment: Some("production".to_owned()),
        account: Some("acct-1234".to_owned()),
    });
    event.policy = Some(Policy {
        id: Some("orders-read".to_owned()),
        version: Some("2026-11-01".to_owned()),
        decision_point: Some("pdp.bench.example".to_owned()),
        ..Policy::default()
    });
    event.correlation = Some(Correlation { request: Some(format!("request-{n:016}")), ..Correlation::default() });
    event.reason = n.is_multiple_of(4).then(|| format!("ticket {n}"));
    let source = Source { id: "bench".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
    Submission { source, event, raw: None }
}

fn write(path: &Path, entries: u64, batch: u64) {
    create(&World::real(), path, "bench.example/ledger").unwrap();
    let ledger = Ledger::open(&World::real(), path, Sealing::default()).unwrap();
    let subjects = asked("SEALBOOK_BENCH_SUBJECTS", 50_000);
    for first in (0..entries).step_by(usize::try_from(batch).unwrap()) {
        let group = (first..(first + batch).min(entries)).map(|n| submission(n, subjects)).collect();
        ledger.commit(group, true).unwrap();
    }
    ledger.close().unwrap();
}

/// The bytes of the first entries.
fn entries_of(path: &Path) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for number in 0.. {
        let Ok(segment) = std::fs::read(path.join(format!("log/{number:08}.seg"))) else { break };
        let mut at = HEADER_BYTES;
        while let Some(Ok((frame, length))) = segment.get(at..).map(read_frame) {
            if let Frame::Entry(bytes) = frame {
                entries.push(bytes.to_owned());
            }
            at += length;
        }
        if entries.len() >= REFERENCE {
            break;
        }
    }
    entries
}

/// Processor time of this process so far (proc_pid_stat(5), fields 14 and 15, in hundredths of a second): unlike the time on
/// the clock, it does not count what others do on the same machine.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(fields.map(|ticks| ticks.parse::<u64>().unwrap_or(0) * 10).sum())
}

/// Time on the clock and processor time of several runs, medians by themselves.
fn both(mut work: impl FnMut()) -> (Duration, Duration) {
    let mut used = Vec::new();
    let clock = median(|| {
        let before = processor();
        let took = time(&mut work);
        used.push(processor() - before);
        took
    });
    used.sort();
    (clock, used[used.len() / 2])
}

fn on_threads<T: Sync>(items: &[T], work: impl Fn(&[T]) + Sync) -> (Duration, Duration) {
    both(|| {
        std::thread::scope(|scope| {
            for share in items.chunks(items.len().div_ceil(THREADS)) {
                scope.spawn(|| work(share));
            }
        });
    })
}

fn main() {
    let (count, batch) = (asked("SEALBOOK_BENCH_ENTRIES", 200_000), asked("SEALBOOK_BENCH_BATCH", 1_000));
    let kept = std::env::var_os("SEALBOOK_BENCH_LEDGER").map(PathBuf::from);
    let temporary = tempfile::tempdir_in(".").unwrap();
    let path = kept.unwrap_or_else(|| temporary.path().join("ledger"));
    if !path.exists() {
        write(&path, count, batch);
    }
    let entries = entries_of(&path);
    let per = |duration: Duration, n: usize| duration.as_nanos() as f64 / n as f64;
    let bytes: usize = entries.iter().map(Vec::len).sum();
    println!("{} bytes in an entry, batches of {batch}", bytes / entries.len());
    let one = |what: &str, work: &dyn Fn(&[u8])| {
        let took = median(|| time(|| entries.iter().for_each(|entry| work(entry))));
        println!("{what:44} {:>8.0} ns per entry, one thread", per(took, entries.len()));
    };
    one("an entry decoded strictly, no values built", &|entry| {
        black_box(EntryView::decode(entry).unwrap());
    });
    one("an entry decoded strictly into values", &|entry| drop(black_box(Entry::decode(entry).unwrap())));
    let reference = on_threads(&entries, |share| {
        for entry in share {
            black_box((blake3::hash(entry), sha256(entry)));
        }
    });
    let joined: Vec<Vec<u8>> = entries.chunks(10_000).map(<[Vec<u8>]>::concat).collect();
    let stream = on_threads(&joined, |share| {
        for piece in share {
            black_box((blake3::hash(piece), sha256(piece)));
        }
    });
    let mut checked = 0;
    let verify = both(|| {
        let report = verify_ledger(&path, &Trust::default(), &mut |_| {});
        assert_eq!(report.verdict().word(), "VERIFIED", "{report}");
        checked = usize::try_from(report.checked().entries).unwrap();
    });
    let line = |what: &str, reference: (Duration, Duration)| {
        let (took, hashed) = (per(verify.0, checked), per(reference.0, entries.len()));
        let busy = per(verify.1, checked) / per(reference.1, entries.len());
        println!(
            "{what:44} {:>9.0}/s   reference {:>9.0}/s   takes {:.2} times as long, {busy:.2} times the processor time",
            1e9 / took,
            1e9 / hashed,
            took / hashed
        );
    };
    println!("{checked} entries verified, {THREADS} threads; limit: 2.5 times BLAKE3 + SHA-256");
    line("beside hashing each entry", reference);
    line("beside hashing the entries as one stream", stream);
}
