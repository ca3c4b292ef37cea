//! Roots, inclusion and consistency proofs, right and wrong, and tiles. Leaf n is the text `leaf n`.

use sealbook_core::hash::{TreeHash, hex, sha256};
use sealbook_core::tile::{Tile, TileKind, push_entry};
use sealbook_core::tree::{
    Nodes as _, consistency_proof, inclusion_proof, range_hash, verify_consistency, verify_inclusion,
};
use serde_json::{Value, json};

use crate::support::{Leaves, entry};

fn texts(hashes: &[TreeHash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

fn inclusion(index: u64, size: u64, leaf: TreeHash, root: TreeHash, path: &[TreeHash]) -> Value {
    let holds = verify_inclusion(index, size, &leaf, &root, path).is_ok();
    json!({ "index": index, "size": size, "leaf": leaf.to_string(), "root": root.to_string(), "path": texts(path), "holds": holds })
}

fn consistency(old: u64, new: u64, old_root: TreeHash, root: TreeHash, path: &[TreeHash]) -> Value {
    let holds = verify_consistency(old, new, &old_root, &root, path).is_ok();
    json!({ "old": old, "new": new, "old_root": old_root.to_string(), "root": root.to_string(), "path": texts(path), "holds": holds })
}

fn inclusions(leaves: &Leaves) -> Vec<Value> {
    let mut all = Vec::new();
    for (index, size) in
        [(0u64, 1u64), (0, 2), (1, 2), (2, 3), (5, 8), (6, 7), (255, 256), (256, 257), (0, 600), (599, 600)]
    {
        let (leaf, root) = (leaves.0[index as usize], range_hash(leaves, 0, size).unwrap());
        let path = inclusion_proof(leaves, index, size).unwrap();
        all.push(inclusion(index, size, leaf, root, &path));
        all.push(inclusion(size, size, leaf, root, &path));
        all.push(inclusion(index, size, root, leaf, &[&path[..], &[root]].concat()));
        if let Some((_, short)) = path.split_last() {
            all.push(inclusion(index, size, leaf, root, short));
        }
    }
    all
}

fn consistencies(leaves: &Leaves) -> Vec<Value> {
    let mut all = Vec::new();
    for (old, new) in
        [(0u64, 5u64), (1, 1), (1, 2), (2, 5), (6, 8), (4, 8), (255, 256), (256, 600), (257, 600), (512, 513)]
    {
        let (a, b) = (range_hash(leaves, 0, old).unwrap(), range_hash(leaves, 0, new).unwrap());
        let path = consistency_proof(leaves, old, new).unwrap();
        all.push(consistency(old, new, a, b, &path));
        all.push(consistency(old, new, leaves.0[9], b, &path));
        all.push(consistency(old, new, a, b, &[&path[..], &[b]].concat()));
        if old < new {
            all.push(consistency(new, old, b, a, &path));
        }
    }
    all
}

fn tile_bytes(leaves: &Leaves, tile: &Tile) -> Vec<u8> {
    let places = tile.index * 256..tile.index * 256 + u64::from(tile.width);
    match tile.kind {
        TileKind::Entries => {
            let mut bundle = Vec::new();
            assert!(places.into_iter().all(|n| push_entry(&mut bundle, entry(n).as_bytes())));
            bundle
        }
        TileKind::Hashes(level) => places.flat_map(|n| leaves.node(u32::from(level) * 8, n).unwrap().0).collect(),
    }
}

pub fn vectors() -> Value {
    let leaves = Leaves::numbered(600);
    let roots: Vec<_> = [0u64, 1, 2, 3, 4, 5, 6, 7, 8, 255, 256, 257, 511, 512, 600]
        .into_iter()
        .map(|size| json!({ "size": size, "root": range_hash(&leaves, 0, size).unwrap().to_string() }))
        .collect();
    let (inclusion, consistency) = (inclusions(&leaves), consistencies(&leaves));
    let held = |all: &[Value]| all.iter().filter(|v| v["holds"] == true).count();
    assert_eq!((held(&inclusion), held(&consistency)), (10, 10), "as many as are right by construction");
    let tiles: Vec<_> = [1u64, 255, 256, 257, 600]
        .into_iter()
        .map(|size| {
            let of =
                |tile: Tile| json!({ "path": tile.to_string(), "sha256": hex(&sha256(&tile_bytes(&leaves, &tile))) });
            json!({ "size": size, "tiles": Tile::all(size).map(of).collect::<Vec<_>>() })
        })
        .collect();
    let paths: Vec<_> = [0u64, 999, 1000, 999_999, 1_000_000, 1_234_067]
        .into_iter()
        .map(|index| {
            let tile = Tile { kind: TileKind::Hashes(0), index, width: 7 };
            json!({ "index": index, "full": tile.full().to_string(), "partial": tile.to_string() })
        })
        .collect();
    json!({ "roots": roots, "inclusion": inclusion, "consistency": consistency, "tiles": tiles, "paths": paths })
}
