//! The entries of a pack: decoded, linked, put into the tree, followed to the signed root.

use std::collections::BTreeMap;

use sealbook_core::entry::Opening;
use sealbook_core::limits::ENTRY_BYTES_MAX;
use sealbook_core::pack::{Consistency, EXPORT_ACTION, Manifest, decode_sealed, names, sealed_name};
use sealbook_core::tile::{TILE_WIDTH, Tile, TileKind, split_bundle};
use sealbook_core::tree::{Frontier, verify_consistency};
use sealbook_core::view::EntryView;

use super::archive::Archive;
use crate::failure::{Class, Failure};
use crate::ledger::{Examined, Found, Located, Progress, Walk, examine_entry, examine_openings};
use crate::report::Report;

/// Bytes of the largest entry bundle.
pub const BUNDLE_BYTES_MAX: usize = 256 * (ENTRY_BYTES_MAX + 2);
/// Bytes of the disclosed values of one bundle: the originals of 256 entries, and room.
const SEALED_BYTES_MAX: usize = 512 << 20;

/// What is needed to check the entries.
pub struct Entries<'a> {
    pub archive: &'a Archive,
    pub manifest: &'a Manifest,
    pub consistency: &'a Consistency,
}

impl Entries<'_> {
    /// Goes through all entries of the pack. `size` is one whose root the caller asks for.
    pub fn walk(&self, report: Report, size: Option<u64>, progress: &mut dyn FnMut(Progress)) -> Walk {
        let aligned = self.manifest.aligned();
        let mut walk = Walk::new(report, size);
        walk.origin = Some(self.manifest.origin.as_str().into());
        match Frontier::from_peaks(aligned, self.consistency.left.clone()) {
            Some(tree) => walk.resume(aligned, tree, size),
            None => {
                let detail = format!("`left` does not hold the {} roots left of entry {aligned}", aligned.count_ones());
                walk.report.fail(Failure::new(Class::NotConsistent, detail).file(names::CONSISTENCY));
                return walk;
            }
        }
        for bundle in self.manifest.bundles() {
            self.bundle(&bundle, &mut walk);
            progress(Progress {
                bytes: walk.report.checked.entries,
                bytes_total: self.manifest.end - aligned,
                entries: walk.report.checked.entries,
            });
        }
        walk.report.checked.subjects = walk.threads.subjects();
        if walk.threads.unfollowed > 0 {
            let n = walk.threads.unfollowed;
            walk.report.miss(format!("memory to follow so many subjects: the threads of {n} entries were not checked"));
        }
        self.lead_to_root(&mut walk);
        walk
    }

    fn bundle(&self, bundle: &Tile, walk: &mut Walk) {
        let name = bundle.to_string();
        let fail = |walk: &mut Walk, class, detail: String| {
            walk.report.fail(Failure::new(class, detail).file(&name).index(Some(bundle.index * TILE_WIDTH)));
            walk.lose_place();
        };
        let Some(member) = self.archive.member(&name) else {
            return fail(walk, Class::FileMissing, "the bundle of these entries is not there".to_owned());
        };
        let bytes = match self.archive.content(member, BUNDLE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(why) => return fail(walk, Class::FrameMalformed, why),
        };
        let Some(entries) = split_bundle(&bytes).filter(|entries| entries.len() == usize::from(bundle.width)) else {
            let detail = format!("not a bundle of {} entries", bundle.width);
            return fail(walk, Class::FrameMalformed, detail);
        };
        let sealed = self.sealed(bundle.index, &mut walk.report);
        walk.file(&name);
        let mut offset = 0;
        for bytes in entries {
            let found = match examine_entry(bytes) {
                Ok((entry, mut examined)) => {
                    self.disclosed(&entry, &mut examined, &sealed, &mut walk.report);
                    self.exported(&entry, &name, offset, &mut walk.report);
                    Found::Entry(examined)
                }
                Err(error) => Found::Undecodable(error),
            };
            let after = offset + 2 + bytes.len() as u64;
            walk.take(&Located { offset, found }, after, &mut |tile, bytes, report| self.tile(tile, bytes, report));
            offset = after;
        }
        let in_bundle = |index: u64| index / TILE_WIDTH == bundle.index && index < self.manifest.end;
        if sealed.keys().any(|index| !in_bundle(*index)) {
            let detail = "values of entries that are not in the bundle of the same number";
            walk.report.fail(Failure::new(Class::Commitment, detail).file(sealed_name(bundle.index)));
        }
    }

    fn sealed(&self, bundle: u64, report: &mut Report) -> BTreeMap<u64, Vec<Opening>> {
        let name = sealed_name(bundle);
        let Some(member) = self.archive.member(&name) else { return BTreeMap::new() };
        let bytes = self.archive.content(member, SEALED_BYTES_MAX);
        match bytes.and_then(|bytes| decode_sealed(&bytes).map_err(|error| error.to_string())) {
            Ok(sealed) => sealed.into_iter().collect(),
            Err(why) => {
                report.fail(Failure::new(Class::OpeningEncoding, why).file(name));
                BTreeMap::new()
            }
        }
    }

    fn disclosed(
        &self,
        entry: &EntryView<'_>,
        examined: &mut Examined,
        sealed: &BTreeMap<u64, Vec<Opening>>,
        report: &mut Report,
    ) {
        let Some(openings) = sealed.get(&entry.index) else { return };
        examine_openings(entry, examined, openings);
        if let Some(opening) = openings.iter().find(|opening| !self.manifest.disclosed.contains(&opening.path)) {
            let detail = format!("discloses {:?}, which the manifest does not name", opening.path);
            let failure = Failure::new(Class::Commitment, detail).file(sealed_name(entry.index / TILE_WIDTH));
            report.fail(failure.index(Some(entry.index)));
        }
    }

    fn exported(&self, entry: &EntryView<'_>, name: &str, offset: u64, report: &mut Report) {
        let is_export = entry.event.action == Some(EXPORT_ACTION);
        if self.manifest.export == Some(entry.index) && !is_export {
            let detail = "the manifest says that this entry records the export, and it does not";
            report.fail(Failure::new(Class::Manifest, detail).file(name).offset(offset).index(Some(entry.index)));
        }
    }

    fn tile(&self, tile: &Tile, bytes: &[u8], report: &mut Report) {
        if tile.kind != TileKind::Hashes(0) {
            return;
        }
        let name = tile.to_string();
        let Some(member) = self.archive.member(&name) else {
            report.fail(Failure::new(Class::FileMissing, "the tile of these entries is not there").file(name));
            return;
        };
        report.checked.tiles += 1;
        let stored = self.archive.content(member, bytes.len()).unwrap_or_default();
        if stored != bytes {
            let same = stored.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            let detail = "the tile is not the one that follows from the entries";
            report.fail(Failure::new(Class::TileMismatch, detail).file(name).offset(same as u64));
        }
    }

    /// From the entries to the signed root.
    fn lead_to_root(&self, walk: &mut Walk) {
        let manifest = self.manifest;
        let Some(tree) = walk.tree.as_ref().filter(|tree| tree.size() == manifest.end) else {
            walk.report.fail(Failure::new(Class::RootMismatch, "the entries do not reach the end of the range"));
            return;
        };
        let (root, proof) = (tree.root(), &self.consistency.end_to_size);
        if let Err(error) = verify_consistency(manifest.end, manifest.size, &root, &manifest.root, proof) {
            let detail = format!(
                "the {} entries give root {root}, which does not lead to the signed one: {error}",
                manifest.end
            );
            walk.report.fail(Failure::new(Class::RootMismatch, detail).file(names::CONSISTENCY));
        } else {
            walk.report.checked.commits += 1;
        }
    }
}
