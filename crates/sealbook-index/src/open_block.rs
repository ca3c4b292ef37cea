//! The open block: the newest entries, in memory, until there are enough of them for a file.

use std::collections::HashMap;

use roaring::RoaringBitmap;
use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;

use crate::error::Damage;
use crate::field::{Field, event_key, event_time, for_each_term, lookup_key};
use crate::query::{Candidates, Lookup};

/// Terms of one field and the offsets of their entries, ascending.
#[derive(Debug)]
pub(crate) enum Gathered {
    /// The terms themselves.
    Terms(HashMap<Box<str>, Vec<u16>>),
    /// Only their digests, in the order of the entries: for fields whose terms hardly ever repeat.
    Keys(Vec<(u64, u16)>),
}

/// Entries that are indexed in memory.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    first: u64,
    count: u32,
    happened: (Micros, Micros),
    recorded: (Micros, Micros),
    fields: Vec<Gathered>,
}

impl OpenBlock {
    /// A block that begins with the entry at `first`.
    pub(crate) fn new(first: u64) -> Self {
        let widest = (Micros(i64::MAX), Micros(i64::MIN));
        let fields = Field::ALL
            .iter()
            .map(|field| match field {
                Field::Event | Field::Request | Field::Trace => Gathered::Keys(Vec::new()),
                _ => Gathered::Terms(HashMap::new()),
            })
            .collect();
        Self { first, count: 0, happened: widest, recorded: widest, fields }
    }

    /// Index of the entry that comes next.
    pub(crate) fn next(&self) -> u64 {
        self.first + u64::from(self.count)
    }

    /// Adds the next entry. Gives false, and adds nothing, where it is not the next one or the block can hold no more.
    pub(crate) fn add(&mut self, entry: &Entry) -> bool {
        let Ok(offset) = u16::try_from(self.count) else {
            return false;
        };
        if entry.index != self.next() {
            return false;
        }
        let widen = |(first, last): (Micros, Micros), time: Micros| (first.min(time), last.max(time));
        self.happened = widen(self.happened, event_time(entry));
        self.recorded = widen(self.recorded, entry.recorded_at);
        self.count += 1;
        for_each_term(entry, &mut |field, term| self.put(field, term, offset));
        let event = event_key(&entry.source.id, &entry.event.id);
        self.put(Field::Event, &event, offset);
        true
    }

    fn put(&mut self, field: Field, term: &str, offset: u16) {
        match self.fields.get_mut(field.place()) {
            None => {}
            Some(Gathered::Keys(rows)) => rows.push((lookup_key(term), offset)),
            Some(Gathered::Terms(terms)) => match terms.get_mut(term) {
                None => {
                    terms.insert(term.into(), vec![offset]);
                }
                Some(offsets) if offsets.last() == Some(&offset) => {}
                Some(offsets) => offsets.push(offset),
            },
        }
    }

    pub(crate) fn gathered(&self, field: Field) -> Option<&Gathered> {
        self.fields.get(field.place())
    }
}

impl Lookup for OpenBlock {
    fn first(&self) -> u64 {
        self.first
    }

    fn count(&self) -> u32 {
        self.count
    }

    fn happened(&self) -> (Micros, Micros) {
        self.happened
    }

    fn recorded(&self) -> (Micros, Micros) {
        self.recorded
    }

    fn term(&self, field: Field, value: &str) -> Result<Candidates, Damage> {
        let mut set = RoaringBitmap::new();
        let exact = match self.gathered(field) {
            None => true,
            Some(Gathered::Terms(terms)) => {
                set.extend(terms.get(value).into_iter().flatten().copied().map(u32::from));
                true
            }
            Some(Gathered::Keys(rows)) => {
                let key = lookup_key(value);
                set.extend(rows.iter().filter(|(k, _)| *k == key).map(|(_, offset)| u32::from(*offset)));
                set.is_empty()
            }
        };
        Ok(Candidates { set, exact })
    }
}
