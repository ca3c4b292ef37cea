//! The bounded queue before the writer, what waits in it, and what is answered.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealbook_core::hash::{ChainValue, TreeHash};
use sealbook_core::planted::{Bug, is};
use sealbook_core::time::Micros;

use crate::error::Refusal;
use crate::prepare::Prepared;

/// Entries that may wait.
pub const QUEUE_ENTRIES_MAX: usize = 65_536;
/// Bytes that may wait.
pub const QUEUE_BYTES_MAX: usize = 256 << 20;
/// Entries that one commit takes.
pub(crate) const BATCH_ENTRIES_MAX: usize = 4_096;
/// Bytes that one commit takes, unless a single group is larger.
pub(crate) const BATCH_BYTES_MAX: usize = 16 << 20;

/// Entries that were submitted together and are answered together.
#[derive(Debug)]
pub struct Group {
    /// The entries.
    pub entries: Vec<Prepared>,
    /// Whether a conflict refuses all of them; else only the one concerned.
    pub all_or_nothing: bool,
}

/// Where one entry of a group ended up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// It is a new entry.
    Committed {
        /// Index.
        index: u64,
        /// Ledger time.
        recorded_at: Micros,
        /// Chain value.
        chain: ChainValue,
        /// Leaf hash.
        leaf: TreeHash,
    },
    /// The same event of the same source was already there.
    Duplicate {
        /// Index of the entry that holds it.
        index: u64,
    },
    /// The source already sent another event with this id; only where the group is not all or nothing.
    Conflict {
        /// Index of the entry that holds the other one.
        index: u64,
    },
}

impl Placed {
    /// Index of the entry that holds the event, or the other one.
    #[must_use]
    pub fn index(&self) -> u64 {
        match self {
            Self::Committed { index, .. } | Self::Duplicate { index } | Self::Conflict { index } => *index,
        }
    }
}

/// The newest signed checkpoint.
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    /// Entries in the log.
    pub size: u64,
    /// Root of the tree.
    pub root: TreeHash,
    /// The signed note.
    pub note: String,
}

/// The answer to a group: everything in it is durable, chained, in the tree and covered by the checkpoint.
#[derive(Clone, Debug)]
pub struct Answer {
    /// One for each entry of the group, in order.
    pub placed: Vec<Placed>,
    /// A checkpoint that covers them.
    pub checkpoint: Arc<Published>,
}

/// Called with the answer, once, on a thread of the log: hand it over and return.
pub(crate) type Reply = Box<dyn FnOnce(Result<Answer, Refusal>) + Send>;

pub(crate) struct Waiting {
    pub(crate) group: Group,
    pub(crate) reply: Reply,
    bytes: usize,
}

/// What the writer does next.
pub(crate) enum Turn {
    /// Places these groups into its batch.
    Place(Vec<Waiting>),
    /// Gives its batch to the sink, which is free; nothing else waits where `alone`.
    Hand { alone: bool },
    /// Nothing came for a while.
    Idle,
    /// Nothing will come any more, and the sink is done.
    End,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    entries: usize,
    bytes: usize,
    /// The sink writes a batch.
    sink_busy: bool,
    closed: bool,
    poisoned: Option<String>,
}

#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn submit(&self, group: Group, reply: Reply) -> Result<(), Refusal> {
        let bytes = group.entries.iter().map(Prepared::bytes).sum::<usize>();
        let mut inner = self.lock();
        if let Some(why) = &inner.poisoned {
            return Err(Refusal::Poisoned(why.clone()));
        }
        if inner.closed {
            return Err(Refusal::Closed);
        }
        let entries = inner.entries + group.entries.len();
        let fits = entries <= QUEUE_ENTRIES_MAX && inner.bytes + bytes <= QUEUE_BYTES_MAX;
        // A group larger than the whole queue is let in alone: it could never fit otherwise.
        if !fits && inner.entries > 0 && !is(Bug::QueueWithoutLimit) {
            return Err(Refusal::Overloaded { entries: inner.entries, bytes: inner.bytes });
        }
        inner.entries = entries;
        inner.bytes += bytes;
        inner.waiting.push_back(Waiting { group, reply, bytes });
        let first = inner.waiting.len() == 1;
        drop(inner);
        // The writer sleeps only while nothing waits, or while its batch is full.
        if first {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// What the writer does next. `room` is what its batch still takes in entries and bytes, `holds` whether there is
    /// anything in it; it waits at most `idle` for the first of all to come.
    pub(crate) fn next(&self, holds: bool, room: (usize, usize), idle: Option<Duration>) -> Turn {
        let mut inner = self.lock();
        loop {
            if holds && !inner.sink_busy {
                return Turn::Hand { alone: inner.waiting.is_empty() };
            }
            if !inner.waiting.is_empty() && room.0 > 0 && room.1 > 0 {
                return Turn::Place(inner.take(room));
            }
            if inner.closed && !holds && !inner.sink_busy && inner.waiting.is_empty() {
                return Turn::End;
            }
            let quiet = !holds && !inner.sink_busy;
            inner = match idle.filter(|_| quiet) {
                None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(idle) => {
                    let (inner, timeout) =
                        self.changed.wait_timeout(inner, idle).unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && inner.waiting.is_empty() && !inner.closed {
                        return Turn::Idle;
                    }
                    inner
                }
            };
        }
    }

    /// The sink begins with a batch, or is done with it.
    pub(crate) fn sink_is_busy(&self, busy: bool) {
        self.lock().sink_busy = busy;
        if !busy {
            self.changed.notify_one();
        }
    }

    /// Everything that waits, for a writer that is driven by its caller.
    pub(crate) fn take_all(&self) -> Vec<Waiting> {
        self.lock().take((BATCH_ENTRIES_MAX, BATCH_BYTES_MAX))
    }

    /// Takes no more; what waits is still committed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Refuses everything from now on, what waits included.
    pub(crate) fn poison(&self, why: &str) {
        let waiting = {
            let mut inner = self.lock();
            inner.poisoned.get_or_insert_with(|| why.to_owned());
            inner.closed = true;
            (inner.entries, inner.bytes) = (0, 0);
            std::mem::take(&mut inner.waiting)
        };
        self.changed.notify_all();
        for waiting in waiting {
            (waiting.reply)(Err(Refusal::Poisoned(why.to_owned())));
        }
    }

    pub(crate) fn poisoned(&self) -> Option<String> {
        self.lock().poisoned.clone()
    }

    /// Entries and bytes that wait.
    pub(crate) fn depth(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.entries, inner.bytes)
    }
}

impl Inner {
    /// The groups that fit into `room`; the first in any case.
    fn take(&mut self, room: (usize, usize)) -> Vec<Waiting> {
        let (mut taken, mut entries, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = self.waiting.front() {
            entries += next.group.entries.len();
            bytes += next.bytes;
            if !taken.is_empty() && (entries > room.0 || bytes > room.1) {
                break;
            }
            let Some(next) = self.waiting.pop_front() else { break };
            self.entries -= next.group.entries.len();
            self.bytes -= next.bytes;
            taken.push(next);
        }
        taken
    }
}
