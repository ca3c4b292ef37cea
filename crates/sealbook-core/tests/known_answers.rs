//! Known answers of other implementations: Merkle proofs, notes, checkpoints, tiles, proof files.
//! Needs `../shared/specs/vectors` beside the repository; where it is absent, that is said and nothing is tested.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use sealbook_core::checkpoint::verify;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, decode_base64};
use sealbook_core::proof::TlogProof;
use sealbook_core::tile::{Tile, TileKind, split_bundle};
use sealbook_core::tree::{
    Frontier, Nodes, consistency_proof, empty_root, inclusion_proof, leaf_hash, node_hash, range_hash,
    verify_consistency, verify_inclusion, verify_subtree,
};
use serde_json::Value;

fn vectors() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs/vectors");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: no known answers beside the repository (../shared/specs/vectors)");
    None
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A hash, or nothing where the vector holds one of the wrong length on purpose.
fn hash(value: &Value) -> Option<TreeHash> {
    Some(TreeHash(decode_base64(value.as_str()?)?.try_into().ok()?))
}

fn hashes(value: &Value) -> Option<Vec<TreeHash>> {
    value.as_array().map_or(Some(Vec::new()), |list| list.iter().map(hash).collect())
}

#[test]
fn every_merkle_vector_is_judged_as_its_author_does() {
    let Some(dir) = vectors() else { return };
    let (mut judged, mut unrepresentable) = (0, 0);
    for kind in ["inclusion", "consistency", "subtreeinclusion", "subtreeconsistency"] {
        for path in files(&dir.join("merkle-proofs").join(kind)) {
            let v = json(&path);
            let number = |name: &str| v[name].as_u64().unwrap();
            let holds = || {
                let proof = hashes(&v["proof"])?;
                Some(match kind {
                    "inclusion" => verify_inclusion(
                        number("leafIdx"),
                        number("treeSize"),
                        &hash(&v["leafHash"])?,
                        &hash(&v["root"])?,
                        &proof,
                    )
                    .is_ok(),
                    "consistency" => verify_consistency(
                        number("size1"),
                        number("size2"),
                        &hash(&v["root1"])?,
                        &hash(&v["root2"])?,
                        &proof,
                    )
                    .is_ok(),
                    "subtreeconsistency" => verify_subtree(
                        number("start"),
                        number("end"),
                        number("size"),
                        &hash(&v["root1"])?,
                        &hash(&v["root2"])?,
                        &proof,
                    )
                    .is_ok(),
                    _ => {
                        let (index, start, end) = (number("leafIdx"), number("start"), number("end"));
                        let width = end.checked_sub(start)?;
                        start <= index
                            && start.is_multiple_of(width.checked_next_power_of_two()?)
                            && verify_inclusion(
                                index - start,
                                width,
                                &hash(&v["leafHash"])?,
                                &hash(&v["root"])?,
                                &proof,
                            )
                            .is_ok()
                    }
                })
            };
            let should_hold = !v["wantErr"].as_bool().unwrap();
            // The author refuses an empty old tree outright; here it is a prefix of every tree (as the witness protocol has it).
            let from_nothing = kind == "consistency" && number("size1") == 0 && hash(&v["root1"]) == Some(empty_root());
            // Some vectors hold texts for hashes, which no hash type can: those are refused before any proof is looked at.
            match holds() {
                None => unrepresentable += 1,
                Some(_) if from_nothing && !should_hold => {}
                Some(held) => assert_eq!(held, should_hold, "{}: {}", path.display(), v["desc"]),
            }
            judged += 1;
        }
    }
    assert!(judged > 500 && unrepresentable < judged / 3, "{judged}, {unrepresentable}");
}

/// The tree over given leaves, for proofs.
struct Leaves(Vec<TreeHash>);

impl Nodes for Leaves {
    type Error = Infallible;
    fn node(&self, level: u32, index: u64) -> Result<TreeHash, Infallible> {
        if level == 0 {
            return Ok(self.0[index as usize]);
        }
        Ok(node_hash(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?))
    }
}

#[test]
fn a_log_of_six_hundred_entries_gives_the_known_roots_proofs_and_tiles() {
    let Some(dir) = vectors() else { return };
    let kat = json(&dir.join("generated/kat.json"));
    let entry = |n: u64| format!("{{\"seq\":{n},\"type\":\"access_decision\",\"nhi\":\"svc-{:03}\"}}", n % 7);
    let leaves = Leaves((0..600).map(|n| leaf_hash(entry(n).as_bytes())).collect());
    for (size, root) in kat["roots_b64"].as_object().unwrap() {
        assert_eq!(range_hash(&leaves, 0, size.parse().unwrap()).unwrap(), hash(root).unwrap(), "size {size}");
    }
    for v in kat["inclusion"].as_array().unwrap() {
        let proof = inclusion_proof(&leaves, v["index"].as_u64().unwrap(), v["size"].as_u64().unwrap()).unwrap();
        assert_eq!(proof, hashes(&v["path"]).unwrap(), "{v}");
    }
    for v in kat["consistency"].as_array().unwrap() {
        let proof = consistency_proof(&leaves, v["old"].as_u64().unwrap(), v["new"].as_u64().unwrap()).unwrap();
        assert_eq!(proof, hashes(&v["path"]).unwrap(), "{v}");
    }
    let key = VerifierKey::parse(kat["log_vkey"].as_str().unwrap()).unwrap();
    let witness = VerifierKey::parse(kat["witness_vkey"].as_str().unwrap()).unwrap();
    for index in [0u64, 255, 256, 599] {
        let file = fs::read(dir.join(format!("generated/leaf{index}.tlog-proof"))).unwrap();
        let proof = TlogProof::parse(&file).unwrap();
        assert_eq!(proof.to_string().as_bytes(), file);
        let included = proof.verify(entry(index).as_bytes(), &[key.clone(), witness.clone()]).unwrap();
        assert_eq!((included.index(), included.checkpoint().size), (index, 600));
        proof.verify(entry(index).as_bytes(), std::slice::from_ref(&witness)).unwrap();
        assert!(proof.verify(entry(index + 1).as_bytes(), std::slice::from_ref(&key)).is_err());
    }
    check_tiles(&dir.join("generated/log600"), 600, &leaves);
}

fn check_tiles(dir: &Path, size: u64, leaves: &Leaves) {
    for tile in Tile::all(size) {
        let bytes = fs::read(dir.join(tile.to_string())).unwrap_or_else(|e| panic!("{tile}: {e}"));
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
fn checkpoints_and_a_proof_of_another_log_are_accepted() {
    let Some(dir) = vectors() else { return };
    let key =
        VerifierKey::parse("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx").unwrap();
    let words = "one two three four five six seven eit nain ten ileven twelf threeten fourten fivten";
    let mut frontier = Frontier::default();
    for (n, word) in (1..).zip(words.split(' ')) {
        frontier.append(leaf_hash(word.as_bytes()), |_, _, _| {});
        let note = fs::read(dir.join(format!("tessera-log/checkpoint.{n}"))).unwrap();
        let checkpoint = verify(&note, std::slice::from_ref(&key)).unwrap();
        assert_eq!((checkpoint.size, checkpoint.root), (n, frontier.root()));
    }
    let proof = TlogProof::parse(&fs::read(dir.join("tessera-leaf7.tlog-proof")).unwrap()).unwrap();
    let word = words.split(' ').nth(proof.index as usize).unwrap();
    proof.verify(word.as_bytes(), &[key]).unwrap();
}
