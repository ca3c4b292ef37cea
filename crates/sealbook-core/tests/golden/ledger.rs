//! A whole small ledger: segments, threads, sealed values, checkpoints, tiles, and a change of key.

use std::collections::BTreeMap;

use sealbook_core::checkpoint::{Checkpoint, verify};
use sealbook_core::entry::{Entry, Genesis, Opening, Source, Thread, encode_openings, seal};
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::hash::{ChainValue, chain_value, hex};
use sealbook_core::segment::{Commit, Footer, Frame, Header, push_frame};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, leaf_hash};
use serde_json::{Value, json};

use crate::entries::EPOCH;
use crate::support::Signer;

const ORIGIN: &str = "ledger.example/a";
/// Context of the key that seals commits (segment.md).
const SEAL_CONTEXT: &str = "sealbook 2026-11 writer's seal v1: key";

/// Who the entries are about, by batch. The last entry of the third batch names the next key; the segment rolls after
/// the second batch.
const BATCHES: [&[&str]; 5] = [
    &[ORIGIN],
    &["alice", "spiffe://corp.example/cart", "alice"],
    &["bob", "alice", ORIGIN],
    &["spiffe://corp.example/cart"],
    &["bob", "bob"],
];
const ROLL_AFTER: usize = 2;
const KEY_CHANGE: usize = 2;

#[derive(Default)]
struct Ledger {
    entries: Vec<Vec<u8>>,
    sealed: Vec<Vec<u8>>,
    tree: Frontier,
    prev: ChainValue,
    threads: BTreeMap<String, (u64, u64)>,
    checkpoints: Vec<String>,
    roots: Vec<String>,
    segments: Vec<Vec<u8>>,
    signature: Option<[u8; 64]>,
}

impl Ledger {
    fn entry(&mut self, subject: &str, successor: Option<String>) -> (Vec<u8>, Vec<Opening>) {
        let index = self.entries.len() as u64;
        let mut event = Event::new(
            format!("e-{index}"),
            Kind::Decision,
            Identity::new(subject, IdentityType::Workload),
            Outcome::Deny,
        );
        event.reason = (subject == "alice").then(|| format!("no ticket for {index}"));
        let (commitments, openings) = seal(&mut event, &["reason".into()], &mut || [index as u8; 16]);
        let thread = self
            .threads
            .get(subject)
            .map_or(Thread { n: 1, prev: None }, |(n, last)| Thread { n: n + 1, prev: Some(*last) });
        self.threads.insert(subject.to_owned(), (thread.n, index));
        let ours = subject == ORIGIN;
        let source = if ours { "sealbook" } else { "opa" };
        let genesis = (index == 0).then(|| Genesis {
            origin: ORIGIN.into(),
            verifier_key: Signer::new(ORIGIN, 1).log.to_string(),
            formats: [("entry".into(), "1".into())].into(),
        });
        let entry = Entry {
            index,
            recorded_at: Micros(EPOCH + 500 * index as i64),
            prev: self.prev,
            source: Source { id: source.into(), format: source.into(), version: 1, sequence: None },
            event,
            commitments,
            raw: None,
            thread,
            genesis,
            successor,
        };
        (entry.encode(), openings)
    }

    fn push(&mut self, frame: &Frame<'_>) {
        push_frame(self.segments.last_mut().unwrap(), frame);
    }

    fn batch(&mut self, number: usize, signer: &Signer) {
        let first = self.entries.len() as u64;
        for (n, subject) in BATCHES[number].iter().enumerate() {
            let last = n + 1 == BATCHES[number].len();
            let successor = (number == KEY_CHANGE && last).then(|| Signer::new(ORIGIN, 2).log.to_string());
            let (bytes, openings) = self.entry(subject, successor);
            self.push(&Frame::Entry(&bytes));
            let sealed = if openings.is_empty() { Vec::new() } else { encode_openings(&openings) };
            if !sealed.is_empty() {
                self.push(&Frame::Sealed(&sealed));
            }
            self.prev = chain_value(&bytes);
            self.tree.append(leaf_hash(&bytes), |_, _, _| {});
            self.roots.push(self.tree.root().to_string());
            self.entries.push(bytes);
            self.sealed.push(sealed);
        }
        let checkpoint = Checkpoint { origin: ORIGIN.into(), size: self.tree.size(), root: self.tree.root() };
        let mut commit = Commit {
            first,
            size: checkpoint.size,
            chain: self.prev,
            root: checkpoint.root,
            signature_before: self.signature.unwrap_or([0; 64]),
            seal: [0; 32],
        };
        commit.seal =
            *blake3::keyed_hash(&blake3::derive_key(SEAL_CONTEXT, &signer.seed()), &commit.sealed_bytes()).as_bytes();
        self.push(&Frame::Commit(commit));
        self.signature = Some(signer.sign(checkpoint.text().as_bytes()));
        let note = signer.note(&checkpoint.text());
        verify(note.as_bytes(), std::slice::from_ref(&signer.log)).unwrap();
        self.checkpoints.push(note);
    }

    fn roll(&mut self) {
        let (size, number) = (self.tree.size(), self.segments.len() as u64);
        if number > 0 {
            let footer = Footer { entries: size, size, chain: self.prev, root: self.tree.root() };
            self.push(&Frame::Footer(footer));
        }
        self.segments.push(Header { number, first: size, prev: self.prev }.encode());
    }
}

pub fn vectors() -> Value {
    let mut ledger = Ledger::default();
    ledger.roll();
    for number in 0..BATCHES.len() {
        if number == ROLL_AFTER {
            ledger.roll();
        }
        // The checkpoint over the entry that names the next key is still signed with the key before.
        ledger.batch(number, &Signer::new(ORIGIN, if number > KEY_CHANGE { 2 } else { 1 }));
    }
    // Room that was filled ahead.
    ledger.segments.last_mut().unwrap().extend_from_slice(&[0; 64]);
    let threads: BTreeMap<_, _> =
        ledger.threads.iter().map(|(subject, (n, last))| (subject, json!({ "n": n, "last": last }))).collect();
    json!({ "ledgers": [{
        "key": Signer::new(ORIGIN, 1).log.to_string(),
        "seeds": [hex(&[1; 32]), hex(&[2; 32])],
        "segments": ledger.segments.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>(),
        "entries": ledger.entries.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>(),
        "sealed": ledger.sealed.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>(),
        "roots": ledger.roots,
        "checkpoints": ledger.checkpoints,
        "threads": threads,
    }] })
}
