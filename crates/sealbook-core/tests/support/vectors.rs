//! Reads the known answers of other implementations, which lie beside the repository or are skipped aloud.

use std::fs;
use std::path::{Path, PathBuf};

use sealbook_core::hash::{TreeHash, sha256};
use sealbook_core::note::decode_base64;
use serde_json::Value;

/// The folder with the known answers; `None`, said aloud, where it is absent.
pub fn vectors() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/vectors");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no known answers beside the repository (../shared/specs/vectors)");
    None
}

/// Every file below `dir`, sorted.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A hash, or nothing where the vector holds one of the wrong length on purpose. Where it says that it does not care, any
/// hash will do that is the same for the same text.
pub fn hash(value: &Value) -> Option<TreeHash> {
    let bytes = decode_base64(value.as_str()?)?;
    if bytes.starts_with(b"don't care") {
        return Some(TreeHash(sha256(&bytes)));
    }
    Some(TreeHash(bytes.try_into().ok()?))
}

pub fn hashes(value: &Value) -> Option<Vec<TreeHash>> {
    value.as_array().map_or(Some(Vec::new()), |list| list.iter().map(hash).collect())
}

/// Bytes in hexadecimal.
pub fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Entry `n` of the log of six hundred entries.
pub fn entry_of_600(n: u64) -> String {
    format!("{{\"seq\":{n},\"type\":\"access_decision\",\"nhi\":\"svc-{:03}\"}}", n % 7)
}
