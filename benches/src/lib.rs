//! Shared by the benches: medians, and figures beside their reference.

use std::time::{Duration, Instant};

use sealbook_core::entry::Source;
use sealbook_core::event::{Correlation, Event, Identity, IdentityType, Kind, Outcome, Policy, Resource};
use sealbook_core::time::Micros;
use sealbook_log::Submission;

/// Runs of each measurement; the median counts.
pub const RUNS: usize = 5;

/// Median of [`RUNS`] runs.
pub fn median(mut run: impl FnMut() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| run()).collect();
    times.sort();
    times[RUNS / 2]
}

/// How long `work` takes.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
pub fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Prints one line: what, per second, the reference, the ratio.
pub fn print(what: &str, units: u64, measured: Duration, reference: Duration) {
    let rate = |time: Duration| units as f64 / time.as_secs_f64();
    let ratio = rate(measured) / rate(reference);
    println!("{what:44} {:>12.0}/s   reference {:>12.0}/s   ratio {ratio:.2}", rate(measured), rate(reference));
}

/// An event of about 400 bytes of entry.
#[must_use]
pub fn submission(n: u64) -> Submission {
    let identity = |id: String| Identity {
        owner: Some("payments-platform".to_owned()),
        team: Some("payments".to_owned()),
        ..Identity::new(id, IdentityType::Workload)
    };
    let subject = identity(format!("spiffe://bench.example/ns/shop/sa/cart-{}", n % 500));
    let mut event = Event::new(format!("event-{n:012}"), Kind::Decision, subject, Outcome::Allow);
    event.action = Some("orders.read".to_owned());
    event.occurred_at = Some(Micros(1_790_000_000_000_000 + n.cast_signed()));
    event.resource = Some(Resource {
        id: Some(format!("orders/production/{}", n % 10_000)),
        kind: Some("database".to_owned()),
        environment: Some("production".to_owned()),
        account: Some("acct-0042".to_owned()),
    });
    event.policy = Some(Policy {
        id: Some("orders-access".to_owned()),
        version: Some("2026-11-01".to_owned()),
        decision_point: Some("pdp.bench.example".to_owned()),
        enforcement_point: Some("pep-7.bench.example".to_owned()),
        ..Policy::default()
    });
    event.correlation = Some(Correlation { trace: Some(format!("{n:032x}")), ..Correlation::default() });
    let source = Source { id: "bench".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
    Submission { source, event, raw: None }
}
