//! Entries made by hand: minute by minute, each a few words.

use std::collections::BTreeMap;

use sealbook_core::entry::{Entry, Source, Thread};
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::hash::ChainValue;
use sealbook_core::time::Micros;

/// A minute in µs.
pub const MINUTE: i64 = 60_000_000;

/// The time `minutes` after the beginning.
pub fn at(minutes: i64) -> Micros {
    Micros(1_772_323_200_000_000 + minutes * MINUTE)
}

/// An event about `subject` that happened and succeeded at a minute.
pub fn event(kind: Kind, subject: &str, minutes: i64) -> Event {
    let subject = Identity::new(subject, IdentityType::Workload);
    let mut event = Event::new("e", kind, subject, Outcome::Success);
    event.occurred_at = Some(at(minutes));
    event
}

/// Entries of events, each recorded a second after the latest of those before it happened.
pub fn entries(events: Vec<Event>) -> Vec<Entry> {
    let mut recorded_at = at(0);
    let mut entries = Vec::new();
    for (index, mut event) in (0..).zip(events) {
        recorded_at = recorded_at.max(Micros(event.occurred_at.unwrap_or(recorded_at).0 + 1_000_000));
        event.id = format!("event-{index}");
        entries.push(Entry {
            index,
            recorded_at,
            prev: ChainValue::default(),
            source: Source { id: "test".into(), format: "native".into(), version: 1, sequence: None },
            event,
            commitments: BTreeMap::new(),
            raw: None,
            thread: Thread { n: 1, prev: None },
            genesis: None,
            successor: None,
        });
    }
    entries
}
