//! What the one writer knows of the log, and the one function by which an entry changes it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use sealbook_core::entry::Thread;
use sealbook_core::hash::{ChainValue, TreeHash, chain_value};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, leaf_hash};

/// 128 bits of a digest: what a subject or an event id is known by. A collision would need 2^64 of them to be likely.
pub(crate) type Key = u128;

fn key(domain: u8, parts: [&str; 2]) -> Key {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(domain);
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    blake3::hash(&bytes).as_bytes().first_chunk().map_or(0, |bytes| u128::from_le_bytes(*bytes))
}

/// What a subject and an event are known by; worked out on the caller's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub(crate) subject: Key,
    pub(crate) event: Key,
}

impl Keys {
    pub(crate) fn of(subject: &str, source: &str, event_id: &str) -> Self {
        Self { subject: key(1, [subject, ""]), event: key(2, [source, event_id]) }
    }
}

/// A key is a digest already: its first bytes are as good a hash as any.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, key: u128) {
        let [a, b, c, d, e, f, g, h, ..] = key.to_le_bytes();
        self.0 = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    }
}

pub(crate) type ByKey<V> = HashMap<Key, V, BuildHasherDefault<AsItIs>>;

/// The newest entry about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Newest {
    /// It is the n-th, from 1.
    pub(crate) n: u64,
    /// Its index.
    pub(crate) index: u64,
}

/// Place of the next entry about a subject.
pub(crate) fn next_in_thread(newest: Option<Newest>) -> Thread {
    Thread { n: newest.map_or(1, |newest| newest.n + 1), prev: newest.map(|newest| newest.index) }
}

/// Size, chain, tree and time of the log; and of the entries that the lookup files do not hold yet, the newest about
/// each subject and every event id.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) chain: ChainValue,
    pub(crate) frontier: Frontier,
    pub(crate) time: Micros,
    newest: ByKey<Newest>,
    seen: ByKey<u64>,
    from: u64,
}

impl State {
    /// The state after entries that the lookup files hold.
    pub(crate) fn after(chain: ChainValue, frontier: Frontier, time: Micros) -> Self {
        let from = frontier.size();
        Self { chain, frontier, time, from, ..Self::default() }
    }

    /// Entries so far, which is the index of the next.
    pub(crate) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Index of the first entry that is remembered here.
    pub(crate) fn remembers_from(&self) -> u64 {
        self.from
    }

    /// The newest entry about a subject, if it is remembered here.
    pub(crate) fn newest(&self, keys: Keys) -> Option<Newest> {
        self.newest.get(&keys.subject).copied()
    }

    /// The entry that holds the event with this id of this source, if it is remembered here.
    pub(crate) fn seen(&self, keys: Keys) -> Option<u64> {
        self.seen.get(&keys.event).copied()
    }

    /// Forgets what lies before `upto`, which the lookup files hold by now.
    pub(crate) fn forget(&mut self, upto: u64) {
        if upto > self.from {
            self.from = upto;
            self.newest.retain(|_, newest| newest.index >= upto);
            self.seen.retain(|_, index| *index >= upto);
        }
    }

    /// Remembers the entry that comes next: the `n`-th about its subject.
    pub(crate) fn remember(&mut self, keys: Keys, n: u64) {
        let index = self.size();
        self.newest.insert(keys.subject, Newest { n, index });
        self.seen.insert(keys.event, index);
    }

    /// Appends an entry. Commit and recovery both go through here. `node` is told every node of the tree that becomes
    /// complete, the leaf among them.
    pub(crate) fn apply(&mut self, bytes: &[u8], recorded_at: Micros, mut node: impl FnMut(u32, TreeHash)) -> TreeHash {
        self.time = recorded_at;
        self.chain = chain_value(bytes);
        let leaf = leaf_hash(bytes);
        node(0, leaf);
        self.frontier.append(leaf, |level, _, hash| node(level, hash));
        leaf
    }
}
