//! COSE receipts (RFC 9942): what is written verifies, everything else is refused, and nobody learns a position from one.
#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use sealbook_core::cbor::Writer;
use sealbook_core::checkpoint::{VerifiedCheckpoint, verify};
use sealbook_core::hash::TreeHash;
use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::{Receipt, ReceiptError, UnsignedReceipt};
use sealbook_core::tree::{consistency_proof, inclusion_proof, range_hash};
use support::{Leaves, Signer, entry};

const ORIGIN: &str = "log.example/a";

fn log() -> Signer {
    Signer::new(ORIGIN, 1)
}

fn checkpoint(size: u64) -> VerifiedCheckpoint {
    verify(log().checkpoint(&Leaves::numbered(20), size).as_bytes(), &[log().log]).unwrap()
}

fn proof(index: u64, size: u64) -> TlogProof {
    let leaves = Leaves::numbered(20);
    TlogProof {
        index,
        hashes: inclusion_proof(&leaves, index, size).unwrap(),
        checkpoint: log().checkpoint(&leaves, size),
    }
}

fn inclusion(index: u64, size: u64) -> Vec<u8> {
    let unsigned =
        UnsignedReceipt::inclusion(&log().log, "alice", entry(index).as_bytes(), &proof(index, size)).unwrap();
    unsigned.signed(&log().sign(unsigned.message()))
}

fn consistency(old: u64, new: u64) -> Vec<u8> {
    let hashes = consistency_proof(&Leaves::numbered(20), old, new).unwrap();
    let unsigned = UnsignedReceipt::consistency(&log().log, &checkpoint(old), &checkpoint(new), &hashes).unwrap();
    unsigned.signed(&log().sign(unsigned.message()))
}

/// The parts of a receipt, to be written wrongly.
struct Parts {
    protected: Vec<u8>,
    unprotected: Vec<u8>,
    payload: Vec<u8>,
    root: TreeHash,
}

fn map(pairs: &[(i64, &[u8])]) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(pairs.len());
    for (key, value) in pairs {
        w.int(*key);
        w.raw(value);
    }
    w.into_bytes()
}

fn bytes(content: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.bytes(content);
    w.into_bytes()
}

/// `[size, index, [hashes]]` with the first two as given.
fn path(first: &[u8], second: &[u8], hashes: &[TreeHash]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(3);
    w.raw(first);
    w.raw(second);
    w.array(hashes.len());
    hashes.iter().for_each(|hash| w.bytes(&hash.0));
    w.into_bytes()
}

fn proofs(kind: i64, paths: &[Vec<u8>]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(paths.len());
    paths.iter().for_each(|path| w.bytes(path));
    map(&[(kind, &w.into_bytes())])
}

const EDDSA: &[u8] = &[0x27];
const RFC9162: &[u8] = &[1];

impl Parts {
    /// Entry 3 of 5, as it should be.
    fn good() -> Self {
        let leaves = Leaves::numbered(5);
        let hashes = inclusion_proof(&leaves, 3, 5).unwrap();
        Self {
            protected: map(&[(1, EDDSA), (395, RFC9162)]),
            unprotected: map(&[(396, &proofs(-1, &[path(&[5], &[3], &hashes)]))]),
            payload: vec![0xf6],
            root: range_hash(&leaves, 0, 5).unwrap(),
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4);
        w.text("Signature1");
        w.bytes(&self.protected);
        w.bytes(&[]);
        w.bytes(&self.root.0);
        let signature = log().sign(&w.into_bytes());
        let mut w = Writer::new();
        w.tag(18);
        w.array(4);
        w.bytes(&self.protected);
        w.raw(&self.unprotected);
        w.raw(&self.payload);
        w.bytes(&signature);
        w.into_bytes()
    }

    fn judge(&self) -> Result<(), ReceiptError> {
        judge(&self.write())
    }
}

fn judge(receipt: &[u8]) -> Result<(), ReceiptError> {
    Receipt::parse(receipt)?.verify_inclusion(entry(3).as_bytes(), &[log().log]).map(|_| ())
}

fn refused(parts: &Parts, why: &str) {
    let error = parts.judge().unwrap_err();
    assert!(matches!(&error, ReceiptError::Malformed(problem) if problem.contains(why)), "{error}, not {why}");
}

#[test]
fn what_is_written_verifies_with_its_entry_and_key_only() {
    for (index, size) in [(0u64, 2u64), (1, 2), (0, 5), (3, 5), (4, 5), (6, 7), (19, 20)] {
        let receipt = Receipt::parse(&inclusion(index, size)).unwrap();
        let signed = receipt.verify_inclusion(entry(index).as_bytes(), &[log().log]).unwrap();
        assert_eq!((signed.root(), signed.key()), (checkpoint(size).root, &log().log));
        assert_eq!(signed.claims().issuer.as_deref(), Some(ORIGIN));
        assert_eq!(signed.claims().subject.as_deref(), Some("alice"));
        assert_eq!(receipt.verify_inclusion(b"another entry", &[log().log]), Err(ReceiptError::NotSigned));
        let other = Signer::new(ORIGIN, 2);
        assert_eq!(receipt.verify_inclusion(entry(index).as_bytes(), &[other.log]), Err(ReceiptError::NotSigned));
        let witness = log().witness;
        assert_eq!(receipt.verify_inclusion(entry(index).as_bytes(), &[witness]), Err(ReceiptError::NotSigned));
    }
}

#[test]
fn every_flipped_bit_of_a_receipt_is_refused() {
    let good = inclusion(3, 5);
    assert_eq!(judge(&good), Ok(()));
    let mut unbound = 0;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            if judge(&flipped).is_ok() {
                // Only size and index, which nobody believes: with the checkpoint they are refused as well.
                let signed =
                    Receipt::parse(&flipped).unwrap().verify_inclusion(entry(3).as_bytes(), &[log().log]).unwrap();
                assert!(
                    matches!(signed.at(&checkpoint(5)), Err(ReceiptError::Unbound(_) | ReceiptError::Proof(_))),
                    "byte {at}"
                );
                unbound += 1;
            }
        }
    }
    assert!(unbound <= 4, "{unbound}");
    for cut in 0..good.len() {
        assert!(Receipt::parse(&good[..cut]).is_err());
    }
}

/// A root does not commit to a size: the same hashes lead to it from other places of other sizes.
#[test]
fn a_receipt_verifies_with_other_positions_and_sizes_and_none_of_them_is_ever_told() {
    for (true_place, others) in
        [((0u64, 5u64), vec![(0u64, 6u64), (0, 7), (0, 8)]), ((6, 7), vec![(3, 4), (5, 6), (12, 13)])]
    {
        let leaves = Leaves::numbered(20);
        let (index, size) = true_place;
        let hashes = inclusion_proof(&leaves, index, size).unwrap();
        let entry = entry(index);
        for (other_index, other_size) in others {
            let lie = path(&[other_size as u8], &[other_index as u8], &hashes);
            let parts =
                Parts { unprotected: map(&[(396, &proofs(-1, &[lie]))]), root: checkpoint(size).root, ..Parts::good() };
            let receipt = Receipt::parse(&parts.write()).unwrap();
            let signed = receipt.verify_inclusion(entry.as_bytes(), &[log().log]).unwrap();
            assert_eq!(signed.root(), checkpoint(size).root, "the lie verifies");
            let shown = format!("{:?}", signed.at(&checkpoint(size)).unwrap_err());
            assert!(shown.contains("another size"), "{shown}");
            assert!(signed.at(&checkpoint(other_size)).is_err(), "the tree of that size has another root");
        }
        let signed = Receipt::parse(&inclusion(index, size)).unwrap();
        let signed = signed.verify_inclusion(entry.as_bytes(), &[log().log]).unwrap();
        let included = signed.at(&checkpoint(size)).unwrap();
        assert_eq!((included.index(), included.checkpoint().size), true_place);
    }
}

#[test]
fn a_position_is_told_only_with_a_checkpoint_of_the_same_ledger_and_root() {
    let receipt = Receipt::parse(&inclusion(3, 5)).unwrap();
    let signed = receipt.verify_inclusion(entry(3).as_bytes(), &[log().log]).unwrap();
    assert!(matches!(signed.at(&checkpoint(6)), Err(ReceiptError::Unbound("it is of another tree"))));
    let other = Signer::new("other.example/b", 1);
    let foreign = verify(other.checkpoint(&Leaves::numbered(5), 5).as_bytes(), &[other.log]).unwrap();
    assert!(matches!(signed.at(&foreign), Err(ReceiptError::Unbound("it is of another ledger than the key"))));
}

#[test]
fn a_consistency_receipt_shows_growth_and_its_sizes_only_with_both_checkpoints() {
    for (old, new) in [(1u64, 2u64), (3, 5), (4, 5), (5, 8), (8, 20), (7, 20)] {
        let receipt = Receipt::parse(&consistency(old, new)).unwrap();
        let grown = receipt.verify_consistency(&checkpoint(old).root, &[log().log]).unwrap();
        assert_eq!((grown.root(), grown.key()), (checkpoint(new).root, &log().log));
        assert_eq!(grown.between(&checkpoint(old), &checkpoint(new)), Ok((old, new)));
        assert!(grown.between(&checkpoint(old), &checkpoint(19)).is_err());
        assert!(grown.between(&checkpoint(new), &checkpoint(new)).is_err());
        assert!(receipt.verify_consistency(&checkpoint(13).root, &[log().log]).is_err());
        assert!(receipt.verify_inclusion(entry(0).as_bytes(), &[log().log]).is_err());
        assert!(
            Receipt::parse(&inclusion(3, 5)).unwrap().verify_consistency(&checkpoint(old).root, &[log().log]).is_err()
        );
    }
}

#[test]
fn nothing_is_signed_that_no_signed_checkpoint_says() {
    let forged = TlogProof { checkpoint: Signer::new(ORIGIN, 2).checkpoint(&Leaves::numbered(5), 5), ..proof(3, 5) };
    let refused = UnsignedReceipt::inclusion(&log().log, "alice", entry(3).as_bytes(), &forged);
    assert!(matches!(refused, Err(ReceiptError::Checkpoint(_))));
    let refused = UnsignedReceipt::inclusion(&log().log, "alice", entry(2).as_bytes(), &proof(3, 5));
    assert!(matches!(refused, Err(ReceiptError::Proof(_))));
    let refused = UnsignedReceipt::consistency(&log().log, &checkpoint(3), &checkpoint(5), &[]);
    assert!(matches!(refused, Err(ReceiptError::Proof(_))));
    let refused = UnsignedReceipt::consistency(&log().log, &checkpoint(5), &checkpoint(5), &[]);
    assert!(matches!(refused, Err(ReceiptError::Malformed(_))));
}

#[test]
fn a_tree_of_one_entry_has_no_receipt_and_an_empty_path_is_refused() {
    let refused_to_write = UnsignedReceipt::inclusion(&log().log, "alice", entry(0).as_bytes(), &proof(0, 1));
    assert!(matches!(refused_to_write, Err(ReceiptError::Malformed(_))));
    let leaves = Leaves::numbered(1);
    let empty = proofs(-1, &[path(&[1], &[0], &[])]);
    refused(&Parts { unprotected: map(&[(396, &empty)]), root: leaves.0[0], ..Parts::good() }, "path is empty");
}

#[test]
fn the_parts_that_are_written_here_are_accepted_when_nothing_is_wrong_with_them() {
    assert_eq!(Parts::good().judge(), Ok(()));
    // Further headers, and any order of keys: other issuers write those.
    let more = Parts {
        protected: map(&[(395, RFC9162), (4, &bytes(b"k1")), (1, EDDSA), (2, &[0x82, 1, 0x19, 0x01, 0x8b])]),
        ..Parts::good()
    };
    assert_eq!(more.judge(), Ok(()));
    assert_eq!(
        Parts { protected: map(&[(1, &[0x32]), (395, RFC9162)]), ..Parts::good() }.judge(),
        Ok(()),
        "Ed25519, -19"
    );
}

#[test]
fn the_kind_of_tree_outside_the_signature_is_refused() {
    let good = Parts::good();
    let proof = proofs(-1, &[path(&[5], &[3], &inclusion_proof(&Leaves::numbered(5), 3, 5).unwrap())]);
    let outside = map(&[(395, RFC9162), (396, &proof)]);
    refused(&Parts { protected: map(&[(1, EDDSA)]), unprotected: outside.clone(), ..Parts::good() }, "RFC9162_SHA256");
    refused(&Parts { unprotected: outside, ..Parts::good() }, "outside it");
    refused(&Parts { unprotected: map(&[(1, EDDSA), (396, &proof)]), ..Parts::good() }, "outside it");
    refused(&Parts { protected: map(&[(1, EDDSA)]), ..good }, "RFC9162_SHA256");
    refused(&Parts { protected: map(&[(1, EDDSA), (395, &[2])]), ..Parts::good() }, "RFC9162_SHA256");
}

#[test]
fn an_attached_payload_is_refused() {
    let good = Parts::good();
    refused(&Parts { payload: bytes(&good.root.0), ..Parts::good() }, "attached");
    refused(&Parts { payload: bytes(b""), ..Parts::good() }, "attached");
}

#[test]
fn bytes_behind_the_receipt_the_header_or_the_proof_are_refused() {
    let trailing = [&Parts::good().write()[..], &[0]].concat();
    assert!(judge(&trailing).unwrap_err().to_string().contains("behind the end"));
    let mut parts = Parts::good();
    parts.protected.push(0);
    refused(&parts, "behind the end");
    let mut long = path(&[5], &[3], &inclusion_proof(&Leaves::numbered(5), 3, 5).unwrap());
    long.push(0);
    refused(&Parts { unprotected: map(&[(396, &proofs(-1, &[long]))]), ..Parts::good() }, "behind the end");
}

#[test]
fn lengths_that_are_not_said_beforehand_are_refused() {
    let mut open = Parts::good().unprotected;
    open[0] = 0xbf;
    open.push(0xff);
    refused(&Parts { unprotected: open, ..Parts::good() }, "not said beforehand");
    let mut open = Parts::good().protected;
    open[0] = 0xbf;
    open.push(0xff);
    refused(&Parts { protected: open, ..Parts::good() }, "not said beforehand");
}

#[test]
fn a_key_twice_in_a_map_is_refused() {
    refused(&Parts { protected: map(&[(1, EDDSA), (395, RFC9162), (395, RFC9162)]), ..Parts::good() }, "twice");
    let proof = proofs(-1, &[path(&[5], &[3], &inclusion_proof(&Leaves::numbered(5), 3, 5).unwrap())]);
    refused(&Parts { unprotected: map(&[(396, &proof), (396, &proof)]), ..Parts::good() }, "twice");
}

#[test]
fn true_and_false_are_no_numbers() {
    let hashes = inclusion_proof(&Leaves::numbered(2), 1, 2).unwrap();
    let root = range_hash(&Leaves::numbered(2), 0, 2).unwrap();
    let with = |first: &[u8], second: &[u8]| Parts {
        unprotected: map(&[(396, &proofs(-1, &[path(first, second, &hashes)]))]),
        root,
        ..Parts::good()
    };
    let judge = |parts: &Parts| Receipt::parse(&parts.write())?.verify_inclusion(entry(1).as_bytes(), &[log().log]);
    assert!(judge(&with(&[2], &[1])).is_ok());
    for (first, second) in
        [(&[2][..], &[0xf5][..]), (&[0xf5], &[1]), (&[2], &[0x20]), (&[2], &[0xf9, 0x3c, 0]), (&[0x18, 2], &[1])]
    {
        assert!(matches!(judge(&with(first, second)), Err(ReceiptError::Malformed(_))), "{first:02x?} {second:02x?}");
    }
    refused(&Parts { protected: map(&[(1, EDDSA), (395, &[0xf5])]), ..Parts::good() }, "");
}

#[test]
fn other_algorithms_several_proofs_and_unknown_critical_headers_are_refused() {
    refused(&Parts { protected: map(&[(1, &[0x26]), (395, RFC9162)]), ..Parts::good() }, "EdDSA");
    refused(&Parts { protected: map(&[(395, RFC9162)]), ..Parts::good() }, "EdDSA");
    let critical = map(&[(1, EDDSA), (2, &[0x81, 0x18, 99]), (99, &[1]), (395, RFC9162)]);
    refused(&Parts { protected: critical, ..Parts::good() }, "critical");
    let one = path(&[5], &[3], &inclusion_proof(&Leaves::numbered(5), 3, 5).unwrap());
    for (proofs, why) in [
        (proofs(-1, &[one.clone(), one.clone()]), "expected one proof"),
        (proofs(-1, &[]), "expected one proof"),
        (proofs(-3, &[one]), "not known here"),
        (map(&[]), "expected one kind"),
    ] {
        refused(&Parts { unprotected: map(&[(396, &proofs)]), ..Parts::good() }, why);
    }
    refused(&Parts { unprotected: map(&[]), ..Parts::good() }, "no proof");
}

#[test]
fn a_receipt_has_at_most_63_hashes_and_64_kib() {
    let many = proofs(-1, &[path(&[5], &[3], &vec![TreeHash([7; 32]); 64])]);
    refused(&Parts { unprotected: map(&[(396, &many)]), ..Parts::good() }, "63");
    assert!(judge(&vec![0x80; (1 << 16) + 1]).unwrap_err().to_string().contains("64 KiB"));
}
