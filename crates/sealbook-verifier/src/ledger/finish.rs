//! What can only be said after the last entry: checkpoints, keys, and what is covered by a signature.

use std::path::Path;

use sealbook_core::hash::TreeHash;

use super::walk::Walk;
use super::{AT_LEAST, CHECKPOINT, Claim, KEY_FILE};
use crate::failure::{Class, Failure};
use crate::files;
use crate::report::{KeySource, Report, Trust};

/// Ends the verification of a ledger.
pub fn finish(dir: &Path, mut walk: Walk, trust: &Trust, stored: Option<&Claim>, at_least: Option<&Claim>) -> Report {
    let commits = walk.commits();
    let last = walk.last_commit;
    let mut covered = walk.commit_before;
    if let Some(claim) = stored {
        let held = check_claim(&mut walk, claim, CHECKPOINT);
        if held && last.is_some_and(|(size, _)| size == claim.checkpoint.size) {
            covered = last;
        }
    }
    if let (Some((all, _)), Some((size, _))) = (last, covered)
        && all > size
    {
        walk.report
            .note(format!("{} entries after the newest signed checkpoint are complete and not yet signed", all - size));
    }
    if last.is_some() && covered.is_none() {
        walk.report.miss("no signed checkpoint covers an entry");
    }
    own_keys(dir, &mut walk, trust, covered.map_or(0, |(size, _)| size));
    let mut anchored = false;
    if let Some(claim) = at_least {
        anchored = anchor(&mut walk, claim);
    }
    let subjects = walk.threads.subjects();
    if walk.threads.unfollowed > 0 {
        let n = walk.threads.unfollowed;
        walk.report.miss(format!(
            "memory to follow more than {subjects} subjects: the threads of {n} entries were not checked"
        ));
    }
    let mut report = walk.report;
    report.checked.subjects = subjects;
    report.origin = walk.origin.map(|origin| origin.to_string());
    report.size = covered.map(|(size, _)| size);
    report.root = covered.map(|(_, root)| root);
    report.anchored = anchored && !report.has_failed();
    if commits == 0 {
        report.miss("the log holds no committed entry");
    }
    report
}

/// Checks a checkpoint against the key that is valid for it and the entries; true when it holds.
fn check_claim(walk: &mut Walk, claim: &Claim, file: &str) -> bool {
    let failed = |walk: &mut Walk, class, detail: String| {
        walk.report.fail(Failure::new(class, detail).file(file));
        false
    };
    let claimed = &claim.checkpoint;
    match walk.ring.check(&claim.note, claimed.size) {
        Err((class, detail)) => return failed(walk, class, detail),
        Ok(true) => walk.report.checked.signatures += 1,
        Ok(false) => walk.report.note(format!("{file}: the key that signed it may be named in entries that are lost")),
    }
    if walk.origin.as_ref().is_some_and(|origin| **origin != claimed.origin) {
        return failed(walk, Class::Origin, format!("it is of {:?}, another ledger", claimed.origin));
    }
    history(walk, claimed.size, claimed.root, |walk, class, detail| {
        walk.report.fail(Failure::new(class, detail).file(file));
    })
}

/// Whether the entries lead to `root` at `size`.
fn history(walk: &mut Walk, size: u64, root: TreeHash, fail: impl Fn(&mut Walk, Class, String)) -> bool {
    let known = walk.tree.is_some();
    if walk.last_commit.map_or(known && size > 0, |(last, _)| last < size) {
        let last = walk.last_commit.map_or(0, |(last, _)| last);
        fail(walk, Class::RolledBack, format!("it says {size} entries, the log has {last}"));
        return false;
    }
    match walk.roots.get(&size).copied().flatten() {
        Some(found) if found == root => true,
        Some(found) => {
            let detail = format!("it says root {root} at {size} entries, the entries give {found}");
            fail(walk, Class::NotConsistent, detail);
            false
        }
        // Damage before it: what the last commit says is all there is.
        None => walk.last_commit == Some((size, root)),
    }
}

/// Checks that the log contains what an earlier checkpoint says.
fn anchor(walk: &mut Walk, claim: &Claim) -> bool {
    if walk.origin.as_ref().is_some_and(|origin| **origin != claim.checkpoint.origin) {
        walk.report.miss(format!("{AT_LEAST} is of {:?}, another ledger", claim.checkpoint.origin));
        return false;
    }
    check_claim(walk, claim, AT_LEAST)
}

/// Compares the keys that the entries name with those given and with the key file; `signed` entries are under a signature.
fn own_keys(dir: &Path, walk: &mut Walk, trust: &Trust, signed: u64) {
    if walk.ring.is_empty() {
        return;
    }
    let keys: Vec<String> = walk.ring.keys().map(ToString::to_string).collect();
    let whole = walk.ring.is_whole();
    if let Some(why) = walk.ring.strangers(&trust.keys).filter(|_| whole) {
        walk.report.fail(Failure::new(Class::KeyMismatch, why).index(Some(0)));
    }
    let from_outside = trust.keys.iter().any(|key| walk.ring.keys().any(|own| own == key));
    walk.report.key = if from_outside { KeySource::Given(keys.clone()) } else { KeySource::Itself(keys.clone()) };
    match files::read_small(&dir.join(KEY_FILE)) {
        Ok(None) => {
            let who = if keys.len() > 1 { "the entries name the keys" } else { "entry 0 names the key" };
            walk.report.note(format!("{KEY_FILE} is not there; {who}"));
        }
        Ok(Some(bytes)) if whole => compare_key_file(walk, &keys, &bytes, signed),
        Ok(Some(_)) => {}
        Err(why) => walk.report.miss(format!("{KEY_FILE}: {why}")),
    }
}

/// The key file holds the keys of the ring, newest first, one to a line.
fn compare_key_file(walk: &mut Walk, keys: &[String], bytes: &[u8], signed: u64) {
    let lines = |keys: &[String]| keys.iter().rev().map(|key| format!("{key}\n")).collect::<String>();
    let expected = lines(keys);
    if bytes == expected.as_bytes() {
        return;
    }
    // The file is written after the entry: a process may have stopped in between, before the new key was used.
    let older = keys.split_last().map(|(_, older)| lines(older)).unwrap_or_default();
    let unused = signed < walk.ring.newest_from();
    if keys.len() > 1 && unused && bytes == older.as_bytes() {
        walk.report.note(format!("{KEY_FILE} does not hold the newest key yet, which has not signed anything"));
        return;
    }
    let same = bytes.iter().zip(expected.as_bytes()).take_while(|(a, b)| a == b).count();
    let detail = "the file does not hold the keys that the entries name, newest first, each with a line feed";
    walk.report.fail(Failure::new(Class::KeyMismatch, detail).file(KEY_FILE).offset(same as u64));
}
