//! Checks an evidence pack: archive, manifest, signatures, entries, tree. Everything but running its tests again.

mod archive;
mod contents;
mod entries;
mod holders;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use sealbook_core::checkpoint::{self, Checkpoint};
use sealbook_core::hash::{TreeHash, hex, sha256};
use sealbook_core::limits::NOTE_BYTES_MAX;
use sealbook_core::note::{Note, NoteError, VerifierKey};
use sealbook_core::pack::{Consistency, Manifest, names, sealed_name};
use sealbook_core::tile::{Tile, TileKind};
use sealbook_core::tree::verify_consistency;

use crate::failure::{Class, Failure};
use crate::files;
use crate::ledger::{AT_LEAST, Claim, Progress, claimed, log_key};
use crate::report::{Report, Trust, Verdict};
use archive::Archive;
pub use contents::PackContents;
use entries::Entries;
use holders::Holders;

/// Checks the pack at `path`. Its contents are given only when it is `VERIFIED`.
pub fn verify_pack(path: &Path, trust: &Trust, progress: &mut dyn FnMut(Progress)) -> (Report, Option<PackContents>) {
    let mut report = Report::on("pack");
    let archive = match files::open(path).and_then(|file| Archive::scan(file, &mut report)) {
        Ok(archive) => archive,
        Err(error) => return (Report::undecided("pack", format!("{}: {error}", path.display())), None),
    };
    match check(&archive, trust, report, progress) {
        Ok((report, manifest)) if matches!(report.verdict(), Verdict::Verified(_)) => {
            let contents = manifest.map(|manifest| PackContents::new(archive, manifest));
            (report, contents)
        }
        Ok((report, _)) => (report, None),
        Err(error) => (Report::undecided("pack", format!("{}: {error}", path.display())), None),
    }
}

fn check(
    archive: &Archive,
    trust: &Trust,
    mut report: Report,
    progress: &mut dyn FnMut(Progress),
) -> io::Result<(Report, Option<Manifest>)> {
    if report.has_failed() {
        return Ok((report, None));
    }
    let bytes = archive.manifest();
    let parsed = bytes
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|bytes| Manifest::parse(bytes).map_err(|error| error.to_string()));
    let manifest = match parsed {
        Ok(manifest) => manifest,
        Err(why) => {
            report.fail(Failure::new(Class::Manifest, why).file(names::MANIFEST));
            return Ok((report, None));
        }
    };
    report.origin = Some(manifest.origin.clone());
    archive.compare_files(&manifest.files, &mut report)?;
    expected_files(&manifest, &mut report);
    let keys: Vec<_> = signer(&manifest, &mut report).into_iter().collect();
    let mut signed = Signed { archive, manifest: &manifest, keys: &keys, report };
    signed.manifest(bytes.as_deref().unwrap_or_default());
    signed.checkpoint();
    let start = signed.start();
    let at_least = trust.at_least.as_deref().and_then(|note| claimed(note, AT_LEAST, &mut signed.report));
    let mut report = signed.report;
    let Some(consistency) = consistency(archive, &mut report) else { return Ok((report, Some(manifest))) };
    if let (Some(size), Some(start)) = (manifest.start, &start)
        && let Err(error) =
            verify_consistency(size, manifest.size, &start.checkpoint.root, &manifest.root, &consistency.start_to_size)
    {
        let detail = format!("the start checkpoint of {size} entries does not lead to the checkpoint: {error}");
        report.fail(Failure::new(Class::NotConsistent, detail).file(names::CONSISTENCY));
    }
    let entries = Entries { archive, manifest: &manifest, consistency: &consistency };
    let mut walk = entries.walk(report, at_least.as_ref().map(|claim| claim.checkpoint.size), progress);
    let mut holders = Holders { manifest: &manifest, trust, keys, walk: &mut walk };
    holders.judge();
    if let Some(start) = &start {
        holders.earlier(start, names::CHECKPOINT_START);
    }
    if let Some(claim) = at_least
        && holders.earlier(&claim, AT_LEAST)
    {
        let root = walk.roots.get(&claim.checkpoint.size).copied().flatten();
        let start = start.map(|start| start.checkpoint.root);
        anchor(&mut walk.report, &claim, &manifest, root, start);
    }
    let mut report = walk.report;
    report.size = Some(manifest.size);
    report.root = Some(manifest.root);
    report.note(format!(
        "entries {} to {} of {} are in the pack; the tests looked at {} to {}",
        manifest.first,
        manifest.end - 1,
        manifest.size,
        manifest.from,
        manifest.to
    ));
    Ok((report, Some(manifest)))
}

/// The key that the pack says signed it. Whether that is to be believed, [`Holders::judge`] says.
fn signer(manifest: &Manifest, report: &mut Report) -> Option<VerifierKey> {
    match log_key(&manifest.key, &manifest.origin) {
        Ok(key) => Some(key),
        Err(why) => {
            let detail = format!("the key that the pack says signed it: {why}");
            report.fail(Failure::new(Class::Manifest, detail).file(names::MANIFEST));
            None
        }
    }
}

/// Signed texts of a pack.
struct Signed<'a> {
    archive: &'a Archive,
    manifest: &'a Manifest,
    keys: &'a [VerifierKey],
    report: Report,
}

impl Signed<'_> {
    fn note(&mut self, name: &str) -> Option<Vec<u8>> {
        let found = self.archive.member(name).map(|member| self.archive.content(member, NOTE_BYTES_MAX));
        match found {
            Some(Ok(note)) => Some(note),
            Some(Err(why)) => {
                self.report.fail(Failure::new(Class::Signature, why).file(name));
                None
            }
            None => {
                self.report.fail(Failure::new(Class::FileMissing, "every pack has this file").file(name));
                None
            }
        }
    }

    fn refuse(&mut self, name: &str, error: &NoteError) {
        let class = if *error == NoteError::NotSigned { Class::KeyMismatch } else { Class::Signature };
        self.report.fail(Failure::new(class, error.to_string()).file(name));
    }

    fn manifest(&mut self, bytes: &[u8]) {
        let name = names::MANIFEST_SIGNATURE;
        let Some(note) = self.note(name) else { return };
        let expected = Manifest::signed_text(&self.manifest.origin, bytes);
        match Note::parse(&note).and_then(|note| note.verify(self.keys).map(ToOwned::to_owned)) {
            Ok(text) if text == expected => self.report.checked.signatures += 1,
            Ok(_) => {
                let detail = format!("what is signed is not this manifest (SHA-256 {})", hex(&sha256(bytes)));
                self.report.fail(Failure::new(Class::Signature, detail).file(name));
            }
            Err(error) => self.refuse(name, &error),
        }
    }

    /// Checks the signed checkpoint that the pack was made at.
    fn checkpoint(&mut self) {
        let name = names::CHECKPOINT;
        let Some(note) = self.note(name) else { return };
        match checkpoint::verify(&note, self.keys) {
            Ok(verified) => {
                self.report.checked.signatures += 1;
                self.compare(name, &verified, self.manifest.size, self.manifest.root);
            }
            Err(error) => self.refuse(name, &error),
        }
    }

    /// Reads the checkpoint before the period; an older key may have signed it, so that is judged after the entries.
    fn start(&mut self) -> Option<Claim> {
        let name = names::CHECKPOINT_START;
        let size = self.manifest.start?;
        let note = self.note(name)?;
        let claim = claimed(&note, name, &mut self.report)?;
        self.compare(name, &claim.checkpoint, size, claim.checkpoint.root);
        Some(claim)
    }

    fn compare(&mut self, name: &str, found: &Checkpoint, size: u64, root: TreeHash) {
        let expected = Checkpoint { origin: self.manifest.origin.clone(), size, root };
        if *found != expected {
            let detail = format!("it says {} entries of {:?}, the manifest says otherwise", found.size, found.origin);
            self.report.fail(Failure::new(Class::NotConsistent, detail).file(name));
        }
    }
}

fn consistency(archive: &Archive, report: &mut Report) -> Option<Consistency> {
    let name = names::CONSISTENCY;
    let content = archive.member(name).map(|member| archive.content(member, NOTE_BYTES_MAX));
    let content = content.unwrap_or_else(|| Err("every pack has this file".to_owned()));
    match content.and_then(|bytes| Consistency::parse(&bytes).map_err(|error| error.to_string())) {
        Ok(consistency) => Some(consistency),
        Err(why) => {
            report.fail(Failure::new(Class::NotConsistent, why).file(name));
            None
        }
    }
}

/// Checks that the manifest lists what it must, and nothing in the reserved folders that it must not.
fn expected_files(manifest: &Manifest, report: &mut Report) {
    let fail = |report: &mut Report, name: &str, class, detail: &str| {
        report.fail(Failure::new(class, detail).file(name));
    };
    let digest = |name: &str| manifest.files.iter().find(|file| file.name == name).map(|file| file.sha256);
    for name in [names::CHECKPOINT, names::CONSISTENCY, names::RESULTS, names::POLICY] {
        if digest(name).is_none() {
            fail(report, name, Class::FileMissing, "every pack has this file");
        }
    }
    if digest(names::CHECKPOINT_START).is_some() != manifest.start.is_some() {
        fail(report, names::CHECKPOINT_START, Class::Manifest, "`start` and this file belong together");
    }
    let mut texts = vec![(names::POLICY.to_owned(), manifest.policy)];
    for framework in &manifest.frameworks {
        texts.push((format!("frameworks/{}/framework.toml", framework.id), framework.catalogue));
        texts.push((format!("frameworks/{}/mapping.toml", framework.id), framework.mapping));
    }
    for (name, expected) in texts {
        if digest(&name) != Some(expected) {
            fail(report, &name, Class::FileDigest, "the manifest gives two digests of it, or does not list it");
        }
    }
    let bundles: BTreeSet<_> = manifest.bundles().collect();
    let sealed: BTreeSet<_> = bundles.iter().map(|bundle| sealed_name(bundle.index)).collect();
    for file in &manifest.files {
        let known = if file.name.starts_with("tile/") {
            Tile::parse(&file.name).is_some_and(|tile| {
                let full = Tile { kind: TileKind::Entries, ..tile };
                bundles.contains(&full)
                    && (tile.kind == TileKind::Entries || (tile.kind == TileKind::Hashes(0) && tile.width == 256))
            })
        } else {
            !file.name.starts_with("sealed/") || sealed.contains(&file.name)
        };
        if !known {
            fail(report, &file.name, Class::Manifest, "no such tile or sealed file belongs to the range of the pack");
        }
    }
}

/// Checks that an earlier checkpoint lies on the history of the pack.
fn anchor(report: &mut Report, claim: &Claim, manifest: &Manifest, root: Option<TreeHash>, start: Option<TreeHash>) {
    let claimed = &claim.checkpoint;
    let known = match claimed.size {
        size if size > manifest.size => {
            let detail = format!("it says {size} entries, the pack was made at {}", manifest.size);
            report.fail(Failure::new(Class::RolledBack, detail).file(AT_LEAST));
            return;
        }
        size if size == manifest.size => Some(manifest.root),
        size if Some(size) == manifest.start => start,
        _ => root,
    };
    match known {
        Some(known) if known == claimed.root => report.anchored = true,
        Some(known) => {
            let detail = format!("it says root {}, the pack gives {known} at {} entries", claimed.root, claimed.size);
            report.fail(Failure::new(Class::NotConsistent, detail).file(AT_LEAST));
        }
        None => {
            report.miss(format!("{AT_LEAST} is of {} entries, and the pack has no entries from there on", claimed.size))
        }
    }
}
