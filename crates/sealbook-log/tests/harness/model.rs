//! What must be in the ledger, from what was sent, answered and seen; and the walk that compares.

use std::collections::{BTreeMap, HashMap};

use sealbook_core::checkpoint::verify;
use sealbook_core::entry::{RAW_PATH, Thread};
use sealbook_core::hash::{ChainValue, TreeHash, chain_value};
use sealbook_core::note::VerifierKey;
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, leaf_hash, verify_inclusion};
use sealbook_log::{Answer, Placed, Published, Reader, Refusal, SELF_SOURCE, Submission};

use super::events::{Id, id_of, same_content};

/// What the ledger's own entries may say.
const OWN_ACTS: [&str; 4] = ["ledger.created", "ledger.torn-tail-removed", "ledger.clock-stepped-back", "key.rotated"];

/// An entry that must never change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fixed {
    chain: ChainValue,
    leaf: TreeHash,
}

/// Everything that the log said so far.
pub struct Model {
    /// The keys, each with the entry that names it.
    keys: BTreeMap<u64, VerifierKey>,
    /// Every content sent with an id: any of them may be in the ledger, answered or not.
    sent: HashMap<Id, Vec<Submission>>,
    /// What the open ledger holds.
    present: HashMap<Id, (u64, Submission)>,
    /// Entries that were answered, or shown under a signature.
    fixed: BTreeMap<u64, Fixed>,
    /// Answered events and their indexes.
    answered: HashMap<Id, u64>,
    /// Every tree that a signature was seen for.
    roots: BTreeMap<u64, TreeHash>,
    /// The largest checkpoint seen.
    pub newest: Option<String>,
}

/// What is wrong, in words.
pub type Found<T> = Result<T, String>;

macro_rules! ensure {
    ($holds:expr, $($words:tt)*) => {
        if !$holds {
            return Err(format!($($words)*));
        }
    };
}
pub(crate) use ensure;

fn failed<E: core::fmt::Display>(what: impl Into<String>) -> impl FnOnce(E) -> String {
    let what = what.into();
    move |error| format!("{what}: {error}")
}

/// What an entry of a group should become.
enum Expected {
    New,
    Same(u64),
    Other(u64),
}

impl Model {
    pub fn new(key: VerifierKey) -> Self {
        Self {
            keys: BTreeMap::from([(0, key)]),
            sent: HashMap::new(),
            present: HashMap::new(),
            fixed: BTreeMap::new(),
            answered: HashMap::new(),
            roots: BTreeMap::new(),
            newest: None,
        }
    }

    /// The entry at `index` names a key that takes over.
    pub fn rotated(&mut self, index: u64, key: VerifierKey) {
        self.keys.insert(index, key);
    }

    pub fn keys(&self) -> Vec<VerifierKey> {
        self.keys.values().cloned().collect()
    }

    /// The key for a checkpoint of `size` entries: the newest that was named before its last entry.
    fn key_for(&self, size: u64) -> &VerifierKey {
        let named = self.keys.range(1..size.saturating_sub(1).max(1)).next_back();
        named.map_or(&self.keys[&0], |(_, key)| key)
    }

    pub fn answered(&self) -> u64 {
        self.answered.len() as u64
    }

    pub fn send(&mut self, submission: &Submission) {
        self.sent.entry(id_of(submission)).or_default().push(submission.clone());
    }

    /// A checkpoint was shown: it must verify, and agree with all others.
    pub fn signed(&mut self, published: &Published) -> Found<()> {
        if published.note.is_empty() {
            return Ok(());
        }
        if self.roots.get(&published.size) != Some(&published.root) {
            let checkpoint = verify(published.note.as_bytes(), std::slice::from_ref(self.key_for(published.size)))
                .map_err(failed(format!(
                    "the checkpoint of {} entries does not verify, keys from entries {:?}",
                    published.size,
                    self.keys.keys()
                )))?;
            ensure!(
                (checkpoint.size, checkpoint.root) == (published.size, published.root),
                "the note says {} entries, the checkpoint {}",
                checkpoint.size,
                published.size
            );
            let before = self.roots.insert(published.size, published.root);
            ensure!(before.is_none(), "two trees of {} entries were signed", published.size);
        }
        if self.roots.keys().next_back() == Some(&published.size) {
            self.newest = Some(published.note.clone());
        }
        Ok(())
    }

    /// A group was answered: as it should be?
    pub fn answer(
        &mut self,
        group: &[Submission],
        all_or_nothing: bool,
        answer: &Result<Answer, Refusal>,
        reader: &Reader,
    ) -> Found<()> {
        let (expected, conflict) = self.expect(group);
        let conflict = conflict.filter(|_| all_or_nothing);
        let answer = match (answer, conflict) {
            (Err(Refusal::Conflict { position, .. }), Some(at)) if *position == at => return Ok(()),
            (Ok(answer), None) => answer,
            _ => {
                return Err(format!("answered {answer:?}, expected a conflict at {conflict:?}"));
            }
        };
        self.signed(&answer.checkpoint)?;
        ensure!(answer.placed.len() == group.len(), "{} answers to {} events", answer.placed.len(), group.len());
        let mut own: HashMap<Id, u64> = HashMap::new();
        for ((submission, placed), expected) in group.iter().zip(&answer.placed).zip(expected) {
            let id = id_of(submission);
            let fits = match (placed, &expected) {
                (Placed::Committed { .. }, Expected::New) => true,
                (Placed::Duplicate { index }, Expected::Same(at))
                | (Placed::Conflict { index }, Expected::Other(at)) => own.get(&id).unwrap_or(at) == index,
                _ => false,
            };
            ensure!(fits, "event {id:?} was answered {placed:?}");
            if let Placed::Committed { index, chain, leaf, .. } = placed {
                own.insert(id.clone(), *index);
                let proof = reader.inclusion(*index, &answer.checkpoint);
                let proof = proof.map_err(failed(format!("no proof of entry {index}")))?;
                verify_inclusion(*index, answer.checkpoint.size, leaf, &answer.checkpoint.root, &proof)
                    .map_err(failed(format!("the proof of entry {index} does not hold")))?;
                self.fix(*index, Fixed { chain: *chain, leaf: *leaf })?;
                self.present.insert(id.clone(), (*index, submission.clone()));
            }
            if !matches!(placed, Placed::Conflict { .. }) {
                let before = self.answered.insert(id.clone(), placed.index());
                ensure!(before.is_none_or(|before| before == placed.index()), "event {id:?} moved from {before:?}");
                ensure!(placed.index() < answer.checkpoint.size, "the checkpoint does not cover {placed:?}");
            }
        }
        Ok(())
    }

    fn fix(&mut self, index: u64, fixed: Fixed) -> Found<()> {
        let before = self.fixed.insert(index, fixed);
        ensure!(before.is_none_or(|before| before == fixed), "entry {index} was answered twice, differently");
        Ok(())
    }

    /// What should become of each event of a group, and the first that contradicts what is there.
    fn expect(&self, group: &[Submission]) -> (Vec<Expected>, Option<usize>) {
        let mut own: HashMap<Id, &Submission> = HashMap::new();
        let mut conflict = None;
        let mut expected = Vec::new();
        for (position, submission) in group.iter().enumerate() {
            let id = id_of(submission);
            let earlier = self.present.get(&id).map(|(index, earlier)| (*index, earlier));
            let earlier = earlier.or_else(|| own.get(&id).map(|earlier| (u64::MAX, *earlier)));
            expected.push(match earlier {
                None => {
                    own.insert(id, submission);
                    Expected::New
                }
                Some((index, earlier)) if same_content(earlier, submission) => Expected::Same(index),
                Some((index, _)) => {
                    conflict = conflict.or(Some(position));
                    Expected::Other(index)
                }
            });
        }
        (expected, conflict)
    }

    /// Walks over everything that `reader` shows and compares it with everything known; what it shows is known then.
    pub fn observe(&mut self, reader: &Reader) -> Found<()> {
        let published = reader.checkpoint();
        let mut walk = Walk::default();
        for stored in reader.entries(0, u64::MAX) {
            let stored = stored.map_err(failed(format!("entry {} cannot be read", walk.frontier.size())))?;
            self.entry(&mut walk, &stored)?;
        }
        self.keys.append(&mut walk.keys);
        self.signed(&published)?;
        let size = walk.frontier.size();
        ensure!(size == published.size, "{size} entries are shown, the checkpoint is over {}", published.size);
        let known = self.fixed.keys().next_back().map_or(0, |last| last + 1);
        ensure!(size >= known, "{known} entries were answered or signed, {size} are there");
        let signed = self.roots.keys().next_back().copied().unwrap_or(0);
        ensure!(size >= signed, "{signed} entries were signed, {size} are there");
        for (id, index) in &self.answered {
            let found = walk.present.get(id).map(|(index, _)| index);
            ensure!(found == Some(index), "event {id:?} was answered as entry {index}, it is {found:?}");
        }
        for (index, fixed) in walk.fixed {
            self.fix(index, fixed)?;
        }
        self.present = walk.present;
        Ok(())
    }

    fn entry(&self, walk: &mut Walk, stored: &sealbook_log::Stored) -> Found<()> {
        let index = walk.frontier.size();
        let at = |what: &str| format!("entry {index}: {what}");
        let entry = stored.entry().map_err(failed(at("is no entry")))?;
        ensure!(stored.index == index && entry.index == index, "entry {index} says it is {}", entry.index);
        ensure!(entry.prev == walk.chain, "{}", at("does not follow the one before"));
        ensure!(entry.recorded_at >= walk.time, "{}", at("is older than the one before"));
        let thread = walk.threads.get(&entry.event.subject.id).copied();
        let expected = thread.map_or(Thread { n: 1, prev: None }, |(n, prev)| Thread { n: n + 1, prev: Some(prev) });
        ensure!(entry.thread == expected, "{}: {:?}, not {expected:?}", at("wrong thread"), entry.thread);
        walk.threads.insert(entry.event.subject.id.clone(), (expected.n, index));
        walk.time = entry.recorded_at;
        let fixed = Fixed { chain: chain_value(&stored.bytes), leaf: leaf_hash(&stored.bytes) };
        walk.chain = fixed.chain;
        walk.frontier.append(fixed.leaf, |_, _, _| {});
        ensure!(self.fixed.get(&index).is_none_or(|known| *known == fixed), "{}", at("has changed"));
        let size = walk.frontier.size();
        let root = self.roots.get(&size);
        ensure!(root.is_none_or(|root| *root == walk.frontier.root()), "the tree of {size} entries has changed");
        walk.fixed.push((index, fixed));
        let openings = stored.openings().map_err(failed(at("bad openings")))?;
        ensure!(openings.iter().all(|opening| entry.opened_by(opening)), "{}", at("an opening opens nothing"));
        if entry.source.id == SELF_SOURCE {
            let action = entry.event.action.as_deref().unwrap_or("");
            ensure!(OWN_ACTS.contains(&action) && (index == 0) == (action == OWN_ACTS[0]), "{}: {action}", at("own"));
            let key = entry.successor.as_deref().map(VerifierKey::parse).transpose();
            let key = key.map_err(failed(at("names no key")))?;
            ensure!(key.is_some() == (action == OWN_ACTS[3]), "{}", at("names a key"));
            walk.keys.extend(key.map(|key| (index, key)));
            return Ok(());
        }
        ensure!(entry.successor.is_none(), "{}", at("lets a producer name a key"));
        let id = (entry.source.id.clone(), entry.event.id.clone());
        let raw = openings.iter().find(|opening| opening.path == RAW_PATH).map(|opening| opening.value.clone());
        let event = entry.unsealed(&openings);
        let sent = self.sent.get(&id).and_then(|sent| {
            let raw_of = |submission: &Submission| submission.raw.as_ref().map(|(bytes, _)| bytes.clone());
            sent.iter().find(|submission| submission.event == event && raw_of(submission) == raw)
        });
        let sent = sent.ok_or_else(|| at("holds what nobody sent"))?;
        let before = walk.present.insert(id, (index, sent.clone()));
        ensure!(before.is_none(), "{}", at("its event is an entry already"));
        Ok(())
    }
}

/// The state of a walk over entries.
#[derive(Default)]
struct Walk {
    chain: ChainValue,
    time: Micros,
    frontier: Frontier,
    threads: HashMap<String, (u64, u64)>,
    present: HashMap<Id, (u64, Submission)>,
    fixed: Vec<(u64, Fixed)>,
    keys: BTreeMap<u64, VerifierKey>,
}
