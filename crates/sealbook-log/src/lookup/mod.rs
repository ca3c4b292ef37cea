//! Which events and subjects the sealed segments hold: sorted runs of keys, for a writer that never reads them all.
//!
//! Derived from the log and authenticated with a secret of the writer: a file that is missing, stale or altered is made
//! again from the log.

mod merge;
mod run;

use std::sync::Arc;

use sealbook_core::hash::ChainValue;
use sealbook_disk::World;

use crate::error::LogError;
use crate::layout::Layout;
use crate::state::{Keys, Newest};
pub(crate) use run::{Content, Run};

/// Runs of one tier that are merged into one of the next.
const FAN: usize = 8;

/// What is remembered of an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Remembered {
    pub(crate) keys: Keys,
    /// It is the n-th about its subject.
    pub(crate) n: u64,
}

/// What the runs say of an event and its subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The entries before this index were asked.
    pub(crate) upto: u64,
    /// The entry that holds the event.
    pub(crate) seen: Option<u64>,
    /// The newest entry about the subject.
    pub(crate) newest: Option<Newest>,
}

/// Secret with which a writer knows its own runs again.
pub(crate) type Secret = [u8; 32];

/// The runs, oldest first; together they hold the entries from 0 to [`Lookup::upto`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Lookup {
    runs: Vec<Arc<Run>>,
    used: bool,
}

impl Lookup {
    /// The runs that are there, as far as they follow each other from entry 0 and fit the log: `chain_at` gives the chain
    /// value after so many entries, where a segment ends there.
    pub(crate) fn load(
        world: &World,
        layout: &Layout,
        secret: &Secret,
        chain_at: impl Fn(u64) -> Option<ChainValue>,
    ) -> Result<Self, LogError> {
        let dir = layout.lookup();
        let names = match world.disk.list(&dir) {
            Ok(names) => names,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(LogError::Io { path: dir, source }),
        };
        let mut ranges: Vec<(u64, u64)> = names.iter().filter_map(|name| Layout::run_range(name)).collect();
        // Of two that begin together the longer one is the merged one.
        ranges.sort_unstable_by_key(|(first, upto)| (*first, std::cmp::Reverse(*upto)));
        let mut lookup = Self { runs: Vec::new(), used: true };
        for (first, upto) in ranges {
            if first == lookup.upto()
                && let Some(chain) = chain_at(upto)
                && let Some(run) = Run::open(world, layout.run(first, upto), secret, (first, upto), chain)?
            {
                lookup.runs.push(Arc::new(run));
            }
        }
        Ok(lookup)
    }

    /// Index of the first entry that the runs do not hold.
    pub(crate) fn upto(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.upto())
    }

    /// Whether anybody asks it: a reader does not.
    pub(crate) fn is_used(&self) -> bool {
        self.used
    }

    /// Leaves the newest run out.
    pub(crate) fn pop(&mut self) {
        self.runs.pop();
    }

    /// Asks the runs, newest first.
    pub(crate) fn find(&self, world: &World, keys: Keys) -> Result<Known, LogError> {
        let found = self.ask(keys);
        if let Err(LogError::BadLookup { path, .. }) = &found {
            world.disk.remove(path).map_err(LogError::io(path))?;
        }
        found
    }

    fn ask(&self, keys: Keys) -> Result<Known, LogError> {
        let mut known = Known { upto: self.upto(), ..Known::default() };
        for run in self.runs.iter().rev() {
            if known.seen.is_none() {
                known.seen = run.event(keys.event)?;
            }
            if known.newest.is_none() {
                known.newest = run.subject(keys.subject)?;
            }
            if known.seen.is_some() && known.newest.is_some() {
                break;
            }
        }
        Ok(known)
    }

    /// These runs and one more, over the entries from [`Self::upto`] on; equal ones are merged. The files of runs that
    /// were merged away are removed.
    pub(crate) fn with(
        &self,
        world: &World,
        layout: &Layout,
        secret: &Secret,
        chain: ChainValue,
        entries: &[Remembered],
    ) -> Result<Self, LogError> {
        let first = self.upto();
        let upto = first + entries.len() as u64;
        let content = Content::of(first, entries);
        let run = content.write(world, layout.run(first, upto), secret, (first, upto), chain, 0)?;
        let mut runs = self.runs.clone();
        runs.push(Arc::new(run));
        while let Some(equal) = runs.len().checked_sub(FAN).and_then(|at| runs.get(at..))
            && let Some(last) = equal.last()
            && equal.iter().all(|run| run.tier() == last.tier())
        {
            let merged = merge::merge(world, layout, secret, equal)?;
            let away = runs.split_off(runs.len() - FAN);
            runs.push(Arc::new(merged));
            for run in away {
                run.remove(world)?;
            }
        }
        Ok(Self { runs, used: true })
    }
}
