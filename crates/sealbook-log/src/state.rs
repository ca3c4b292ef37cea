//! What the one writer knows of the log, and the one function by which an entry changes it.

use std::collections::HashMap;

use sealbook_core::entry::{Source, Thread};
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

/// Size, chain, tree and time of the log, the newest entry about each subject, and every event id seen.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) chain: ChainValue,
    pub(crate) frontier: Frontier,
    pub(crate) time: Micros,
    threads: HashMap<Key, Thread>,
    seen: HashMap<Key, u64>,
}

/// What of an entry the state needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) recorded_at: Micros,
    pub(crate) subject: &'a str,
    pub(crate) source: &'a Source,
    pub(crate) event_id: &'a str,
}

impl State {
    /// Entries so far, which is the index of the next.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Place of the next entry about `subject` among the entries about it.
    pub(crate) fn thread(&self, subject: &str) -> Thread {
        match self.threads.get(&key("sealbook thread v1", [subject, ""])) {
            Some(newest) => Thread { n: newest.n + 1, prev: newest.prev },
            None => Thread { n: 1, prev: None },
        }
    }

    /// The entry that holds the event with this id of this source.
    pub(crate) fn seen(&self, source: &str, event_id: &str) -> Option<u64> {
        self.seen.get(&key("sealbook event v1", [source, event_id])).copied()
    }

    /// Appends an entry. Commit and recovery both go through here. `node` is told every node of the tree that becomes
    /// complete, the leaf among them.
    pub(crate) fn apply(&mut self, facts: &Facts<'_>, mut node: impl FnMut(u32, TreeHash)) -> TreeHash {
        let index = self.size();
        let thread = self.thread(facts.subject);
        // The map keeps the newest entry of each thread: its number, and its own index as the next one's `prev`.
        self.threads.insert(key("sealbook thread v1", [facts.subject, ""]), Thread { n: thread.n, prev: Some(index) });
        self.seen.insert(key("sealbook event v1", [&facts.source.id, facts.event_id]), index);
        self.time = facts.recorded_at;
        self.chain = chain_value(facts.bytes);
        let leaf = leaf_hash(facts.bytes);
        node(0, leaf);
        self.frontier.append(leaf, |level, _, hash| node(level, hash));
        leaf
    }
}
