//! The worked examples of `docs/spec/` are what the code makes: every hexadecimal block there is compared.
//! `BLESS=1` prints what should stand there.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;

use sealbook_core::entry::{Entry, Genesis, Opening, Source, Thread, encode_openings, seal};
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::hash::{ChainValue, chain_value, hex};
use sealbook_core::segment::{Commit, Frame, Header, push_frame};
use sealbook_core::time::Micros;
use sealbook_core::tree::{Frontier, leaf_hash};

const KEY: &str = "ledger.example/a+2ac96ec0+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

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
        verifier_key: KEY.into(),
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

fn examples() -> Vec<(&'static str, String)> {
    let first = genesis().encode();
    let chain_0 = chain_value(&first);
    let (entry, openings) = second(chain_0);
    let bytes = entry.encode();
    let sealed = encode_openings(&openings);
    let mut tree = Frontier::default();
    tree.append(leaf_hash(&first), |_, _, _| {});
    tree.append(leaf_hash(&bytes), |_, _, _| {});
    let commit = Commit {
        first: 1,
        size: 2,
        chain: chain_value(&bytes),
        root: tree.root(),
        signature_before: [0x5a; 64],
        seal: [0xa5; 32],
    };
    let frame = |frame: &Frame<'_>| {
        let mut out = Vec::new();
        push_frame(&mut out, frame);
        hex(&out)
    };
    vec![
        ("entry 0", hex(&first)),
        ("chain value of entry 0", chain_0.to_string()),
        ("leaf hash of entry 0", leaf_hash(&first).to_string()),
        ("entry 1", hex(&bytes)),
        ("chain value of entry 1", chain_value(&bytes).to_string()),
        ("leaf hash of entry 1", leaf_hash(&bytes).to_string()),
        ("root of both", tree.root().to_string()),
        ("commitment to the reason", openings.first().unwrap().commitment().to_string()),
        ("openings of entry 1", hex(&sealed)),
        ("segment header", hex(&Header { number: 0, first: 0, prev: ChainValue::default() }.encode())),
        ("entry frame", frame(&Frame::Entry(&bytes))),
        ("sealed frame", frame(&Frame::Sealed(&sealed))),
        ("commit frame", frame(&Frame::Commit(commit))),
    ]
}

/// `<!-- example: NAME -->`, then a fenced block whose white space does not count.
fn block<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<!-- example: {name} -->"))?;
    rest.split("```").nth(1).map(|block| block.trim_start_matches("text"))
}

#[test]
fn the_worked_examples_of_the_specification_are_what_the_code_makes() {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/spec");
    let text: String = ["entry.md", "chain.md", "segment.md"]
        .iter()
        .map(|name| std::fs::read_to_string(spec.join(name)).unwrap())
        .collect();
    let mut compared = 0;
    for (name, expected) in examples() {
        if std::env::var_os("BLESS").is_some() {
            let lines: Vec<_> = expected.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            eprintln!("<!-- example: {name} -->\n```text\n{}\n```", lines.join("\n"));
            continue;
        }
        let found: String = block(&text, name).unwrap().split_whitespace().collect();
        assert_eq!(found, expected, "{name}");
        compared += 1;
    }
    assert!(compared == 13 || std::env::var_os("BLESS").is_some());
    Entry::decode(&genesis().encode()).unwrap();
}
