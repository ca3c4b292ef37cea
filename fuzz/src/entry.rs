//! Entries and the sealed values beside them.

use sealbook_core::entry::{Body, Entry, Statement, decode_openings, encode_openings};
use sealbook_core::event::Event;

use crate::bounds::{bounded, located, same};

/// Everything that reads the bytes of an entry.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        match Entry::decode(data) {
            Ok(entry) => decoded(&entry, data),
            Err(error) => located(error.offset, data, error),
        }
        match decode_openings(data) {
            Ok(openings) => same(&encode_openings(&openings), data, "list of openings"),
            Err(error) => located(error.offset, data, error),
        }
    });
}

fn decoded(entry: &Entry, data: &[u8]) {
    same(&entry.encode(), data, "entry");
    let statement = Statement { genesis: entry.genesis.as_ref(), successor: entry.successor.as_deref() };
    let body = Body::new(&entry.source, &entry.event, &entry.commitments, entry.raw.as_ref(), statement);
    same(&body.place(&entry.place()), data, "body at its place");
    assert!(data.len() <= body.bytes_max(), "{} bytes, said to be at most {}", data.len(), body.bytes_max());
    assert_eq!(entry.unsealed(&[]), entry.event);
    let mut fields = 0;
    entry.event.visit(&mut |_, _| fields += 1);
    assert!(fields >= 4, "id, kind, subject and outcome are always there");
    // An event within the limits is the same after it went out as names and values and came back.
    if entry.event.check().is_ok() {
        assert_eq!(Event::from_tree(entry.event.to_tree()).as_ref(), Ok(&entry.event));
    }
}
