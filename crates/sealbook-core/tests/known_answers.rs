//! Known answers of other implementations: Merkle proofs, tiles, checkpoints, proof files.
//! Needs `../shared/specs/vectors` beside the repository; where it is absent, that is said and nothing is tested.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod support;

use std::fs;
use std::path::Path;

use sealbook_core::checkpoint::verify;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{Note, VerifierKey};
use sealbook_core::proof::TlogProof;
use sealbook_core::tile::{Tile, TileKind, split_bundle};
use sealbook_core::tree::{
    Frontier, Nodes, consistency_proof, empty_root, inclusion_proof, leaf_hash, range_hash, verify_consistency,
    verify_inclusion, verify_subtree,
};
use serde_json::Value;
use support::Leaves;
use support::vectors::{entry_of_600, files, hash, hashes, json, vectors};

/// Every file of the known answers, by the test that uses it: first part of the path, files, use.
const USED: [(&str, usize, &str); 11] = [
    ("merkle-proofs/", 518, "every_merkle_vector_is_judged_as_its_author_does"),
    ("generated/kat.json", 1, "a_log_of_six_hundred_entries…, receipts_of_another_implementation…"),
    ("generated/leaf", 4, "a_log_of_six_hundred_entries…"),
    ("generated/log600/", 27, "a_log_of_six_hundred_entries…"),
    ("generated/log_pub.pem", 1, "receipts_of_another_implementation…"),
    ("generated/mldsa44", 1, "a_cosignature_by_a_kind_of_key_that_is_not_known_here_is_passed_over"),
    ("tessera-l", 48, "checkpoints_tiles_and_a_proof_of_another_log_are_accepted"),
    ("witness-http/", 2, "requests_to_a_real_witness_are_judged_as_it_did"),
    ("sunlight-log/", 23, "cosignatures_of_a_real_witness…; tiles and log keys are of kinds that are not ours"),
    ("rfc9942/", 6, "the_examples_of_the_specification…; the texts describe the two receipts"),
    ("", 631, "in all"),
];

#[test]
fn every_known_answer_is_used() {
    let Some(dir) = vectors() else { return };
    let all = files(&dir);
    let names: Vec<_> = all.iter().map(|path| path.strip_prefix(&dir).unwrap().to_str().unwrap()).collect();
    for (prefix, count, by) in USED {
        assert_eq!(names.iter().filter(|name| name.starts_with(prefix)).count(), count, "{prefix}: {by}");
    }
    let sum: usize = USED.iter().filter(|(prefix, ..)| !prefix.is_empty()).map(|(_, count, _)| count).sum();
    assert_eq!(sum, all.len());
}

/// The verdict on one vector; nothing where it holds what no hash type can.
fn judge(kind: &str, v: &Value) -> Option<bool> {
    let number = |name: &str| v[name].as_u64().unwrap();
    let proof = hashes(&v["proof"])?;
    let two = |a: &str, b: &str| Some((hash(&v[a])?, hash(&v[b])?));
    Some(match kind {
        "inclusion" => {
            let (leaf, root) = two("leafHash", "root")?;
            verify_inclusion(number("leafIdx"), number("treeSize"), &leaf, &root, &proof).is_ok()
        }
        "consistency" => {
            let (old, new) = two("root1", "root2")?;
            verify_consistency(number("size1"), number("size2"), &old, &new, &proof).is_ok()
        }
        "subtreeconsistency" => {
            let (old, new) = two("root1", "root2")?;
            verify_subtree(number("start"), number("end"), number("size"), &old, &new, &proof).is_ok()
        }
        _ => {
            let (leaf, root) = two("leafHash", "root")?;
            let (index, start, end) = (number("leafIdx"), number("start"), number("end"));
            let width = end.checked_sub(start)?;
            let aligned = start <= index && start.is_multiple_of(width.checked_next_power_of_two()?);
            aligned && verify_inclusion(index - start, width, &leaf, &root, &proof).is_ok()
        }
    })
}

#[test]
fn every_merkle_vector_is_judged_as_its_author_does() {
    let Some(dir) = vectors() else { return };
    let mut counts = Vec::new();
    for kind in ["inclusion", "consistency", "subtreeinclusion", "subtreeconsistency"] {
        let (mut held, mut refused, mut unrepresentable, mut from_nothing) = (0, 0, 0, 0);
        for path in files(&dir.join("merkle-proofs").join(kind)) {
            let v = json(&path);
            let should_hold = !v["wantErr"].as_bool().unwrap();
            // The author refuses an empty old tree outright; here it is a prefix of every tree (as the witness protocol has it).
            let empty_old = kind == "consistency" && v["size1"] == 0 && hash(&v["root1"]) == Some(empty_root());
            // Some vectors hold texts for hashes, which no hash type can: those are refused before any proof is looked at.
            match judge(kind, &v) {
                None => {
                    assert!(!should_hold, "{}", path.display());
                    unrepresentable += 1;
                }
                Some(_) if empty_old && !should_hold => from_nothing += 1,
                Some(found) => {
                    assert_eq!(found, should_hold, "{}: {}", path.display(), v["desc"]);
                    if found { held += 1 } else { refused += 1 }
                }
            }
        }
        counts.push((kind, held, refused, unrepresentable, from_nothing));
    }
    assert_eq!(
        counts,
        [
            ("inclusion", 6, 66, 26, 0),
            ("consistency", 6, 72, 16, 4),
            ("subtreeinclusion", 12, 138, 54, 0),
            ("subtreeconsistency", 12, 90, 16, 0)
        ]
    );
}

#[test]
fn a_log_of_six_hundred_entries_gives_the_known_roots_proofs_and_tiles() {
    let Some(dir) = vectors() else { return };
    let kat = json(&dir.join("generated/kat.json"));
    let leaves = Leaves((0..600).map(|n| leaf_hash(entry_of_600(n).as_bytes())).collect());
    let key = VerifierKey::parse(kat["log_vkey"].as_str().unwrap()).unwrap();
    let witness = VerifierKey::parse(kat["witness_vkey"].as_str().unwrap()).unwrap();
    let roots = kat["roots_b64"].as_object().unwrap();
    for (size, root) in roots {
        assert_eq!(range_hash(&leaves, 0, size.parse().unwrap()).unwrap(), hash(root).unwrap(), "size {size}");
        let note = fs::read(dir.join(format!("generated/log600/checkpoint.{size}"))).unwrap();
        let checkpoint = verify(&note, std::slice::from_ref(&key)).unwrap();
        assert_eq!((checkpoint.size.to_string(), Some(checkpoint.root)), (size.clone(), hash(root)));
    }
    assert_eq!(hash(&kat["empty_root_b64"]).unwrap(), empty_root());
    let (inclusion, consistency) = (kat["inclusion"].as_array().unwrap(), kat["consistency"].as_array().unwrap());
    assert_eq!((roots.len(), inclusion.len(), consistency.len()), (8, 39, 36));
    for v in inclusion {
        let proof = inclusion_proof(&leaves, v["index"].as_u64().unwrap(), v["size"].as_u64().unwrap()).unwrap();
        assert_eq!(proof, hashes(&v["path"]).unwrap(), "{v}");
    }
    for v in consistency {
        let proof = consistency_proof(&leaves, v["old"].as_u64().unwrap(), v["new"].as_u64().unwrap()).unwrap();
        assert_eq!(proof, hashes(&v["path"]).unwrap(), "{v}");
    }
    for index in [0u64, 255, 256, 599] {
        let file = fs::read(dir.join(format!("generated/leaf{index}.tlog-proof"))).unwrap();
        let proof = TlogProof::parse(&file).unwrap();
        assert_eq!(proof.to_string().as_bytes(), file);
        let included = proof.verify(entry_of_600(index).as_bytes(), &[key.clone(), witness.clone()]).unwrap();
        assert_eq!((included.index(), included.checkpoint().size), (index, 600));
        assert!(proof.verify(entry_of_600(index + 1).as_bytes(), std::slice::from_ref(&key)).is_err());
    }
    let cut: Vec<Tile> = [1, 2, 3, 255, 256, 257, 512, 600].into_iter().flat_map(Tile::all).collect();
    check_tiles(&dir.join("generated/log600"), &cut, &leaves);
}

fn check_tiles(dir: &Path, tiles: &[Tile], leaves: &Leaves) {
    for tile in tiles {
        let bytes = fs::read(dir.join(tile.to_string())).unwrap_or_else(|e| panic!("{tile}: {e}"));
        assert_eq!(tile.cut(&bytes), Some(&bytes[..]), "{tile}");
        let first = tile.index * 256;
        match tile.kind {
            TileKind::Entries => {
                for (at, entry) in split_bundle(&bytes).unwrap().iter().enumerate() {
                    assert_eq!(leaf_hash(entry), leaves.0[first as usize + at]);
                }
            }
            TileKind::Hashes(level) => {
                for (at, hash) in bytes.chunks(32).enumerate() {
                    assert_eq!(leaves.node(u32::from(level) * 8, first + at as u64).unwrap().0, hash, "{tile}");
                }
            }
        }
    }
}

#[test]
fn checkpoints_tiles_and_a_proof_of_another_log_are_accepted() {
    let Some(dir) = vectors() else { return };
    let key =
        VerifierKey::parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx").unwrap();
    let words = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten";
    let leaves: Vec<TreeHash> = words.split(' ').map(|word| leaf_hash(word.as_bytes())).collect();
    let mut frontier = Frontier::default();
    let note = |n: u64| fs::read(dir.join(format!("tessera-log/checkpoint.{n}"))).unwrap();
    let checkpoint = |n| verify(&note(n), std::slice::from_ref(&key)).unwrap();
    assert_eq!((checkpoint(0).size, checkpoint(0).root), (0, empty_root()));
    for (n, leaf) in (1..).zip(&leaves) {
        frontier.append(*leaf, |_, _, _| {});
        assert_eq!((checkpoint(n).size, checkpoint(n).root), (n, frontier.root()));
    }
    assert_eq!(Note::parse(&fs::read(dir.join("tessera-log/checkpoint")).unwrap()), Note::parse(&note(15)));
    let tiles: Vec<Tile> = (1..=15).flat_map(Tile::all).collect();
    assert_eq!(tiles.len(), 30);
    check_tiles(&dir.join("tessera-log"), &tiles, &Leaves(leaves));
    let proof = TlogProof::parse(&fs::read(dir.join("tessera-leaf7.tlog-proof")).unwrap()).unwrap();
    let word = words.split(' ').nth(proof.index as usize).unwrap();
    proof.verify(word.as_bytes(), &[key]).unwrap();
}
