//! Opens files without waiting for ever and without reading more than is bounded.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use sealbook_core::limits::NOTE_BYTES_MAX;

/// Opens a regular file; anything else (a pipe, a device, a folder) is refused before it is opened.
pub fn open(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    File::open(path)
}

/// Reads a file that must be small; `None` where there is none.
///
/// # Errors
/// A sentence for a person, when it cannot be read or is larger than any signed note.
pub fn read_small(path: &Path) -> Result<Option<Vec<u8>>, String> {
    match open(path) {
        Ok(file) => {
            let mut bytes = Vec::new();
            let limit = NOTE_BYTES_MAX as u64 + 1;
            file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
            if bytes.len() > NOTE_BYTES_MAX {
                return Err(format!("larger than {NOTE_BYTES_MAX} bytes"));
            }
            Ok(Some(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
