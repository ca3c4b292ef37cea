//! One entry as data, in the order of the columns.

use sealbook_core::entry::Entry;
use sealbook_core::record::Scalar;

use crate::columns::{
    ENTRY, EVENT_AT, RAW_LENGTH, RECORDED_AT, SOURCE_FORMAT, SOURCE_ID, SOURCE_SEQUENCE, SOURCE_VERSION, THREAD_N,
    THREAD_PREV, by_id, by_path, columns,
};
use crate::error::BuildError;

/// What stands for a sealed value, whether or not it is disclosed.
pub const SEALED: &str = "(sealed)";

/// One value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datum<'a> {
    Absent,
    Number(i64),
    Text(&'a str),
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Absent,
    Number(i64),
    Text { start: usize, end: usize },
}

/// One entry, a datum per column. Made once and filled again for each entry, so that reading allocates nothing.
#[derive(Debug)]
pub(crate) struct Row {
    slots: Vec<Slot>,
    texts: String,
}

impl Row {
    pub fn new() -> Self {
        Self { slots: vec![Slot::Absent; columns().len()], texts: String::new() }
    }

    /// Lays an entry out. Sealed values are [`SEALED`].
    pub fn read(&mut self, entry: &Entry) -> Result<(), BuildError> {
        self.slots.fill(Slot::Absent);
        self.texts.clear();
        let number =
            |what, value: u64| i64::try_from(value).map_err(|_| BuildError::Number { entry: entry.index, what, value });
        let time = entry.event.occurred_at.unwrap_or(entry.recorded_at);
        self.number(ENTRY, number("index", entry.index)?);
        self.number(RECORDED_AT, entry.recorded_at.0);
        self.number(EVENT_AT, time.0);
        self.text(SOURCE_ID, &entry.source.id);
        self.text(SOURCE_FORMAT, &entry.source.format);
        self.number(SOURCE_VERSION, number("source version", entry.source.version)?);
        if let Some(sequence) = entry.source.sequence {
            self.number(SOURCE_SEQUENCE, number("source sequence", sequence)?);
        }
        self.number(THREAD_N, number("thread number", entry.thread.n)?);
        if let Some(prev) = entry.thread.prev {
            self.number(THREAD_PREV, number("thread link", prev)?);
        }
        if let Some(raw) = &entry.raw {
            self.number(RAW_LENGTH, number("raw length", raw.length)?);
        }
        entry.event.visit(&mut |id, scalar| {
            let Some(at) = by_id(id) else { return };
            match scalar {
                Scalar::Text(text) => self.text(at, text),
                Scalar::Time(time) => self.number(at, time.0),
                Scalar::Bool(flag) => self.number(at, i64::from(flag)),
                Scalar::Label(..) => {}
            }
        });
        for path in entry.commitments.keys() {
            if let Some(at) = by_path(path) {
                self.text(at, SEALED);
            }
        }
        Ok(())
    }

    /// The datum of a column.
    pub fn datum(&self, column: usize) -> Datum<'_> {
        match self.slots.get(column) {
            None | Some(Slot::Absent) => Datum::Absent,
            Some(Slot::Number(number)) => Datum::Number(*number),
            Some(Slot::Text { start, end }) => Datum::Text(self.texts.get(*start..*end).unwrap_or_default()),
        }
    }

    /// Columns that are there.
    pub fn present(&self) -> impl Iterator<Item = usize> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| !matches!(slot, Slot::Absent)).map(|(at, _)| at)
    }

    fn number(&mut self, at: usize, number: i64) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot::Number(number);
        }
    }

    fn text(&mut self, at: usize, text: &str) {
        let start = self.texts.len();
        self.texts.push_str(text);
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot::Text { start, end: self.texts.len() };
        }
    }
}

/// The labels of an entry, sealed ones as [`SEALED`].
pub(crate) fn labels(entry: &Entry) -> impl Iterator<Item = (&str, &str)> {
    let open = entry.event.labels.iter();
    let sealed = entry.commitments.keys();
    open.map(|(name, value)| (name.as_str(), value.as_str()))
        .chain(sealed.filter_map(|path| path.strip_prefix("labels.").map(|name| (name, SEALED))))
}
