//! Native events: JSON and CBOR from producers.

use std::collections::BTreeMap;

use sealbook_core::entry::{Entry, SEALED_BY_DEFAULT, Source as Origin, Thread, seal};
use sealbook_core::event::Event;
use sealbook_core::hash::{ChainValue, SALT_BYTES};
use sealbook_core::limits::ENTRY_BYTES_MAX;
use sealbook_core::time::Micros;
use sealbook_sources::{Item, Source, by_name, json, to_json};

use crate::bounds::{bounded, located};
use crate::sources;

/// Everything between a producer's bytes and the bytes that are hashed.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        strict(data);
        let native = by_name("native").unwrap();
        for item in sources::read(native, data) {
            if let Item::Event(mapped) = item {
                goes_out_and_comes_back(native, &mapped.event);
                is_hashed_and_read(&mapped.event);
            }
        }
    });
}

/// What the strict reader takes, every reader takes; what it refuses has a place.
fn strict(data: &[u8]) {
    match json::parse(data) {
        Ok(_) => assert!(serde_json::from_slice::<serde_json::Value>(data).is_ok()),
        Err(error) => located(error.offset, data, error.problem),
    }
}

fn goes_out_and_comes_back(native: &dyn Source, event: &Event) {
    let text = to_json(event).to_string();
    let mut found = Vec::new();
    native.read(text.as_bytes(), &mut |item| found.push(item)).unwrap();
    match found.as_slice() {
        [Item::Event(again)] => assert_eq!(again.event, *event, "{text}"),
        other => panic!("{text} was read as {other:?}"),
    }
}

fn is_hashed_and_read(event: &Event) {
    let paths: Vec<String> = SEALED_BY_DEFAULT
        .iter()
        .map(|path| (*path).to_owned())
        .chain(event.labels.keys().map(|name| format!("labels.{name}")))
        .collect();
    let mut open = event.clone();
    let (commitments, openings) = seal(&mut open, &paths, &mut || [1; SALT_BYTES]);
    let entry = Entry {
        index: 1,
        recorded_at: Micros(2),
        prev: ChainValue([3; 32]),
        source: Origin { id: "s".into(), format: "native".into(), version: 1, sequence: None },
        event: open,
        commitments,
        raw: None,
        thread: Thread { n: 1, prev: None },
        genesis: None,
        successor: None,
    };
    let bytes = entry.encode();
    if bytes.len() <= ENTRY_BYTES_MAX {
        assert_eq!(Entry::decode(&bytes).as_ref(), Ok(&entry));
    }
    assert!(openings.iter().all(|opening| entry.opened_by(opening)));
    assert_eq!(entry.unsealed(&openings), *event);
    let none: BTreeMap<_, _> = BTreeMap::new();
    assert_eq!(Entry { commitments: none, ..entry.clone() }.unsealed(&openings), entry.event);
}
