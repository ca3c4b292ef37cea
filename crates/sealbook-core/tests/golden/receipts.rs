//! COSE receipts of both kinds, right and wrong, and the checkpoints that tell where they stand.

use sealbook_core::checkpoint::verify;
use sealbook_core::hash::hex;
use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::{Receipt, UnsignedReceipt};
use sealbook_core::tree::{consistency_proof, inclusion_proof};
use serde_json::{Value, json};

use crate::support::{Leaves, Signer, entry};

const ORIGIN: &str = "ledger.example/a";

fn inclusion(leaves: &Leaves, signer: &Signer, index: u64, size: u64) -> (Value, Vec<u8>) {
    let checkpoint = signer.checkpoint(leaves, size);
    let hashes = inclusion_proof(leaves, index, size).unwrap();
    let proof = TlogProof { index, hashes, checkpoint: checkpoint.clone() };
    let unsigned = UnsignedReceipt::inclusion(&signer.log, "alice", entry(index).as_bytes(), &proof).unwrap();
    let bytes = unsigned.signed(&signer.sign(unsigned.message()));
    let case = json!({
        "receipt": hex(&bytes), "entry": hex(entry(index).as_bytes()), "key": signer.log.to_string(),
        "issuer": ORIGIN, "subject": "alice", "checkpoint": checkpoint, "index": index, "size": size, "holds": true,
    });
    (case, bytes)
}

fn wrong(good: &[u8], signer: &Signer) -> Vec<Value> {
    let sign = good.len() - 64;
    let mut flipped = good.to_vec();
    flipped[sign] ^= 1;
    let mut other_tag = good.to_vec();
    other_tag[0] = 0xd1;
    let mut attached = good[..sign - 3].to_vec();
    attached.push(0x40);
    attached.extend_from_slice(&good[sign - 2..]);
    let other_entry = hex(b"another entry");
    let key = signer.log.to_string();
    let other_key = Signer::new(ORIGIN, 5).log.to_string();
    let this = hex(entry(3).as_bytes());
    [
        ("signature", hex(&flipped), this.clone(), key.clone()),
        ("tag", hex(&other_tag), this.clone(), key.clone()),
        ("attached payload", hex(&attached), this.clone(), key.clone()),
        ("trailing byte", hex(&[good, &[0]].concat()), this.clone(), key.clone()),
        ("cut", hex(&good[..good.len() - 1]), this.clone(), key.clone()),
        ("entry", hex(good), other_entry, key),
        ("key", hex(good), this, other_key),
    ]
    .into_iter()
    .map(|(name, receipt, entry, key)| json!({ "name": name, "receipt": receipt, "entry": entry, "key": key, "holds": false }))
    .collect()
}

pub fn vectors() -> Value {
    let (leaves, signer) = (Leaves::numbered(600), Signer::new(ORIGIN, 1));
    let mut inclusions = Vec::new();
    for (index, size) in [(0u64, 2u64), (0, 5), (3, 5), (6, 7), (256, 257), (599, 600)] {
        inclusions.push(inclusion(&leaves, &signer, index, size).0);
    }
    let (_, good) = inclusion(&leaves, &signer, 3, 5);
    for case in wrong(&good, &signer) {
        let bytes = crate::support::vectors::unhex(&case["receipt"]);
        let key = sealbook_core::note::VerifierKey::parse(case["key"].as_str().unwrap()).unwrap();
        let entry = crate::support::vectors::unhex(&case["entry"]);
        assert!(Receipt::parse(&bytes).and_then(|receipt| receipt.verify_inclusion(&entry, &[key])).is_err(), "{case}");
        inclusions.push(case);
    }
    json!({ "inclusion": inclusions, "consistency": consistencies(&leaves, &signer) })
}

fn consistencies(leaves: &Leaves, signer: &Signer) -> Vec<Value> {
    let note = |size| signer.checkpoint(leaves, size);
    let checkpoint = |size| verify(note(size).as_bytes(), std::slice::from_ref(&signer.log)).unwrap();
    let mut all = Vec::new();
    for (old, new) in [(1u64, 2u64), (3, 5), (4, 8), (256, 600)] {
        let path = consistency_proof(leaves, old, new).unwrap();
        let unsigned = UnsignedReceipt::consistency(&signer.log, &checkpoint(old), &checkpoint(new), &path).unwrap();
        let bytes = unsigned.signed(&signer.sign(unsigned.message()));
        // Once from the tree that it is about, once from another.
        for from in [old, 7] {
            let old_root = checkpoint(from).root;
            let read = Receipt::parse(&bytes).unwrap();
            let holds = read.verify_consistency(&old_root, std::slice::from_ref(&signer.log)).is_ok();
            assert_eq!(holds, from == old);
            all.push(json!({
                "receipt": hex(&bytes), "old_root": old_root.to_string(), "root": checkpoint(new).root.to_string(),
                "key": signer.log.to_string(), "old": old, "new": new, "holds": holds,
            }));
        }
    }
    all
}
