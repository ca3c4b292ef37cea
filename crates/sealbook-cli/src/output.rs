//! Standard output for data, exit statuses, hints.

use std::io::{self, Write};

use serde::Serialize;

/// Exit status of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done.
    Yes = 0,
    /// The evidence says no.
    No = 1,
    /// Could not tell.
    CouldNotTell = 2,
}

impl From<sealbook_verifier::Verdict> for Exit {
    fn from(verdict: sealbook_verifier::Verdict) -> Self {
        match verdict.exit_code() {
            0 => Self::Yes,
            1 => Self::No,
            _ => Self::CouldNotTell,
        }
    }
}

/// Writes data to standard output.
///
/// # Errors
/// When nobody reads it.
pub fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Writes a line of data to standard output.
///
/// # Errors
/// When nobody reads it.
pub fn line(text: impl AsRef<str>) -> io::Result<()> {
    write(&format!("{}\n", text.as_ref()))
}

/// Writes a value as indented JSON.
///
/// # Errors
/// When nobody reads it.
pub fn json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(line(serde_json::to_string_pretty(value)?)?)
}

/// Whether the reader of standard output has gone: then there is nothing left to do.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_closed))
}

/// What to do about an error.
pub fn hint(error: &anyhow::Error) -> Option<&'static str> {
    use sealbook_log::LogError;
    match error.downcast_ref::<LogError>()? {
        LogError::NotALedger { .. } => Some("`sealbook init LEDGER --origin NAME` creates one"),
        LogError::Locked { .. } => Some("stop the other process, or send events to its HTTP service"),
        LogError::Damaged { .. } | LogError::BadCheckpoint { .. } | LogError::RolledBack { .. } => {
            Some("`sealbook verify LEDGER` names every place that is wrong")
        }
        _ => None,
    }
}
