//! What the one writer knows of the log, and the one function by which an entry changes it.

use std::collections::HashMap;

use sealbook_core::entry::Thread;
use sealbook_core::hash::{ChainValue, TreeHash, chain_value};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, leaf_hash};

/// 128 bits of a digest: a key of the maps below. A collision would need 2^64 entries to be likely.
type Key = u128;

fn key(context: &str, parts: [&str; 2]) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// What the maps below know a subject and an event by; worked out on the caller's thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    subject: Key,
    event: Key,
}

impl Keys {
    pub(crate) fn of(subject: &str, source: &str, event_id: &str) -> Self {
        Self { subject: key("sealbook thread v1", [subject, ""]), event: key("sealbook event v1", [source, event_id]) }
    }
}

/// Size, chain, tree and time of the log, the newest entry about each subject, and every event id seen.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) chain: ChainValue,
    pub(crate) frontier: Frontier,
    pub(crate) time: Micros,
    threads: HashMap<Key, Thread>,
    seen: HashMap<Key, u64>,
}

impl State {
    /// Entries so far, which is the index of the next.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Place of the next entry about a subject among the entries about it.
    pub(crate) fn thread(&self, keys: Keys) -> Thread {
        match self.threads.get(&keys.subject) {
            Some(newest) => Thread { n: newest.n + 1, prev: newest.prev },
            None => Thread { n: 1, prev: None },
        }
    }

    /// The entry that holds the event with this id of this source.
    pub(crate) fn seen(&self, keys: Keys) -> Option<u64> {
        self.seen.get(&keys.event).copied()
    }

    /// Appends an entry. Commit and recovery both go through here. `node` is told every node of the tree that becomes
    /// complete, the leaf among them.
    pub(crate) fn apply(
        &mut self,
        bytes: &[u8],
        recorded_at: Micros,
        keys: Keys,
        mut node: impl FnMut(u32, TreeHash),
    ) -> TreeHash {
        let index = self.size();
        let thread = self.thread(keys);
        // The map keeps the newest entry of each thread: its number, and its own index as the next one's `prev`.
        self.threads.insert(keys.subject, Thread { n: thread.n, prev: Some(index) });
        self.seen.insert(keys.event, index);
        self.time = recorded_at;
        self.chain = chain_value(bytes);
        let leaf = leaf_hash(bytes);
        node(0, leaf);
        self.frontier.append(leaf, |level, _, hash| node(level, hash));
        leaf
    }
}
