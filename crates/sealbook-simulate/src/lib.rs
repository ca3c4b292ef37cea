//! The model organisation: deterministic events with planted faults.
//!
//! Takes: a seed, a number of entries, a start and a number of days.
//! Gives: the events of a believable company in the order in which a ledger receives them, and the list of what is wrong on purpose.
//! Never: reads a clock, a file or randomness of the system; the same configuration gives the same events, byte for byte.
//! Next:  `README.md` beside this crate, the vocabulary that control tests rely on.

mod access;
mod draft;
mod faults;
mod organisation;
mod plan;
mod policies;
mod queue;
mod rng;
mod stories;
mod stream;
#[cfg(test)]
mod tests;
mod traffic;
mod words;

pub use faults::Fault;
pub use stream::{Simulated, Simulation};

use sealbook_core::time::Micros;

/// Fewest entries: below that not even the organisation itself fits.
pub const ENTRIES_MIN: usize = 500;
/// Fewest days: stories take weeks.
pub const DAYS_MIN: u32 = 60;
/// Most days.
pub const DAYS_MAX: u32 = 400;

/// What to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Same seed, same events.
    pub seed: u64,
    /// Exactly so many events come out.
    pub entries: usize,
    /// First instant; a midnight gives days as people know them.
    pub start: Micros,
    /// Length of the period in days.
    pub days: u32,
    /// Whether to plant faults. Without them the same organisation keeps every rule.
    pub faults: bool,
}

/// Why a configuration cannot be simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Fewer entries than the organisation itself needs.
    TooFewEntries {
        /// Entries asked for.
        asked: usize,
        /// Fewest possible for this configuration.
        least: usize,
    },
    /// Fewer or more days than the stories are made for.
    Days {
        /// Days asked for.
        asked: u32,
    },
}

impl core::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooFewEntries { asked, least } => {
                write!(f, "{asked} entries are too few to simulate; ask for at least {least}")
            }
            Self::Days { asked } => write!(f, "{asked} days cannot be simulated; ask for {DAYS_MIN} to {DAYS_MAX}"),
        }
    }
}

impl std::error::Error for ConfigError {}
