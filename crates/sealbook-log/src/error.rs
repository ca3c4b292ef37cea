//! What can go wrong with a ledger directory, and why a submission is refused.

use std::io;
use std::path::PathBuf;

/// Why a ledger cannot be created, opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no ledger at this place.
    #[error("{path} is no ledger (no log/00000000.seg); create one with `sealbook init`")]
    NotALedger {
        /// The place.
        path: PathBuf,
    },
    /// Something else already stands where a ledger should be created.
    #[error("{path} already holds a ledger or other files; choose an empty folder")]
    Occupied {
        /// The place.
        path: PathBuf,
    },
    /// The origin cannot name a log.
    #[error("origin {origin:?} cannot name a ledger: {why}")]
    BadOrigin {
        /// What was given.
        origin: String,
        /// Why not.
        why: &'static str,
    },
    /// Another process writes to this ledger.
    #[error("{path} is open for writing in another process")]
    Locked {
        /// The ledger.
        path: PathBuf,
    },
    /// The log is damaged or was tampered with.
    #[error("{path} at byte {offset}: {detail}; nothing was changed, `sealbook verify` says more")]
    Damaged {
        /// Segment file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// Index of the entry concerned, as far as it is known.
        index: u64,
        /// What is wrong.
        detail: String,
    },
    /// The log is shorter than the checkpoint that was signed over it.
    #[error(
        "the log holds {size} entries, but its checkpoint was signed over {signed}: it was rolled back or lost its end; restore it from a backup"
    )]
    RolledBack {
        /// Entries found.
        size: u64,
        /// Entries signed.
        signed: u64,
    },
    /// The stored checkpoint does not belong to this log.
    #[error("{path}: {detail}")]
    BadCheckpoint {
        /// The checkpoint file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The key file cannot be used.
    #[error("{path}: {detail}")]
    BadKey {
        /// The key file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// There is no such entry.
    #[error("there is no entry {index}: the ledger holds {size}, from 0")]
    NoEntry {
        /// What was asked for.
        index: u64,
        /// Entries in the ledger.
        size: u64,
    },
    /// A lookup file is not what the writer wrote.
    #[error("{path} at byte {offset}: not what was written; it was removed, and a restart makes it anew from the log")]
    BadLookup {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
    },
    /// A derived hash tile is missing or wrong.
    #[error("{path}: {detail}; `sealbook rebuild` makes it anew")]
    BadTile {
        /// The tile.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The writer did not commit what recovery needs to record.
    #[error("cannot write to the ledger: {0}")]
    Refused(#[from] Refusal),
}

impl LogError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Why a submission was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Too much is waiting: try again.
    #[error("{entries} entries ({bytes} bytes) are waiting, which is the limit; try again later")]
    Overloaded {
        /// Entries waiting.
        entries: usize,
        /// Bytes waiting.
        bytes: usize,
    },
    /// The same source already sent an event with this id and other content.
    #[error("event {event:?} of source {source_id:?} is already entry {index}, with other content")]
    Conflict {
        /// Position in the group.
        position: usize,
        /// Source id.
        source_id: String,
        /// Event id.
        event: String,
        /// Entry that holds it.
        index: u64,
    },
    /// A write or a sync failed: nothing more can be answered until a restart with recovery.
    #[error("the log cannot be written: {0}; restart to recover")]
    Poisoned(String),
    /// The ledger is being closed.
    #[error("the ledger is closing")]
    Closed,
}
