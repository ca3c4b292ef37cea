//! What can go wrong with lookups.

use std::io;
use std::path::PathBuf;

use sealbook_log::LogError;

/// Why an index or a view cannot be used. None of these touches the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The system refused.
    #[error("{path}: {source}")]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes of an entry are no longer an entry.
    #[error("entry {index} cannot be read ({detail}); `sealbook verify` says more")]
    Entry {
        /// Index of the entry.
        index: u64,
        /// What is wrong.
        detail: String,
    },
    /// An index of entries cannot be encoded.
    #[error("the index block from entry {first} on cannot be written: {detail}")]
    Encode {
        /// First entry of the block.
        first: u64,
        /// What is wrong.
        detail: String,
    },
    /// Another process holds the views.
    #[error("{path} is in use by another process; stop it, or ask it")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The views could not be kept.
    #[error("{path}: {detail}; `sealbook rebuild` makes it anew")]
    State {
        /// The folder.
        path: PathBuf,
        /// What the store said.
        detail: String,
    },
    /// The log that is asked for is not the one that was indexed.
    #[error("this index is of ledger {expected:?}, the log is {found:?}")]
    OtherLedger {
        /// Origin that was indexed.
        expected: String,
        /// Origin of the log.
        found: String,
    },
}

impl IndexError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// Why a block file cannot be used. It is then made anew; nothing but time is lost.
#[derive(Debug)]
pub(crate) enum Damage {
    /// The system refused.
    Io(io::Error),
    /// The bytes are not what was written.
    Bytes(&'static str),
    /// It is an intact block of something else: another ledger, another place, another version.
    Foreign(&'static str),
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl core::fmt::Display for Damage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Bytes(what) => write!(f, "damaged: {what}"),
            Self::Foreign(what) => write!(f, "not of this log: {what}"),
        }
    }
}
