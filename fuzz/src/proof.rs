//! Proof files, receipts, tile paths and entry bundles.

use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::Receipt;
use sealbook_core::tile::{Tile, push_entry, split_bundle};

use crate::bounds::{bounded, same};
use crate::samples;

/// Everything that a client reads to check one entry.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        match TlogProof::parse(data) {
            Ok(proof) => parsed(&proof, data),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        match Receipt::parse(data) {
            Ok(receipt) => received(&receipt),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        if let Some(entries) = split_bundle(data) {
            let mut again = Vec::new();
            assert!(entries.iter().all(|entry| push_entry(&mut again, entry)));
            same(&again, data, "bundle");
        }
        if let Some(tile) = core::str::from_utf8(data).ok().and_then(Tile::parse) {
            same(tile.to_string().as_bytes(), data, "path of a tile");
            assert!((1..=256).contains(&tile.width));
        }
    });
}

fn parsed(proof: &TlogProof, data: &[u8]) {
    let again = proof.to_string();
    let line = data.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    if line.starts_with(b"extra ") {
        assert_eq!(TlogProof::parse(again.as_bytes()).as_ref(), Ok(proof));
    } else {
        same(again.as_bytes(), data, "proof");
    }
    // Nothing is proven but what stands in the ledger, and only at its own place.
    let ledger = samples::ledger();
    let keys = [samples::signer().verifier()];
    for (index, entry) in ledger.entries.iter().enumerate() {
        if let Ok(included) = proof.verify(entry, &keys) {
            assert_eq!(included.index(), index as u64);
            assert!(included.checkpoint().size > included.index());
        }
    }
    assert!(proof.verify(b"no entry of the ledger", &keys).is_err());
}

/// A receipt shows only what the ledger signed; with the checkpoint, only the entry's own place.
fn received(receipt: &Receipt) {
    let ledger = samples::ledger();
    let keys = [samples::signer().verifier()];
    let (old, new) = (samples::checkpoint(1), samples::checkpoint(2));
    for (index, entry) in ledger.entries.iter().enumerate() {
        if let Ok(signed) = receipt.verify_inclusion(entry, &keys) {
            assert_eq!(signed.root(), new.root);
            if let Ok(included) = signed.at(&new) {
                assert_eq!(included.index(), index as u64);
            }
            assert!(signed.at(&old).is_err());
        }
    }
    assert!(receipt.verify_inclusion(b"no entry of the ledger", &keys).is_err());
    if let Ok(growth) = receipt.verify_consistency(&old.root, &keys) {
        assert_eq!(growth.root(), new.root);
        if let Ok(sizes) = growth.between(&old, &new) {
            assert_eq!(sizes, (old.size, new.size));
        }
    }
}
