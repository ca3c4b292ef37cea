//! Queries: a tree of conditions, what it means for an entry, and which entries of a block can meet it.

use std::ops::Range;

use roaring::RoaringBitmap;
use sealbook_core::entry::Entry;
use sealbook_core::event::{Kind, Outcome};
use sealbook_core::time::Micros;

use crate::error::Damage;
use crate::field::{Field, event_time, has_term};

/// A span of time: from the first to before the second; open where a bound is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// Not before.
    pub from: Option<Micros>,
    /// Before.
    pub to: Option<Micros>,
}

impl TimeRange {
    /// Whether a time lies in it.
    #[must_use]
    pub fn contains(&self, time: Micros) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// Every condition is met; without conditions, every entry.
    All(Vec<Query>),
    /// Some condition is met; without conditions, no entry.
    Any(Vec<Query>),
    /// The condition is not met.
    Not(Box<Query>),
    /// The entry has this term.
    Is(Field, String),
    /// The event happened in this span (by the producer, or else when it was recorded).
    Happened(TimeRange),
    /// The entry was recorded in this span, by the ledger's clock.
    Recorded(TimeRange),
    /// The entry's index lies in this range.
    Indexes(Range<u64>),
}

impl Query {
    /// Every entry.
    #[must_use]
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// The entry has this term.
    #[must_use]
    pub fn is(field: Field, value: impl Into<String>) -> Self {
        Self::Is(field, value.into())
    }

    /// Entries that name this identity: as subject, as actor, or as any other party.
    #[must_use]
    pub fn identity(id: &str) -> Self {
        Self::Any(vec![Self::is(Field::Subject, id), Self::is(Field::Actor, id), Self::is(Field::Party, id)])
    }

    /// Entries of this kind.
    #[must_use]
    pub fn kind(kind: Kind) -> Self {
        Self::is(Field::Kind, kind.word())
    }

    /// Entries with this outcome.
    #[must_use]
    pub fn outcome(outcome: Outcome) -> Self {
        Self::is(Field::Outcome, outcome.word())
    }

    /// Whether an entry meets it. This decides; blocks only propose.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(entry)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(entry)),
            Self::Not(part) => !part.matches(entry),
            Self::Is(field, value) => has_term(entry, *field, value),
            Self::Happened(range) => range.contains(event_time(entry)),
            Self::Recorded(range) => range.contains(entry.recorded_at),
            Self::Indexes(range) => range.contains(&entry.index),
        }
    }

    /// The entries of a block that can meet it.
    pub(crate) fn candidates(&self, block: &dyn Lookup) -> Result<Candidates, Damage> {
        let count = block.count();
        Ok(match self {
            Self::All(parts) => {
                let mut met = Candidates::all(count, true);
                // What needs no reading goes first: once nothing is left, nothing more is read.
                let (cheap, dear): (Vec<_>, Vec<_>) = parts
                    .iter()
                    .partition(|part| matches!(part, Self::Happened(_) | Self::Recorded(_) | Self::Indexes(_)));
                for part in cheap.into_iter().chain(dear) {
                    let more = part.candidates(block)?;
                    met.set &= more.set;
                    met.exact &= more.exact;
                    if met.set.is_empty() {
                        return Ok(Candidates::none());
                    }
                }
                met
            }
            Self::Any(parts) => {
                let mut met = Candidates::none();
                for part in parts {
                    let more = part.candidates(block)?;
                    met.set |= more.set;
                    met.exact &= more.exact;
                }
                met
            }
            Self::Not(part) => {
                let met = part.candidates(block)?;
                let mut all = Candidates::all(count, met.exact);
                // From "may meet it" nothing follows about those that may not.
                if met.exact {
                    all.set -= met.set;
                }
                all
            }
            Self::Is(field, value) => block.term(*field, value)?,
            Self::Happened(range) => within(*range, block.happened(), count),
            Self::Recorded(range) => within(*range, block.recorded(), count),
            Self::Indexes(range) => {
                let offset = |index: u64| u32::try_from(index.saturating_sub(block.first()).min(u64::from(count)));
                let mut set = RoaringBitmap::new();
                if let (Ok(start), Ok(end)) = (offset(range.start), offset(range.end)) {
                    set.insert_range(start..end.max(start));
                }
                Candidates { set, exact: true }
            }
        })
    }
}

/// What is known of a block from its smallest and largest time.
fn within(range: TimeRange, (first, last): (Micros, Micros), count: u32) -> Candidates {
    if range.contains(first) && range.contains(last) {
        return Candidates::all(count, true);
    }
    let after = range.from.is_some_and(|from| last < from);
    let before = range.to.is_some_and(|to| first >= to);
    if after || before { Candidates::none() } else { Candidates::all(count, false) }
}

/// Offsets of entries that can meet a query: never fewer than do.
#[derive(Debug, PartialEq)]
pub(crate) struct Candidates {
    pub(crate) set: RoaringBitmap,
    /// Whether all of them do, as far as the block can be believed.
    pub(crate) exact: bool,
}

impl Candidates {
    pub(crate) fn all(count: u32, exact: bool) -> Self {
        let mut set = RoaringBitmap::new();
        set.insert_range(0..count);
        Self { set, exact }
    }

    pub(crate) fn none() -> Self {
        Self { set: RoaringBitmap::new(), exact: true }
    }
}

/// A block that can be asked.
pub(crate) trait Lookup {
    /// Index of its first entry.
    fn first(&self) -> u64;
    /// Entries in it.
    fn count(&self) -> u32;
    /// Smallest and largest time of events.
    fn happened(&self) -> (Micros, Micros);
    /// Smallest and largest time of recording.
    fn recorded(&self) -> (Micros, Micros);
    /// The entries that can have a term.
    fn term(&self, field: Field, value: &str) -> Result<Candidates, Damage>;
}
