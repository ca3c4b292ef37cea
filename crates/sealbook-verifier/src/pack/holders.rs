//! Whose keys signed a pack: those from outside, those that its entries name, the one that its manifest names.

use sealbook_core::checkpoint;
use sealbook_core::note::{NoteError, VerifierKey};
use sealbook_core::pack::{Manifest, names};

use crate::failure::{Class, Failure};
use crate::ledger::{AT_LEAST, Claim, Walk};
use crate::report::{KeySource, Trust};

/// What is known about keys once the entries were walked.
pub struct Holders<'a> {
    pub manifest: &'a Manifest,
    pub trust: &'a Trust,
    /// The key that the manifest names, where it is one.
    pub keys: Vec<VerifierKey>,
    pub walk: &'a mut Walk,
}

impl Holders<'_> {
    fn mismatch(&mut self, detail: String) {
        self.walk.report.fail(Failure::new(Class::KeyMismatch, detail).file(names::MANIFEST));
    }

    /// Whether the entries name every key up to `size` entries.
    fn ring_reaches(&self, size: u64) -> bool {
        self.walk.ring.is_whole() && size <= self.manifest.end
    }

    /// Says whether the key that signed is one to be believed. Without one from outside, the pack's own proves nothing but
    /// finds damage.
    pub fn judge(&mut self) {
        let (manifest, given, whole) = (self.manifest, &self.trust.keys, self.walk.ring.is_whole());
        let named: Vec<String> = self.walk.ring.keys().map(ToString::to_string).collect();
        let known = if whole { named } else { vec![manifest.key.clone()] };
        let is_given = given.iter().any(|key| key.to_string() == manifest.key);
        self.walk.report.key = if is_given { KeySource::Given(known) } else { KeySource::Itself(known) };
        match self.walk.ring.strangers(given).filter(|_| whole) {
            _ if given.is_empty() => {
                self.walk.report.miss("the verifier key of the ledger: with its own key alone a pack proves nothing");
            }
            Some(why) if is_given => self
                .walk
                .report
                .miss(format!("a later pack, or only the key that was the newest one when this was made: {why}")),
            Some(why) => self.mismatch(why),
            None if is_given => {}
            None if whole => {
                let what = "those given are other keys of this ledger, and a pack does not show that they vouch for it";
                self.walk
                    .report
                    .miss(format!("the key that signed the pack, {}, from its owner: {what}", manifest.key));
            }
            None => {
                let hint = "where the ledger changed its key, give the newest";
                self.mismatch(format!("{} signed it, which is none of the keys given; {hint}", manifest.key));
            }
        }
        let valid = self.walk.ring.valid(manifest.size).map(ToString::to_string);
        if self.ring_reaches(manifest.size) && valid.as_ref() != Some(&manifest.key) {
            let valid = valid.unwrap_or_default();
            let detail = format!("{} signed it, and the entries say that {valid} is the valid key", manifest.key);
            self.walk.report.fail(Failure::new(Class::KeyValidity, detail).file(names::MANIFEST));
        }
    }

    /// Checks the signature of an earlier checkpoint; true when it can be relied on.
    pub fn earlier(&mut self, claim: &Claim, name: &str) -> bool {
        let checkpoint = &claim.checkpoint;
        if checkpoint.origin != self.manifest.origin {
            self.walk.report.miss(format!("{name} is of {:?}, another ledger", checkpoint.origin));
            return false;
        }
        if self.ring_reaches(checkpoint.size) {
            return match self.walk.ring.check(&claim.note, checkpoint.size) {
                Ok(checked) => {
                    self.walk.report.checked.signatures += u64::from(checked);
                    checked
                }
                Err((class, why)) => {
                    self.walk.report.fail(Failure::new(class, why).file(name));
                    false
                }
            };
        }
        let keys = [self.keys.as_slice(), self.trust.keys.as_slice()].concat();
        match checkpoint::verify(&claim.note, &keys) {
            Ok(_) => {
                self.walk.report.checked.signatures += 1;
                true
            }
            // The hashes show that its tree is a part of the signed one, whoever signed it.
            Err(NoteError::NotSigned) if name != AT_LEAST => {
                let what = "is signed with a key that was not given, as after a change of key";
                self.walk.report.note(format!("{name} {what}; that the pack continues it follows from the hashes"));
                false
            }
            Err(error) => {
                self.walk.report.fail(Failure::new(Class::Signature, error.to_string()).file(name));
                false
            }
        }
    }
}
