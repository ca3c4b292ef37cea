//! What C2SP tlog-tiles and RFC 9162 ask of tiles, bundles and proofs, one rule a test.

mod support;

use sealbook_core::proof::{TlogProof, TlogProofError};
use sealbook_core::tile::{Tile, TileKind, push_entry, split_bundle};
use sealbook_core::tree::{
    ProofError, consistency_proof, empty_root, inclusion_proof, leaf_hash, range_hash, verify_consistency,
    verify_inclusion,
};
use support::{Leaves, Signer, entry};

fn tiles(size: u64) -> Vec<String> {
    Tile::all(size).map(|tile| tile.to_string()).collect()
}

/// Full tiles and the width of the partial one, of the entries and of each level.
fn counts(size: u64) -> Vec<(u64, u64)> {
    let mut found = vec![(size / 256, size % 256)];
    let mut nodes = size;
    while nodes > 0 {
        found.push((nodes / 256, nodes % 256));
        nodes /= 256;
    }
    found
}

#[test]
fn every_size_has_its_tiles_and_no_others() {
    for size in [0u64, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000] {
        let expected: u64 = counts(size).iter().map(|(full, rest)| full + u64::from(*rest > 0)).sum();
        let found = tiles(size);
        assert_eq!(found.len() as u64, if size == 0 { 0 } else { expected }, "{size}");
        for path in &found {
            assert_eq!(Tile::parse(path).unwrap().to_string(), *path);
        }
    }
    assert!(tiles(65_536).contains(&"tile/1/000".to_owned()) && tiles(65_536).contains(&"tile/2/000.p/1".to_owned()));
    assert!(!tiles(65_535).iter().any(|path| path.starts_with("tile/2/")));
    assert_eq!(tiles(65_537).iter().filter(|path| path.contains(".p/")).count(), 3);
}

#[test]
fn numbers_of_tiles_come_in_groups_of_three_digits() {
    for (index, path) in [
        (999, "tile/entries/999"),
        (1000, "tile/entries/x001/000"),
        (999_999, "tile/entries/x999/999"),
        (1_000_000, "tile/entries/x001/x000/000"),
    ] {
        let tile = Tile { kind: TileKind::Entries, index, width: 256 };
        assert_eq!((tile.to_string().as_str(), Tile::parse(path)), (path, Some(tile)));
    }
}

#[test]
fn a_partial_tile_that_was_deleted_is_cut_out_of_the_full_one() {
    let leaves = Leaves::numbered(256);
    let hashes: Vec<u8> = leaves.0.iter().flat_map(|hash| hash.0).collect();
    let mut bundle = Vec::new();
    assert!((0..256).all(|n| push_entry(&mut bundle, entry(n).as_bytes())));
    for width in [1u16, 17, 255] {
        let tile = Tile { kind: TileKind::Hashes(0), index: 0, width };
        assert_eq!(tile.full().to_string(), "tile/0/000");
        assert_eq!(tile.cut(&hashes).unwrap(), &hashes[..usize::from(width) * 32]);
        let tile = Tile { kind: TileKind::Entries, ..tile };
        assert_eq!(split_bundle(tile.cut(&bundle).unwrap()).unwrap().len(), usize::from(width));
    }
    let tile = Tile { kind: TileKind::Hashes(0), index: 0, width: 17 };
    assert_eq!(tile.cut(&hashes[..16 * 32]), None, "too short");
    assert_eq!(tile.cut(&hashes[..17 * 32 + 1]), None, "ragged");
    assert_eq!(tile.cut(&[&hashes[..], &[0; 32]].concat()), None, "wider than a tile");
    let tile = Tile { kind: TileKind::Entries, ..tile };
    assert_eq!(tile.cut(&bundle[..40]), None, "too few entries");
}

#[test]
fn entries_have_0_to_65535_bytes() {
    for (length, fits) in [(0usize, true), (65_535, true), (65_536, false)] {
        let mut bundle = Vec::new();
        assert_eq!(push_entry(&mut bundle, &vec![7; length]), fits);
        let entries = split_bundle(&bundle).unwrap();
        assert_eq!(entries.len(), usize::from(fits));
        assert!(entries.iter().all(|entry| entry.len() == length));
    }
}

#[test]
fn bytes_behind_the_last_entry_and_a_257th_entry_are_refused() {
    let mut bundle = Vec::new();
    assert!((0..256).all(|n| push_entry(&mut bundle, entry(n).as_bytes())));
    assert_eq!(split_bundle(&bundle).unwrap().len(), 256);
    assert_eq!(split_bundle(&[&bundle[..], &[0]].concat()), None);
    assert!(push_entry(&mut bundle, b""));
    assert_eq!(split_bundle(&bundle), None);
}

#[test]
fn a_path_that_is_too_long_or_too_short_proves_nothing() {
    let leaves = Leaves::numbered(100);
    let root = range_hash(&leaves, 0, 100).unwrap();
    for index in [0u64, 63, 64, 99] {
        let leaf = leaf_hash(entry(index).as_bytes());
        let good = inclusion_proof(&leaves, index, 100).unwrap();
        assert_eq!(verify_inclusion(index, 100, &leaf, &root, &good), Ok(()));
        let long = [&good[..], &[root]].concat();
        assert_eq!(verify_inclusion(index, 100, &leaf, &root, &long), Err(ProofError::WrongLength));
        let short = &good[..good.len() - 1];
        assert_eq!(verify_inclusion(index, 100, &leaf, &root, short), Err(ProofError::WrongLength));
        assert_eq!(verify_inclusion(index, 100, &leaf, &root, &vec![root; 64]), Err(ProofError::WrongLength));
    }
}

#[test]
fn an_index_at_or_beyond_the_size_is_refused() {
    let leaves = Leaves::numbered(4);
    let root = range_hash(&leaves, 0, 4).unwrap();
    for (index, size) in [(4u64, 4u64), (5, 4), (0, 0), (u64::MAX, 4), (u64::MAX, u64::MAX)] {
        assert_eq!(verify_inclusion(index, size, &root, &root, &[]), Err(ProofError::BadRange), "{index} of {size}");
    }
    assert_eq!(inclusion_proof(&leaves, 4, 4).unwrap(), []);
}

#[test]
fn nothing_is_a_beginning_of_every_tree_and_takes_no_proof() {
    let leaves = Leaves::numbered(4);
    let root = range_hash(&leaves, 0, 4).unwrap();
    assert_eq!(verify_consistency(0, 4, &empty_root(), &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, 4, &root, &root, &[]), Err(ProofError::WrongHash));
    assert_eq!(verify_consistency(0, 4, &empty_root(), &root, &[root]), Err(ProofError::WrongLength));
    assert_eq!(verify_consistency(0, 0, &empty_root(), &empty_root(), &[]), Ok(()));
    assert_eq!(verify_consistency(0, 0, &root, &root, &[]), Err(ProofError::WrongHash));
    assert_eq!(verify_consistency(5, 4, &root, &root, &[]), Err(ProofError::BadRange));
}

#[test]
fn the_same_size_takes_the_same_root_and_no_proof() {
    let leaves = Leaves::numbered(4);
    let root = range_hash(&leaves, 0, 4).unwrap();
    assert_eq!(verify_consistency(4, 4, &root, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(4, 4, &root, &root, &[root]), Err(ProofError::WrongLength));
    assert_eq!(verify_consistency(4, 4, &empty_root(), &root, &[]), Err(ProofError::WrongHash));
    assert_eq!(consistency_proof(&leaves, 4, 4).unwrap(), []);
}

#[test]
fn a_proof_file_has_one_spelling() {
    let (log, leaves) = (Signer::new("log.example/a", 1), Leaves::numbered(70));
    let hashes = inclusion_proof(&leaves, 5, 70).unwrap();
    let file = TlogProof { index: 5, hashes: hashes.clone(), checkpoint: log.checkpoint(&leaves, 70) }.to_string();
    let verify =
        |file: &str| TlogProof::parse(file.as_bytes())?.verify(entry(5).as_bytes(), std::slice::from_ref(&log.log));
    assert_eq!(verify(&file).unwrap().index(), 5);
    assert_eq!(verify(&file.replace("\nindex", "\nextra AAAA\nindex")).unwrap().index(), 5);
    let first = sealbook_core::note::encode_base64(&hashes[0].0);
    let double = sealbook_core::note::encode_base64(&[7; 64]);
    for bad in [
        file.replace("@v1", "@v2"),
        file.replace("index 5", "index 05"),
        file.replace("index 5", "index -5"),
        file.replace("index 5", "index five"),
        file.replace("index 5\n", ""),
        file.replace("index 5", "index 5 "),
        file.replace(&first, &first.replace('=', "")),
        file.replace(&first, &double),
        file.replace("\nindex", "\nextra !\nindex"),
        file.replace("\nindex", "\nother AAAA\nindex"),
        file.replace(&first, &format!("{first}\n{first}").repeat(40)),
        file.replacen("\n\n", "\n", 1),
    ] {
        assert!(matches!(verify(&bad), Err(TlogProofError::Malformed(_) | TlogProofError::Checkpoint(_))), "{bad}");
    }
    assert!(matches!(verify(&file.replace("index 5", "index 6")), Err(TlogProofError::NotIncluded(_))));
}
