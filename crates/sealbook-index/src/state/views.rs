//! What the entries say of their sources, one entry after the other.

use std::collections::{BTreeMap, BTreeSet};

use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;
use sealbook_log::SELF_SOURCE;
use serde::{Deserialize, Serialize};

use super::Totals;
use crate::field::event_time;

/// Gaps that are listed for a source, the newest ones; all of them are counted.
pub const GAPS_LISTED_MAX: usize = 256;

/// The ledger's act that names sequence numbers which are missing: labels `source`, `first_missing`, `last_missing`.
pub const GAP_ACT: &str = "source.gap";
/// The ledger's act that names a source which is silent for longer than it may be: label `source`.
pub const SILENT_ACT: &str = "source.silent";
/// The ledger's act that names a source which was silent and is heard again: label `source`.
pub const HEARD_ACT: &str = "source.heard";

/// Sequence numbers that a source skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First number that is missing.
    pub from: u64,
    /// Last number that is missing.
    pub to: u64,
    /// Index of the entry that showed it: the first one behind the gap.
    pub index: u64,
    /// Whether an entry names it ([`GAP_ACT`]).
    pub reported: bool,
}

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Source id.
    pub id: String,
    /// Format of its newest entry.
    pub format: String,
    /// Its entries.
    pub entries: u64,
    /// Index of its newest entry.
    pub last_index: u64,
    /// Ledger time of its newest entry.
    pub last_recorded_at: Micros,
    /// Latest time at which one of its events happened.
    pub last_event_at: Micros,
    /// Highest of its own sequence numbers.
    pub last_sequence: Option<u64>,
    /// Sequence numbers that are missing, in the gaps that are listed and in those that no longer are.
    pub missing: u64,
    /// Entries whose sequence number is not above the highest before and fills no gap that is listed.
    pub repeated: u64,
    /// The newest gaps, in the order of their numbers; at most [`GAPS_LISTED_MAX`].
    pub gaps: Vec<Gap>,
    /// Gaps that are no longer listed.
    pub gaps_unlisted: u64,
    /// Index of the entry that says it is silent ([`SILENT_ACT`]), until one says that it is heard again.
    pub silent: Option<u64>,
}

/// A source as it is saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceWire {
    format: String,
    entries: u64,
    last_index: u64,
    last_recorded_at: i64,
    last_event_at: i64,
    last_sequence: Option<u64>,
    missing: u64,
    repeated: u64,
    /// First and last number, index.
    gaps: Vec<(u64, u64, u64)>,
    gaps_unlisted: u64,
    /// First and last number of gaps that entries name, the newest.
    reported: Vec<(u64, u64)>,
    silent: Option<u64>,
}

/// What is saved besides the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TotalsWire {
    pub(super) subjects: u64,
    pub(super) recorded_at: i64,
}

/// The views, and which sources have changed since they were saved.
#[derive(Debug, Default)]
pub(super) struct Views {
    pub(super) sources: BTreeMap<String, SourceWire>,
    pub(super) totals: TotalsWire,
    pub(super) changed: BTreeSet<String>,
}

impl Views {
    /// Takes in the next entry.
    pub(super) fn apply(&mut self, entry: &Entry) {
        self.totals.subjects += u64::from(entry.thread.n == 1);
        self.totals.recorded_at = entry.recorded_at.0;
        let happened = event_time(entry).0;
        self.apply_act(entry);
        if !self.changed.contains(&entry.source.id) {
            self.changed.insert(entry.source.id.clone());
        }
        let source = self.sources.entry(entry.source.id.clone()).or_insert_with(|| SourceWire::new(happened));
        source.entries += 1;
        source.last_index = entry.index;
        source.last_recorded_at = entry.recorded_at.0;
        source.last_event_at = source.last_event_at.max(happened);
        source.format.clone_from(&entry.source.format);
        if let Some(sequence) = entry.source.sequence {
            source.number(sequence, entry.index);
        }
    }

    /// Takes in what the ledger itself says of a source.
    fn apply_act(&mut self, entry: &Entry) {
        let event = &entry.event;
        let (Some(action), Some(named)) = (event.action.as_deref(), event.labels.get("source")) else { return };
        if entry.source.id != SELF_SOURCE || ![GAP_ACT, SILENT_ACT, HEARD_ACT].contains(&action) {
            return;
        }
        let number = |label: &str| event.labels.get(label).and_then(|value| value.parse().ok());
        let source = self.sources.entry(named.clone()).or_insert_with(|| SourceWire::new(event_time(entry).0));
        match action {
            SILENT_ACT => source.silent = Some(entry.index),
            HEARD_ACT => source.silent = None,
            _ => {
                if let (Some(from), Some(to)) = (number("first_missing"), number("last_missing")) {
                    source.reported.push((from, to));
                    let over = source.reported.len().saturating_sub(GAPS_LISTED_MAX);
                    source.reported.drain(..over);
                }
            }
        }
        self.changed.insert(named.clone());
    }

    pub(super) fn sources(&self) -> Vec<SourceState> {
        self.sources.iter().map(|(id, source)| source.state(id)).collect()
    }

    pub(super) fn totals(&self, entries: u64) -> Totals {
        Totals { entries, subjects: self.totals.subjects, recorded_at: Micros(self.totals.recorded_at) }
    }
}

impl SourceWire {
    fn new(happened: i64) -> Self {
        Self {
            format: String::new(),
            entries: 0,
            last_index: 0,
            last_recorded_at: 0,
            last_event_at: happened,
            last_sequence: None,
            missing: 0,
            repeated: 0,
            gaps: Vec::new(),
            gaps_unlisted: 0,
            reported: Vec::new(),
            silent: None,
        }
    }

    /// Takes in a sequence number of the source: it may open a gap, or fill one.
    fn number(&mut self, sequence: u64, index: u64) {
        match self.last_sequence {
            Some(last) if sequence <= last => self.fill(sequence),
            Some(last) if sequence - last > 1 => {
                self.missing = self.missing.saturating_add(sequence - last - 1);
                self.gaps.push((last + 1, sequence - 1, index));
                self.drop_oldest_gaps();
            }
            _ => {}
        }
        self.last_sequence = self.last_sequence.max(Some(sequence));
    }

    /// Takes a number that came late out of the gap that it lies in.
    fn fill(&mut self, sequence: u64) {
        let found = self.gaps.iter().position(|(from, to, _)| (*from..=*to).contains(&sequence));
        let Some((from, to, index)) = found.map(|at| self.gaps.remove(at)) else {
            self.repeated += 1;
            return;
        };
        self.missing -= 1;
        let left = (from < sequence).then(|| (from, sequence - 1, index));
        let right = (sequence < to).then(|| (sequence + 1, to, index));
        self.gaps.extend(left.into_iter().chain(right));
        self.gaps.sort_unstable();
        self.drop_oldest_gaps();
    }

    fn drop_oldest_gaps(&mut self) {
        let over = self.gaps.len().saturating_sub(GAPS_LISTED_MAX);
        self.gaps.drain(..over);
        self.gaps_unlisted += over as u64;
    }

    fn state(&self, id: &str) -> SourceState {
        let gap = |(from, to, index): &(u64, u64, u64)| {
            let reported = self.reported.iter().any(|(first, last)| first <= from && to <= last);
            Gap { from: *from, to: *to, index: *index, reported }
        };
        SourceState {
            id: id.to_owned(),
            format: self.format.clone(),
            entries: self.entries,
            last_index: self.last_index,
            last_recorded_at: Micros(self.last_recorded_at),
            last_event_at: Micros(self.last_event_at),
            last_sequence: self.last_sequence,
            missing: self.missing,
            repeated: self.repeated,
            gaps: self.gaps.iter().map(gap).collect(),
            gaps_unlisted: self.gaps_unlisted,
            silent: self.silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(numbers: &[u64]) -> SourceWire {
        let mut source = SourceWire::new(0);
        (0..).zip(numbers).for_each(|(index, number)| source.number(*number, index));
        source
    }

    #[test]
    fn a_skipped_number_is_a_gap_until_it_comes() {
        let source = numbered(&[5, 6, 10]);
        assert_eq!((source.missing, &*source.gaps), (3, &[(7, 9, 2)][..]));
        let source = numbered(&[5, 6, 10, 8]);
        assert_eq!((source.missing, &*source.gaps), (2, &[(7, 7, 2), (9, 9, 2)][..]));
        let source = numbered(&[5, 6, 10, 8, 7, 9]);
        assert_eq!((source.missing, source.gaps.len(), source.last_sequence, source.repeated), (0, 0, Some(10), 0));
    }

    #[test]
    fn a_number_that_comes_again_is_counted() {
        assert_eq!(numbered(&[1, 2, 2, 1]).repeated, 2);
    }

    #[test]
    fn gaps_that_are_not_listed_stay_counted() {
        let numbers: Vec<u64> = (0..1000).map(|n| n * 2).collect();
        let source = numbered(&numbers);
        assert_eq!(source.missing, 999);
        assert_eq!(source.gaps.len() as u64 + source.gaps_unlisted, 999);
        assert_eq!(source.gaps.last(), Some(&(1997, 1997, 999)));
    }

    #[test]
    fn numbers_at_the_end_of_their_range_do_not_overflow() {
        let source = numbered(&[0, u64::MAX, u64::MAX, 1]);
        assert_eq!((source.missing, source.repeated), (u64::MAX - 2, 1));
    }
}
