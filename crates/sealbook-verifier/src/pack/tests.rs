//! What the verifier says about packs that somebody touched.

use std::collections::BTreeMap;
use std::path::Path;

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::Opening;
use sealbook_core::hash::{TreeHash, sha256};
use sealbook_core::pack::archive::Assembly;
use sealbook_core::pack::{
    Consistency, ListedFile, ListedFramework, Manifest, README_FIRST_LINE, VerifiedPack as _, encode_sealed, names,
    sealed_name,
};
use sealbook_core::tile::{Tile, TileKind, push_entry};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Nodes as _, consistency_proof, range_hash};

use super::verify_pack;
use crate::testing::{Leaves, ORIGIN, Plan, Signer, Written};
use crate::{Class, Report, Trust, Verdict};

/// What a test pack consists of before it is signed and assembled.
struct Parts {
    manifest: Manifest,
    files: BTreeMap<String, Vec<u8>>,
    consistency: Consistency,
    signer: Signer,
}

impl Parts {
    fn sealed(&mut self, written: &Written, paths: &[&str]) {
        let mut by_bundle: BTreeMap<u64, Vec<(u64, Vec<Opening>)>> = BTreeMap::new();
        for index in self.manifest.first..self.manifest.end {
            let openings = &written.entries[usize::try_from(index).unwrap()].1;
            let open: Vec<_> = openings.iter().filter(|o| paths.contains(&o.path.as_str())).cloned().collect();
            if !open.is_empty() {
                by_bundle.entry(index / 256).or_default().push((index, open));
            }
        }
        for (bundle, sealed) in by_bundle {
            self.files.insert(sealed_name(bundle), encode_sealed(&sealed));
        }
    }

    fn bytes(mut self) -> Vec<u8> {
        self.files.insert(names::CONSISTENCY.into(), self.consistency.encode().into_bytes());
        let listed = |(name, bytes): (&String, &Vec<u8>)| ListedFile {
            name: name.clone(),
            bytes: bytes.len() as u64,
            sha256: sha256(bytes),
        };
        if self.manifest.files.is_empty() {
            let readme = self.files.remove_entry(names::README).unwrap();
            self.manifest.files = vec![listed((&readme.0, &readme.1))];
            self.manifest.files.extend(self.files.iter().map(listed));
            self.files.insert(readme.0, readme.1);
        }
        let manifest = self.manifest.encode().into_bytes();
        let signature = self.signer.note(&Manifest::signed_text(&self.manifest.origin, &manifest));
        let readme = self.files.remove(names::README).unwrap();
        let head = [(names::README, &readme), (names::MANIFEST, &manifest), (names::MANIFEST_SIGNATURE, &signature)];
        archive(head.into_iter().chain(self.files.iter().map(|(name, bytes)| (name.as_str(), bytes))))
    }
}

fn archive<'a>(files: impl Iterator<Item = (&'a str, &'a Vec<u8>)>) -> Vec<u8> {
    let (mut assembly, mut out) = (Assembly::default(), Vec::new());
    for (name, bytes) in files {
        out.extend(assembly.add(name, bytes).unwrap());
        out.extend_from_slice(bytes);
    }
    out.extend(assembly.finish().unwrap());
    out
}

fn bundle(written: &Written, tile: &Tile) -> Vec<u8> {
    let mut out = Vec::new();
    let first = usize::try_from(tile.index * 256).unwrap();
    for (entry, _) in &written.entries[first..first + usize::from(tile.width)] {
        assert!(push_entry(&mut out, entry));
    }
    out
}

/// The pack of entries `first` to `end`, under the checkpoint after commit `at`, with that after commit `start`.
fn parts(written: &Written, first: u64, end: u64, at: usize, start: Option<usize>) -> Parts {
    parts_by(Plan::default().signer, written, first, end, at, start)
}

fn parts_by(signer: Signer, written: &Written, first: u64, end: u64, at: usize, start: Option<usize>) -> Parts {
    let claim = |at: usize| {
        let text = String::from_utf8(written.notes[at].clone()).unwrap();
        Checkpoint::parse(&text[..text.find("\n\n").unwrap() + 1]).unwrap()
    };
    let (newest, leaves) = (claim(at), Leaves::of(written));
    let hash = sha256(b"text");
    let manifest = Manifest {
        origin: ORIGIN.into(),
        key: signer.verifier().to_string(),
        from: Micros(0),
        to: Micros(1_800_000_000_000_000),
        first,
        end,
        size: newest.size,
        root: newest.root,
        start: start.map(|at| claim(at).size),
        export: None,
        disclosed: vec!["raw".into(), "reason".into()],
        policy: hash,
        frameworks: vec![ListedFramework { id: "f".into(), catalogue: hash, mapping: hash }],
        files: Vec::new(),
    };
    let mut files: BTreeMap<String, Vec<u8>> =
        manifest.bundles().map(|tile| (tile.to_string(), bundle(written, &tile))).collect();
    for tile in manifest.bundles().filter(|tile| tile.width == 256) {
        let tile = Tile { kind: TileKind::Hashes(0), ..tile };
        let hashes = (tile.index * 256..tile.index * 256 + 256).flat_map(|at| leaves.node(0, at).unwrap().0);
        files.insert(tile.to_string(), hashes.collect());
    }
    for name in [names::POLICY, names::RESULTS, "frameworks/f/framework.toml", "frameworks/f/mapping.toml"] {
        files.insert(name.into(), b"text".to_vec());
    }
    files.insert(names::README.into(), README_FIRST_LINE.as_bytes().to_vec());
    files.insert(names::CHECKPOINT.into(), written.notes[at].clone());
    if let Some(start) = start {
        files.insert(names::CHECKPOINT_START.into(), written.notes[start].clone());
    }
    let (mut left, mut from, aligned) = (Vec::new(), 0, manifest.aligned());
    for bit in (0..64).rev().filter(|bit| aligned >> bit & 1 == 1) {
        left.push(range_hash(&leaves, from, from + (1 << bit)).unwrap());
        from += 1 << bit;
    }
    let consistency = Consistency {
        left,
        end_to_size: consistency_proof(&leaves, end, newest.size).unwrap(),
        start_to_size: manifest.start.map_or(Vec::new(), |size| consistency_proof(&leaves, size, newest.size).unwrap()),
    };
    let mut parts = Parts { manifest, files, consistency, signer };
    parts.sealed(written, &["raw", "reason"]);
    parts
}

fn trusted() -> Trust {
    Trust { keys: vec![Plan::default().signer.verifier()], at_least: None }
}

fn verify(bytes: &[u8], trust: &Trust) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.zip");
    std::fs::write(&path, bytes).unwrap();
    verify_pack(&path, trust, &mut |_| {}).0
}

#[track_caller]
fn verified(report: &Report) {
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
}

#[track_caller]
fn refuted(report: &Report, class: Class) {
    let found: Vec<_> = report.failures().iter().map(|failure| failure.class).collect();
    assert!(found.contains(&class), "{class:?} is not in\n{report}");
}

fn small() -> Written {
    Plan { batches: vec![1, 2, 2], ..Plan::default() }.write()
}

fn large() -> Written {
    Plan { batches: vec![1, 299, 300, 200], ..Plan::default() }.write()
}

#[test]
fn a_whole_pack_is_verified_and_gives_its_entries() {
    let written = small();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.zip");
    std::fs::write(&path, parts(&written, 0, 5, 2, None).bytes()).unwrap();
    let (report, contents) = verify_pack(&path, &trusted(), &mut |_| {});
    verified(&report);
    assert_eq!((report.size(), report.checked().entries, report.checked().signatures), (Some(5), 5, 2));
    assert!(report.checked().disclosed > 0);
    let contents = contents.unwrap();
    let entries: Result<Vec<_>, _> = contents.entries().collect();
    assert_eq!(entries.unwrap(), written.entries.iter().map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>());
    assert_eq!(contents.file(names::RESULTS).unwrap().unwrap(), b"text");
    assert_eq!(contents.file("nothing").unwrap(), None);
}

#[test]
fn a_range_in_the_middle_is_proven_on_both_sides() {
    let written = large();
    for (first, end, at) in [(0, 800, 3), (256, 512, 3), (300, 600, 3), (300, 600, 2), (599, 600, 3), (777, 800, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pack.zip");
        std::fs::write(&path, parts(&written, first, end, at, Some(1)).bytes()).unwrap();
        let (report, contents) = verify_pack(&path, &trusted(), &mut |_| {});
        verified(&report);
        assert_eq!(contents.unwrap().entries().count() as u64, end - first);
    }
}

#[test]
fn every_flipped_byte_of_a_pack_is_refuted() {
    let bytes = parts(&small(), 1, 4, 2, Some(0)).bytes();
    verified(&verify(&bytes, &trusted()));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pack.zip");
    let mut wrong = Vec::new();
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(&path, &flipped).unwrap();
        let report = crate::verify_target(&path, None, &trusted(), &mut |_| {});
        if report.verdict() != Verdict::Refuted {
            wrong.push(format!("byte {at}: {report}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}, for example {}", wrong.len(), bytes.len(), wrong[0]);
}

#[test]
fn every_cut_and_everything_added_is_refuted() {
    let bytes = parts(&small(), 0, 5, 2, None).bytes();
    for cut in (1..bytes.len()).step_by(97) {
        assert_eq!(verify(&bytes[..cut], &trusted()).verdict(), Verdict::Refuted, "{cut}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    refuted(&verify(&longer, &trusted()), Class::ArchiveBytes);
    let prepended = [b"#!/bin/sh\n".as_slice(), &bytes].concat();
    refuted(&verify(&prepended, &trusted()), Class::ArchiveBytes);
}

#[test]
fn without_a_key_from_outside_a_pack_is_undecided_and_damage_is_still_seen() {
    let bytes = parts(&small(), 0, 5, 2, None).bytes();
    assert_eq!(verify(&bytes, &Trust::default()).verdict(), Verdict::Undecided);
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    assert_eq!(verify(&flipped, &Trust::default()).verdict(), Verdict::Refuted);
    let other = Trust { keys: vec![Signer::new(ORIGIN, 8).verifier()], at_least: None };
    refuted(&verify(&bytes, &other), Class::KeyMismatch);
}

/// Signs and assembles again after `change`: what a dishonest holder of the key could do.
fn remade(change: impl Fn(&mut Parts)) -> Report {
    let mut parts = parts(&large(), 300, 700, 3, Some(1));
    change(&mut parts);
    verify(&parts.bytes(), &trusted())
}

#[test]
fn a_file_that_is_unlisted_missing_or_another_is_named() {
    verified(&remade(|_| {}));
    let list = |parts: &mut Parts| {
        let mut copy = parts.files.clone();
        copy.insert(names::CONSISTENCY.into(), parts.consistency.encode().into_bytes());
        let listed =
            |(name, bytes): (String, Vec<u8>)| ListedFile { bytes: bytes.len() as u64, sha256: sha256(&bytes), name };
        let readme = copy.remove_entry(names::README).unwrap();
        parts.manifest.files = [readme].into_iter().chain(copy).map(listed).collect();
    };
    let unlisted = remade(|parts| {
        list(parts);
        parts.files.insert("extra.txt".into(), b"x".to_vec());
    });
    refuted(&unlisted, Class::FileUnlisted);
    let missing = remade(|parts| {
        list(parts);
        parts.files.remove(names::RESULTS);
    });
    refuted(&missing, Class::FileMissing);
    let other = remade(|parts| {
        list(parts);
        parts.files.insert(names::RESULTS.into(), b"tex2".to_vec());
    });
    refuted(&other, Class::FileDigest);
    for name in [names::RESULTS, names::POLICY, names::CHECKPOINT, "tile/0/001"] {
        refuted(&remade(|parts| drop(parts.files.remove(name))), Class::FileMissing);
    }
    refuted(&remade(|parts| drop(parts.files.remove("tile/entries/001"))), Class::FileMissing);
    refuted(&remade(|parts| parts.manifest.policy = [0; 32]), Class::FileDigest);
    refuted(&remade(|parts| drop(parts.files.insert("tile/0/000".into(), vec![0; 8192]))), Class::Manifest);
    refuted(&remade(|parts| drop(parts.files.insert("sealed/009.cbor".into(), vec![0x80]))), Class::Manifest);
    refuted(&remade(|parts| drop(parts.files.remove(names::CHECKPOINT_START))), Class::Manifest);
}

#[test]
fn entries_left_out_changed_or_swapped_are_refuted_even_when_signed_anew() {
    let written = large();
    let with = |name: &str, change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        remade(|parts| {
            let index = usize::try_from(Tile::parse(name).unwrap().index).unwrap();
            let range = index * 256..(index * 256 + 256).min(700);
            let mut entries: Vec<_> = written.entries[range].iter().map(|(bytes, _)| bytes.clone()).collect();
            change(&mut entries);
            let mut bundle = Vec::new();
            entries.iter().for_each(|entry| assert!(push_entry(&mut bundle, entry)));
            parts.files.insert(name.into(), bundle);
        })
    };
    verified(&with("tile/entries/001", &|_| {}));
    refuted(&with("tile/entries/001", &|entries| drop(entries.remove(100))), Class::FrameMalformed);
    refuted(&with("tile/entries/001", &|entries| entries.swap(100, 101)), Class::IndexOrder);
    refuted(&with("tile/entries/001", &|entries| entries[100] = entries[99].clone()), Class::IndexOrder);
    refuted(&with("tile/entries/001", &|entries| entries[100].push(0)), Class::EntryEncoding);
    let changed = with("tile/entries/002.p/188", &|entries| {
        let entry = entries.last_mut().unwrap();
        let at = entry.windows(4).position(|word| word == b"e699").unwrap();
        entry[at + 3] = b'8';
    });
    refuted(&changed, Class::RootMismatch);
}

#[test]
fn trees_that_do_not_lead_to_each_other_are_refuted() {
    refuted(&remade(|parts| parts.consistency.left[0].0[0] ^= 1), Class::RootMismatch);
    refuted(&remade(|parts| parts.consistency.left.clear()), Class::NotConsistent);
    refuted(&remade(|parts| parts.consistency.end_to_size[0].0[0] ^= 1), Class::RootMismatch);
    refuted(&remade(|parts| parts.consistency.start_to_size[0].0[0] ^= 1), Class::NotConsistent);
    refuted(&remade(|parts| parts.manifest.start = Some(299)), Class::NotConsistent);
    refuted(&remade(|parts| parts.manifest.root = TreeHash([0; 32])), Class::NotConsistent);
    refuted(&remade(|parts| parts.manifest.size = 801), Class::NotConsistent);
    refuted(&remade(|parts| parts.manifest.origin = "example.org/other".into()), Class::NotConsistent);
    refuted(&remade(|parts| parts.manifest.export = Some(400)), Class::Manifest);
}

/// Disclosed values by index.
type Sealed = Vec<(u64, Vec<Opening>)>;

#[test]
fn values_that_open_nothing_or_were_not_to_be_disclosed_are_refuted() {
    let written = large();
    let sealed = |change: &dyn Fn(&mut Sealed)| {
        remade(|parts| {
            let entries = (400..420).map(|at: u64| (at, written.entries[usize::try_from(at).unwrap()].1.clone()));
            let mut sealed: Vec<_> = entries.filter(|(_, openings)| !openings.is_empty()).collect();
            change(&mut sealed);
            parts.files.insert(sealed_name(1), encode_sealed(&sealed));
        })
    };
    verified(&sealed(&|_| {}));
    verified(&sealed(&|sealed| sealed.clear()));
    refuted(&sealed(&|sealed| sealed[0].1[0].value.push(b'x')), Class::Commitment);
    refuted(&sealed(&|sealed| sealed[0].1[0].salt[0] ^= 1), Class::Commitment);
    refuted(&sealed(&|sealed| sealed.last_mut().unwrap().0 = 600), Class::Commitment);
    refuted(&sealed(&|sealed| sealed.reverse()), Class::OpeningEncoding);
    refuted(&remade(|parts| parts.manifest.disclosed = vec!["raw".into()]), Class::Commitment);
}

#[test]
fn an_earlier_checkpoint_anchors_a_pack_or_refutes_it() {
    let written = large();
    let bytes = parts(&written, 300, 700, 3, Some(1)).bytes();
    let with = |note: &[u8]| verify(&bytes, &Trust { at_least: Some(note.to_vec()), ..trusted() });
    for at in [1, 2, 3] {
        let report = with(&written.notes[at]);
        verified(&report);
        assert!(report.anchored());
    }
    assert_eq!(with(&written.notes[0]).verdict(), Verdict::Undecided);
    let signer = Plan::default().signer;
    let note = |size, root| signer.note(&Checkpoint { origin: ORIGIN.into(), size, root }.text());
    refuted(&with(&note(600, TreeHash([0; 32]))), Class::NotConsistent);
    refuted(&with(&note(801, TreeHash([0; 32]))), Class::RolledBack);
}

/// 800 entries; the one at 299 names the second key.
fn changed() -> Written {
    Plan { batches: vec![1, 299, 300, 200], changes: vec![(1, Signer::new(ORIGIN, 8))], ..Plan::default() }.write()
}

fn by_second(first: u64, end: u64, start: Option<usize>) -> Vec<u8> {
    parts_by(Signer::new(ORIGIN, 8), &changed(), first, end, 3, start).bytes()
}

fn keys(seeds: &[u8]) -> Trust {
    Trust { keys: seeds.iter().map(|seed| Signer::new(ORIGIN, *seed).verifier()).collect(), at_least: None }
}

#[test]
fn a_pack_of_a_ledger_whose_key_changed_is_verified_with_the_newest_key() {
    // The start checkpoint was signed with the first key (0, 1) or with the second (2).
    for start in [None, Some(0), Some(1), Some(2)] {
        let bytes = by_second(0, 800, start);
        for seeds in [&[8][..], &[7, 8]] {
            let report = verify(&bytes, &keys(seeds));
            verified(&report);
            let both = [7, 8].map(|seed| Signer::new(ORIGIN, seed).verifier().to_string()).to_vec();
            assert_eq!(report.key(), &crate::KeySource::Given(both));
            assert_eq!(report.checked().signatures, 2 + u64::from(start.is_some()));
        }
    }
}

#[test]
fn with_an_older_key_a_pack_is_undecided_and_says_which_key_is_needed() {
    let report = verify(&by_second(0, 800, Some(0)), &keys(&[7]));
    assert_eq!(report.verdict(), Verdict::Undecided, "{report}");
    let newest = Signer::new(ORIGIN, 8).verifier().to_string();
    assert!(report.missing()[0].contains("the key that signed") && report.missing()[0].contains(&newest), "{report}");
    refuted(&verify(&by_second(0, 800, Some(0)), &keys(&[5])), Class::KeyMismatch);
    // Made before the change, and a later key is given.
    let before = parts(&changed(), 0, 200, 1, None).bytes();
    verified(&verify(&before, &keys(&[7])));
    let report = verify(&before, &keys(&[7, 8]));
    assert_eq!(report.verdict(), Verdict::Undecided, "{report}");
    refuted(&verify(&before, &keys(&[8])), Class::KeyMismatch);
}

#[test]
fn a_pack_that_begins_after_the_change_is_verified_with_the_newest_key_only() {
    for (first, start) in [(512, Some(0)), (300, Some(1)), (600, Some(2)), (600, None)] {
        let bytes = by_second(first, 800, start);
        for seeds in [&[8][..], &[7, 8]] {
            verified(&verify(&bytes, &keys(seeds)));
        }
        let report = verify(&bytes, &keys(&[7]));
        refuted(&report, Class::KeyMismatch);
        assert!(report.to_string().contains("give the newest"), "{report}");
    }
    // The signature of the start checkpoint is then not judged, and the report says so.
    let report = verify(&by_second(600, 800, Some(0)), &keys(&[8]));
    assert!(report.notes().iter().any(|note| note.contains("follows from the hashes")), "{report}");
}

#[test]
fn a_pack_signed_with_a_key_that_was_not_valid_any_more_is_refuted() {
    let mut old = parts(&changed(), 0, 800, 3, None);
    let text = Checkpoint { origin: ORIGIN.into(), size: old.manifest.size, root: old.manifest.root }.text();
    old.files.insert(names::CHECKPOINT.into(), old.signer.note(&text));
    let report = verify(&old.bytes(), &keys(&[7]));
    refuted(&report, Class::KeyValidity);
}

#[test]
fn other_tools_read_the_archive() {
    let bytes = parts(&small(), 0, 5, 2, None).bytes();
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    assert_eq!(zip.by_index(0).unwrap().name().unwrap(), names::README);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_name(names::RESULTS).unwrap(), &mut text).unwrap();
    assert_eq!(text, "text");
    assert!(Path::new(names::RESULTS).is_relative());
}
