//! Corruption of what was durable: it must not go unseen.

use std::path::{Path, PathBuf};

use sealbook_disk::{Dice, SECTOR_BYTES, SimulatedDisk};
use sealbook_log::{Ledger, Options};
use sealbook_verifier::Verdict;

use super::image::verdict;
use super::model::{Found, Model, ensure};
use super::schedule::{Rig, world_on};
use super::tally::Tally;

/// Does something to a file that no crash does; says what.
fn corrupt(disk: &SimulatedDisk, path: &Path, dice: &mut Dice) -> Option<&'static str> {
    let bytes = disk.bytes(path)?;
    // Room is not worth corrupting most of the time.
    let used = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let reach = if dice.one_in(8) { bytes.len() } else { used } as u64;
    let sectors = reach.div_ceil(SECTOR_BYTES as u64);
    let start = usize::try_from(dice.below(sectors)).ok()? * SECTOR_BYTES;
    let end = (start + SECTOR_BYTES).min(bytes.len());
    let mut bad = bytes.clone();
    let what = match dice.below(6) {
        0..=2 => {
            let flipped = disk.flip(path, dice.below(reach * 8));
            return flipped.then_some("a flipped bit");
        }
        3 => {
            bad[start..end].fill(0);
            "a sector of zeros"
        }
        4 => {
            let from = usize::try_from(dice.below(sectors)).ok()? * SECTOR_BYTES;
            let other: Vec<u8> = bytes.iter().skip(from).take(end - start).copied().collect();
            bad[start..start + other.len()].copy_from_slice(&other);
            "a sector written to another place"
        }
        _ => {
            bad.truncate(start);
            "a cut file"
        }
    };
    let changed = bad != bytes;
    disk.tamper(path, bad);
    changed.then_some(what)
}

/// Corrupts one file of a ledger that is closed and that `model` knows, and asks everybody what they see.
pub fn check(disk: &SimulatedDisk, rig: &Rig, model: &mut Model, dice: &mut Dice, tally: &mut Tally) -> Found<()> {
    let files: Vec<PathBuf> = disk.files().into_iter().map(|(path, _)| path).collect();
    let matters = |path: &&PathBuf| path.extension().is_some_and(|e| e == "seg") || path.ends_with("checkpoint");
    let files: Vec<&PathBuf> = files.iter().filter(matters).collect();
    let path = files[usize::try_from(dice.below(files.len() as u64)).unwrap()];
    let Some(what) = corrupt(disk, path, dice) else { return Ok(()) };
    tally.one(format!("corruption: {what}"));
    let name = path.display();
    let world = world_on(disk, dice.roll());
    let (said, _) = verdict(disk, &rig.root, model.keys(), model.newest.as_deref())?;
    match Ledger::open_stepped(&world, &rig.root, Options::default()) {
        Err(_) => tally.one("corruption refused by opening"),
        Ok(ledger) => match model.observe(ledger.reader()) {
            Ok(()) => tally.one("corruption that changed nothing"),
            Err(_) if ledger.recovered().torn.is_some() => tally.one("corruption moved aside and recorded"),
            Err(why) => {
                ensure!(!matches!(said, Verdict::Verified(_)), "{what} in {name} is seen by nobody: {why}");
                tally.one("corruption refuted by the verifier");
            }
        },
    }
    Ok(())
}
