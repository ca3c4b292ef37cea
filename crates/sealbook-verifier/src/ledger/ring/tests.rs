//! What the verifier says about ledgers whose signing key changed.

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::VerifierKey;

use crate::testing::{ORIGIN, Plan, Signer, Signs, Spoil, Written};
use crate::{Class, KeySource, Report, Trust, Verdict};

/// Batches of 1, 3, 2, 4, 1 and 3 entries; the last entries of the second and the fourth name the next key.
fn plan() -> Plan<'static> {
    Plan { changes: vec![(1, Signer::new(ORIGIN, 8)), (3, Signer::new(ORIGIN, 9))], ..Plan::default() }
}

/// Index of the entry that names the second key; a checkpoint of one more entry is the last that the first key may sign.
const NAMES_SECOND: u64 = 3;

fn key(seed: u8) -> VerifierKey {
    Signer::new(ORIGIN, seed).verifier()
}

fn trust(seeds: &[u8]) -> Trust {
    Trust { keys: seeds.iter().copied().map(key).collect(), at_least: None }
}

#[track_caller]
fn verified(report: &Report) {
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
}

#[track_caller]
fn only(report: &Report, class: Class, words: &str) {
    assert_eq!(report.verdict(), Verdict::Refuted, "{report}");
    let found: Vec<_> = report.failures().iter().map(|failure| failure.class).collect();
    assert_eq!(found, [class], "{report}");
    assert!(report.failures()[0].detail.contains(words), "{report}");
}

#[test]
fn a_ledger_whose_key_changed_is_verified_with_each_of_its_keys_and_all_are_named() {
    let written = plan().write();
    let all: Vec<String> = [7, 8, 9].map(|seed| key(seed).to_string()).to_vec();
    for seeds in [&[7][..], &[8], &[9], &[7, 8, 9]] {
        let report = written.verify(&trust(seeds));
        verified(&report);
        assert_eq!(report.key(), &KeySource::Given(all.clone()));
        assert_eq!((report.checked().signatures, report.size()), (6, Some(14)));
        assert_eq!(report.json()["keys"], serde_json::json!(all));
        assert!(all.iter().all(|key| report.to_string().contains(key.as_str())));
    }
    let report = written.verify(&Trust::default());
    verified(&report);
    assert_eq!(report.key(), &KeySource::Itself(all));
}

#[test]
fn every_earlier_checkpoint_anchors_with_the_key_of_its_time() {
    let written = plan().write();
    for note in &written.notes {
        let report = written.verify(&Trust { at_least: Some(note.clone()), ..trust(&[9]) });
        verified(&report);
        assert!(report.anchored());
    }
}

#[test]
fn every_key_given_for_this_ledger_must_be_one_of_its_own() {
    let written = plan().write();
    only(&written.verify(&trust(&[5])), Class::KeyMismatch, "none of these");
    only(&written.verify(&trust(&[9, 5])), Class::KeyMismatch, &key(5).to_string());
    let other = Signer::new("example.org/other", 5).verifier();
    let with_other = Trust { keys: vec![other.clone(), key(8)], at_least: None };
    verified(&written.verify(&with_other));
    only(&written.verify(&Trust { keys: vec![other], at_least: None }), Class::KeyMismatch, "none of these");
    // A ledger in which the old key simply went on signing does not know the new one.
    let never_changed = Plan::default().write();
    only(&never_changed.verify(&trust(&[7, 8])), Class::KeyMismatch, &key(8).to_string());
}

fn spoiled(spoil: Spoil<'_>) -> Report {
    Plan { spoil, ..plan() }.write().verify(&trust(&[7]))
}

#[test]
fn the_entry_that_names_the_next_key_is_the_last_of_its_commit() {
    // The second batch is entries 1 to 3: that entry 2 names the key already is one entry too early.
    let early: Spoil<'_> = &|index, entry, _| {
        if index == NAMES_SECOND - 1 {
            entry.successor = Some(key(8).to_string());
            entry.source.id = "sealbook".into();
        } else if index == NAMES_SECOND {
            entry.successor = None;
        }
    };
    let report = spoiled(early);
    only(&report, Class::KeyChange, "other entries follow");
    assert_eq!(report.failures()[0].index, Some(NAMES_SECOND - 1));
}

#[test]
fn only_the_ledger_itself_names_its_next_key() {
    let report = spoiled(&|index, entry, _| {
        if index == NAMES_SECOND {
            entry.source.id = "hr".into();
        }
    });
    let first = &report.failures()[0];
    assert_eq!((first.class, first.index), (Class::KeyChange, Some(NAMES_SECOND)), "{report}");
    assert!(first.detail.contains("own source"), "{report}");
}

#[test]
fn the_next_key_must_be_a_key_for_checkpoints_of_the_same_name() {
    let cosigner = cosignature_key();
    let other = Signer::new("example.org/other", 8).verifier().to_string();
    for (text, words) in [("nothing", "name+hash+key"), (&other, "example.org/other"), (&cosigner, "cosignatures")] {
        let report = spoiled(&|index, entry, _| {
            if index == NAMES_SECOND {
                entry.successor = Some(text.to_owned());
            }
        });
        let first = &report.failures()[0];
        assert_eq!((first.class, first.index), (Class::KeyChange, Some(NAMES_SECOND)), "{report}");
        assert!(first.detail.contains(words), "{report}");
    }
}

/// The public key of the second signer, for cosignatures.
fn cosignature_key() -> String {
    use sealbook_core::hash::hex;
    use sealbook_core::note::{ED25519_COSIGNATURE, encode_base64, key_id};
    let public = *key(8).public();
    let typed = [&[ED25519_COSIGNATURE][..], &public].concat();
    let text = format!("{ORIGIN}+{}+{}", hex(&key_id(ORIGIN, ED25519_COSIGNATURE, &public)), encode_base64(&typed));
    assert!(VerifierKey::parse(&text).is_ok());
    text
}

#[test]
fn a_commit_signed_with_a_key_that_is_not_valid_for_it_is_refuted_with_its_own_words() {
    let signed = |signs: Signs<'_>| Plan { signs, ..plan() }.write().verify(&trust(&[7]));
    // The checkpoint after the third batch is the first that the second key must sign.
    let words = "valid for checkpoints of 1 to 4 entries";
    only(&signed(&|number, due| if number == 2 { 0 } else { due }), Class::KeyValidity, words);
    // The one over the entry that names the second key is still the first key's.
    let words = "valid for checkpoints of 5 to 10 entries";
    only(&signed(&|number, due| if number == 1 { 1 } else { due }), Class::KeyValidity, words);
    only(&signed(&|number, due| if number == 4 { 1 } else { due }), Class::KeyValidity, words);
}

fn with_checkpoint(size: u64, root: TreeHash, signer: u8) -> (Written, Vec<u8>) {
    let note = Signer::new(ORIGIN, signer).note(&Checkpoint { origin: ORIGIN.into(), size, root }.text());
    let mut written = plan().write();
    written.files.insert("checkpoint".into(), note.clone());
    (written, note)
}

fn claim(note: &[u8]) -> Checkpoint {
    let text = core::str::from_utf8(note).unwrap();
    Checkpoint::parse(&text[..text.find("\n\n").unwrap() + 1]).unwrap()
}

#[test]
fn the_stored_checkpoint_and_an_earlier_one_need_the_key_of_their_size() {
    let (newest, third) = (claim(plan().write().notes.last().unwrap()), claim(&plan().write().notes[2]));
    verified(&with_checkpoint(newest.size, newest.root, 9).0.verify(&trust(&[7])));
    for wrong in [7, 8] {
        let (written, _) = with_checkpoint(newest.size, newest.root, wrong);
        only(&written.verify(&trust(&[7])), Class::KeyValidity, "the checkpoint of 14 entries is signed with");
    }
    for wrong in [7, 9] {
        let (_, note) = with_checkpoint(third.size, third.root, wrong);
        let report = plan().write().verify(&Trust { at_least: Some(note), ..trust(&[7]) });
        only(&report, Class::KeyValidity, "the checkpoint of 6 entries is signed with");
    }
    let (written, _) = with_checkpoint(newest.size, newest.root, 5);
    only(&written.verify(&trust(&[7])), Class::Signature, "no signature");
}

#[test]
fn the_key_file_holds_every_key_newest_first() {
    let file = |seeds: &[u8]| seeds.iter().map(|seed| format!("{}\n", key(*seed))).collect::<String>().into_bytes();
    let with = |plan: &Plan<'_>, bytes: Vec<u8>| {
        let mut written = plan.write();
        written.files.insert("keys/verifier.key".into(), bytes);
        written.verify(&trust(&[7]))
    };
    verified(&with(&plan(), file(&[9, 8, 7])));
    for wrong in [&[7, 8, 9][..], &[9, 8], &[8, 7], &[9], &[7], &[]] {
        only(&with(&plan(), file(wrong)), Class::KeyMismatch, "newest first");
    }
    let mut cut = file(&[9, 8, 7]);
    cut.pop();
    only(&with(&plan(), cut), Class::KeyMismatch, "newest first");
}

#[test]
fn a_process_that_stopped_before_the_new_key_was_used_is_no_tampering() {
    // The change is the last commit: nothing was signed with the new key yet.
    let plan = Plan { changes: vec![(5, Signer::new(ORIGIN, 8))], ..Plan::default() };
    let mut written = plan.write();
    written.files.insert("keys/verifier.key".into(), format!("{}\n", key(7)).into_bytes());
    let report = written.verify(&trust(&[7]));
    verified(&report);
    assert!(report.notes().iter().any(|note| note.contains("newest key yet")), "{report}");
}

#[test]
fn after_the_naming_entry_is_lost_no_signature_is_blamed_for_it() {
    let mut written = plan().write();
    let segment = written.files.get_mut("log/00000000.seg").unwrap();
    let named = key(8).to_string();
    let at = segment.windows(named.len()).position(|window| window == named.as_bytes()).unwrap();
    segment[at + 70] ^= 1;
    for seeds in [&[7][..], &[9]] {
        only(&written.verify(&trust(seeds)), Class::FrameChecksum, "checksum");
    }
}
