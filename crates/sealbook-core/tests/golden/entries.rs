//! Entries with every field and every word, by name and as bytes; spellings that are refused; sealed values.

use std::collections::BTreeMap;

use sealbook_core::entry::{Entry, Genesis, Opening, RAW_PATH, Raw, Source, Thread, encode_openings, seal};
use sealbook_core::event::{Correlation, Event, schema};
use sealbook_core::hash::{ChainValue, Commitment, chain_value, hex};
use sealbook_core::record::{FieldType, Tree};
use sealbook_core::time::Micros;
use sealbook_core::tree::leaf_hash;
use serde_json::{Map, Value, json};

/// 2026-09-21T14:13:20Z.
pub const EPOCH: i64 = 1_790_000_000_000_000;

pub fn to_json(tree: &Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(value) => json!(value),
        Tree::Int(value) => json!(value),
        Tree::Number(digits) => digits.parse().unwrap(),
        Tree::Text(text) => json!(text),
        Tree::List(list) => list.iter().map(to_json).collect(),
        Tree::Map(pairs) => pairs.iter().map(|(name, value)| (name.clone(), to_json(value))).collect(),
    }
}

pub fn from_json(value: &Value) -> Tree {
    match value {
        Value::Null => Tree::Null,
        Value::Bool(value) => Tree::Bool(*value),
        Value::Number(number) => Tree::Int(number.as_i64().unwrap()),
        Value::String(text) => Tree::Text(text.clone()),
        Value::Array(list) => Tree::List(list.iter().map(from_json).collect()),
        Value::Object(map) => Tree::Map(map.iter().map(|(name, value)| (name.clone(), from_json(value))).collect()),
    }
}

/// An entry by names, for those who write its bytes themselves.
pub fn named(entry: &Entry) -> Value {
    let mut out = json!({
        "index": entry.index,
        "recorded_at": entry.recorded_at.0,
        "prev": entry.prev.to_string(),
        "source": { "id": entry.source.id, "format": entry.source.format, "version": entry.source.version },
        "event": to_json(&entry.event.to_tree()),
        "thread": { "n": entry.thread.n },
    });
    let commitments: Map<_, _> =
        entry.commitments.iter().map(|(path, c)| (path.clone(), json!(c.to_string()))).collect();
    if let Some(sequence) = entry.source.sequence {
        out["source"]["sequence"] = json!(sequence);
    }
    if let Some(prev) = entry.thread.prev {
        out["thread"]["prev"] = json!(prev);
    }
    if !commitments.is_empty() {
        out["commitments"] = Value::Object(commitments);
    }
    if let Some(raw) = &entry.raw {
        out["raw"] =
            json!({ "commitment": raw.commitment.to_string(), "length": raw.length, "media_type": raw.media_type });
    }
    if let Some(genesis) = &entry.genesis {
        out["genesis"] =
            json!({ "origin": genesis.origin, "verifier_key": genesis.verifier_key, "formats": genesis.formats });
    }
    if let Some(successor) = &entry.successor {
        out["successor"] = json!(successor);
    }
    out
}

/// Puts `value` at `path` of a nested object.
fn put(out: &mut Value, path: &str, value: Value) {
    match path.split_once('.') {
        Some((head, rest)) => {
            if out.get(head).is_none() {
                out[head] = json!({});
            }
            put(&mut out[head], rest, value);
        }
        None => out[path] = value,
    }
}

/// Every field, the `round`-th word of each vocabulary; texts in the first round only.
fn full_event(round: usize) -> Event {
    let mut out =
        json!({ "id": format!("event-{round}"), "subject": { "id": "spiffe://corp.example/ns/shop/sa/cart" } });
    for spec in schema() {
        let value = match spec.kind {
            FieldType::Word(words) => json!(words[round % words.len()]),
            FieldType::Bool => json!(round.is_multiple_of(2)),
            // Before 1970, between, with and without digits below a second.
            FieldType::Time => json!(Micros(EPOCH * (round as i64 - 1) + 250_000 * round as i64).to_string()),
            FieldType::Labels => json!({ "b": "2", "a": "1", "longer": "three", "é": "ü" }),
            FieldType::Text if round == 0 && !spec.path.ends_with("subject.id") && spec.path != "id" => {
                json!(format!("{} – Wert", spec.path))
            }
            FieldType::Text => continue,
        };
        put(&mut out, &spec.path, value);
    }
    if round > 0 {
        // An actor needs an id where there is one at all.
        out["actor"]["id"] = json!("alice@corp.example");
    }
    let event = Event::from_tree(from_json(&out)).unwrap();
    event.check().unwrap();
    event
}

fn entry(index: u64, event: Event) -> Entry {
    Entry {
        index,
        recorded_at: Micros(EPOCH + 1_000_000 * index as i64),
        prev: ChainValue([index as u8; 32]),
        source: Source { id: "src-1".into(), format: "native".into(), version: 1, sequence: None },
        event,
        commitments: BTreeMap::new(),
        raw: None,
        thread: Thread { n: 1, prev: None },
        genesis: None,
        successor: None,
    }
}

fn sealed_entry() -> (Entry, Vec<Opening>) {
    let mut event = full_event(0);
    let paths = ["reason", "subject.name", "context.source_ip", "labels.longer"].map(str::to_owned);
    let mut n = 0;
    let (commitments, mut openings) = seal(&mut event, &paths, &mut || {
        n += 1;
        [n; 16]
    });
    let raw = Opening { path: RAW_PATH.into(), salt: [9; 16], value: b"{\"original\": \"bytes\"}".to_vec() };
    let mut entry = entry(300, event);
    entry.commitments = commitments;
    entry.raw = Some(Raw {
        commitment: raw.commitment(),
        length: raw.value.len() as u64,
        media_type: "application/json".into(),
    });
    entry.source.sequence = Some(70_000);
    entry.thread = Thread { n: 24, prev: Some(256) };
    openings.push(raw);
    (entry, openings)
}

fn all() -> Vec<(String, Entry)> {
    let mut all: Vec<_> =
        (0..12).map(|round| (format!("every word, round {round}"), entry(round as u64, full_event(round)))).collect();
    all.push(("sealed fields, original, sequence, thread".into(), sealed_entry().0));
    let mut long = full_event(1);
    long.reason = Some("x".repeat(8192));
    long.action = Some("y".repeat(255));
    long.correlation = Some(Correlation { trace: Some("z".repeat(256)), ..Correlation::default() });
    all.push(("long texts and a large index".into(), entry(u64::from(u32::MAX) + 1, long)));
    let mut genesis = entry(0, full_event(6));
    genesis.prev = ChainValue::default();
    genesis.genesis = Some(Genesis {
        origin: "ledger.example/a".into(),
        verifier_key: crate::support::Signer::new("ledger.example/a", 1).log.to_string(),
        formats: [("entry", "1"), ("tree", "rfc6962-sha256"), ("chain", "1")].map(|(a, b)| (a.into(), b.into())).into(),
    });
    all.push(("genesis".into(), genesis));
    let mut successor = entry(23, full_event(6));
    successor.successor = Some(crate::support::Signer::new("ledger.example/a", 2).log.to_string());
    all.push(("successor".into(), successor));
    all
}

/// Bytes that say the same as an entry in another spelling, or nothing at all.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let good = entry(7, full_event(1)).encode();
    assert_eq!(&good[3..5], &[2, 7], "the pair of the index");
    let with = |from: usize, to: usize, middle: &[u8]| [&good[..from], middle, &good[to..]].concat();
    let swapped = [&good[..1], &good[3..5], &good[1..3], &good[5..]].concat();
    let (mut version, mut doubled) = (good.clone(), with(1, 1, &good[1..3]));
    version[2] = 2;
    doubled[0] += 1;
    let mut open = with(0, 1, &[0xbf]);
    open.push(0xff);
    vec![
        ("a number longer than needed", with(4, 5, &[0x18, 7])),
        ("keys out of order", swapped),
        ("a key twice", doubled),
        ("bytes behind the end", with(good.len(), good.len(), &[0])),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("a map of indefinite length", open),
        ("another format version", version),
        ("an index below zero", with(4, 5, &[0x26])),
    ]
}

pub fn vectors() -> Value {
    let entries: Vec<_> = all()
        .into_iter()
        .map(|(name, entry)| {
            let bytes = entry.encode();
            assert_eq!(Entry::decode(&bytes).unwrap(), entry);
            let (chain, leaf) = (chain_value(&bytes).to_string(), leaf_hash(&bytes).to_string());
            json!({ "name": name, "entry": named(&entry), "bytes": hex(&bytes), "chain": chain, "leaf": leaf })
        })
        .collect();
    let refused: Vec<_> = refused()
        .into_iter()
        .map(|(name, bytes)| {
            assert!(Entry::decode(&bytes).is_err(), "{name}");
            json!({ "name": name, "bytes": hex(&bytes) })
        })
        .collect();
    let (entry, openings) = sealed_entry();
    let values: Vec<_> = openings
        .iter()
        .map(|opening| {
            assert!(entry.opened_by(opening));
            json!({
                "path": opening.path,
                "salt": hex(&opening.salt),
                "value": hex(&opening.value),
                "commitment": opening.commitment().to_string(),
            })
        })
        .collect();
    assert_ne!(openings[0].commitment(), Commitment::default());
    let sealed = json!({ "entry": hex(&entry.encode()), "chain": chain_value(&entry.encode()).to_string(), "openings": hex(&encode_openings(&openings)), "values": values });
    json!({ "entries": entries, "refused": refused, "sealed": [sealed] })
}
