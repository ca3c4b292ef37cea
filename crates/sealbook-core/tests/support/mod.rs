//! What these tests share: keys made of a seed, notes, trees over given leaves.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "every test binary uses a part of it"
)]

pub mod vectors;

use std::convert::Infallible;

use ed25519_dalek::{Signer as _, SigningKey};
use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::cosignature::{cosignature_line, cosigned_bytes};
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, signature_line};
use sealbook_core::tree::{Nodes, leaf_hash, node_hash, range_hash};

/// A private key, for tests only.
pub struct Signer {
    key: SigningKey,
    /// As a log.
    pub log: VerifierKey,
    /// As a witness.
    pub witness: VerifierKey,
}

impl Signer {
    /// The key whose seed is `seed`, 32 times.
    pub fn new(name: &str, seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public = key.verifying_key().to_bytes();
        let log = VerifierKey::new(name, &public).unwrap();
        Self { key, log, witness: VerifierKey::cosigner(name, &public).unwrap() }
    }

    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    pub fn seed(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The signature line of a log.
    pub fn line(&self, text: &str) -> String {
        signature_line(self.log.name(), self.log.id(), &self.sign(text.as_bytes()))
    }

    /// The signature line of a witness.
    pub fn cosign(&self, text: &str, time: u64) -> String {
        cosignature_line(&self.witness, time, &self.sign(&cosigned_bytes(time, text.as_bytes())))
    }

    /// A signed note.
    pub fn note(&self, text: &str) -> String {
        format!("{text}\n{}", self.line(text))
    }

    /// A signed checkpoint over the first `size` of `leaves`, under this key's name.
    pub fn checkpoint(&self, leaves: &Leaves, size: u64) -> String {
        self.note(&leaves.checkpoint(self.log.name(), size).text())
    }
}

/// The tree over given leaves.
pub struct Leaves(pub Vec<TreeHash>);

impl Leaves {
    /// Leaf n is the text `leaf n`.
    pub fn numbered(count: u64) -> Self {
        Self((0..count).map(|n| leaf_hash(entry(n).as_bytes())).collect())
    }

    pub fn checkpoint(&self, origin: &str, size: u64) -> Checkpoint {
        Checkpoint { origin: origin.to_owned(), size, root: range_hash(self, 0, size).unwrap() }
    }
}

/// Data of a numbered leaf.
pub fn entry(n: u64) -> String {
    format!("leaf {n}")
}

impl Nodes for Leaves {
    type Error = Infallible;
    fn node(&self, level: u32, index: u64) -> Result<TreeHash, Infallible> {
        if level == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        Ok(node_hash(&self.node(level - 1, index * 2)?, &self.node(level - 1, index * 2 + 1)?))
    }
}
