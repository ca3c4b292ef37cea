//! Writes receipts. The signature comes from whoever holds the key.

use super::{COSE_SIGN1, EDDSA, Path, RFC9162_SHA256, ReceiptError, label, malformed, signed_bytes};
use crate::cbor::Writer;
use crate::checkpoint::VerifiedCheckpoint;
use crate::hash::TreeHash;
use crate::note::VerifierKey;
use crate::proof::{TlogProof, TlogProofError};
use crate::tree::verify_consistency;

/// A receipt that lacks its signature. Only what a signed checkpoint says already becomes one, so signing it can never
/// contradict what was signed before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedReceipt {
    protected: Vec<u8>,
    proofs: Vec<u8>,
    message: Vec<u8>,
}

impl UnsignedReceipt {
    /// That `entry` is where `proof` says, in the tree of the checkpoint there, which `key` signed. `subject` is whom the
    /// entry is about.
    ///
    /// # Errors
    /// When the proof does not hold with this key, or the tree has a single entry.
    pub fn inclusion(key: &VerifierKey, subject: &str, entry: &[u8], proof: &TlogProof) -> Result<Self, ReceiptError> {
        let included = proof.verify(entry, core::slice::from_ref(key)).map_err(|error| match error {
            TlogProofError::Malformed(why) => ReceiptError::Malformed(why.to_owned()),
            TlogProofError::Checkpoint(error) => ReceiptError::Checkpoint(error),
            TlogProofError::NotIncluded(error) => ReceiptError::Proof(error),
        })?;
        let checkpoint = included.checkpoint();
        let path = Path { first: checkpoint.size, second: included.index(), hashes: proof.hashes.clone() };
        Self::over(key, subject, label::INCLUSION, &path, checkpoint)
    }

    /// That the tree of `new` continues that of `old`, by an RFC 6962 consistency proof.
    ///
    /// # Errors
    /// When the proof does not hold, or one tree is empty or both are the same.
    pub fn consistency(
        key: &VerifierKey,
        old: &VerifiedCheckpoint,
        new: &VerifiedCheckpoint,
        proof: &[TreeHash],
    ) -> Result<Self, ReceiptError> {
        verify_consistency(old.size, new.size, &old.root, &new.root, proof).map_err(ReceiptError::Proof)?;
        let path = Path { first: old.size, second: new.size, hashes: proof.to_owned() };
        Self::over(key, &new.origin, label::CONSISTENCY, &path, new)
    }

    fn over(
        key: &VerifierKey,
        subject: &str,
        kind: &[u8],
        path: &Path,
        checkpoint: &VerifiedCheckpoint,
    ) -> Result<Self, ReceiptError> {
        if path.hashes.is_empty() {
            return malformed("the path is empty: a tree of one entry has no receipt");
        }
        if checkpoint.origin != key.name() {
            return Err(ReceiptError::Unbound("it is of another ledger than the key"));
        }
        let protected = write_protected(key, &checkpoint.origin, subject);
        let message = signed_bytes(&protected, &checkpoint.root);
        Ok(Self { protected, proofs: write_proofs(kind, path), message })
    }

    /// The bytes to sign with the log's Ed25519 key.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// The receipt with its signature.
    #[must_use]
    pub fn signed(&self, signature: &[u8; 64]) -> Vec<u8> {
        let mut w = Writer::new();
        w.tag(COSE_SIGN1);
        w.array(4);
        w.bytes(&self.protected);
        w.raw(&self.proofs);
        w.null();
        w.bytes(signature);
        w.into_bytes()
    }
}

fn write_protected(key: &VerifierKey, issuer: &str, subject: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.map(4);
    w.raw(label::ALGORITHM);
    w.int(EDDSA);
    w.raw(label::KEY_ID);
    w.bytes(&key.id());
    w.raw(label::CLAIMS);
    w.map(2);
    w.uint(1);
    w.text(issuer);
    w.uint(2);
    w.text(subject);
    w.raw(label::STRUCTURE);
    w.int(RFC9162_SHA256);
    w.into_bytes()
}

fn write_proofs(kind: &[u8], path: &Path) -> Vec<u8> {
    let mut proof = Writer::new();
    proof.array(3);
    proof.uint(path.first);
    proof.uint(path.second);
    proof.array(path.hashes.len());
    path.hashes.iter().for_each(|hash| proof.bytes(&hash.0));
    let mut w = Writer::new();
    w.map(1);
    w.raw(label::PROOFS);
    w.map(1);
    w.raw(kind);
    w.array(1);
    w.bytes(&proof.into_bytes());
    w.into_bytes()
}
