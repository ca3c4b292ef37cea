//! What can go wrong with the store of tokens.

use std::io;
use std::path::{Path, PathBuf};

/// Why tokens could not be read, made or withdrawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of the store is not what was written there.
    #[error("{} line {line}: {problem}; put the file back from a backup, or correct the line", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// Changes that were there have gone.
    #[error("{} no longer holds what it held: {problem}; what was known before still counts", path.display())]
    Lost {
        /// Which file.
        path: PathBuf,
        /// What is gone.
        problem: String,
    },
    /// Another process changes the store.
    #[error("{} is being changed by another process; try again", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// What was asked for cannot be.
    #[error("{0}")]
    Refused(String),
    /// The entries of the changes could not be committed.
    #[error("the change is stored and not yet recorded in the ledger: {0}")]
    NotRecorded(String),
}

impl CredentialError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
