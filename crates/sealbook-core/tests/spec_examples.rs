//! The worked examples of `docs/spec/` are what the code makes: every block there is compared. `BLESS=1` writes them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use sealbook_core::checkpoint::verify;
use sealbook_core::cosignature::AddCheckpoint;
use sealbook_core::entry::{Entry, Genesis, Opening, Source, Thread, encode_openings, seal};
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::hash::{ChainValue, chain_value, hex, sha256};
use sealbook_core::pack::{ListedFile, ListedFramework, Manifest};
use sealbook_core::policy::Policy;
use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::UnsignedReceipt;
use sealbook_core::segment::{Commit, Footer, Frame, Header, push_frame};
use sealbook_core::tile::push_entry;
use sealbook_core::time::Micros;
use sealbook_core::tree::{consistency_proof, inclusion_proof, leaf_hash, range_hash};
use support::{Leaves, Signer};

const ORIGIN: &str = "ledger.example/a";

fn source(id: &str, format: &str) -> Source {
    Source { id: id.into(), format: format.into(), version: 1, sequence: None }
}

fn genesis() -> Entry {
    let subject = Identity::new("ledger.example/a", IdentityType::System);
    let mut event = Event::new("ledger.created/0", Kind::Lifecycle, subject, Outcome::Success);
    event.action = Some("ledger.created".into());
    event.occurred_at = Some(Micros(1_790_000_000_000_000));
    let genesis = Genesis {
        origin: "ledger.example/a".into(),
        verifier_key: Signer::new(ORIGIN, 1).log.to_string(),
        formats: [("entry", "1"), ("tree", "rfc6962-sha256")].map(|(a, b)| (a.into(), b.into())).into(),
    };
    Entry {
        index: 0,
        recorded_at: Micros(1_790_000_000_000_000),
        prev: ChainValue::default(),
        source: source("sealbook", "sealbook"),
        event,
        commitments: BTreeMap::new(),
        raw: None,
        thread: Thread { n: 1, prev: None },
        genesis: Some(genesis),
        successor: None,
    }
}

fn second(prev: ChainValue) -> (Entry, Vec<Opening>) {
    let mut event = Event::new("e-1", Kind::Decision, Identity::new("alice", IdentityType::Human), Outcome::Deny);
    event.occurred_at = Some(Micros(1_790_000_000_500_000));
    event.action = Some("read".into());
    event.reason = Some("no ticket".into());
    let salt: [u8; 16] = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let (commitments, openings) = seal(&mut event, &["reason".into()], &mut || salt);
    let entry = Entry {
        index: 1,
        recorded_at: Micros(1_790_000_001_000_000),
        prev,
        source: source("opa", "native"),
        event,
        commitments,
        raw: None,
        thread: Thread { n: 1, prev: None },
        genesis: None,
        successor: None,
    };
    (entry, openings)
}

/// Entry 2: the ledger names the key that takes over.
fn third(prev: ChainValue) -> Entry {
    let next = Signer::new(ORIGIN, 2).log.to_string();
    let mut event =
        Event::new("key.changed/2", Kind::Rotation, Identity::new(ORIGIN, IdentityType::System), Outcome::Success);
    event.action = Some("key.changed".into());
    Entry {
        index: 2,
        recorded_at: Micros(1_790_000_002_000_000),
        prev,
        source: source("sealbook", "sealbook"),
        event,
        commitments: BTreeMap::new(),
        raw: None,
        thread: Thread { n: 2, prev: Some(0) },
        genesis: None,
        successor: Some(next),
    }
}

/// The three entries, what is sealed beside the second, and the tree over them.
struct Example {
    entries: [Vec<u8>; 3],
    openings: Vec<Opening>,
    leaves: Leaves,
    signer: Signer,
}

impl Example {
    fn new() -> Self {
        let first = genesis().encode();
        let (entry, openings) = second(chain_value(&first));
        let second = entry.encode();
        let third = third(chain_value(&second)).encode();
        let entries = [first, second, third];
        let leaves = Leaves(entries.iter().map(|entry| leaf_hash(entry)).collect());
        Self { entries, openings, leaves, signer: Signer::new(ORIGIN, 1) }
    }

    fn checkpoint(&self, size: u64) -> String {
        self.signer.checkpoint(&self.leaves, size)
    }

    fn proof(&self, index: u64, size: u64) -> TlogProof {
        let hashes = inclusion_proof(&self.leaves, index, size).unwrap();
        TlogProof { index, hashes, checkpoint: self.checkpoint(size) }
    }

    fn entries_and_chain(&self) -> Vec<(&'static str, String)> {
        let [first, second, third] = &self.entries;
        let root = |size| range_hash(&self.leaves, 0, size).unwrap().to_string();
        vec![
            ("entry 0", hex(first)),
            ("entry 1", hex(second)),
            ("entry 2", hex(third)),
            ("commitment to the reason", self.openings.first().unwrap().commitment().to_string()),
            ("openings of entry 1", hex(&encode_openings(&self.openings))),
            ("chain value of entry 0", chain_value(first).to_string()),
            ("chain value of entry 1", chain_value(second).to_string()),
            ("chain value of entry 2", chain_value(third).to_string()),
            ("leaf hash of entry 0", leaf_hash(first).to_string()),
            ("leaf hash of entry 1", leaf_hash(second).to_string()),
            ("root of entries 0 and 1", root(2)),
            ("root of all three", root(3)),
        ]
    }

    fn segments(&self) -> Vec<(&'static str, String)> {
        let [_, second, _] = &self.entries;
        let sealed = encode_openings(&self.openings);
        let (chain, root) = (chain_value(second), range_hash(&self.leaves, 0, 2).unwrap());
        let commit = Commit { first: 1, size: 2, chain, root, signature_before: [0x5a; 64], seal: [0xa5; 32] };
        let footer = Footer { entries: 2, size: 2, chain, root };
        let frame = |frame: &Frame<'_>| {
            let mut out = Vec::new();
            push_frame(&mut out, frame);
            hex(&out)
        };
        vec![
            ("segment header", hex(&Header { number: 0, first: 0, prev: ChainValue::default() }.encode())),
            ("entry frame", frame(&Frame::Entry(second))),
            ("sealed frame", frame(&Frame::Sealed(&sealed))),
            ("commit frame", frame(&Frame::Commit(commit))),
            ("footer frame", frame(&Frame::Footer(footer))),
        ]
    }

    fn notes(&self) -> Vec<(&'static str, String)> {
        let mut bundle = Vec::new();
        assert!(self.entries.iter().take(2).all(|entry| push_entry(&mut bundle, entry)));
        let tile: Vec<u8> = self.leaves.0.iter().take(2).flat_map(|hash| hash.0).collect();
        let after = Signer::new(ORIGIN, 2).checkpoint(&self.leaves, 3);
        assert_ne!(after, self.checkpoint(3), "the entry that names the next key is still under the key before");
        vec![
            ("verifier key", self.signer.log.to_string()),
            ("signed checkpoint", self.checkpoint(2)),
            ("checkpoint over the change of key", self.checkpoint(3)),
            ("entry bundle", hex(&bundle)),
            ("hash tile", hex(&tile)),
            ("proof of entry 0", self.proof(0, 2).to_string()),
        ]
    }

    fn receipts(&self) -> Vec<(&'static str, String)> {
        let [_, second, _] = &self.entries;
        let inclusion = UnsignedReceipt::inclusion(&self.signer.log, "alice", second, &self.proof(1, 2)).unwrap();
        let checkpoint =
            |size| verify(self.checkpoint(size).as_bytes(), std::slice::from_ref(&self.signer.log)).unwrap();
        let path = consistency_proof(&self.leaves, 2, 3).unwrap();
        let consistency =
            UnsignedReceipt::consistency(&self.signer.log, &checkpoint(2), &checkpoint(3), &path).unwrap();
        let signed = |receipt: &UnsignedReceipt| hex(&receipt.signed(&self.signer.sign(receipt.message())));
        vec![
            ("bytes that are signed", hex(inclusion.message())),
            ("inclusion receipt of entry 1", signed(&inclusion)),
            ("consistency receipt from 2 to 3", signed(&consistency)),
        ]
    }

    fn witnesses(&self) -> Vec<(&'static str, String)> {
        let witness = Signer::new("witness.example", 3);
        let text = self.leaves.checkpoint(ORIGIN, 2).text();
        let proof = consistency_proof(&self.leaves, 2, 3).unwrap();
        let request = AddCheckpoint { old: 2, proof, checkpoint: self.checkpoint(3) };
        let cosigned = format!("{}{}", self.checkpoint(2), witness.cosign(&text, 1_790_000_060));
        let policy = format!("log {}\nwitness w1 {}\nquorum w1\n", self.signer.log, witness.witness);
        let trusted = Policy::parse(policy.as_bytes()).unwrap().verify(cosigned.as_bytes(), &[], None).unwrap();
        assert_eq!(trusted.cosignatures().len(), 1);
        vec![("cosigned checkpoint", cosigned), ("request to a witness", request.to_string()), ("policy", policy)]
    }

    fn packs(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str, content: &[u8]| ListedFile {
            name: name.into(),
            bytes: content.len() as u64,
            sha256: sha256(content),
        };
        let manifest = Manifest {
            origin: ORIGIN.into(),
            key: self.signer.log.to_string(),
            from: Micros(1_790_000_000_000_000),
            to: Micros(1_790_000_060_000_000),
            first: 0,
            end: 2,
            size: 2,
            root: range_hash(&self.leaves, 0, 2).unwrap(),
            start: None,
            export: None,
            disclosed: vec!["reason".into()],
            policy: sha256(b"policy"),
            frameworks: vec![ListedFramework {
                id: "nist-csf-2.0".into(),
                catalogue: sha256(b"catalogue"),
                mapping: sha256(b"mapping"),
            }],
            files: vec![
                file("README.txt", b"Sealbook evidence pack\n"),
                file("checkpoint", self.checkpoint(2).as_bytes()),
            ],
        }
        .encode();
        Manifest::parse(manifest.as_bytes()).unwrap();
        let signature = self.signer.note(&Manifest::signed_text(ORIGIN, manifest.as_bytes()));
        vec![("manifest", manifest), ("manifest signature", signature)]
    }
}

/// The place of what stands between the fences behind `<!-- example: NAME -->`.
fn block(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let mark = format!("<!-- example: {name} -->\n```text\n");
    let start = text.find(&mark)? + mark.len();
    Some(start..start + text.get(start..)?.find("```")?)
}

/// Hexadecimal in lines of 64 digits; texts as they are.
fn shown(value: &str) -> String {
    if value.ends_with('\n') {
        return value.to_owned();
    }
    let lines = value.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap());
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_worked_examples_of_the_specification_are_what_the_code_makes() {
    let example = Example::new();
    let mut wanted = example.entries_and_chain();
    wanted.extend(example.segments());
    wanted.extend(example.notes());
    wanted.extend(example.receipts());
    wanted.extend(example.witnesses());
    wanted.extend(example.packs());
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec");
    let mut compared = 0;
    for name in ["entry.md", "chain.md", "segment.md", "notes.md", "receipts.md", "witnesses.md", "pack.md"] {
        let path = spec.join(name);
        let mut text = std::fs::read_to_string(&path).unwrap();
        for (example, value) in &wanted {
            let Some(place) = block(&text, example) else { continue };
            let expected = if *example == "verifier key" { format!("{value}\n") } else { shown(value) };
            if std::env::var_os("BLESS").is_some() {
                text.replace_range(place, &expected);
            } else {
                assert_eq!(text[place], expected, "{name}: {example}");
            }
            compared += 1;
        }
        assert_eq!(text.matches("<!-- example: ").count(), text.matches("-->\n```text\n").count(), "{name}");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, text).unwrap();
        }
    }
    assert_eq!(compared, wanted.len(), "every example stands in one document");
    example.entries.iter().for_each(|entry| drop(Entry::decode(entry).unwrap()));
}
