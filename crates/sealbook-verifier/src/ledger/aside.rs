//! What is checked aside, in no order: signatures, many at once, and stored tiles.

use std::path::Path;
use std::sync::Arc;

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, verify_together};
use sealbook_core::tile::Tile;

use crate::failure::{Class, Failure};
use crate::files;
use crate::report::Report;

/// Signatures that are checked at once: the gain is nearly all there, and the time to find a bad one is short.
pub const TOGETHER: usize = 128;

/// A signature to be checked, and where it lies.
#[derive(Clone, Debug)]
pub struct SignatureJob {
    /// Origin of the checkpoint that is signed.
    pub origin: Arc<str>,
    /// Its size.
    pub size: u64,
    /// Its root.
    pub root: TreeHash,
    /// The key that is valid for it.
    pub key: Arc<VerifierKey>,
    /// The signature.
    pub signature: [u8; 64],
    /// File it lies in.
    pub file: Arc<str>,
    /// Byte of the file where its frame begins.
    pub offset: u64,
}

impl SignatureJob {
    fn text(&self) -> String {
        Checkpoint { origin: self.origin.to_string(), size: self.size, root: self.root }.text()
    }

    /// Whether it is by `key`.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        key.verifies(self.text().as_bytes(), &self.signature)
    }
}

/// Something to be checked.
#[derive(Debug)]
pub enum Aside {
    /// Signatures.
    Signatures(Vec<SignatureJob>),
    /// Full tiles, as they follow from the entries.
    Tiles(Vec<(Tile, Vec<u8>)>),
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// How many signatures are right, and those that are not.
    Signatures(u64, Vec<SignatureJob>),
    /// What is to be said of the tiles.
    Tiles(Box<Report>),
}

impl Aside {
    /// Checks it; `dir` is the folder of the ledger.
    pub fn look(self, dir: &Path) -> Outcome {
        match self {
            Self::Signatures(jobs) => {
                let (all, wrong) = (jobs.len(), wrong(jobs));
                Outcome::Signatures((all - wrong.len()) as u64, wrong)
            }
            Self::Tiles(tiles) => {
                let mut report = Report::on("tiles");
                for (tile, bytes) in tiles {
                    compare_tile(dir, &tile, &bytes, &mut report);
                }
                Outcome::Tiles(Box::new(report))
            }
        }
    }
}

/// The signatures that do not verify: all are checked at once, and each by itself where that fails.
fn wrong(mut jobs: Vec<SignatureJob>) -> Vec<SignatureJob> {
    let texts: Vec<_> = jobs.iter().map(SignatureJob::text).collect();
    let together = jobs.iter().zip(&texts).map(|(job, text)| (&*job.key, text.as_bytes(), &job.signature));
    if verify_together(together) {
        return Vec::new();
    }
    jobs.retain(|job| !job.is_by(&job.key));
    jobs
}

/// Compares a tile with the file that holds it, where there is one.
fn compare_tile(dir: &Path, tile: &Tile, bytes: &[u8], report: &mut Report) {
    let file = format!("tiles/{tile}");
    match files::read_small(&dir.join(&file)) {
        Ok(None) => {}
        Ok(Some(stored)) => {
            report.checked.tiles += 1;
            let same = stored.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            if same < bytes.len() || stored.len() != bytes.len() {
                let detail = "the tile is not the one that follows from the entries";
                report.fail(Failure::new(Class::TileMismatch, detail).file(file).offset(same as u64));
            }
        }
        Err(why) => report.miss(format!("{file}: {why}")),
    }
}
