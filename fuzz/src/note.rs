//! Signed notes, checkpoints, verifier keys, policies, and what is said with a witness.

use sealbook_core::checkpoint::{self, Checkpoint, parse_decimal};
use sealbook_core::cosignature::{AddCheckpoint, Answer, SIZE_CONTENT_TYPE, add_cosignatures};
use sealbook_core::note::{Note, VerifierKey, decode_base64, encode_base64, key_id, signature_line};
use sealbook_core::policy::Policy;

use crate::bounds::{bounded, same};
use crate::samples;

/// Everything that reads a signed text.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        match Note::parse(data) {
            Ok(note) => parsed(&note, data),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        policy(data);
        let Ok(text) = core::str::from_utf8(data) else { return };
        claim(text);
        key(text);
        numbers(text);
        signed(text);
        witnessed(text);
    });
}

fn policy(data: &[u8]) {
    match Policy::parse(data) {
        Ok(policy) => {
            for party in policy.logs().iter().chain(policy.witnesses()) {
                assert_eq!(VerifierKey::parse(&party.key.to_string()).as_ref(), Ok(&party.key));
            }
            for note in &samples::ledger().notes {
                if let Ok(trusted) = policy.verify(note, &[], None) {
                    assert!(policy.logs().iter().any(|log| log.key.name() == trusted.checkpoint().origin));
                }
            }
        }
        Err(error) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!(error.line <= lines && !error.problem.is_empty(), "{error}");
        }
    }
}

/// What goes to a witness and comes back.
fn witnessed(text: &str) {
    match AddCheckpoint::parse(text.as_bytes()) {
        Ok(request) => same(request.to_string().as_bytes(), text.as_bytes(), "request to a witness"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Ok(Answer::Cosigned(lines)) = Answer::parse(200, "", text.as_bytes()) {
        assert_eq!(lines, text);
        let checkpoint = core::str::from_utf8(&samples::ledger().notes[2]).unwrap();
        // The ledger's own key is no witness.
        assert!(add_cosignatures(checkpoint, &lines, &[samples::signer().verifier()]).is_err());
    }
    if let Ok(Answer::LastSeen(size)) = Answer::parse(409, SIZE_CONTENT_TYPE, text.as_bytes()) {
        assert_eq!(format!("{size}\n"), text);
    }
}

/// Text, blank line, signature lines: nothing else, and each in its only spelling.
fn parsed(note: &Note, data: &[u8]) {
    let text = note.unverified_text();
    let mut again = format!("{text}\n");
    let lines = core::str::from_utf8(&data[again.len()..]).unwrap();
    for line in lines.lines() {
        let (name, encoded) = line.strip_prefix("\u{2014} ").unwrap().split_once(' ').unwrap();
        let bytes = decode_base64(encoded).unwrap();
        let (id, signature) = bytes.split_first_chunk::<4>().unwrap();
        again.push_str(&signature_line(name, *id, signature));
    }
    same(again.as_bytes(), data, "note");
    // Whoever does not hold the key cannot make a text that it signed.
    let keys = [samples::signer().verifier()];
    if let Ok(text) = note.verify(&keys) {
        assert!(samples::signed_texts().iter().any(|signed| signed == text), "a forged text: {text:?}");
    }
    if let Ok(verified) = checkpoint::verify(data, &keys) {
        assert!(text.starts_with(&verified.text()));
    }
}

fn claim(text: &str) {
    match Checkpoint::parse(text) {
        Ok(checkpoint) => {
            assert!(text.starts_with(&checkpoint.text()));
            assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn key(text: &str) {
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
        let public =
            decode_base64(text.rsplit_once('+').map_or(text, |_| text.splitn(3, '+').nth(2).unwrap())).unwrap();
        let (kind, public) = public.split_first().unwrap();
        assert_eq!(key.id(), key_id(text.split('+').next().unwrap(), *kind, public));
    }
}

fn numbers(text: &str) {
    if let Some(number) = parse_decimal(text) {
        assert_eq!(number.to_string(), text);
    }
    if let Some(bytes) = decode_base64(text) {
        assert_eq!(encode_base64(&bytes), text);
    }
}

/// A text that can be signed reads back whole.
fn signed(text: &str) {
    let signable = text.ends_with('\n') && !text.bytes().any(|byte| byte < 0x20 && byte != b'\n');
    if signable && !text.is_empty() {
        let note = samples::signer().note(text);
        let read = Note::parse(&note).unwrap();
        assert_eq!(read.verify(&[samples::signer().verifier()]).unwrap(), text);
    }
}
