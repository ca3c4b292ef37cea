//! Entries and the sealed values beside them.

use sealbook_core::entry::{Body, Entry, Statement, decode_openings, encode_openings};
use sealbook_core::event::Event;
use sealbook_core::view::EntryView;

use crate::bounds::{bounded, located, same};

/// Everything that reads the bytes of an entry.
pub fn check(data: &[u8]) {
    bounded(data, |data| {
        match Entry::decode(data) {
            Ok(entry) => decoded(&entry, data),
            Err(error) => located(error.offset, data, error),
        }
        match EntryView::decode(data) {
            Ok(view) => viewed(&view, data),
            Err(error) => {
                assert!(Entry::decode(data).is_err(), "only one of two readers takes it");
                located(error.offset, data, error);
            }
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

/// What was read in place says the same as what was read out.
fn viewed(view: &EntryView<'_>, data: &[u8]) {
    let entry = Entry::decode(data).unwrap();
    assert_eq!(view.entry().as_ref(), Ok(&entry));
    assert_eq!((view.index, view.recorded_at, view.prev), (entry.index, entry.recorded_at, entry.prev));
    assert_eq!((view.event.id, view.event.kind), (entry.event.id.as_str(), entry.event.kind));
    assert_eq!(
        (view.event.subject, view.event.occurred_at),
        (entry.event.subject.id.as_str(), entry.event.occurred_at)
    );
    assert_eq!((view.event.action, view.thread), (entry.event.action.as_deref(), entry.thread));
    assert_eq!((view.source.id, view.source.sequence), (entry.source.id.as_str(), entry.source.sequence));
    assert_eq!(view.genesis.as_ref().map(|genesis| genesis.genesis()), entry.genesis);
    assert_eq!(view.successor, entry.successor.as_deref());
    let commitments: Vec<_> = view.commitments().map(|(path, commitment)| (path.to_owned(), commitment)).collect();
    assert_eq!(commitments.len(), entry.commitments.len());
    assert!(commitments.iter().all(|(path, commitment)| entry.commitments.get(path) == Some(commitment)));
    assert_eq!(view.committed(), entry.commitments.len() as u64 + u64::from(entry.raw.is_some()));
}
