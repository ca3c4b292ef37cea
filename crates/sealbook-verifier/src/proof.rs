//! Checks a proof file against the entry it is about.

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::note::{Note, NoteError};
use sealbook_core::proof::{TlogProof, TlogProofError};

use crate::failure::{Class, Failure};
use crate::ledger::examine_entry;
use crate::report::{KeySource, Report, Trust};

/// Checks that `entry` stands where `proof` (a `.tlog-proof` file) says, in a tree that a key from outside signed.
#[must_use]
pub fn verify_proof(proof: &[u8], entry: &[u8], trust: &Trust) -> Report {
    let mut report = Report::on("proof");
    report.checked.bytes = (proof.len() + entry.len()) as u64;
    report.checked.files = 2;
    let parsed = match TlogProof::parse(proof) {
        Ok(parsed) => parsed,
        Err(error) => {
            report.fail(Failure::new(Class::NotIncluded, error.to_string()));
            return report;
        }
    };
    let index = Some(parsed.index);
    match examine_entry(entry) {
        Ok((decoded, _)) if decoded.index == parsed.index => report.checked.entries = 1,
        Ok((decoded, _)) => {
            let detail = format!("the entry says that it is entry {}", decoded.index);
            report.fail(Failure::new(Class::IndexOrder, detail).index(index));
        }
        Err(error) => report.fail(Failure::new(Class::EntryEncoding, error.to_string()).index(index)),
    }
    let claimed = Note::parse(parsed.checkpoint.as_bytes()).and_then(|note| Checkpoint::parse(note.unverified_text()));
    report.origin = claimed.ok().map(|checkpoint| checkpoint.origin);
    if trust.keys.is_empty() {
        report.miss("the verifier key of the ledger: a proof says nothing without a key from outside");
        return report;
    }
    match parsed.verify(entry, &trust.keys) {
        Ok(included) => {
            let checkpoint = included.checkpoint();
            report.checked.signatures = 1;
            report.size = Some(checkpoint.size);
            report.root = Some(checkpoint.root);
            report.key = KeySource::Given(trust.keys.iter().map(ToString::to_string).collect());
            report.note(format!("entry {} is in this tree", included.index()));
        }
        Err(TlogProofError::Checkpoint(error @ NoteError::NotSigned)) => {
            report.fail(Failure::new(Class::KeyMismatch, format!("the checkpoint in the proof: {error}")).index(index));
        }
        Err(TlogProofError::Checkpoint(error)) => {
            report.fail(Failure::new(Class::Signature, format!("the checkpoint in the proof: {error}")).index(index));
        }
        Err(error) => report.fail(Failure::new(Class::NotIncluded, error.to_string()).index(index)),
    }
    if trust.at_least.is_some() {
        report.miss("entries: a proof alone cannot show that an earlier checkpoint is contained");
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use crate::testing::{Leaves, Plan, Signer};
    use sealbook_core::tree::inclusion_proof;

    fn proof() -> (String, Vec<u8>, Trust) {
        let plan = Plan::default();
        let written = plan.write();
        let leaves = Leaves::of(&written);
        let proof = TlogProof {
            index: 5,
            hashes: inclusion_proof(&leaves, 5, 14).unwrap(),
            checkpoint: String::from_utf8(written.notes.last().unwrap().clone()).unwrap(),
        };
        let trust = Trust { keys: vec![plan.signer.verifier()], at_least: None };
        (proof.to_string(), written.entries[5].0.clone(), trust)
    }

    #[test]
    fn a_proof_holds_for_its_entry_and_key_only() {
        let (proof, entry, trust) = proof();
        let report = verify_proof(proof.as_bytes(), &entry, &trust);
        assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
        assert_eq!(report.size(), Some(14));
        let without = verify_proof(proof.as_bytes(), &entry, &Trust::default());
        assert_eq!(without.verdict(), Verdict::Undecided);
        let other = Trust { keys: vec![Signer::new("example.org/test", 9).verifier()], at_least: None };
        assert_eq!(verify_proof(proof.as_bytes(), &entry, &other).verdict(), Verdict::Refuted);
    }

    #[test]
    fn every_flipped_byte_of_proof_or_entry_is_refuted() {
        let (proof, entry, trust) = proof();
        for at in 0..proof.len() {
            let mut flipped = proof.clone().into_bytes();
            flipped[at] ^= 1;
            let report = verify_proof(&flipped, &entry, &trust);
            assert_eq!(report.verdict(), Verdict::Refuted, "byte {at}: {report}");
        }
        for at in 0..entry.len() {
            let mut flipped = entry.clone();
            flipped[at] ^= 1;
            let report = verify_proof(proof.as_bytes(), &flipped, &trust);
            assert_eq!(report.verdict(), Verdict::Refuted, "byte {at}: {report}");
        }
    }
}
