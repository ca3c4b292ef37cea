//! Thousands of clients that send nothing, or a byte now and then, while others work.

#![expect(clippy::disallowed_methods, reason = "load is made and measured in real time")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sealbook_tests::TestLedger;
use sealbook_tests::served::Served;

use crate::flood::{CLIENTS, MEMORY_BYTES_MAX, press, rate};
use crate::watch::health;
use crate::{in_one_of_three, measured};

/// Connections that only take up room, where the system lets one process have so many.
const CONNECTIONS: usize = 10_000;
/// Files that the rest of the test needs.
const FILES_BESIDE: usize = 200;
/// Time for which others work beside them.
const TIME: Duration = Duration::from_secs(8);
/// Pause between two bytes.
const DRIP: Duration = Duration::from_secs(1);

/// What a client does instead of sending a request.
#[derive(Clone, Copy)]
enum Way {
    /// Connects and says nothing.
    Idle,
    /// Never ends the head.
    Head,
    /// Never ends the body.
    Body,
}

impl Way {
    fn open(self, address: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(address).ok()?;
        let begun = match self {
            Self::Idle => String::new(),
            Self::Head => format!("POST /v1/events HTTP/1.1\r\nhost: {address}\r\nx-slow: "),
            Self::Body => format!("POST /v1/events HTTP/1.1\r\nhost: {address}\r\ncontent-length: 1000000\r\n\r\n["),
        };
        stream.write_all(begun.as_bytes()).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    }

    /// One more byte; whether the connection still stands.
    fn drip(self, stream: &mut TcpStream) -> bool {
        let sent = match self {
            Self::Idle => Ok(0),
            Self::Head => stream.write(b"x"),
            Self::Body => stream.write(b" "),
        };
        let mut answer = [0; 512];
        let stands = |result: std::io::Result<usize>| {
            result.map_or_else(|error| error.kind() == ErrorKind::WouldBlock, |_| true)
        };
        stands(sent) && !matches!(stream.read(&mut answer), Ok(0))
    }
}

/// Files that a process may open, as `/proc` says.
fn files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX)
}

/// Opens the connections again that were closed, and drips, until `stop`; gives how many stood at the end, and how many
/// were closed by the service.
fn hold(address: &str, count: usize, ready: &AtomicBool, stop: &AtomicBool) -> (usize, usize) {
    let ways = [Way::Idle, Way::Head, Way::Body];
    let mut closed = 0;
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    streams.resize_with(count, || None);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        for (way, slot) in ways.iter().cycle().zip(&mut streams) {
            if let Some(stream) = slot
                && !way.drip(stream)
            {
                closed += 1;
                *slot = None;
            }
            if slot.is_none() {
                *slot = way.open(address);
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        ready.store(true, Ordering::Relaxed);
        std::thread::sleep(DRIP.saturating_sub(begun.elapsed()));
    }
    (streams.iter().flatten().count(), closed)
}

#[test]
fn ten_thousand_slow_or_idle_connections_do_not_starve_it() {
    in_one_of_three(ten_thousand);
}

fn ten_thousand() -> Result<(), String> {
    let count = CONNECTIONS.min(files_max().saturating_sub(FILES_BESIDE));
    if count < CONNECTIONS {
        eprintln!("only {count} connections: `ulimit -n` is {}", files_max());
    }
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let address = served.address().to_owned();
    let ids = AtomicU64::new(0);
    press(&address, &ids, CLIENTS, TIME / 8, Duration::ZERO);
    let mut calm = press(&address, &ids, CLIENTS, TIME / 4, Duration::ZERO);
    let capacity = rate(&calm, TIME / 4);
    println!("capacity {capacity:.0} events/s; answers (p50 p99 max) {}", calm.answers.text());

    let (stop, ready) = (AtomicBool::new(false), AtomicBool::new(false));
    let (mut busy, mut health, (stood, closed)) = std::thread::scope(|scope| {
        let slow = scope.spawn(|| hold(&address, count, &ready, &stop));
        let begun = Instant::now();
        while !ready.load(Ordering::Relaxed) {
            assert!(begun.elapsed() < Duration::from_secs(60) && !slow.is_finished(), "they cannot even connect");
            std::thread::sleep(DRIP / 10);
        }
        println!("{count} connections in {:.1?}", begun.elapsed());
        let health = scope.spawn(|| health(&address, &stop));
        let busy = press(&address, &ids, CLIENTS, TIME, Duration::ZERO);
        stop.store(true, Ordering::Relaxed);
        (busy, health.join().unwrap(), slow.join().unwrap())
    });
    let (most, _) = served.memory();
    let goodput = rate(&busy, TIME) / capacity;
    println!("{stood} slow connections stood, {closed} were closed; answered {goodput:.2} x of capacity");
    println!("answers {} (p50 p99 max) {}", busy.answered, busy.answers.text());
    println!("/healthz {} (p50 p99 max) {}; memory {} MiB at most", health.count(), health.text(), most >> 20);
    served.terminate();
    ledger.check();
    assert_eq!((busy.refused, busy.broken), (0, 0));
    assert!(most < MEMORY_BYTES_MAX, "{most} bytes of memory");
    measured(goodput > 0.5, || format!("{goodput:.2} x of capacity"))?;
    measured(health.at(990) < Duration::from_millis(100), || "/healthz takes long".to_owned())
}
