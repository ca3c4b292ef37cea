//! What can go wrong with a replay.

use sealbook_index::IndexError;
use sealbook_log::LogError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The index could not be asked.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The bytes of an entry are no longer an entry.
    #[error("entry {index} cannot be read ({detail}); `sealbook verify` says more")]
    Entry {
        /// Index of the entry.
        index: u64,
        /// What is wrong.
        detail: String,
    },
    /// The timeline is too long to be put in order.
    #[error("more than {limit} steps; narrow the time or the filter")]
    TooManySteps {
        /// The limit.
        limit: usize,
    },
}
