//! Shared by the benches: medians, and figures beside their reference.

use std::time::{Duration, Instant};

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
