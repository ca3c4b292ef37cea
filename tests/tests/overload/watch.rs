//! Looks at a service from outside while others press on it.

#![expect(clippy::disallowed_methods, reason = "load is made and measured in real time")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealbook_tests::load::Wire;

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// How long answers took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// One more.
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// Those of others, too.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that `of` in 1,000 stay under.
    pub fn at(&mut self, of: usize) -> Duration {
        self.0.sort_unstable();
        self.0.get((self.0.len() * of / 1000).min(self.0.len().saturating_sub(1))).copied().unwrap_or_default()
    }

    /// Median, 99 of 100, and the longest, as text.
    pub fn text(&mut self) -> String {
        format!("{:.1?} {:.1?} {:.1?}", self.at(500), self.at(990), self.at(1000))
    }
}

/// Asks for `/healthz` until `stop`, on a kept connection and on a new one in turn; gives how long each answer took.
pub fn health(address: &str, stop: &AtomicBool) -> Times {
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let mut times = Times::default();
    let mut kept = Wire::connect(address).unwrap();
    for look in 0.. {
        if stop.load(Ordering::Relaxed) {
            return times;
        }
        let begun = Instant::now();
        let head = if look % 2 == 0 {
            kept.ask(request.as_bytes())
        } else {
            Wire::connect(address).and_then(|mut wire| wire.ask(request.as_bytes()))
        };
        assert_eq!(head.unwrap().status, 200);
        times.add(begun.elapsed());
        std::thread::sleep(PAUSE);
    }
    times
}
