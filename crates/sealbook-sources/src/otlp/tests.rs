//! Both forms of a request give the same events; what is carried is read as what it is.

use prost::encoding::{WireType, encode_key, encode_varint};

use super::*;
use crate::item::Mapped;

fn message(tag: u32, inside: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(tag, WireType::LengthDelimited, &mut out);
    encode_varint(inside.len() as u64, &mut out);
    out.extend_from_slice(inside);
    out
}

fn attribute(tag: u32, key: &str, value: &str) -> Vec<u8> {
    message(tag, &[message(1, key.as_bytes()), message(2, &message(1, value.as_bytes()))].concat())
}

/// A request with one record, in protobuf.
fn request(record: &[u8]) -> Vec<u8> {
    let resource =
        message(1, &[attribute(1, "service.name", "gate"), attribute(1, "service.namespace", "edge")].concat());
    let scope = message(1, &message(1, b"policy"));
    message(1, &[resource, message(2, &[scope, message(2, record)].concat())].concat())
}

fn decision() -> Vec<u8> {
    let mut record = vec![0x09];
    record.extend_from_slice(&1_790_000_000_000_001_000_u64.to_le_bytes());
    record.extend(attribute(6, "event.name", "authz.decision"));
    record.extend(attribute(6, "decision", "deny"));
    record.extend(attribute(6, "user.id", "spiffe://Shop.Example/ns/a/sa/b"));
    record.extend(message(9, &[0xab; 16]));
    record.extend(message(10, &[1, 2, 3, 4, 5, 6, 7, 8]));
    record
}

fn read(body: &[u8]) -> Vec<Result<Mapped, String>> {
    let mut found = Vec::new();
    let result = Otlp::default().read(body, &mut |item| {
        found.push(match item {
            Item::Event(mapped) => {
                mapped.event.check().unwrap();
                Ok(*mapped)
            }
            Item::Refused { reason, .. } => Err(format!("{}: {reason}", reason.reason.code())),
        });
    });
    if let Err(error) = result {
        found.push(Err(error.to_string()));
    }
    found
}

const JSON_RECORD: &str = r#"{"timeUnixNano":"1790000000000001000","traceId":"ABABABABABABABABABABABABABABABAB","spanId":"0102030405060708","attributes":[{"key":"event.name","value":{"stringValue":"authz.decision"}},{"key":"decision","value":{"stringValue":"deny"}},{"key":"user.id","value":{"stringValue":"spiffe://Shop.Example/ns/a/sa/b"}}]}"#;

fn json_request(record: &str) -> String {
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"gate"}}}},{{"key":"service.namespace","value":{{"stringValue":"edge"}}}}]}},"scopeLogs":[{{"scope":{{"name":"policy"}},"logRecords":[{record}]}}]}}]}}"#
    )
}

#[test]
fn both_forms_give_the_same_event() {
    let (binary, text) = (read(&request(&decision())), read(json_request(JSON_RECORD).as_bytes()));
    let (binary, text) = (binary[0].as_ref().unwrap(), text[0].as_ref().unwrap());
    assert_eq!((binary.media_type, text.media_type), (PROTOBUF, JSON));
    let mut event = binary.event.clone();
    event.id.clone_from(&text.event.id);
    assert_eq!(event, text.event);
    assert_eq!(event.subject.id, "spiffe://shop.example/ns/a/sa/b");
    assert_eq!(event.occurred_at.unwrap().to_string(), "2026-09-21T14:13:20.000001Z");
    assert_eq!(event.correlation.unwrap().trace.unwrap(), "ab".repeat(16));
    assert_eq!((event.labels["span"].as_str(), event.labels["scope"].as_str()), ("0102030405060708", "policy"));
    assert_eq!(event.policy.unwrap().enforcement_point.unwrap(), "otel:edge/gate");
}

#[test]
fn the_original_of_a_record_is_a_request_that_gives_it_again() {
    for body in [request(&decision()), json_request(JSON_RECORD).into_bytes()] {
        let first = read(&body)[0].clone().unwrap();
        assert_eq!(read(&first.raw)[0].clone().unwrap(), first);
    }
    // Two alike are two.
    let both = read(json_request(&format!("{JSON_RECORD},{JSON_RECORD}")).as_bytes());
    let ids: Vec<&str> = both.iter().map(|item| item.as_ref().unwrap().event.id.as_str()).collect();
    assert_eq!(ids[1], format!("{}#2", ids[0]));
}

#[test]
fn a_body_that_is_an_event_of_a_source_is_read_as_such() {
    let line = r#"{"method":"GET","path":"/a","response_code":403,"response_flags":"-","request_id":"r7","downstream_peer_uri_san":"spiffe://shop.example/x"}"#;
    let quoted = serde_json::to_string(line).unwrap();
    let as_text = format!(r#"{{"observedTimeUnixNano":"1790000000000000000","body":{{"stringValue":{quoted}}}}}"#);
    let as_pairs = r#"{"body":{"kvlistValue":{"values":[{"key":"method","value":{"stringValue":"GET"}},{"key":"response_code","value":{"intValue":"403"}},{"key":"response_flags","value":{"stringValue":"-"}},{"key":"downstream_peer_uri_san","value":{"stringValue":"spiffe://shop.example/x"}}]}}}"#;
    for record in [as_text.as_str(), as_pairs] {
        let found = read(json_request(record).as_bytes())[0].clone().unwrap();
        assert_eq!(found.format.as_ref().unwrap().0, "envoy", "{record}");
        assert_eq!(found.event.subject.id, "spiffe://shop.example/x");
        assert_eq!((found.event.outcome.word(), found.event.labels["carrier"].as_str()), ("deny", "otlp/1"));
    }
    let found = read(json_request(&as_text).as_bytes())[0].clone().unwrap();
    assert!(found.event.occurred_at.is_some(), "the record's own time stands in");
}

#[test]
fn what_says_nothing_and_what_is_broken_is_refused_alone() {
    let hello = r#"{"body":{"stringValue":"hello"}}"#;
    let found = read(json_request(&format!(r#"{hello},{JSON_RECORD},7,{{"a":1,"a":2}}"#)).as_bytes());
    let said: Vec<String> = found.iter().map(|item| item.as_ref().err().cloned().unwrap_or_default()).collect();
    assert!(said[0].starts_with("other-format: "), "{said:?}");
    assert!(said[1].is_empty() && said[2].starts_with("wrong-type: "), "{said:?}");
    assert!(said[3].starts_with("duplicate-key: ") && said[3].contains("logRecord.a"), "{said:?}");
    // A record whose inside is no record.
    let found = read(&request(&[0x32, 0x05, 1]));
    assert!(found[0].as_ref().unwrap_err().starts_with("bad-json: element 1 "), "{found:?}");
}

#[test]
fn no_cut_and_no_flipped_byte_makes_it_panic() {
    let whole = request(&decision());
    for at in 0..whole.len() {
        read(&whole[..at]);
        let mut flipped = whole.clone();
        flipped[at] ^= 0x81;
        read(&flipped);
    }
}

#[test]
fn the_answer_counts_what_was_rejected() {
    assert!(otlp_response(0, "").is_empty());
    assert_eq!(otlp_response(2, "no"), [0x0a, 6, 0x08, 2, 0x12, 2, b'n', b'o']);
}
