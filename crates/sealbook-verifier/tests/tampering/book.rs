//! A ledger taken apart into entries, commits, headers and files, to be changed and put together again.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use ed25519_dalek::{Signer as _, SigningKey};
use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::{Entry, Opening, Thread, decode_openings, encode_openings};
use sealbook_core::hash::{ChainValue, TreeHash, chain_value};
use sealbook_core::note::{VerifierKey, decode_base64, signature_line};
use sealbook_core::segment::{Commit, Footer, Frame, HEADER_BYTES, Header, push_frame, read_frame};
use sealbook_core::tree::{Frontier, leaf_hash};

use crate::folder::Folder;

/// Name of the newest signed checkpoint.
pub const CHECKPOINT: &str = "checkpoint";
/// Name of the public key.
pub const KEY_FILE: &str = "keys/verifier.key";

/// A signing key.
#[derive(Clone)]
pub struct Key {
    key: SigningKey,
    /// Its public half.
    pub verifier: VerifierKey,
}

impl Key {
    /// A key of any name.
    pub fn new(name: &str, seed: u8) -> Self {
        Self::of(name, SigningKey::from_bytes(&[seed; 32]))
    }

    fn of(name: &str, key: SigningKey) -> Self {
        let verifier = VerifierKey::new(name, key.verifying_key().as_bytes()).unwrap();
        Self { key, verifier }
    }

    /// Reads a ledger's private key.
    fn read(text: &str) -> Self {
        let mut parts = text.trim_end().strip_prefix("PRIVATE+KEY+").unwrap().splitn(3, '+');
        let (name, seed) = (parts.next().unwrap(), decode_base64(parts.nth(1).unwrap()).unwrap());
        Self::of(name, SigningKey::from_bytes(seed[1..].try_into().unwrap()))
    }

    /// Signature over a checkpoint.
    pub fn sign(&self, checkpoint: &Checkpoint) -> [u8; 64] {
        self.key.sign(checkpoint.text().as_bytes()).to_bytes()
    }

    /// A text as a signed note.
    pub fn note(&self, text: &str) -> Vec<u8> {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        format!("{text}\n{}", signature_line(self.verifier.name(), self.verifier.id(), &signature)).into_bytes()
    }
}

/// A frame.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    Entry(Vec<u8>),
    Sealed(Vec<u8>),
    Commit(Commit),
    Footer(Footer),
}

impl Item {
    pub fn push(&self, out: &mut Vec<u8>) {
        match self {
            Self::Entry(bytes) => push_frame(out, &Frame::Entry(bytes)),
            Self::Sealed(bytes) => push_frame(out, &Frame::Sealed(bytes)),
            Self::Commit(commit) => push_frame(out, &Frame::Commit(*commit)),
            Self::Footer(footer) => push_frame(out, &Frame::Footer(*footer)),
        }
    }
}

/// A segment.
#[derive(Clone, Debug)]
pub struct Segment {
    pub header: Header,
    pub items: Vec<Item>,
    /// Zeros behind the last frame.
    pub room: usize,
}

impl Segment {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = Header::decode(bytes)?;
        let (mut items, mut at) = (Vec::new(), HEADER_BYTES);
        while let Ok((frame, length)) = read_frame(&bytes[at..]) {
            items.push(match frame {
                Frame::Entry(bytes) => Item::Entry(bytes.to_vec()),
                Frame::Sealed(bytes) => Item::Sealed(bytes.to_vec()),
                Frame::Commit(commit) => Item::Commit(commit),
                Frame::Footer(footer) => Item::Footer(footer),
            });
            at += length;
        }
        assert!(bytes[at..].iter().all(|byte| *byte == 0));
        Some(Self { header, items, room: bytes.len() - at })
    }
}

/// Segment and frame.
pub type At = (usize, usize);

/// A ledger.
#[derive(Clone)]
pub struct Book {
    pub segments: Vec<Segment>,
    /// Everything else that verification reads.
    pub files: BTreeMap<String, Vec<u8>>,
    pub key: Key,
    pub origin: String,
}

impl Book {
    /// Reads a ledger that nobody touched.
    pub fn read(root: &Path) -> Self {
        let mut names: Vec<_> = std::fs::read_dir(root.join("log")).unwrap().map(|item| item.unwrap().path()).collect();
        names.sort();
        let segments = names.iter().filter(|name| name.extension().is_some_and(|e| e == "seg"));
        let segments = segments.filter_map(|name| Segment::read(&std::fs::read(name).unwrap())).collect();
        let key = Key::read(&std::fs::read_to_string(root.join("keys/signing.key")).unwrap());
        let mut files = BTreeMap::new();
        for name in [CHECKPOINT, KEY_FILE, "tiles/tile/0/000"] {
            if let Ok(bytes) = std::fs::read(root.join(name)) {
                files.insert(name.to_owned(), bytes);
            }
        }
        let origin = key.verifier.name().to_owned();
        Self { segments, files, key, origin }
    }

    /// Its files, as they lie on disk.
    pub fn folder(&self) -> Folder {
        Folder::of(self)
    }

    fn all(&self) -> impl Iterator<Item = (At, &Item)> {
        let segments = self.segments.iter().enumerate();
        segments.flat_map(|(s, segment)| segment.items.iter().enumerate().map(move |(i, item)| ((s, i), item)))
    }

    /// Where the entry lies that is the n-th.
    pub fn entry_at(&self, n: u64) -> At {
        let entries = self.all().filter(|(_, item)| matches!(item, Item::Entry(_)));
        entries.map(|(at, _)| at).nth(usize::try_from(n).unwrap()).unwrap()
    }

    /// Where the commits lie.
    pub fn commits(&self) -> Vec<At> {
        self.all().filter(|(_, item)| matches!(item, Item::Commit(_))).map(|(at, _)| at).collect()
    }

    /// Where the commit lies that ends the batch of entry `n`.
    pub fn commit_after(&self, n: u64) -> At {
        let entry = self.entry_at(n);
        self.commits().into_iter().find(|at| *at > entry).unwrap()
    }

    pub fn item(&mut self, at: At) -> &mut Item {
        &mut self.segments[at.0].items[at.1]
    }

    /// The entry that is the n-th.
    pub fn entry(&self, n: u64) -> Entry {
        let (s, i) = self.entry_at(n);
        let Item::Entry(bytes) = &self.segments[s].items[i] else { panic!("an entry") };
        Entry::decode(bytes).unwrap()
    }

    /// Changes an entry.
    pub fn edit(&mut self, n: u64, change: impl FnOnce(&mut Entry)) {
        let mut entry = self.entry(n);
        change(&mut entry);
        let at = self.entry_at(n);
        *self.item(at) = Item::Entry(entry.encode());
    }

    /// Changes a commit.
    pub fn edit_commit(&mut self, at: At, change: impl FnOnce(&mut Commit)) {
        let Item::Commit(commit) = self.item(at) else { panic!("a commit") };
        change(commit);
    }

    /// Changes the footer of a segment.
    pub fn edit_footer(&mut self, segment: usize, change: impl FnOnce(&mut Footer)) {
        let Some(Item::Footer(footer)) = self.segments[segment].items.last_mut() else { panic!("a footer") };
        change(footer);
    }

    /// What is sealed beside an entry; `None` where nothing is.
    pub fn sealed(&mut self, n: u64) -> Option<&mut Vec<u8>> {
        let (s, i) = self.entry_at(n);
        match self.segments[s].items.get_mut(i + 1) {
            Some(Item::Sealed(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// Changes what is sealed beside an entry.
    pub fn edit_openings(&mut self, n: u64, change: impl FnOnce(&mut Vec<Opening>)) {
        let bytes = self.sealed(n).unwrap();
        let mut openings = decode_openings(bytes).unwrap();
        change(&mut openings);
        *bytes = encode_openings(&openings);
    }

    /// An entry with what is sealed beside it.
    pub fn take(&mut self, n: u64) -> Vec<Item> {
        let (s, i) = self.entry_at(n);
        let sealed = usize::from(matches!(self.segments[s].items.get(i + 1), Some(Item::Sealed(_))));
        self.segments[s].items.drain(i..=i + sealed).collect()
    }

    /// The frames of the batch of entry `n`, its commit too.
    pub fn batch(&self, n: u64) -> (usize, std::ops::RangeInclusive<usize>) {
        let (s, end) = self.commit_after(n);
        let begun = self.segments[s].items[..end].iter().rposition(|item| matches!(item, Item::Commit(_)));
        (s, begun.map_or(0, |before| before + 1)..=end)
    }

    /// Puts frames before the entry that is the n-th.
    pub fn insert_before(&mut self, n: u64, items: Vec<Item>) {
        let (s, i) = self.entry_at(n);
        self.segments[s].items.splice(i..i, items);
    }

    /// The newest checkpoint.
    pub fn checkpoint(&self) -> Checkpoint {
        let text = std::str::from_utf8(&self.files[CHECKPOINT]).unwrap();
        Checkpoint::parse(&text[..=text.find("\n\n").unwrap()]).unwrap()
    }

    /// The checkpoint over the commit that ends the batch of entry `n`.
    pub fn checkpoint_after(&mut self, n: u64) -> Checkpoint {
        let (at, origin) = (self.commit_after(n), self.origin.clone());
        let Item::Commit(commit) = self.item(at) else { panic!("a commit") };
        Checkpoint { origin, size: commit.size, root: commit.root }
    }

    /// Puts another checkpoint there, signed with the ledger's key.
    pub fn sign_checkpoint(&mut self, change: impl FnOnce(&mut Checkpoint)) {
        let mut checkpoint = self.checkpoint();
        change(&mut checkpoint);
        self.files.insert(CHECKPOINT.to_owned(), self.key.note(&checkpoint.text()));
    }
}

/// What is made again after a change: what everybody can, or what only the holder of a key can.
impl Book {
    /// Indexes, sizes and numbers of entries, as the entries now lie.
    pub fn renumber(&mut self) {
        let (mut next, mut first) = (0, 0);
        for segment in &mut self.segments {
            segment.header.first = next;
            for item in &mut segment.items {
                match item {
                    Item::Entry(bytes) => {
                        if let Ok(mut entry) = Entry::decode(bytes) {
                            entry.index = next;
                            *bytes = entry.encode();
                        }
                        next += 1;
                    }
                    Item::Sealed(_) => {}
                    Item::Commit(commit) => {
                        (commit.first, commit.size) = (first, next);
                        first = next;
                    }
                    Item::Footer(footer) => (footer.entries, footer.size) = (next - segment.header.first, next),
                }
            }
        }
    }

    /// Place in the thread of every entry.
    pub fn rethread(&mut self) {
        let mut newest: HashMap<String, Thread> = HashMap::new();
        self.each_entry(|n, entry| {
            let before = newest.get(&entry.event.subject.id);
            entry.thread = before.map_or(Thread { n: 1, prev: None }, |t| Thread { n: t.n + 1, prev: t.prev });
            newest.insert(entry.event.subject.id.clone(), Thread { n: entry.thread.n, prev: Some(n) });
        });
    }

    /// Changes every entry that can be read.
    pub fn each_entry(&mut self, mut change: impl FnMut(u64, &mut Entry)) {
        let items = self.segments.iter_mut().flat_map(|segment| &mut segment.items);
        let entries = items.filter_map(|item| if let Item::Entry(bytes) = item { Some(bytes) } else { None });
        for (n, bytes) in (0..).zip(entries) {
            if let Ok(mut entry) = Entry::decode(bytes) {
                change(n, &mut entry);
                *bytes = entry.encode();
            }
        }
    }

    /// The chain: links, and what headers, commits and footers say of it.
    pub fn relink(&mut self) {
        let mut chain = ChainValue::default();
        for segment in &mut self.segments {
            segment.header.prev = chain;
            for item in &mut segment.items {
                match item {
                    Item::Entry(bytes) => {
                        if let Ok(mut entry) = Entry::decode(bytes) {
                            entry.prev = chain;
                            *bytes = entry.encode();
                        }
                        chain = chain_value(bytes);
                    }
                    Item::Sealed(_) => {}
                    Item::Commit(commit) => commit.chain = chain,
                    Item::Footer(footer) => footer.chain = chain,
                }
            }
        }
    }

    /// The roots of the tree in commits and footers.
    pub fn reroot(&mut self) {
        let mut tree = Frontier::default();
        for item in self.segments.iter_mut().flat_map(|segment| &mut segment.items) {
            match item {
                Item::Entry(bytes) => tree.append(leaf_hash(bytes), |_, _, _| {}),
                Item::Sealed(_) => {}
                Item::Commit(commit) => commit.root = tree.root(),
                Item::Footer(footer) => footer.root = tree.root(),
            }
        }
    }

    /// Every signature, with a key: those in the commits and the checkpoint.
    pub fn resign(&mut self, key: &Key) {
        self.resign_with(&|_| key.clone());
    }

    /// Every signature, with the key for the size that is signed.
    pub fn resign_with(&mut self, key: &dyn Fn(u64) -> Key) {
        let origin = self.origin.clone();
        let mut before: Option<Checkpoint> = None;
        for item in self.segments.iter_mut().flat_map(|segment| &mut segment.items) {
            if let Item::Commit(commit) = item {
                commit.signature_before = before.as_ref().map_or([0; 64], |before| key(before.size).sign(before));
                before = Some(Checkpoint { origin: origin.clone(), size: commit.size, root: commit.root });
            }
        }
        let newest = before.unwrap();
        self.files.insert(CHECKPOINT.to_owned(), key(newest.size).note(&newest.text()));
    }

    /// The first tile.
    pub fn retile(&mut self) {
        let items = self.segments.iter().flat_map(|segment| &segment.items);
        let leaves = items.filter_map(|item| if let Item::Entry(bytes) = item { Some(leaf_hash(bytes)) } else { None });
        let tile: Vec<TreeHash> = leaves.take(256).collect();
        if tile.len() == 256 {
            self.files.insert("tiles/tile/0/000".to_owned(), tile.iter().flat_map(|hash| hash.0).collect());
        }
    }

    /// Everything but signatures.
    pub fn remake_unsigned(&mut self) {
        self.relink();
        self.reroot();
        self.retile();
    }

    /// Everything that follows from the entries, with the ledger's own key.
    pub fn remake(&mut self) {
        self.remake_unsigned();
        let key = self.key.clone();
        self.resign(&key);
    }
}
