//! The private key is not the verifier's matter; a log that is opened with a damaged one says so.

use std::fs;

use sealbook_log::{Ledger, LogError, Options};

use crate::fixture::{ORIGIN, Place};

#[test]
fn every_flipped_bit_of_the_private_key_keeps_the_log_shut_or_changes_nothing() {
    let place = Place::create(ORIGIN, 31);
    let ledger = place.open(1 << 20);
    place.grow(&ledger, 20, "key");
    ledger.close().unwrap();
    let path = place.root().join("keys/signing.key");
    let bytes = fs::read(&path).unwrap();
    let before = place.book();
    let (mut refused, mut harmless) = (0, 0);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).unwrap();
        match Ledger::open_with(place.world(), &place.root(), Options::default()) {
            Err(LogError::BadKey { path: named, .. }) => {
                assert_eq!(named, path);
                refused += 1;
            }
            Err(error) => panic!("bit {bit}: {error}"),
            // White space after the key is no part of it.
            Ok(ledger) => {
                assert!(bit / 8 == bytes.len() - 1, "bit {bit} opens the log");
                assert_eq!(ledger.load_key().unwrap().verifier(), &before.key.verifier);
                harmless += 1;
            }
        }
    }
    fs::write(&path, &bytes).unwrap();
    println!("{refused} flips refused, {harmless} changed only white space");
    assert!(refused + harmless == bytes.len() * 8 && harmless < 8, "{refused} {harmless}");
    assert_eq!(place.book().folder().files, before.folder().files, "nothing was written with a damaged key");
}

#[test]
fn a_sound_key_that_is_not_the_ledgers_is_refused_by_name() {
    let (place, other) = (Place::create(ORIGIN, 32), Place::create(ORIGIN, 33));
    fs::copy(other.root().join("keys/signing.key"), place.root().join("keys/signing.key")).unwrap();
    let error = Ledger::open_with(place.world(), &place.root(), Options::default()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, LogError::BadKey { .. }), "{text}");
    assert!(text.contains(&other.book().key.verifier.to_string()), "{text}");
}
