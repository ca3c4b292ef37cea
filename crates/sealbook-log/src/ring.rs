//! The signing keys of a log, each with the entry that names it.

use sealbook_core::note::VerifierKey;

/// The keys that a log was and is signed with. The key that entry 0 names is the first; one that a later entry names
/// signs every checkpoint larger than the one over that entry (`docs/spec/chain.md`, change of key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    first: VerifierKey,
    later: Vec<(u64, VerifierKey)>,
}

impl Ring {
    pub(crate) fn new(first: VerifierKey) -> Self {
        Self { first, later: Vec::new() }
    }

    /// Adds the key that the entry at `index` names.
    pub(crate) fn push(&mut self, index: u64, key: VerifierKey) {
        self.later.push((index, key));
    }

    /// The key for a checkpoint over `size` entries.
    #[must_use]
    pub fn at(&self, size: u64) -> &VerifierKey {
        let named = self.later.iter().rev().find(|(index, _)| index + 1 < size);
        named.map_or(&self.first, |(_, key)| key)
    }

    /// The newest key, and the entry that names it.
    #[must_use]
    pub fn newest(&self) -> (u64, &VerifierKey) {
        self.later.last().map_or((0, &self.first), |(index, key)| (*index, key))
    }

    /// All keys, newest first, a line each: what stands in `keys/verifier.key`.
    #[must_use]
    pub fn lines(&self) -> String {
        let keys = self.later.iter().rev().map(|(_, key)| key).chain([&self.first]);
        keys.map(|key| format!("{key}\n")).collect()
    }
}
