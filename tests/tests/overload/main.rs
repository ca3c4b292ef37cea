//! The real binary under more than it can do, and under clients that only take up room. Each test has the machine to
//! itself.

mod flood;
mod slow;
mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
