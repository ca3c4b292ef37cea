//! Checks a ledger directory, entry by entry, in bounded memory.

mod aside;
mod crew;
mod examine;
mod finish;
#[cfg(test)]
mod flips;
mod pieces;
mod ring;
mod segments;
mod tail;
#[cfg(test)]
mod tests;
mod threads;
mod tiles;
mod walk;

pub(crate) use examine::{Examined, Found, Located, examine_entry, examine_openings};
pub(crate) use ring::log_key;
#[cfg(test)]
pub(crate) use tiles::TileBuilder;

use std::path::Path;

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::note::Note;

use crate::failure::{Class, Failure};
use crate::files;
use crate::report::{Report, Trust};
pub(crate) use walk::Walk;

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes to read.
    pub bytes_total: u64,
    /// Entries checked.
    pub entries: u64,
}

/// Name of the newest signed checkpoint in a ledger directory.
pub const CHECKPOINT: &str = "checkpoint";
/// Name of the public key in a ledger directory.
pub const KEY_FILE: &str = "keys/verifier.key";

/// Checks the ledger in `dir`, telling `progress` now and then how far it is.
pub fn verify_ledger(dir: &Path, trust: &Trust, progress: &mut dyn FnMut(Progress)) -> Report {
    let mut report = Report::on("ledger");
    let segments = match segments::list(dir, &mut report) {
        Ok(segments) => segments,
        Err(why) => return Report::undecided("ledger", why),
    };
    if segments.is_empty() {
        return Report::undecided("ledger", "there is no log/*.seg file in this folder: no ledger, or an empty one");
    }
    let checkpoint = read_checkpoint(dir, CHECKPOINT, &mut report);
    let at_least = trust.at_least.as_deref().and_then(|note| claimed(note, AT_LEAST, &mut report));
    let sizes = [&checkpoint, &at_least].into_iter().flatten().map(|claim| claim.checkpoint.size);
    let mut walk = Walk::new(report, sizes.collect::<Vec<_>>());
    walk.origin = checkpoint.as_ref().map(|claim| claim.checkpoint.origin.as_str().into());
    walk.ring.given = trust.keys.iter().cloned().map(Into::into).collect();
    segments::walk(dir, &segments, &mut walk, checkpoint.as_ref(), progress);
    finish::finish(dir, walk, trust, checkpoint.as_ref(), at_least.as_ref())
}

/// How the checkpoint from outside is called in failures.
pub(crate) const AT_LEAST: &str = "the earlier checkpoint";

/// A checkpoint that was read and not yet believed.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: Vec<u8>,
}

fn read_checkpoint(dir: &Path, name: &'static str, report: &mut Report) -> Option<Claim> {
    match files::read_small(&dir.join(name)) {
        Ok(Some(bytes)) => claimed(&bytes, name, report),
        Ok(None) => {
            report.miss("the file `checkpoint` is not there: nothing signs the newest entries");
            None
        }
        Err(why) => {
            report.miss(format!("{name}: {why}"));
            None
        }
    }
}

pub(crate) fn claimed(note: &[u8], name: &str, report: &mut Report) -> Option<Claim> {
    match Note::parse(note).and_then(|note| Checkpoint::parse(note.unverified_text())) {
        Ok(checkpoint) => Some(Claim { checkpoint, note: note.to_vec() }),
        Err(error) if name == AT_LEAST => {
            report.miss(format!("{name} cannot be read: {error}"));
            None
        }
        Err(error) => {
            report.fail(Failure::new(Class::Signature, error.to_string()).file(name).offset(0));
            None
        }
    }
}

/// Threads worth having.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(PROCESSORS_MAX)
}

/// Most threads that are used: the order of entries is checked by one.
const PROCESSORS_MAX: usize = 8;
