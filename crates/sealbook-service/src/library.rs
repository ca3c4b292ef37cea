//! The sources that an operator described, read from a folder of TOML files.

use std::path::{Path, PathBuf};

use sealbook_sources::{CONFIG_BYTES_MAX, Custom, Library};

/// Most descriptions of one folder.
pub const DESCRIPTIONS_MAX: usize = 256;

/// Why the descriptions cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct LibraryError {
    /// File or folder.
    pub path: PathBuf,
    /// What is wrong; for a file with the path of the key.
    pub problem: String,
}

/// Reads every `.toml` of a folder, in the order of their names.
///
/// # Errors
/// Names the file that cannot be read, or is no description of a source, and the key that is wrong.
pub fn load_sources(folder: &Path) -> Result<Library, LibraryError> {
    let error = |path: &Path, problem: String| LibraryError { path: path.to_owned(), problem };
    let listed = std::fs::read_dir(folder).map_err(|e| error(folder, e.to_string()))?;
    let mut files = Vec::new();
    for entry in listed {
        let path = entry.map_err(|e| error(folder, e.to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    if files.len() > DESCRIPTIONS_MAX {
        return Err(error(folder, format!("has {} descriptions, at most {DESCRIPTIONS_MAX} are read", files.len())));
    }
    let mut custom = Vec::with_capacity(files.len());
    for path in files {
        custom.push(load_source(&path)?);
    }
    Library::new(custom).map_err(|problem| error(folder, problem))
}

/// Reads one description.
///
/// # Errors
/// Names the file, and the key that is wrong.
pub fn load_source(path: &Path) -> Result<Custom, LibraryError> {
    let error = |problem: String| LibraryError { path: path.to_owned(), problem };
    let size = std::fs::metadata(path).map_err(|e| error(e.to_string()))?.len();
    if size > CONFIG_BYTES_MAX as u64 {
        return Err(error(format!("has {size} bytes, at most {CONFIG_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
    Custom::parse(&text).map_err(|e| error(e.to_string()))
}
