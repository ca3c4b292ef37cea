//! Checks a COSE receipt against the entry it is about.

use sealbook_core::checkpoint::verify;
use sealbook_core::entry::Entry;
use sealbook_core::receipt::{Receipt, ReceiptError, SignedEntry};

use crate::failure::{Class, Failure};
use crate::report::{KeySource, Report, Trust};

/// Checks that `entry` is in a tree whose root a key from outside signed in `receipt`. Where it stands there is told only
/// with a signed checkpoint of the same root, given as the earlier checkpoint.
#[must_use]
pub fn verify_receipt(receipt: &[u8], entry: &[u8], trust: &Trust) -> Report {
    let mut report = Report::on("receipt");
    report.checked.bytes = (receipt.len() + entry.len()) as u64;
    report.checked.files = 2;
    let decoded = match Entry::decode(entry) {
        Ok(decoded) => {
            report.checked.entries = 1;
            Some(decoded)
        }
        Err(error) => {
            report.fail(Failure::new(Class::EntryEncoding, error.to_string()));
            None
        }
    };
    let receipt = match Receipt::parse(receipt) {
        Ok(receipt) => receipt,
        Err(error) => {
            report.fail(Failure::new(Class::NotIncluded, error.to_string()));
            return report;
        }
    };
    if trust.keys.is_empty() {
        report.miss("the verifier key of the ledger: a receipt says nothing without a key from outside");
        return report;
    }
    match receipt.verify_inclusion(entry, &trust.keys) {
        Ok(signed) => {
            believe(&mut report, &signed, decoded.as_ref());
            place(&mut report, &signed, decoded.as_ref(), trust);
        }
        Err(error @ ReceiptError::NotSigned) => report.fail(Failure::new(Class::Signature, error.to_string())),
        Err(error) => report.fail(Failure::new(Class::NotIncluded, error.to_string())),
    }
    report
}

fn believe(report: &mut Report, signed: &SignedEntry, entry: Option<&Entry>) {
    report.checked.signatures = 1;
    report.root = Some(signed.root());
    report.origin = Some(signed.key().name().to_owned());
    report.key = KeySource::Given(vec![signed.key().to_string()]);
    let claims = signed.claims();
    if claims.issuer.as_deref().is_some_and(|issuer| issuer != signed.key().name()) {
        report.fail(Failure::new(Class::Origin, "the receipt names another issuer than the key that signed it"));
    }
    let subject = entry.map(|entry| entry.event.subject.id.as_str());
    if claims.subject.is_some() && claims.subject.as_deref() != subject {
        report.fail(Failure::new(Class::NotIncluded, "the receipt is about another subject than the entry"));
    }
}

fn place(report: &mut Report, signed: &SignedEntry, entry: Option<&Entry>, trust: &Trust) {
    let Some(checkpoint) = &trust.at_least else {
        report.note(
            "the entry is in a tree with this root; where, and in how large a one, no receipt can show by itself",
        );
        return;
    };
    let checkpoint = match verify(checkpoint, &trust.keys) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return report.miss(format!("the earlier checkpoint cannot be believed: {error}")),
    };
    if checkpoint.root != signed.root() || checkpoint.origin != signed.key().name() {
        return report.miss("a checkpoint of the receipt's own root: this one is of another tree");
    }
    match signed.at(&checkpoint) {
        Ok(included) => {
            report.size = Some(checkpoint.size);
            report.anchored = true;
            let index = included.index();
            match entry.filter(|entry| entry.index != index) {
                None => report.note(format!("entry {index} is in this tree")),
                Some(entry) => {
                    let detail = format!("the entry says that it is entry {}", entry.index);
                    report.fail(Failure::new(Class::IndexOrder, detail).index(Some(index)));
                }
            }
        }
        Err(error) => report.fail(Failure::new(Class::NotIncluded, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;
    use crate::testing::{Leaves, Plan, Signer, Written};
    use ed25519_dalek::Signer as _;
    use sealbook_core::proof::TlogProof;
    use sealbook_core::receipt::UnsignedReceipt;
    use sealbook_core::tree::inclusion_proof;

    fn receipt(plan: &Plan<'_>, written: &Written) -> Vec<u8> {
        let hashes = inclusion_proof(&Leaves::of(written), 5, 14).unwrap();
        let checkpoint = String::from_utf8(written.notes.last().unwrap().clone()).unwrap();
        let (entry, key) = (&written.entries[5].0, plan.signer.verifier());
        let subject = Entry::decode(entry).unwrap().event.subject.id;
        let proof = TlogProof { index: 5, hashes, checkpoint };
        let unsigned = UnsignedReceipt::inclusion(&key, &subject, entry, &proof).unwrap();
        unsigned.signed(&plan.signer.key.sign(unsigned.message()).to_bytes())
    }

    #[test]
    fn a_receipt_holds_for_its_entry_and_key_and_tells_no_place_by_itself() {
        let plan = Plan::default();
        let written = plan.write();
        let (receipt, entry) = (receipt(&plan, &written), &written.entries[5].0);
        let verify = |entry: &[u8], keys: Vec<_>, at_least: Option<Vec<u8>>| {
            verify_receipt(&receipt, entry, &Trust { keys, at_least })
        };
        let key = plan.signer.verifier();
        let report = verify(entry, vec![key.clone()], None);
        assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
        assert_eq!((report.size(), report.anchored()), (None, false), "{report}");
        assert!(!report.to_string().contains("14") && !report.to_string().contains("entry 5"), "{report}");
        let report = verify(entry, vec![key.clone()], written.notes.last().cloned());
        assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
        assert!(report.size() == Some(14) && report.to_string().contains("entry 5 is in this tree"), "{report}");
        let other = Signer::new("example.org/test", 9).verifier();
        assert_eq!(verify(entry, vec![], None).verdict(), Verdict::Undecided);
        assert_eq!(verify(entry, vec![other], None).verdict(), Verdict::Refuted);
        assert_eq!(verify(&written.entries[4].0, vec![key.clone()], None).verdict(), Verdict::Refuted);
        assert_eq!(verify(entry, vec![key], written.notes.first().cloned()).verdict(), Verdict::Undecided);
    }

    #[test]
    fn every_flipped_byte_of_a_receipt_is_refuted_with_the_checkpoint_of_its_root() {
        let plan = Plan::default();
        let written = plan.write();
        let good = receipt(&plan, &written);
        let trust = Trust { keys: vec![plan.signer.verifier()], at_least: written.notes.last().cloned() };
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            let report = verify_receipt(&flipped, &written.entries[5].0, &trust);
            assert_eq!(report.verdict(), Verdict::Refuted, "byte {at}: {report}");
        }
    }
}
