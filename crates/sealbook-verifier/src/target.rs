//! Finds out what is to be verified: a ledger folder, an evidence pack, a proof file, or a receipt.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use sealbook_core::limits::ENTRY_BYTES_MAX;
use sealbook_core::pack::README_FIRST_LINE;
use sealbook_core::pack::archive::COMMENT;
use sealbook_core::receipt::SUFFIX as RECEIPT_SUFFIX;

use crate::files;
use crate::ledger::{Progress, verify_ledger};
use crate::pack::verify_pack;
use crate::proof::verify_proof;
use crate::receipt::verify_receipt;
use crate::report::{Report, Trust};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A ledger folder.
    Ledger,
    /// An evidence pack.
    Pack,
    /// A proof file.
    Proof,
    /// A COSE receipt.
    Receipt,
}

/// Suffix of proof files.
const PROOF_SUFFIX: &str = "tlog-proof";
/// Suffix of the entry beside a proof file or a receipt.
const ENTRY_SUFFIX: &str = "cbor";
/// Bytes of a file that are looked at from each end.
const LOOK_BYTES: u64 = 1024;

/// Says what `path` leads to.
///
/// # Errors
/// A sentence for a person, when it is none of these or cannot be looked at.
pub fn kind_of(path: &Path) -> Result<Kind, String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if metadata.is_dir() {
        let has = |name: &str| path.join(name).try_exists().map_err(|error| format!("{shown}: {error}"));
        return if has("log")? || has("checkpoint")? {
            Ok(Kind::Ledger)
        } else {
            Err(format!("{shown} is a folder without log/ and checkpoint: no ledger"))
        };
    }
    if path.extension().is_some_and(|suffix| suffix == PROOF_SUFFIX) && metadata.is_file() {
        return Ok(Kind::Proof);
    }
    if path.extension().is_some_and(|suffix| suffix == RECEIPT_SUFFIX) && metadata.is_file() {
        return Ok(Kind::Receipt);
    }
    let (head, tail) = ends(path).map_err(|error| format!("{shown}: {error}"))?;
    let contains = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    if head.is_empty() {
        Err(format!("{shown} is empty"))
    } else if contains(&head, README_FIRST_LINE.trim_end().as_bytes()) || contains(&tail, COMMENT) {
        Ok(Kind::Pack)
    } else if head.starts_with(b"c2sp.org/tlog-proof") {
        Ok(Kind::Proof)
    } else if head.starts_with(b"PK") {
        Err(format!("{shown} is a zip archive, and no Sealbook evidence pack"))
    } else {
        Err(format!("{shown} is neither a ledger folder nor an evidence pack nor a .tlog-proof nor a .receipt"))
    }
}

fn ends(path: &Path) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut file = files::open(path)?;
    let length = file.metadata()?.len();
    let read = |file: &mut File, from: u64| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.take(LOOK_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    let head = read(&mut file, 0)?;
    Ok((head, read(&mut file, length.saturating_sub(LOOK_BYTES))?))
}

/// Checks whatever `path` leads to. `entry` is the file with the entry of a proof; without it, the file of the same
/// name with the suffix `.cbor` is taken.
pub fn verify_target(path: &Path, entry: Option<&Path>, trust: &Trust, progress: &mut dyn FnMut(Progress)) -> Report {
    match kind_of(path) {
        Ok(Kind::Ledger) => verify_ledger(path, trust, progress),
        Ok(Kind::Pack) => verify_pack(path, trust, progress).0,
        Ok(Kind::Proof) => {
            beside(path, entry).map_or_else(|why| Report::undecided("proof", why), |(p, e)| verify_proof(&p, &e, trust))
        }
        Ok(Kind::Receipt) => beside(path, entry)
            .map_or_else(|why| Report::undecided("receipt", why), |(r, e)| verify_receipt(&r, &e, trust)),
        Err(why) => Report::undecided("target", why),
    }
}

/// The bytes of a proof or receipt, and of its entry: `entry`, or the file of the same name with the suffix `.cbor`.
fn beside(path: &Path, entry: Option<&Path>) -> Result<(Vec<u8>, Vec<u8>), String> {
    let entry = entry.map_or_else(|| path.with_extension(ENTRY_SUFFIX), PathBuf::from);
    let read = |path: &Path| {
        let found = files::read_small(path).map_err(|why| format!("{}: {why}", path.display()))?;
        found.ok_or_else(|| format!("{} is not there: a proof needs its entry", path.display()))
    };
    let (proof, entry) = (read(path)?, read(&entry)?);
    if entry.len() > ENTRY_BYTES_MAX {
        return Err(format!("the entry has {} bytes, at most {ENTRY_BYTES_MAX} are possible", entry.len()));
    }
    Ok((proof, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    #[test]
    fn whatever_is_not_ours_leaves_it_undecided_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        let huge = file("huge", b"");
        File::options().write(true).open(&huge).unwrap().set_len(1 << 40).unwrap();
        let targets = [
            dir.path().join("empty"),
            dir.path().join("missing"),
            file("nothing", b""),
            file("other.zip", b"PK\x03\x04 some other archive"),
            file("text", b"a text"),
            file("lonely.tlog-proof", b"c2sp.org/tlog-proof@v1\n"),
            huge,
            PathBuf::from("/dev/zero"),
        ];
        for target in targets {
            let report = verify_target(&target, None, &Trust::default(), &mut |_| {});
            assert_eq!(report.verdict(), Verdict::Undecided, "{}: {report}", target.display());
            assert_eq!(report.missing().len(), 1, "{report}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let report = verify_target(&pipe, None, &Trust::default(), &mut |_| {});
        assert_eq!(report.verdict(), Verdict::Undecided);
        let ledger = dir.path().join("ledger");
        std::fs::create_dir_all(ledger.join("log")).unwrap();
        let segment = ledger.join("log/00000000.seg");
        assert!(std::process::Command::new("mkfifo").arg(&segment).status().unwrap().success());
        let report = verify_target(&ledger, None, &Trust::default(), &mut |_| {});
        assert_eq!(report.verdict(), Verdict::Undecided, "{report}");
    }
}
