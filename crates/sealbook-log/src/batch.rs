//! A batch on its way from the sequencer to the sink: nothing of it is visible before it is durable.

use std::sync::Arc;

use sealbook_core::hash::{ChainValue, TreeHash};

use crate::error::Refusal;
use crate::files::MARK_ENTRIES;
use crate::keys::LogKey;
use crate::lookup::Remembered;
use crate::queue::{Placed, Reply};
use crate::state::State;

/// Entries that become durable together, and the answers that wait for it.
#[derive(Default)]
pub(crate) struct Batch {
    /// Their frames.
    pub(crate) frames: Vec<u8>,
    /// Index of the first of them.
    pub(crate) first: u64,
    /// Size, chain and root of the log after them.
    pub(crate) size: u64,
    pub(crate) chain: ChainValue,
    pub(crate) root: TreeHash,
    /// Index of some entries and where their frames begin within `frames`.
    pub(crate) marks: Vec<(u64, u64)>,
    /// Level and hash of the nodes of the tree that they complete, in order.
    pub(crate) nodes: Vec<(u32, TreeHash)>,
    /// What the lookup files remember of each.
    pub(crate) known: Vec<Remembered>,
    /// The answers.
    pub(crate) answers: Vec<(Reply, Result<Vec<Placed>, Refusal>)>,
    /// The key that takes over after them.
    pub(crate) successor: Option<Arc<LogKey>>,
}

impl Batch {
    /// Makes it empty, with the room it has, for the entries from `first` on.
    pub(crate) fn begin(&mut self, first: u64) {
        self.frames.clear();
        self.marks.clear();
        self.nodes.clear();
        self.known.clear();
        self.answers.clear();
        self.successor = None;
        (self.first, self.size) = (first, first);
    }

    /// Remembers where the entry at `index` begins, if it is one that readers jump to.
    pub(crate) fn mark(&mut self, index: u64) {
        if self.marks.last().is_none_or(|(last, _)| index >= last + MARK_ENTRIES) {
            self.marks.push((index, self.frames.len() as u64));
        }
    }

    /// Says what the log is after it.
    pub(crate) fn end(&mut self, state: &State) {
        self.size = state.size();
        self.chain = state.chain;
        self.root = state.frontier.root();
    }

    /// Whether it holds entries.
    pub(crate) fn has_entries(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Whether there is anything to do for it.
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.is_empty() && !self.has_entries()
    }

    /// Refuses everything in it.
    pub(crate) fn refuse(&mut self, why: &str) {
        for (reply, _) in self.answers.drain(..) {
            reply(Err(Refusal::Poisoned(why.to_owned())));
        }
    }
}
