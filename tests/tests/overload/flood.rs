//! Ten times what the service can take: it answers as much as before, refuses the rest at once, loses and doubles
//! nothing, and keeps to its memory.

#![expect(clippy::disallowed_methods, reason = "load is made and measured in real time")]

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sealbook_tests::TestLedger;
use sealbook_tests::load::{Batch, Wire};
use sealbook_tests::random::number_from_env;
use sealbook_tests::served::Served;

use crate::watch::{Times, health};
use crate::{in_one_of_three, measured};

/// Events of a batch.
const EVENTS: usize = 500;
/// Clients that find out what the service can take: each waits for its answer.
pub const CLIENTS: usize = 8;
/// Clients of the flood.
const FLOOD: usize = 200;
/// Times what it can take.
const TIMES: f64 = 10.0;
/// Entries that the service makes by itself meanwhile: its start, its stop, what it says of the disk.
const OWN_ACTS: u64 = 20;
/// Bytes of memory, at most.
pub const MEMORY_BYTES_MAX: usize = 1 << 30;

/// What became of the requests of some clients.
#[derive(Default)]
pub struct Tally {
    pub answered: u64,
    pub refused: u64,
    /// Without an answer.
    pub broken: u64,
    indexes: Vec<u64>,
    refusals: Times,
    pub answers: Times,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.broken += other.broken;
        self.indexes.extend(other.indexes);
        self.refusals.extend(other.refusals);
        self.answers.extend(other.answers);
    }

    fn ask(&mut self, wire: &mut Wire, request: &[u8]) -> bool {
        let begun = Instant::now();
        let head = match wire.ask(request) {
            Ok(head) => head,
            Err(error) => {
                eprintln!("no answer: {error}");
                self.broken += 1;
                return false;
            }
        };
        match head.status {
            201 => {
                self.answers.add(begun.elapsed());
                let indexes = wire.indexes();
                assert_eq!(indexes.len(), EVENTS);
                self.indexes.extend(indexes);
                self.answered += 1;
            }
            429 => {
                self.refusals.add(begun.elapsed());
                assert!(head.retry_after, "a refusal says when to come back");
                self.refused += 1;
            }
            status => panic!("{status}: {}", String::from_utf8_lossy(wire.body())),
        }
        !head.close
    }
}

/// Batches for `time` from `clients` connections; each client waits `pause` from one sending to the next, where it is not
/// late already.
pub fn press(address: &str, ids: &AtomicU64, clients: usize, time: Duration, pause: Duration) -> Tally {
    let all = Mutex::new(Tally::default());
    let batch = Batch::new(address, "/v1/events?proof=none", EVENTS);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let (all, mut batch) = (&all, batch.clone());
            scope.spawn(move || {
                let mut tally = Tally::default();
                let mut wire = Wire::connect(address).unwrap();
                let mut due = begun + pause.mul_f64(client as f64 / clients as f64);
                while begun.elapsed() < time {
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    due = (due + pause).max(Instant::now() - pause);
                    let request = batch.with_ids(ids.fetch_add(EVENTS as u64, Ordering::Relaxed));
                    if !tally.ask(&mut wire, request) {
                        wire = Wire::connect(address).unwrap();
                    }
                }
                all.lock().unwrap().add(tally);
            });
        }
    });
    all.into_inner().unwrap()
}

/// Events answered in a second.
pub fn rate(tally: &Tally, time: Duration) -> f64 {
    tally.answered as f64 * EVENTS as f64 / time.as_secs_f64()
}

/// Share of what the service could take that it must go on answering. Whoever presses on it here shares its processors, and
/// what is refused has to be sent and read, too: that costs about a quarter of two of them.
const GOODPUT_MIN: f64 = 0.5;

/// `SEALBOOK_OVERLOAD_SECONDS` says for how long.
#[test]
fn ten_times_what_fits_is_refused_at_once_and_the_rest_goes_on() {
    in_one_of_three(ten_times);
}

fn ten_times() -> Result<(), String> {
    let seconds = Duration::from_secs(number_from_env("SEALBOOK_OVERLOAD_SECONDS", 5));
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let address = served.address().to_owned();
    let ids = AtomicU64::new(0);

    let calm_time = Duration::from_secs(2);
    let warm = press(&address, &ids, CLIENTS, Duration::from_millis(500), Duration::ZERO);
    let mut calm = press(&address, &ids, CLIENTS, calm_time, Duration::ZERO);
    let capacity = rate(&calm, calm_time);
    println!("capacity {capacity:.0} events/s; answers (p50 p99 max) {}", calm.answers.text());

    let pause = Duration::from_secs_f64(FLOOD as f64 * EVENTS as f64 / (TIMES * capacity));
    let stop = AtomicBool::new(false);
    let (mut flood, mut health) = std::thread::scope(|scope| {
        let health = scope.spawn(|| health(&address, &stop));
        let flood = press(&address, &ids, FLOOD, seconds, pause);
        stop.store(true, Ordering::Relaxed);
        (flood, health.join().unwrap())
    });
    let offered = (flood.answered + flood.refused + flood.broken) as f64 * EVENTS as f64 / seconds.as_secs_f64();
    let goodput = rate(&flood, seconds);
    let (most, _) = served.memory();
    println!("offered {:.1} x, answered {:.2} x of capacity", offered / capacity, goodput / capacity);
    println!("refusals {} (p50 p99 max) {}", flood.refused, flood.refusals.text());
    println!("answers {} (p50 p99 max) {}", flood.answered, flood.answers.text());
    println!("/healthz {} (p50 p99 max) {}; memory {} MiB at most", health.count(), health.text(), most >> 20);

    let after_time = Duration::from_secs(2);
    let mut after = press(&address, &ids, CLIENTS, after_time, Duration::ZERO);
    println!(
        "afterwards {:.2} x of capacity (p50 p99 max) {}",
        rate(&after, after_time) / capacity,
        after.answers.text()
    );

    served.terminate();
    let size = ledger.check();
    assert_eq!((calm.refused, calm.broken, flood.broken, after.refused, after.broken), (0, 0, 0, 0, 0));
    let mut indexes = HashSet::new();
    for index in [&warm, &calm, &flood, &after].into_iter().flat_map(|tally| &tally.indexes) {
        assert!(indexes.insert(*index) && *index < size, "entry {index} was answered twice");
    }
    let own = size - indexes.len() as u64;
    assert!(own < OWN_ACTS, "the ledger holds more than was answered");
    assert!(most < MEMORY_BYTES_MAX, "{most} bytes of memory");
    // What the machine gives differs from second to second: the lesser of before and afterwards is what it could take.
    let could = capacity.min(rate(&after, after_time));
    assert!(flood.refused > 0, "nothing was refused");
    measured(goodput > GOODPUT_MIN * could, || format!("{goodput:.0} of {could:.0} events/s"))?;
    measured(rate(&after, after_time) > 0.6 * capacity, || "it does not recover".to_owned())?;
    measured(flood.refusals.at(950) < Duration::from_millis(50), || "refusals take long".to_owned())?;
    measured(health.at(990) < Duration::from_millis(100), || "/healthz takes long".to_owned())
}
