//! The bounded queue before the writer, what waits in it, and what is answered.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealbook_core::hash::{ChainValue, TreeHash};
use sealbook_core::time::Micros;

use crate::error::Refusal;
use crate::prepare::Prepared;

/// Entries that may wait.
pub const QUEUE_ENTRIES_MAX: usize = 65_536;
/// Bytes that may wait.
pub const QUEUE_BYTES_MAX: usize = 256 << 20;
/// Entries that one commit takes.
const BATCH_ENTRIES_MAX: usize = 4_096;
/// Bytes that one commit takes, unless a single group is larger.
const BATCH_BYTES_MAX: usize = 16 << 20;

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

/// Called with the answer, once, on the writer's thread: hand it over and return.
pub(crate) type Reply = Box<dyn FnOnce(Result<Answer, Refusal>) + Send>;

pub(crate) struct Waiting {
    pub(crate) group: Group,
    pub(crate) reply: Reply,
    bytes: usize,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Waiting>,
    entries: usize,
    bytes: usize,
    closed: bool,
    poisoned: Option<String>,
}

#[derive(Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    filled: Condvar,
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
        if !fits && inner.entries > 0 {
            return Err(Refusal::Overloaded { entries: inner.entries, bytes: inner.bytes });
        }
        inner.entries = entries;
        inner.bytes += bytes;
        inner.waiting.push_back(Waiting { group, reply, bytes });
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// What waits, up to the size of a batch; empty where nothing came within `wait`; `None` once the queue is closed
    /// and drained.
    pub(crate) fn take(&self, wait: Option<Duration>) -> Option<Vec<Waiting>> {
        let mut inner = self.lock();
        while inner.waiting.is_empty() {
            if inner.closed {
                return None;
            }
            inner = match wait {
                None => self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    let (inner, timeout) =
                        self.filled.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner);
                    if timeout.timed_out() && inner.waiting.is_empty() && !inner.closed {
                        return Some(Vec::new());
                    }
                    inner
                }
            };
        }
        let (mut batch, mut entries, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = inner.waiting.front() {
            entries += next.group.entries.len();
            bytes += next.bytes;
            if !batch.is_empty() && (entries > BATCH_ENTRIES_MAX || bytes > BATCH_BYTES_MAX) {
                break;
            }
            let Some(next) = inner.waiting.pop_front() else {
                break;
            };
            inner.entries -= next.group.entries.len();
            inner.bytes -= next.bytes;
            batch.push(next);
        }
        Some(batch)
    }

    /// Everything that waits, for a writer that is driven by its caller.
    pub(crate) fn take_all(&self) -> Vec<Waiting> {
        let mut inner = self.lock();
        (inner.entries, inner.bytes) = (0, 0);
        inner.waiting.drain(..).collect()
    }

    /// Takes no more; what waits is still committed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Refuses everything from now on, what waits included.
    pub(crate) fn poison(&self, why: &str) {
        let waiting = {
            let mut inner = self.lock();
            inner.poisoned = Some(why.to_owned());
            inner.closed = true;
            (inner.entries, inner.bytes) = (0, 0);
            std::mem::take(&mut inner.waiting)
        };
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
