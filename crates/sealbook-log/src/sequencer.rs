//! The serial part of a commit: index, time, link and thread of each entry, and its place in the tree.

use std::collections::VecDeque;
use std::sync::Arc;

use sealbook_core::cbor::DecodeError;
use sealbook_core::entry::{Entry, Place};
use sealbook_core::planted::{Bug, is};
use sealbook_core::segment::{Frame, push_entry_frame, push_frame};
use sealbook_core::time::Micros;

use crate::acts::act;
use crate::batch::Batch;
use crate::error::{LogError, Refusal};
use crate::lookup::{Known, Remembered};
use crate::prepare::{Prepared, Sealing, Sent};
use crate::queue::{BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Group, Placed, Waiting};
use crate::reader::{Reader, Shared};
use crate::state::{ByKey, State, next_in_thread};

/// The clock may step back this far, in µs, before it is worth an entry.
const CLOCK_STEP_MICROS: i64 = 1_000_000;

/// Puts entries in order. What it knows runs ahead of what is durable by at most two batches.
pub(crate) struct Sequencer {
    shared: Arc<Shared>,
    state: State,
    batch: Batch,
    /// Groups that came after a change of key, which must be the last of its commit.
    postponed: VecDeque<Waiting>,
    /// The entries that may not be readable yet, and the index of the first of them.
    staged: VecDeque<Prepared>,
    staged_first: u64,
    clock_is_behind: bool,
}

impl Sequencer {
    pub(crate) fn new(shared: Arc<Shared>, state: State) -> Self {
        let size = state.size();
        let mut batch = Batch::default();
        batch.begin(size);
        let (postponed, staged) = (VecDeque::new(), VecDeque::new());
        Self { shared, state, batch, postponed, staged, staged_first: size, clock_is_behind: false }
    }

    /// Whether there is a batch to hand over.
    pub(crate) fn holds(&self) -> bool {
        !self.batch.is_empty()
    }

    /// What the batch still takes, in entries and bytes.
    pub(crate) fn room(&self) -> (usize, usize) {
        if self.batch.successor.is_some() {
            return (0, 0);
        }
        let entries = BATCH_ENTRIES_MAX.saturating_sub(self.batch.known.len());
        (entries, BATCH_BYTES_MAX.saturating_sub(self.batch.frames.len()))
    }

    /// Gives the batch away and goes on with `spent`, whose room is used again.
    pub(crate) fn hand(&mut self, mut spent: Batch) -> Batch {
        self.batch.end(&self.state);
        spent.begin(self.state.size());
        std::mem::replace(&mut self.batch, spent)
    }

    /// What had to wait for the next batch.
    pub(crate) fn postponed(&mut self) -> Vec<Waiting> {
        self.postponed.drain(..).collect()
    }

    /// Places groups. An error means that the log cannot be read: then nothing can be promised, and everybody in the
    /// batch has been told.
    pub(crate) fn place(&mut self, waiting: Vec<Waiting>) -> Result<(), LogError> {
        self.unstage();
        let mut waiting = waiting.into_iter();
        let placed = self.place_all(&mut waiting);
        if let Err(error) = &placed {
            let why = error.to_string();
            self.batch.refuse(&why);
            for Waiting { reply, .. } in waiting.chain(self.postponed.drain(..)) {
                reply(Err(Refusal::Poisoned(why.clone())));
            }
        }
        placed
    }

    fn place_all(&mut self, waiting: &mut std::vec::IntoIter<Waiting>) -> Result<(), LogError> {
        let now = self.time()?;
        while let Some(next) = waiting.next() {
            if self.batch.successor.is_some() {
                self.postponed.push_back(next);
                self.postponed.extend(waiting);
                break;
            }
            match self.place_group(next.group, now) {
                Ok(outcome) => self.batch.answers.push((next.reply, outcome)),
                Err(error) => {
                    (next.reply)(Err(Refusal::Poisoned(error.to_string())));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Forgets the entries that can be read by now.
    fn unstage(&mut self) {
        let readable = self.shared.read().published.size;
        while self.staged_first < readable && self.staged.pop_front().is_some() {
            self.staged_first += 1;
        }
        self.state.forget(self.shared.lookup().upto());
    }

    /// The ledger's time: the clock's, but never less than the entry before. That the clock stepped back is an entry.
    fn time(&mut self) -> Result<Micros, LogError> {
        let clock = Micros(self.shared.world.clock.now());
        let behind = self.state.time.0.saturating_sub(clock.0);
        if behind < CLOCK_STEP_MICROS {
            self.clock_is_behind = false;
        } else if !self.clock_is_behind {
            self.clock_is_behind = true;
            let labels = [("micros_behind", behind.to_string()), ("clock", clock.to_string())];
            let id = self.state.size().to_string();
            let step = act(self.shared.origin(), "ledger.clock-stepped-back", &id, clock, &labels);
            let prepared = Prepared::new(step, &Sealing::default(), &*self.shared.world.entropy)
                .map_err(|error| LogError::Refused(Refusal::Poisoned(error.to_string())))?;
            self.place_one(prepared, self.state.time)?;
        }
        Ok(if is(Bug::ClockGoesBack) { clock } else { clock.max(self.state.time) })
    }

    /// Places a group, or refuses it.
    fn place_group(&mut self, group: Group, now: Micros) -> Result<Result<Vec<Placed>, Refusal>, LogError> {
        if group.all_or_nothing
            && !is(Bug::HalfAGroup)
            && let Some(conflict) = self.conflict(&group)?
        {
            return Ok(Err(conflict));
        }
        group.entries.into_iter().map(|prepared| self.place_once(prepared, now)).collect::<Result<_, _>>().map(Ok)
    }

    /// The first event of a group whose id is taken by another event.
    fn conflict(&self, group: &Group) -> Result<Option<Refusal>, LogError> {
        let mut own: ByKey<&Prepared> = ByKey::default();
        for (position, prepared) in group.entries.iter().enumerate() {
            let earlier = self.seen(prepared)?;
            let same = match (earlier, own.insert(prepared.keys.event, prepared)) {
                (Some(index), _) => self.is_same(prepared, index)?,
                (None, Some(before)) => self.sent(before)? == self.sent(prepared)?,
                (None, None) => true,
            };
            if !same {
                let index = earlier.unwrap_or(self.state.size());
                let Entry { source, event, .. } = prepared.entry().map_err(|error| self.changed(index, &error))?;
                return Ok(Some(Refusal::Conflict { position, source_id: source.id, event: event.id, index }));
            }
        }
        Ok(None)
    }

    /// Places an entry unless its source already sent it.
    fn place_once(&mut self, prepared: Prepared, now: Micros) -> Result<Placed, LogError> {
        match self.seen(&prepared)? {
            Some(index) if self.is_same(&prepared, index)? => {
                Ok(Placed::Duplicate { index: index + u64::from(is(Bug::DuplicateWithWrongIndex)) })
            }
            Some(index) => Ok(Placed::Conflict { index }),
            None => self.place_one(prepared, now),
        }
    }

    /// The entry that holds an event of this source and id.
    fn seen(&self, prepared: &Prepared) -> Result<Option<u64>, LogError> {
        match self.state.seen(prepared.keys) {
            Some(index) => Ok(Some(index)),
            None if is(Bug::EventsForgottenAtRoll) => Ok(None),
            None => Ok(self.history(prepared)?.seen),
        }
    }

    /// What the lookup files say of an event and its subject: worked out by its caller, unless they have moved on.
    fn history(&self, prepared: &Prepared) -> Result<Known, LogError> {
        match &prepared.known {
            Some(known) if known.upto >= self.state.remembers_from() => Ok(*known),
            _ => self.shared.lookup().find(&self.shared.world, prepared.keys),
        }
    }

    /// Whether entry `index` holds the same event. One whose original was erased counts as the same.
    fn is_same(&self, prepared: &Prepared, index: u64) -> Result<bool, LogError> {
        if is(Bug::ConflictTakenForDuplicate) {
            return Ok(true);
        }
        let staged = index.checked_sub(self.staged_first).and_then(|at| self.staged.get(usize::try_from(at).ok()?));
        let before = match staged {
            Some(staged) => self.sent(staged)?,
            None => {
                let stored = Reader { shared: self.shared.clone() }.stored(index)?;
                let changed = |error| self.changed(index, &error);
                Sent::of(&stored.entry().map_err(changed)?, stored.openings().map_err(changed)?)
            }
        };
        Ok(before.is_none() || before == self.sent(prepared)?)
    }

    fn sent(&self, prepared: &Prepared) -> Result<Option<Sent>, LogError> {
        prepared.sent().map_err(|error| self.changed(self.state.size(), &error))
    }

    fn changed(&self, index: u64, error: &DecodeError) -> LogError {
        let detail = format!("the entry has changed since the log was opened: {error}");
        LogError::Damaged { path: self.shared.layout.log(), offset: 0, index, detail }
    }

    fn place_one(&mut self, prepared: Prepared, recorded_at: Micros) -> Result<Placed, LogError> {
        let index = self.state.size();
        let newest = match self.state.newest(prepared.keys) {
            Some(newest) => Some(newest),
            None if is(Bug::ThreadEndsAtRoll) => None,
            None => self.history(&prepared)?.newest,
        };
        let thread = next_in_thread(newest);
        let place = Place { index, recorded_at, prev: self.state.chain, thread };
        let batch = &mut self.batch;
        batch.mark(index);
        let begin = push_entry_frame(&mut batch.frames, |out| prepared.body.place_onto(out, &place));
        let bytes = batch.frames.get(begin..).unwrap_or_default();
        let nodes = &mut batch.nodes;
        self.state.remember(prepared.keys, thread.n);
        let leaf = self.state.apply(bytes, recorded_at, |level, hash| nodes.push((level, hash)));
        if !prepared.openings.is_empty() {
            push_frame(&mut batch.frames, &Frame::Sealed(&prepared.openings));
        }
        batch.known.push(Remembered { keys: prepared.keys, n: thread.n });
        batch.successor.clone_from(&prepared.successor);
        self.staged.push_back(prepared);
        Ok(Placed::Committed { index, recorded_at, chain: self.state.chain, leaf })
    }
}
