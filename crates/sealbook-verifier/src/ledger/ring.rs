//! The signing keys of a ledger: entry 0 names the first, later entries the next ones; each is valid for some sizes.

use std::sync::Arc;

use sealbook_core::checkpoint;
use sealbook_core::note::{NoteError, VerifierKey};

use super::aside::SignatureJob;
use crate::failure::Class;

#[cfg(test)]
mod tests;

/// A key that an entry names.
#[derive(Clone, Debug)]
struct Held {
    key: Arc<VerifierKey>,
    /// The first size that it may sign.
    from: u64,
}

/// A key that an entry of the batch at hand names.
#[derive(Clone, Debug)]
struct Named {
    key: Arc<VerifierKey>,
    index: u64,
    offset: u64,
    /// An entry followed in the same commit, and this was told.
    told: bool,
}

/// The keys so far, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Ring {
    held: Vec<Held>,
    /// Keys from outside; they are tried where entry 0 is not known.
    pub given: Vec<Arc<VerifierKey>>,
    named: Option<Named>,
    /// Entries are missing, and a key may have been named in them.
    gap: bool,
}

/// The key of a ledger in `text`, which must bear its `origin`.
///
/// # Errors
/// Why it is none.
pub fn log_key(text: &str, origin: &str) -> Result<VerifierKey, String> {
    let key = VerifierKey::parse(text).map_err(|error| error.to_string())?;
    if VerifierKey::new(key.name(), key.public()).as_ref() != Ok(&key) {
        return Err("it is a key for cosignatures, not for checkpoints".to_owned());
    }
    if key.name() == origin {
        Ok(key)
    } else {
        Err(format!("it is that of {:?}, the ledger is {origin:?}", key.name()))
    }
}

impl Ring {
    /// Takes the key that entry 0 names.
    pub fn first(&mut self, key: VerifierKey) {
        self.held = vec![Held { key: Arc::new(key), from: 0 }];
    }

    /// Takes the key that the entry at `index` names; it holds from the end of the commit on.
    pub fn name(&mut self, key: VerifierKey, index: u64, offset: u64) {
        self.named = Some(Named { key: Arc::new(key), index, offset, told: false });
    }

    /// Another entry follows in the same commit: gives index and place of the one that named a key and had to be the last.
    pub fn another_entry(&mut self) -> Option<(u64, u64)> {
        let named = self.named.as_mut().filter(|named| !named.told)?;
        named.told = true;
        Some((named.index, named.offset))
    }

    /// The commit ends at `size` entries.
    pub fn commit(&mut self, size: u64) {
        if let Some(named) = self.named.take() {
            self.held.push(Held { key: named.key, from: size.saturating_add(1) });
        }
    }

    /// Entries are missing.
    pub fn lose_place(&mut self) {
        if let Some(index) = self.named.as_ref().map(|named| named.index) {
            self.commit(index.saturating_add(1));
        }
        self.gap = true;
    }

    /// Forgets what was named after `size` entries.
    pub fn go_back(&mut self, size: u64) {
        self.named = None;
        self.held.retain(|held| held.from <= size.saturating_add(1));
    }

    /// The key that is valid for a checkpoint of `size` entries.
    pub fn valid(&self, size: u64) -> Option<&Arc<VerifierKey>> {
        self.held.iter().rfind(|held| held.from <= size).map(|held| &held.key).or_else(|| self.given.first())
    }

    /// Every key, oldest first.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &VerifierKey> {
        self.held.iter().map(|held| &*held.key)
    }

    /// Whether nothing is known of any key.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether every key is known: the first from entry 0, and no entry is missing in which another may have been named.
    pub fn is_whole(&self) -> bool {
        !self.gap && self.held.first().is_some_and(|held| held.from == 0)
    }

    /// Which of the keys given from outside are not in the ring, in words. Keys of other ledgers may be given together with
    /// those of this one.
    pub fn strangers(&self, given: &[VerifierKey]) -> Option<String> {
        let is_own = |key: &&VerifierKey| self.keys().any(|own| own == *key);
        let name = self.keys().next()?.name();
        let of_this: Vec<_> = given.iter().filter(|key| key.name() == name).collect();
        let asked = if of_this.is_empty() { given.iter().collect() } else { of_this };
        let strange: Vec<_> = asked.into_iter().filter(|key| !is_own(key)).map(ToString::to_string).collect();
        let named: Vec<_> = self.keys().map(ToString::to_string).collect();
        let (named, strange_ones) = (named.join(", then "), strange.join(", "));
        let detail = format!("the entries name the key {named}; {strange_ones} was given and is none of these");
        (!strange.is_empty()).then_some(detail)
    }

    /// The first size that the newest key may sign.
    pub fn newest_from(&self) -> u64 {
        self.held.last().map_or(0, |held| held.from)
    }

    /// The sizes that `key` is valid for, in words.
    fn sizes(&self, key: &VerifierKey) -> String {
        let at = self.held.iter().position(|held| *held.key == *key).unwrap_or(0);
        let from = self.held.get(at).map_or(0, |held| held.from).max(1);
        match self.held.get(at + 1) {
            Some(next) => format!("checkpoints of {from} to {} entries", next.from.saturating_sub(1)),
            None => format!("checkpoints of {from} entries and more"),
        }
    }

    fn not_valid(&self, key: &VerifierKey, size: u64) -> (Class, String) {
        let sizes = self.sizes(key);
        (
            Class::KeyValidity,
            format!("the checkpoint of {size} entries is signed with {key}, which is valid for {sizes}"),
        )
    }

    /// What is wrong with a signature in a commit that is not by the key that is valid; `None` where it cannot be told.
    pub fn judge(&self, job: &SignatureJob) -> Option<(Class, String)> {
        if self.held.is_empty() && self.given.iter().any(|key| job.is_by(key)) {
            return None;
        }
        if let Some(other) = self.keys().find(|key| job.is_by(key)) {
            return Some(self.not_valid(other, job.size));
        }
        let detail = format!("the signature over the checkpoint of {} entries does not verify", job.size);
        (!self.gap).then_some((Class::Signature, detail))
    }

    /// Checks that the key that is valid for `size` signed the checkpoint in `note`. Gives false where that cannot be told.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self, note: &[u8], size: u64) -> Result<bool, (Class, String)> {
        let valid = if self.held.is_empty() { self.given.iter().collect() } else { Vec::from_iter(self.valid(size)) };
        let valid: Vec<_> = valid.into_iter().map(|key| VerifierKey::clone(key)).collect();
        let error = match checkpoint::verify(note, &valid) {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        if error == NoteError::NotSigned {
            let other = self.keys().find(|key| checkpoint::verify(note, &[VerifierKey::clone(key)]).is_ok());
            if let Some(other) = other {
                return Err(self.not_valid(other, size));
            }
            if self.gap {
                return Ok(false);
            }
        }
        Err((Class::Signature, error.to_string()))
    }
}
