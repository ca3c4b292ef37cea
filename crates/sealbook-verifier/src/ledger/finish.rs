//! What can only be said after the last entry: checkpoints, keys, and what is covered by a signature.

use std::path::Path;

use sealbook_core::checkpoint;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::VerifierKey;

use super::walk::Walk;
use super::{AT_LEAST, CHECKPOINT, Claim, KEY_FILE, key_source, keys};
use crate::failure::{Class, Failure};
use crate::files;
use crate::report::{Report, Trust};

/// Ends the verification of a ledger.
pub fn finish(dir: &Path, mut walk: Walk, trust: &Trust, stored: Option<&Claim>, at_least: Option<&Claim>) -> Report {
    let keys = keys(&walk, trust);
    let commits = walk.commits();
    let last = walk.last_commit;
    let mut covered = walk.commit_before;
    if let Some(claim) = stored {
        let held = check_claim(&mut walk, claim, CHECKPOINT, &keys);
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
    own_key(dir, &mut walk, trust);
    let mut anchored = false;
    if let Some(claim) = at_least {
        anchored = anchor(&mut walk, claim, &keys);
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
    report.origin = walk.origin;
    report.size = covered.map(|(size, _)| size);
    report.root = covered.map(|(_, root)| root);
    report.anchored = anchored && !report.has_failed();
    if commits == 0 {
        report.miss("the log holds no committed entry");
    }
    report
}

/// Checks a checkpoint against the keys and the entries; true when it holds.
fn check_claim(walk: &mut Walk, claim: &Claim, file: &str, keys: &[VerifierKey]) -> bool {
    let failed = |walk: &mut Walk, class, detail: String| {
        walk.report.fail(Failure::new(class, detail).file(file));
        false
    };
    if let Err(error) = checkpoint::verify(&claim.note, keys) {
        return failed(walk, Class::Signature, error.to_string());
    }
    walk.report.checked.signatures += 1;
    let claimed = &claim.checkpoint;
    if walk.origin.as_ref().is_some_and(|origin| *origin != claimed.origin) {
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
fn anchor(walk: &mut Walk, claim: &Claim, keys: &[VerifierKey]) -> bool {
    if walk.origin.as_ref().is_some_and(|origin| *origin != claim.checkpoint.origin) {
        walk.report.miss(format!("{AT_LEAST} is of {:?}, another ledger", claim.checkpoint.origin));
        return false;
    }
    check_claim(walk, claim, AT_LEAST, keys)
}

/// Compares the key of entry 0 with those given and with the key file.
fn own_key(dir: &Path, walk: &mut Walk, trust: &Trust) {
    let Some(genesis) = &walk.genesis else { return };
    let Ok(own) = VerifierKey::parse(&genesis.verifier_key) else { return };
    let text = genesis.verifier_key.clone();
    if !trust.keys.is_empty() && !trust.keys.contains(&own) {
        let detail = format!("entry 0 names the key {text}, which is none of those given");
        walk.report.fail(Failure::new(Class::KeyMismatch, detail).index(Some(0)));
    }
    walk.report.key = key_source(&own, trust);
    match files::read_small(&dir.join(KEY_FILE)) {
        Ok(None) => walk.report.note(format!("{KEY_FILE} is not there; entry 0 names the key")),
        Ok(Some(bytes)) => {
            let expected = format!("{text}\n");
            let same = bytes.iter().zip(expected.as_bytes()).take_while(|(a, b)| a == b).count();
            if bytes != expected.as_bytes() {
                let detail = "the file does not hold the key that entry 0 names, and a line feed";
                walk.report.fail(Failure::new(Class::KeyMismatch, detail).file(KEY_FILE).offset(same as u64));
            }
        }
        Err(why) => walk.report.miss(format!("{KEY_FILE}: {why}")),
    }
}
