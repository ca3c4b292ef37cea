//! Answers: candidates from the blocks, read back from the log, checked against the query, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use roaring::RoaringBitmap;
use sealbook_core::entry::Entry;
use sealbook_log::{Reader, Stored};

use crate::block::Block;
use crate::error::IndexError;
use crate::query::{Candidates, Lookup as _, Query};

/// Candidates that are read at first; each further batch is twice as large, so that the first answers come at once.
const BATCH_MIN: usize = 16;
/// Candidates that are read at once.
const BATCH_MAX: usize = 1024;
/// Entries between two candidates up to which the log is read on rather than entered anew.
const RUN_GAP: u64 = 16;
/// Candidates from which on a run is read in one go: below, entering the log for each is faster.
const RUN_MIN: usize = 8;

/// The order of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// An entry that meets the query.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The entry.
    pub entry: Entry,
    /// Its bytes, and what is sealed beside them.
    pub stored: Stored,
}

/// Entries that have not been looked at yet.
#[derive(Debug)]
pub(crate) enum Part {
    /// Those of a block, which has not been asked yet.
    Block(Arc<Block>),
    /// These.
    Set {
        /// Index that the offsets count from.
        first: u64,
        /// Offsets.
        set: RoaringBitmap,
    },
}

/// The entries that meet a query, in order of their index, as of the size that the log had when it was asked.
/// To go on later, ask again with [`Search::starting_at`] after the last index.
#[derive(Debug)]
pub struct Search {
    reader: Reader,
    query: Query,
    order: Order,
    start: Option<u64>,
    parts: VecDeque<Part>,
    current: Option<(u64, RoaringBitmap)>,
    batch: usize,
    ready: VecDeque<Hit>,
    left: usize,
}

impl Search {
    pub(crate) fn new(reader: Reader, query: Query, parts: VecDeque<Part>) -> Self {
        Self {
            reader,
            query,
            order: Order::Ascending,
            start: None,
            parts,
            current: None,
            batch: BATCH_MIN,
            ready: VecDeque::new(),
            left: usize::MAX,
        }
    }

    /// In this order.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// From this index on: upwards, or downwards where the newest come first. The entry itself is included.
    #[must_use]
    pub fn starting_at(mut self, index: u64) -> Self {
        self.start = Some(index);
        self
    }

    /// At most this many.
    #[must_use]
    pub fn limit(mut self, entries: usize) -> Self {
        self.left = entries;
        self
    }

    /// Fills `ready` from the next candidates; false where there are none left.
    fn advance(&mut self) -> Result<bool, IndexError> {
        loop {
            let next = self.next_candidates();
            if next.is_empty() {
                let part = match self.order {
                    Order::Ascending => self.parts.pop_front(),
                    Order::Descending => self.parts.pop_back(),
                };
                match part {
                    Some(part) => self.current = Some(self.ask(part)),
                    None => return Ok(false),
                }
                continue;
            }
            self.batch = (self.batch * 2).min(BATCH_MAX);
            let mut hits = read_back(&self.reader, &next, &self.query)?;
            if self.order == Order::Descending {
                hits.reverse();
            }
            if !hits.is_empty() {
                self.ready = hits.into();
                return Ok(true);
            }
        }
    }

    /// The entries of a part that can meet the query: all of them where its block turns out damaged.
    fn ask(&self, part: Part) -> (u64, RoaringBitmap) {
        let (first, mut set) = match part {
            Part::Set { first, set } => (first, set),
            Part::Block(block) => {
                let found = block.guarded(|block| self.query.candidates(block));
                let set = found.map_or_else(|_| Candidates::all(block.count(), false).set, |found| found.set);
                (block.first(), set)
            }
        };
        if let Some(start) = self.start {
            let end = u64::from(u32::MAX);
            match self.order {
                Order::Ascending => {
                    if let Ok(before) = u32::try_from(start.saturating_sub(first).min(end)) {
                        set.remove_range(..before);
                    }
                }
                Order::Descending if start < first => set.clear(),
                Order::Descending => {
                    if let Ok(last) = u32::try_from((start - first).min(end)) {
                        set.remove_range((std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded));
                    }
                }
            }
        }
        (first, set)
    }

    /// Takes the next batch of candidates out of the current part: their indexes, ascending.
    fn next_candidates(&mut self) -> Vec<u64> {
        let Some((first, set)) = &mut self.current else {
            return Vec::new();
        };
        let taken: Vec<u32> = match self.order {
            Order::Ascending => set.iter().take(self.batch).collect(),
            Order::Descending => {
                let mut taken: Vec<u32> = set.iter().rev().take(self.batch).collect();
                taken.reverse();
                taken
            }
        };
        if let (Some(low), Some(high)) = (taken.first(), taken.last()) {
            set.remove_range(*low..=*high);
        }
        taken.into_iter().map(|offset| *first + u64::from(offset)).collect()
    }
}

impl Iterator for Search {
    type Item = Result<Hit, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        if self.ready.is_empty() {
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        self.left -= 1;
        self.ready.pop_front().map(Ok)
    }
}

/// Reads candidates (ascending) and keeps those that meet the query.
fn read_back(reader: &Reader, candidates: &[u64], query: &Query) -> Result<Vec<Hit>, IndexError> {
    let mut hits = Vec::new();
    for run in candidates.chunk_by(|a, b| b - a <= RUN_GAP) {
        match run {
            [first, .., last] if run.len() >= RUN_MIN => {
                let mut wanted = run.iter().peekable();
                for stored in reader.entries(*first, last + 1) {
                    let stored = stored?;
                    if wanted.next_if(|index| **index == stored.index).is_some() {
                        keep(stored, query, &mut hits)?;
                    }
                }
            }
            _ => {
                for index in run {
                    keep(reader.stored(*index)?, query, &mut hits)?;
                }
            }
        }
    }
    Ok(hits)
}

fn keep(stored: Stored, query: &Query, hits: &mut Vec<Hit>) -> Result<(), IndexError> {
    let entry = decode(&stored)?;
    if query.matches(&entry) {
        hits.push(Hit { entry, stored });
    }
    Ok(())
}

/// The entry of bytes that were read.
pub(crate) fn decode(stored: &Stored) -> Result<Entry, IndexError> {
    stored.entry().map_err(|error| IndexError::Entry { index: stored.index, detail: error.to_string() })
}
