//! Many schedules on all processors; what failed, and how to run it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::schedule::run;
use super::tally::Tally;

/// Failures after which a fleet stops.
const FAILURES_MAX: usize = 10;

/// Which schedules to run.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    pub first_seed: u64,
    pub schedules: u64,
    /// Stops at the first failure.
    pub until_failure: bool,
}

/// What became of them.
#[derive(Debug, Default)]
pub struct Report {
    pub tally: Tally,
    /// Seed and what did not hold, in the order of the seeds.
    pub failures: Vec<(u64, String)>,
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    format!("panicked: {}", text.unwrap_or_default())
}

/// Runs one schedule; a panic is a failure like any other.
pub fn one(seed: u64, tally: &mut Tally) -> Result<(u64, u64), String> {
    catch_unwind(AssertUnwindSafe(|| run(seed, tally))).unwrap_or_else(|panic| Err(said(&*panic)))
}

impl Fleet {
    pub fn run(self) -> Report {
        let next = AtomicU64::new(0);
        let failed = AtomicU64::new(0);
        let all = Mutex::new(Report::default());
        let limit = if self.until_failure { 1 } else { FAILURES_MAX as u64 };
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
                scope.spawn(|| {
                    let mut tally = Tally::default();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        if at >= self.schedules || failed.load(Ordering::Relaxed) >= limit {
                            break;
                        }
                        let seed = self.first_seed + at;
                        tally.one("schedules");
                        if let Err(why) = one(seed, &mut tally) {
                            failed.fetch_add(1, Ordering::Relaxed);
                            all.lock().unwrap_or_else(PoisonError::into_inner).failures.push((seed, why));
                        }
                    }
                    all.lock().unwrap_or_else(PoisonError::into_inner).tally.join(tally);
                });
            }
        });
        let mut report = all.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.failures.sort();
        report
    }
}
