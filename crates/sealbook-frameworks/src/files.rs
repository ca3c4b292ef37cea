//! The files of a frameworks folder as bytes: embedded in the binary, or read from disk.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::LoadError;
use crate::walk::walk;

/// Largest file, in bytes. The largest catalogue shipped has some 60,000; an imported SP 800-53 has a few million.
pub const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

static EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Path inside the folder (with `/`) → text, in the order of the paths.
pub(crate) type Files = BTreeMap<String, Cow<'static, str>>;

/// What the binary carries.
pub(crate) fn embedded() -> Files {
    EMBEDDED.iter().map(|(path, text)| ((*path).to_owned(), Cow::Borrowed(*text))).collect()
}

/// What a folder on disk holds.
pub(crate) fn read(root: &Path) -> Result<Files, LoadError> {
    let unreadable = |cause| LoadError::Read { path: root.to_path_buf(), cause };
    let mut files = Files::new();
    for (name, path) in walk(root).map_err(unreadable)? {
        let bytes = fs::metadata(&path).map_err(unreadable)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(LoadError::TooLarge { file: name, bytes, max: FILE_BYTES_MAX });
        }
        let content = fs::read(&path).map_err(unreadable)?;
        let text = text(&name, content)?;
        files.insert(name, Cow::Owned(text));
    }
    Ok(files)
}

/// Bytes as text, or where they stop being text.
pub(crate) fn text(file: &str, bytes: Vec<u8>) -> Result<String, LoadError> {
    String::from_utf8(bytes)
        .map_err(|error| LoadError::NotText { file: file.to_owned(), offset: error.utf8_error().valid_up_to() })
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
