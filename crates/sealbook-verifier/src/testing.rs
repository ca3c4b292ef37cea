//! A small ledger directory, written frame by frame, for tests of what the verifier says about it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::{Entry, Genesis, Opening, Raw, Source, Thread, encode_openings, seal};
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::hash::{ChainValue, SALT_BYTES, TreeHash, chain_value};
use sealbook_core::note::{VerifierKey, signature_line};
use sealbook_core::segment::{Commit, Footer, Frame, HEADER_BYTES, Header, push_frame};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, Nodes, leaf_hash, node_hash, range_hash};

use crate::ledger::TileBuilder;
use crate::{Report, Trust, verify_ledger};

/// Name of the test ledger.
pub const ORIGIN: &str = "example.org/test";

/// Signs as the ledger does.
pub struct Signer {
    pub key: SigningKey,
    pub name: String,
}

impl Signer {
    pub fn new(name: &str, seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), name: name.to_owned() }
    }

    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::new(&self.name, self.key.verifying_key().as_bytes()).unwrap()
    }

    pub fn signature(&self, text: &str) -> [u8; 64] {
        self.key.sign(text.as_bytes()).to_bytes()
    }

    pub fn note(&self, text: &str) -> Vec<u8> {
        let line = signature_line(&self.name, self.verifier().id(), &self.signature(text));
        format!("{text}\n{line}").into_bytes()
    }
}

/// What is done to an entry before it is written: its index, the entry, the values beside it.
pub type Spoil<'a> = &'a dyn Fn(u64, &mut Entry, &mut Vec<Opening>);

/// Who signs a checkpoint: its number, the signer whose turn it is, the one who does it. Signers count from the first.
pub type Signs<'a> = &'a dyn Fn(usize, usize) -> usize;

/// How a test ledger is written.
pub struct Plan<'a> {
    /// Sizes of the batches.
    pub batches: Vec<u64>,
    /// Batches in a segment.
    pub batches_per_segment: usize,
    /// Zeros behind the last frame of the last segment.
    pub room: usize,
    pub signer: Signer,
    /// Batches whose last entry names the next key, and who holds it.
    pub changes: Vec<(usize, Signer)>,
    pub signs: Signs<'a>,
    pub spoil: Spoil<'a>,
    pub spoil_commit: &'a dyn Fn(u64, &mut Commit),
    pub origin: String,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self {
            batches: vec![1, 3, 2, 4, 1, 3],
            batches_per_segment: 2,
            room: 300,
            signer: Signer::new(ORIGIN, 7),
            changes: Vec::new(),
            signs: &|_, due| due,
            spoil: &|_, _, _| {},
            spoil_commit: &|_, _| {},
            origin: ORIGIN.to_owned(),
        }
    }
}

/// What a test ledger consists of.
pub struct Written {
    pub files: BTreeMap<String, Vec<u8>>,
    /// Signed checkpoints after every commit.
    pub notes: Vec<Vec<u8>>,
    /// Entries and what is sealed beside them.
    pub entries: Vec<(Vec<u8>, Vec<Opening>)>,
}

impl Written {
    pub fn save(&self, dir: &Path) {
        for (name, bytes) in &self.files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    pub fn verify(&self, trust: &Trust) -> Report {
        let dir = tempfile::tempdir().unwrap();
        self.save(dir.path());
        verify_ledger(dir.path(), trust, &mut |_| {})
    }
}

/// The leaves of a test ledger.
pub struct Leaves(pub Vec<TreeHash>);

impl Leaves {
    pub fn of(written: &Written) -> Self {
        Self(written.entries.iter().map(|(bytes, _)| leaf_hash(bytes)).collect())
    }
}

impl Nodes for Leaves {
    type Error = core::convert::Infallible;
    fn node(&self, level: u32, index: u64) -> Result<TreeHash, Self::Error> {
        if level == 0 {
            return Ok(self.0[usize::try_from(index).unwrap()]);
        }
        let (start, half) = (index << level, 1 << (level - 1));
        let left = range_hash(self, start, start + half)?;
        Ok(node_hash(&left, &range_hash(self, start + half, start + 2 * half)?))
    }
}

fn event(index: u64) -> Event {
    let subjects = ["spiffe://example.org/a", "alice", "ci"];
    let subject = subjects[usize::try_from(index).unwrap() % 3];
    let mut event =
        Event::new(format!("e{index}"), Kind::Decision, Identity::new(subject, IdentityType::Workload), Outcome::Allow);
    event.reason = (index % 2 == 1).then(|| format!("reason {index}"));
    event
}

struct Writer<'a> {
    plan: &'a Plan<'a>,
    files: BTreeMap<String, Vec<u8>>,
    segment: Vec<u8>,
    segment_first: u64,
    segments: u64,
    tree: Frontier,
    tiles: TileBuilder,
    chain: ChainValue,
    threads: HashMap<String, Thread>,
    entries: Vec<(Vec<u8>, Vec<Opening>)>,
    notes: Vec<Vec<u8>>,
    signature: [u8; 64],
    /// Whose turn it is to sign.
    due: usize,
}

impl Plan<'_> {
    /// Who signs, in order.
    pub fn signers(&self) -> Vec<&Signer> {
        [&self.signer].into_iter().chain(self.changes.iter().map(|(_, signer)| signer)).collect()
    }

    pub fn write(&self) -> Written {
        let mut writer = Writer {
            plan: self,
            files: BTreeMap::new(),
            segment: Vec::new(),
            segment_first: 0,
            segments: 0,
            tree: Frontier::default(),
            tiles: TileBuilder::default(),
            chain: ChainValue::default(),
            threads: HashMap::new(),
            entries: Vec::new(),
            notes: Vec::new(),
            signature: [0; 64],
            due: 0,
        };
        for (number, size) in self.batches.iter().enumerate() {
            if number % self.batches_per_segment == 0 {
                writer.roll();
            }
            writer.batch(*size);
        }
        let mut last = core::mem::take(&mut writer.segment);
        last.resize(last.len() + self.room, 0);
        writer.files.insert(format!("log/{:08}.seg", writer.segments - 1), last);
        writer.files.insert("checkpoint".to_owned(), writer.notes.last().unwrap().clone());
        let keys: String = self.signers().iter().rev().map(|signer| format!("{}\n", signer.verifier())).collect();
        writer.files.insert("keys/verifier.key".to_owned(), keys.into_bytes());
        Written { files: writer.files, notes: writer.notes, entries: writer.entries }
    }
}

impl Writer<'_> {
    fn roll(&mut self) {
        if self.segments > 0 {
            let footer = Footer {
                entries: self.tree.size() - self.segment_first,
                size: self.tree.size(),
                chain: self.chain,
                root: self.tree.root(),
            };
            push_frame(&mut self.segment, &Frame::Footer(footer));
            let mut full = core::mem::take(&mut self.segment);
            full.resize(full.len() + 17, 0);
            self.files.insert(format!("log/{:08}.seg", self.segments - 1), full);
        }
        self.segment_first = self.tree.size();
        let header = Header { number: self.segments, first: self.segment_first, prev: self.chain };
        self.segment = header.encode();
        assert_eq!(self.segment.len(), HEADER_BYTES);
        self.segments += 1;
    }

    fn batch(&mut self, size: u64) {
        let first = self.tree.size();
        let number = self.notes.len();
        let change = self.plan.changes.iter().find(|(batch, _)| *batch == number).map(|(_, signer)| signer.verifier());
        for n in 1..=size {
            self.entry(change.as_ref().filter(|_| n == size));
        }
        let mut commit = Commit {
            first,
            size: self.tree.size(),
            chain: self.chain,
            root: self.tree.root(),
            signature_before: self.signature,
            seal: [0; 32],
        };
        (self.plan.spoil_commit)(self.notes.len() as u64, &mut commit);
        push_frame(&mut self.segment, &Frame::Commit(commit));
        let (size, root) = (commit.size, commit.root);
        let text = Checkpoint { origin: self.plan.origin.clone(), size, root }.text();
        let signer = self.plan.signers()[(self.plan.signs)(number, self.due)];
        self.signature = signer.signature(&text);
        self.notes.push(signer.note(&text));
        self.due += usize::from(change.is_some());
    }

    fn entry(&mut self, successor: Option<&VerifierKey>) {
        let index = self.tree.size();
        let mut event = event(index);
        let salt = u8::try_from(index % 251).unwrap();
        let (commitments, mut openings) = seal(&mut event, &["reason".to_owned()], &mut || [salt; SALT_BYTES]);
        let raw = Opening { path: "raw".into(), salt: [9; SALT_BYTES], value: format!("raw {index}").into_bytes() };
        let thread = match self.threads.get(&event.subject.id) {
            Some(before) => Thread { n: before.n + 1, prev: before.prev },
            None => Thread { n: 1, prev: None },
        };
        let next = Thread { n: thread.n, prev: Some(index) };
        self.threads.insert(event.subject.id.clone(), next);
        let genesis = (index == 0).then(|| Genesis {
            origin: self.plan.origin.clone(),
            verifier_key: self.plan.signer.verifier().to_string(),
            formats: BTreeMap::new(),
        });
        let mut entry = Entry {
            index,
            recorded_at: Micros(1_780_000_000_000_000 + i64::try_from(index).unwrap() * 1_000_000),
            prev: self.chain,
            source: Source {
                id: if successor.is_some() { "sealbook" } else { "test" }.into(),
                format: "native".into(),
                version: 1,
                sequence: None,
            },
            event,
            commitments,
            raw: (index % 4 == 2).then(|| Raw {
                commitment: raw.commitment(),
                length: raw.value.len() as u64,
                media_type: "text/plain".into(),
            }),
            thread,
            genesis,
            successor: successor.map(ToString::to_string),
        };
        if entry.raw.is_some() {
            openings.push(raw);
        }
        if index.is_multiple_of(5) {
            openings.clear();
        }
        (self.plan.spoil)(index, &mut entry, &mut openings);
        let bytes = entry.encode();
        push_frame(&mut self.segment, &Frame::Entry(&bytes));
        if !openings.is_empty() {
            push_frame(&mut self.segment, &Frame::Sealed(&encode_openings(&openings)));
        }
        self.chain = chain_value(&bytes);
        let leaf = leaf_hash(&bytes);
        let (builder, files) = (&mut self.tiles, &mut self.files);
        let mut take = |level, index, hash| {
            if let Some((tile, bytes)) = builder.take(level, index, hash) {
                files.insert(format!("tiles/{tile}"), bytes);
            }
        };
        take(0, index, leaf);
        self.tree.append(leaf, take);
        self.entries.push((bytes, openings));
    }
}
