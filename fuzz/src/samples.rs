//! A small ledger and a pack of it, made by the product's own encoders: seeds, and what signed texts are compared with.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ed25519_dalek::{Signer as _, SigningKey};
use sealbook_core::checkpoint::{self, Checkpoint, VerifiedCheckpoint};
use sealbook_core::cosignature::AddCheckpoint;
use sealbook_core::entry::{Entry, Genesis, Opening, Raw, Source, Thread, encode_openings, seal};
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::hash::{ChainValue, SALT_BYTES, TreeHash, chain_value, sha256};
use sealbook_core::note::{VerifierKey, signature_line};
use sealbook_core::pack::{
    Consistency, ListedFile, ListedFramework, Manifest, README_FIRST_LINE, archive::Assembly, encode_sealed, names,
    sealed_name,
};
use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::UnsignedReceipt;
use sealbook_core::segment::{Commit, Footer, Frame, Header, push_frame};
use sealbook_core::tile::push_entry;
use sealbook_core::time::Micros;
use sealbook_core::tree::{Nodes, consistency_proof, inclusion_proof, leaf_hash, node_hash, range_hash};

/// Name of the ledger and of its key.
pub const ORIGIN: &str = "fuzz.example/ledger";
/// Entries of the ledger.
const ENTRIES: u64 = 7;
/// Sizes at which it was committed.
const COMMITS: [u64; 3] = [1, 3, ENTRIES];

/// Signs as the ledger does.
pub struct Signer(SigningKey);

/// The one signer.
pub fn signer() -> &'static Signer {
    static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer(SigningKey::from_bytes(&[7; 32])));
    &SIGNER
}

impl Signer {
    /// The key that checks what it signs.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::new(ORIGIN, self.0.verifying_key().as_bytes()).unwrap()
    }

    /// A signed note.
    pub fn note(&self, text: &str) -> Vec<u8> {
        let line = signature_line(ORIGIN, self.verifier().id(), &self.0.sign(text.as_bytes()).to_bytes());
        format!("{text}\n{line}").into_bytes()
    }
}

/// The ledger.
pub struct Ledger {
    /// Bytes of its entries.
    pub entries: Vec<Vec<u8>>,
    /// What is sealed beside each.
    pub openings: Vec<Vec<Opening>>,
    /// Signed checkpoints at the sizes of its commits.
    pub notes: Vec<Vec<u8>>,
    /// Its one segment.
    pub segment: Vec<u8>,
    leaves: Leaves,
}

struct Leaves(Vec<TreeHash>);

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

/// The one ledger.
pub fn ledger() -> &'static Ledger {
    static LEDGER: LazyLock<Ledger> = LazyLock::new(write);
    &LEDGER
}

/// The event of the entry at `index`; the last has every sort of field.
pub fn event(index: u64) -> Event {
    let subject = ["spiffe://fuzz.example/a", "alice"][usize::try_from(index % 2).unwrap()];
    let mut event =
        Event::new(format!("e{index}"), Kind::Decision, Identity::new(subject, IdentityType::Workload), Outcome::Allow);
    event.occurred_at = Some(Micros(1_780_000_000_000_000));
    event.reason = (index % 2 == 1).then(|| format!("reason {index}"));
    if index + 1 == ENTRIES {
        event.labels = BTreeMap::from([("a".to_owned(), "1".to_owned()), ("ticket".to_owned(), "T-1".to_owned())]);
        event.credential = Some(sealbook_core::event::Credential::default());
        event.context = Some(sealbook_core::event::Context { mfa: Some(true), ..Default::default() });
    }
    event
}

fn write() -> Ledger {
    let header = Header { number: 0, first: 0, prev: ChainValue::default() };
    let mut ledger =
        Ledger { entries: vec![], openings: vec![], notes: vec![], segment: header.encode(), leaves: Leaves(vec![]) };
    let (mut chain, mut threads, mut signature) = (ChainValue::default(), BTreeMap::new(), [0; 64]);
    let mut first = 0;
    for index in 0..ENTRIES {
        let (entry, openings) = entry(index, chain, &mut threads);
        let bytes = entry.encode();
        push_frame(&mut ledger.segment, &Frame::Entry(&bytes));
        if !openings.is_empty() {
            push_frame(&mut ledger.segment, &Frame::Sealed(&encode_openings(&openings)));
        }
        chain = chain_value(&bytes);
        ledger.leaves.0.push(leaf_hash(&bytes));
        ledger.entries.push(bytes);
        ledger.openings.push(openings);
        let size = index + 1;
        if COMMITS.contains(&size) {
            let Ok(root) = range_hash(&ledger.leaves, 0, size);
            let commit = Commit { first, size, chain, root, signature_before: signature, seal: [5; 32] };
            push_frame(&mut ledger.segment, &Frame::Commit(commit));
            let text = Checkpoint { origin: ORIGIN.to_owned(), size, root }.text();
            signature = signer().0.sign(text.as_bytes()).to_bytes();
            ledger.notes.push(signer().note(&text));
            first = size;
        }
    }
    let Ok(root) = range_hash(&ledger.leaves, 0, ENTRIES);
    push_frame(&mut ledger.segment, &Frame::Footer(Footer { entries: ENTRIES, size: ENTRIES, chain, root }));
    ledger.segment.resize(ledger.segment.len() + 40, 0);
    ledger
}

fn entry(index: u64, prev: ChainValue, threads: &mut BTreeMap<String, (u64, u64)>) -> (Entry, Vec<Opening>) {
    let mut event = event(index);
    let (commitments, mut openings) = seal(&mut event, &["reason".to_owned()], &mut || [3; SALT_BYTES]);
    let raw = Opening { path: "raw".into(), salt: [9; SALT_BYTES], value: b"raw".to_vec() };
    let raw = (index == 2).then_some(raw);
    let before = threads.get(&event.subject.id).copied();
    let n = before.map_or(1, |(n, _)| n + 1);
    threads.insert(event.subject.id.clone(), (n, index));
    let entry = Entry {
        index,
        recorded_at: Micros(1_780_000_000_000_000),
        prev,
        source: Source { id: "s".into(), format: "native".into(), version: 1, sequence: Some(index) },
        event,
        commitments,
        raw: raw.as_ref().map(|raw| Raw { commitment: raw.commitment(), length: 3, media_type: "text/plain".into() }),
        thread: Thread { n, prev: before.map(|(_, prev)| prev) },
        genesis: (index == 0).then(|| Genesis {
            origin: ORIGIN.to_owned(),
            verifier_key: signer().verifier().to_string(),
            formats: BTreeMap::from([("entry".to_owned(), "1".to_owned())]),
        }),
        successor: None,
    };
    openings.extend(raw);
    (entry, openings)
}

/// An entry that names the key that takes over; it stands in no ledger.
pub fn succession() -> Vec<u8> {
    let mut entry = Entry::decode(&ledger().entries[1]).unwrap();
    entry.successor = Some(signer().verifier().to_string());
    entry.encode()
}

/// The texts that the signer has signed.
pub fn signed_texts() -> &'static [String] {
    static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let text = |note: &Vec<u8>| {
            let note = core::str::from_utf8(note).unwrap();
            note[..=note.rfind("\n\n").unwrap()].to_owned()
        };
        let mut texts: Vec<_> = ledger().notes.iter().map(text).collect();
        texts.push("extended\n4\n".to_owned() + &texts[0].lines().nth(2).unwrap().to_owned() + "\nextension\n");
        texts
    });
    &TEXTS
}

/// The proof file of an entry.
pub fn proof(index: u64) -> TlogProof {
    let ledger = ledger();
    let Ok(hashes) = inclusion_proof(&ledger.leaves, index, ENTRIES);
    TlogProof { index, hashes, checkpoint: String::from_utf8(ledger.notes[2].clone()).unwrap() }
}

/// A signed checkpoint of the ledger after its commit `at`, believed.
pub fn checkpoint(at: usize) -> VerifiedCheckpoint {
    checkpoint::verify(&ledger().notes[at], &[signer().verifier()]).unwrap()
}

/// Receipts of every entry, and one that the tree grew.
pub fn receipts() -> Vec<Vec<u8>> {
    let key = signer().verifier();
    let sign = |receipt: UnsignedReceipt| receipt.signed(&signer().0.sign(receipt.message()).to_bytes());
    let included = (0u64..).zip(&ledger().entries);
    let included =
        included.map(|(index, entry)| UnsignedReceipt::inclusion(&key, "alice", entry, &proof(index)).unwrap());
    let growth = consistency().start_to_size;
    let grown = UnsignedReceipt::consistency(&key, &checkpoint(1), &checkpoint(2), &growth).unwrap();
    included.chain([grown]).map(sign).collect()
}

/// A policy that trusts the ledger and asks for no witness but names one.
pub fn policy() -> Vec<u8> {
    let key = signer().verifier();
    format!("# sample\nlog {key} https://fuzz.example/\nwitness w {key}\ngroup g any w\nquorum none\n").into_bytes()
}

/// What the ledger would send to a witness.
pub fn add_checkpoint() -> AddCheckpoint {
    let checkpoint = String::from_utf8(ledger().notes[2].clone()).unwrap();
    AddCheckpoint { old: COMMITS[1], proof: consistency().start_to_size, checkpoint }
}

/// An entry bundle of the whole ledger.
pub fn bundle() -> Vec<u8> {
    let mut bundle = Vec::new();
    assert!(ledger().entries.iter().all(|entry| push_entry(&mut bundle, entry)));
    bundle
}

/// The manifest of a pack of the whole ledger, without its files.
pub fn manifest() -> Manifest {
    let hash = sha256(b"text");
    let Ok(root) = range_hash(&ledger().leaves, 0, ENTRIES);
    Manifest {
        origin: ORIGIN.into(),
        key: signer().verifier().to_string(),
        from: Micros(0),
        to: Micros(1_800_000_000_000_000),
        first: 0,
        end: ENTRIES,
        size: ENTRIES,
        root,
        start: Some(COMMITS[1]),
        export: None,
        disclosed: vec!["raw".into(), "reason".into()],
        policy: hash,
        frameworks: vec![ListedFramework { id: "f".into(), catalogue: hash, mapping: hash }],
        files: Vec::new(),
    }
}

/// The hashes that lead from the entries of the pack to its checkpoints.
pub fn consistency() -> Consistency {
    let Ok(start_to_size) = consistency_proof(&ledger().leaves, COMMITS[1], ENTRIES);
    Consistency { left: vec![], end_to_size: vec![], start_to_size }
}

/// The values that the pack discloses.
pub fn sealed() -> Vec<(u64, Vec<Opening>)> {
    let openings = ledger().openings.iter().cloned();
    (0..).zip(openings).filter(|(_, openings)| !openings.is_empty()).collect()
}

/// The files of the pack by name, without manifest and signature.
pub fn files() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for name in [names::POLICY, names::RESULTS, "frameworks/f/framework.toml", "frameworks/f/mapping.toml"] {
        files.insert(name.to_owned(), b"text".to_vec());
    }
    let bundle_name = manifest().bundles().next().unwrap().to_string();
    files.insert(names::README.into(), README_FIRST_LINE.as_bytes().to_vec());
    files.insert(names::CHECKPOINT.into(), ledger().notes[2].clone());
    files.insert(names::CHECKPOINT_START.into(), ledger().notes[1].clone());
    files.insert(names::CONSISTENCY.into(), consistency().encode().into_bytes());
    files.insert(bundle_name, bundle());
    files.insert(sealed_name(0), encode_sealed(&sealed()));
    files
}

/// `manifest` with `files` listed.
pub fn listing(mut manifest: Manifest, files: &BTreeMap<String, Vec<u8>>) -> Manifest {
    let listed = |name: &str, bytes: &[u8]| ListedFile {
        name: name.to_owned(),
        bytes: bytes.len() as u64,
        sha256: sha256(bytes),
    };
    manifest.files = vec![listed(names::README, &files[names::README])];
    let rest = files.iter().filter(|(name, _)| *name != names::README);
    manifest.files.extend(rest.map(|(name, bytes)| listed(name, bytes)));
    manifest
}

/// The archive of `files` under `manifest`, signed.
pub fn archive(manifest: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Option<Vec<u8>> {
    let signature = signer().note(&Manifest::signed_text(ORIGIN, manifest));
    let (mut assembly, mut out) = (Assembly::default(), Vec::new());
    let head = [
        (names::README, files[names::README].as_slice()),
        (names::MANIFEST, manifest),
        (names::MANIFEST_SIGNATURE, &signature),
    ];
    let rest = files.iter().filter(|(name, _)| *name != names::README);
    for (name, bytes) in head.into_iter().chain(rest.map(|(name, bytes)| (name.as_str(), bytes.as_slice()))) {
        out.extend(assembly.add(name, bytes)?);
        out.extend_from_slice(bytes);
    }
    out.extend(assembly.finish()?);
    Some(out)
}

/// The pack.
pub fn pack() -> Vec<u8> {
    let files = files();
    archive(listing(manifest(), &files).encode().as_bytes(), &files).unwrap()
}
