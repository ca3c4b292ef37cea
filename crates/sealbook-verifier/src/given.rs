//! What the one who verifies names on a command line: keys and earlier checkpoints, as text or as files.

use std::path::{Path, PathBuf};

use sealbook_core::limits::NOTE_BYTES_MAX;
use sealbook_core::note::VerifierKey;

/// The keys that an argument gives: itself, or the lines of a file (`FILE` or `@FILE`).
///
/// # Errors
/// A sentence that says why it gives none.
pub fn read_keys(given: &str) -> Result<Vec<VerifierKey>, String> {
    let not_a_key = match VerifierKey::parse(given.trim()) {
        Ok(key) => return Ok(vec![key]),
        Err(error) => error,
    };
    let path = PathBuf::from(given.strip_prefix('@').unwrap_or(given));
    if !path.exists() {
        return Err(format!("--key {given}: {not_a_key}, and no such file"));
    }
    let text = String::from_utf8(read_note(&path)?).map_err(|_| format!("--key {given}: the file is no text"))?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let keys: Result<Vec<_>, _> = lines.map(|line| VerifierKey::parse(line.trim())).collect();
    let keys = keys.map_err(|error| format!("--key {given}: {error}"))?;
    if keys.is_empty() { Err(format!("--key {given}: the file is empty")) } else { Ok(keys) }
}

/// Reads a file that is no larger than a note may be.
///
/// # Errors
/// A sentence that says why it cannot be read.
pub fn read_note(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", path.display());
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > NOTE_BYTES_MAX as u64 {
        return Err(format!("{}: not a file of at most {NOTE_BYTES_MAX} bytes", path.display()));
    }
    std::fs::read(path).map_err(cannot)
}
