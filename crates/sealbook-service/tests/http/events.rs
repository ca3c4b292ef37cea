//! Native events: durable with proofs, all or nothing, exactly once.

use std::path::Path;

use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing};
use serde_json::{Value, json};

use crate::support::{Headers, Service, audit, event, gzip, service};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const LINES: &[(&str, &str)] = &[("content-type", "application/x-ndjson")];

fn indexes(receipt: &Value) -> Vec<u64> {
    receipt["entries"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()).collect()
}

#[test]
fn an_event_is_answered_with_its_index_and_a_proof_that_holds() {
    let service = service();
    let answer = service.post("/v1/events", JSON, event("a"));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let receipt = answer.json();
    assert_eq!(service.check_receipt(&receipt), 1);
    let index = receipt["entries"][0]["index"].as_u64().unwrap();
    // The proof file and the entry's own bytes say the same.
    let bytes = service.get_with(&format!("/v1/entries/{index}"), &[("accept", "application/cbor")]).body;
    let proof = service.get(&format!("/v1/entries/{index}/proof"));
    let proof = sealbook_core::proof::TlogProof::parse(&proof.body).unwrap();
    assert_eq!(proof.verify(&bytes, std::slice::from_ref(&service.key)).unwrap().index(), index);
    // It is on disk now, not only in the answer: what a crash at this moment would leave recovers it.
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&service.root, copy.path());
    let recovered = Ledger::open(&World::real(), copy.path(), Sealing::default()).unwrap();
    assert_eq!(recovered.reader().stored(index).unwrap().bytes, bytes);
}

fn copy_folder(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let (from, to) = (file.as_ref().unwrap().path(), to.join(file.unwrap().file_name()));
        if from.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy_folder(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn every_way_to_write_native_events_is_taken() {
    let service = service();
    let array = format!("[{},{}]", event("a1"), event("a2"));
    let lines = format!("{}\n{}\n{}\n", event("l1"), event("l2"), event("l3"));
    // {"id":"c1","kind":"decision","subject":{"id":"s","type":"human"},"outcome":"allow"}, twice with other ids.
    let cbor = |id: &[u8; 2]| {
        let mut bytes = b"\xa4\x62id\x62".to_vec();
        bytes.extend_from_slice(id);
        bytes.extend_from_slice(b"\x64kind\x68decision\x67subject\xa2\x62id\x61s\x64type\x65human\x67outcome\x65allow");
        bytes
    };
    let row = [cbor(b"c1"), cbor(b"c2")].concat();
    let zipped = gzip(format!("[{}]", event("z1")).as_bytes());
    let one = event("n1");
    let ways: [(Headers<'_>, &[u8], usize); 6] = [
        (&[], one.as_bytes(), 1),
        (JSON, array.as_bytes(), 2),
        (LINES, lines.as_bytes(), 3),
        (&[("content-type", "application/cbor-seq")], &row, 2),
        (&[("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")], &zipped, 1),
        (JSON, b"[]", 0),
    ];
    let mut expected = service.size();
    for (headers, body, count) in ways {
        let answer = service.post("/v1/events", headers, body);
        assert_eq!(answer.status, if count > 0 { 201 } else { 200 }, "{headers:?}: {}", answer.text());
        let receipt = answer.json();
        assert_eq!(service.check_receipt(&receipt), count);
        assert_eq!(indexes(&receipt), (expected..expected + count as u64).collect::<Vec<_>>());
        expected += count as u64;
    }
    assert_eq!(service.size(), expected);
}

#[test]
fn an_event_that_is_sent_again_gets_its_first_receipt() {
    let service = service();
    let body = format!("[{},{}]", event("a"), event("b"));
    let first = service.post("/v1/events", JSON, &body).json();
    let size = service.size();
    let again = service.post("/v1/events", JSON, &body);
    assert_eq!(again.status, 200);
    let again = again.json();
    assert_eq!(service.size(), size);
    assert_eq!(service.check_receipt(&again), 2);
    for (first, again) in first["entries"].as_array().unwrap().iter().zip(again["entries"].as_array().unwrap()) {
        assert_eq!((&first["duplicate"], &again["duplicate"]), (&json!(false), &json!(true)));
        for name in ["index", "recorded_at", "chain", "leaf"] {
            assert_eq!(first[name], again[name], "{name}");
        }
    }
    // A new one beside a known one is new all the same.
    let mixed = service.post("/v1/events", JSON, format!("[{},{}]", event("b"), event("c")));
    assert_eq!(mixed.status, 201);
    assert_eq!(service.size(), size + 1);
}

#[test]
fn another_event_under_a_known_id_is_refused_and_the_attempt_is_an_entry() {
    let service = service();
    service.post("/v1/events", JSON, event("a"));
    let size = service.size();
    let other = event("a").replace("allow", "deny");
    let body = format!("[{},{other}]", event("new"));
    for _ in 0..2 {
        let answer = service.post("/v1/events", JSON, &body);
        assert_eq!(answer.problem(), (409, "conflict".to_owned()));
        let problem = answer.json();
        assert_eq!((&problem["element"], &problem["field"]), (&json!(2), &json!("id")));
        assert!(problem["entry"].is_u64());
    }
    // The same attempt again adds nothing; `new` was not committed.
    assert_eq!(service.size(), size + 1);
    let attempt = service.get(&format!("/v1/entries/{size}?open=true")).json();
    assert_eq!(attempt["event"]["action"], "write.refused");
    assert_eq!(attempt["source"]["id"], "sealbook");
    assert_eq!(attempt["event"]["labels"]["source"], "native");
    let raw = sealbook_core::note::decode_base64(attempt["raw"]["base64"].as_str().unwrap()).unwrap();
    assert_eq!(raw, other.as_bytes());
    // Two of one body can contradict each other, too.
    let answer = service.post("/v1/events", JSON, format!("[{},{}]", event("x"), event("x").replace("allow", "deny")));
    assert_eq!(answer.problem(), (409, "conflict".to_owned()));
    assert!(answer.json()["detail"].as_str().unwrap().starts_with("two events of this body"), "{}", answer.text());
}

#[test]
fn the_source_is_named_by_the_request_and_never_the_ledger_itself() {
    let service = service();
    assert_eq!(service.post("/v1/events?source=payments", JSON, event("a")).status, 201);
    // The same id of another source is another event.
    assert_eq!(service.post("/v1/events?source=orders", JSON, event("a")).status, 201);
    assert_eq!(service.entries_of("payments").len(), 1);
    let refused = service.post("/v1/events?source=sealbook", JSON, event("b"));
    assert_eq!(refused.problem(), (403, "reserved-source".to_owned()));
    let refused = service.post("/v1/sources/kubernetes?source=sealbook", JSON, audit("b"));
    assert_eq!(refused.problem(), (403, "reserved-source".to_owned()));
    let refused = service.post("/v1/events?source=a%20b", JSON, event("b"));
    assert_eq!(refused.problem(), (400, "bad-parameter".to_owned()));
    let refused = service.post("/v1/events?sauce=a", JSON, event("b"));
    assert_eq!(refused.problem(), (400, "unknown-parameter".to_owned()));
}

#[test]
fn proofs_are_left_out_where_they_are_not_wanted() {
    let service = service();
    let receipt = service.post("/v1/events?proof=none", JSON, event("a")).json();
    assert!(receipt["entries"][0].get("proof").is_none());
    assert!(receipt["entries"][0]["leaf"].is_string());
}

fn cloud(id: &str, data: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/billing","type":"access","data":{data}}}"#)
}

fn open_raw(service: &Service, index: &Value) -> Vec<u8> {
    let shown = service.get(&format!("/v1/entries/{index}?open=true")).json();
    sealbook_core::note::decode_base64(shown["raw"]["base64"].as_str().unwrap()).unwrap()
}

#[test]
fn cloud_events_in_every_mode_carry_native_events() {
    let service = service();
    let one = cloud("1", &event("s1"));
    let answer = service.post("/v1/events", &[("content-type", "application/cloudevents+json")], &one);
    assert_eq!(answer.status, 201, "{}", answer.text());
    // What is kept as the original is the whole cloud event.
    assert_eq!(open_raw(&service, &answer.json()["entries"][0]["index"]), one.as_bytes());

    let batch = format!("[{}, {}]", cloud("2", &event("b1")), cloud("3", &event("b2")));
    let batched = &[("content-type", "application/cloudevents-batch+json")];
    assert_eq!(service.post("/v1/events", batched, &batch).json()["entries"].as_array().unwrap().len(), 2);

    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "4"),
        ("ce-source", "/billing"),
        ("ce-type", "access"),
    ];
    let receipt = service.post("/v1/events", &binary, event("h1")).json();
    let shown = service.get(&format!("/v1/entries/{}", receipt["entries"][0]["index"])).json();
    assert_eq!(shown["event"]["labels"]["ce_source"], "/billing");

    let size = service.size();
    let answer = service.post("/v1/events", batched, format!("[{},{}]", one, cloud("5", r#"{"id":"x"}"#)));
    assert_eq!(answer.problem(), (422, "missing-field".to_owned()));
    assert_eq!((&answer.json()["field"], &answer.json()["element"]), (&json!("data.kind"), &json!(2)));
    let old = one.replace("1.0", "0.3");
    let answer = service.post("/v1/events", &[("content-type", "application/cloudevents+json")], old);
    assert_eq!(answer.json()["field"], "specversion");
    assert_eq!(service.post("/v1/events", &binary[..3], event("h2")).problem().1, "bad-cloudevent");
    assert_eq!(service.size(), size);
}
