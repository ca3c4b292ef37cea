//! Clocks for tests: one that is set, one that jumps.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use super::random::Dice;
use crate::Clock;

/// A clock that shows what it was last set to.
#[derive(Clone, Debug, Default)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// A clock that shows `micros` since the Unix epoch.
    #[must_use]
    pub fn new(micros: i64) -> Self {
        Self(Arc::new(AtomicI64::new(micros)))
    }

    /// Sets it.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The largest jump of a [`JumpingClock`], in µs: a day.
const JUMP_MICROS_MAX: u64 = 86_400_000_000;

/// A clock that moves on a little whenever it is read, and now and then jumps, by a seed: forwards or backwards, from
/// microseconds to a day.
#[derive(Clone, Debug)]
pub struct JumpingClock {
    state: Arc<Mutex<(i64, Dice)>>,
    one_in: u64,
}

impl JumpingClock {
    /// A clock that starts at `micros` since the Unix epoch and jumps at one of `one_in` readings.
    #[must_use]
    pub fn new(micros: i64, seed: u64, one_in: u64) -> Self {
        Self { state: Arc::new(Mutex::new((micros, Dice::new(seed)))), one_in }
    }
}

impl Clock for JumpingClock {
    fn now(&self) -> i64 {
        let (now, dice) = &mut *lock(&self.state);
        let mut step = i64::try_from(dice.below(1_000)).unwrap_or(0);
        if dice.one_in(self.one_in) {
            // Every order of magnitude is as likely as another.
            let limit = JUMP_MICROS_MAX >> dice.below(37);
            let jump = i64::try_from(dice.below(limit)).unwrap_or(0);
            step = if dice.one_in(2) { jump } else { -jump };
        }
        *now = now.saturating_add(step);
        *now
    }
}
