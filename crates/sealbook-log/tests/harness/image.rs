//! A simulated disk as real files, before the verifier that an auditor runs.

use std::fs;
use std::path::{Path, PathBuf};

use sealbook_core::note::VerifierKey;
use sealbook_disk::SimulatedDisk;
use sealbook_verifier::{Trust, Verdict, verify_ledger};

use super::model::{Found, Model};

/// Folder for images: in memory where there is one.
fn folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }
}

/// What the verifier says of the ledger at `root` of a disk, and why; `at_least` is a checkpoint from outside.
pub fn verdict(
    disk: &SimulatedDisk,
    root: &Path,
    keys: Vec<VerifierKey>,
    at_least: Option<&str>,
) -> Found<(Verdict, String)> {
    let real = tempfile::Builder::new().prefix("sealbook-").tempdir_in(folder()).map_err(|error| error.to_string())?;
    for (path, _) in disk.files() {
        let Ok(inside) = path.strip_prefix(root) else { continue };
        let target = real.path().join(inside);
        let bytes = disk.bytes(&path).unwrap_or_default();
        let parent = target.parent().unwrap_or(real.path());
        fs::create_dir_all(parent).and_then(|()| fs::write(&target, bytes)).map_err(|error| error.to_string())?;
    }
    let trust = Trust { keys, at_least: at_least.map(|note| note.as_bytes().to_vec()) };
    let report = verify_ledger(real.path(), &trust, &mut |_| {});
    let why = report.failures().iter().map(ToString::to_string).chain(report.missing().iter().cloned());
    Ok((report.verdict(), why.collect::<Vec<_>>().join("; ")))
}

/// What the verifier says where a crash came between the entry that names a new key and the list of keys beside the log.
const KEYS_BEHIND: &str = "key-mismatch, keys/verifier.key";

/// The disk as a crash left it, nobody having opened it since, is not refuted, not even against the newest checkpoint
/// that was seen.
pub fn not_refuted(disk: &SimulatedDisk, root: &Path, model: &Model) -> Found<()> {
    match verdict(disk, root, model.keys(), model.newest.as_deref())? {
        (Verdict::Refuted, why) if !why.starts_with(KEYS_BEHIND) => {
            Err(format!("the verifier refutes what a crash left: {why}"))
        }
        _ => Ok(()),
    }
}

/// The disk as a closed ledger leaves it is verified.
pub fn verified(disk: &SimulatedDisk, root: &Path, model: &Model) -> Found<()> {
    match verdict(disk, root, model.keys(), model.newest.as_deref())? {
        (Verdict::Verified(_), _) => Ok(()),
        (verdict, why) => Err(format!("the verifier says {} of a closed ledger: {why}", verdict.word())),
    }
}
