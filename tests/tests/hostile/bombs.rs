//! Bodies that are small to send and large to take, or that two readers would read in two ways.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use sealbook_tests::served::Served;
use sealbook_tests::{TestLedger, event};

use crate::talk::{post, send};

/// Bytes of memory, at most, while bombs arrive.
const MEMORY_BYTES_MAX: usize = 1 << 30;
/// Bombs that arrive at once.
const AT_ONCE: usize = 48;

/// `count` times `unit`, compressed.
fn gzip(unit: &[u8], count: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..count {
        encoder.write_all(unit).unwrap();
    }
    encoder.finish().unwrap()
}

/// An event with this in the place of its labels.
fn with(labels: &str) -> Vec<u8> {
    let mut event = event("hostile");
    event["labels"] = "HERE".into();
    event.to_string().replace("\"HERE\"", labels).into_bytes()
}

#[test]
fn bad_bodies_are_refused_with_a_code_and_the_path_of_the_field() {
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let path = |name: &str, levels: usize| vec![name; levels].join(".");
    let deep = |open: &str, close: &str, times: usize| [open.repeat(times), close.repeat(times)].concat();
    let plain = event("hostile").to_string();
    let cases: &[(&str, Vec<u8>, u16, &str, &str)] = &[
        ("400,000 lists in each other", deep("[", "]", 400_000).into_bytes(), 400, "too-deep", &path("0", 120)),
        ("100,000 maps in each other", deep("{\"a\":", "}", 100_000).into_bytes(), 400, "too-deep", &path("a", 120)),
        ("lists in a field", with(&deep("[", "]", 100_000)), 400, "too-deep", &["labels.", &path("0", 119)].concat()),
        ("a key twice", with(r#"{"a":"1","a":"2"}"#), 400, "duplicate-key", "labels.a"),
        ("a key twice, once escaped", with(r#"{"a":"1","\u0061":"2"}"#), 400, "duplicate-key", "labels.a"),
        ("the id twice", plain.replacen('{', r#"{"id":"x","#, 1).into_bytes(), 400, "duplicate-key", "id"),
        ("a number of 400 digits", with(&format!(r#"{{"a":{}}}"#, "9".repeat(400))), 400, "bad-json", "labels.a"),
        ("a number beyond all floats", with(r#"{"a":1e999999999}"#), 400, "bad-json", "labels.a"),
        ("bad UTF-8", [&b"{\"id\":\"\xff\xfe\""[..], &plain.as_bytes()[1..]].concat(), 400, "bad-utf8", ""),
        ("half a surrogate pair", with(r#"{"a":"\ud800"}"#), 400, "bad-json", "labels.a"),
        ("a NUL in the text", with("{\"a\":\"\0\"}"), 400, "unreadable-body", ""),
        ("not a number", with(r#"{"a":NaN}"#), 400, "bad-json", "labels.a"),
        ("a comment", with("{} /* */"), 400, "bad-json", ""),
        ("two bodies in one", [plain.as_bytes(), b"]"].concat(), 400, "unreadable-body", ""),
        ("a field too long", with(&format!(r#"{{"a":"{}"}}"#, "x".repeat(5_000))), 422, "limit-exceeded", "labels.a"),
        (
            "an unknown field",
            plain.replacen('{', r#"{"recorded_at":1,"#, 1).into_bytes(),
            422,
            "unknown-field",
            "recorded_at",
        ),
        ("an empty body", Vec::new(), 400, "unreadable-body", ""),
        ("CBOR of endless length", vec![0x9f; 100_000], 400, "unreadable-body", ""),
        ("CBOR that promises 2^63 items", [&[0x9b, 0x7f][..], &[0xff; 7]].concat(), 400, "unreadable-body", ""),
        ("CBOR that promises 2^63 bytes", [&[0x5b, 0x7f][..], &[0xff; 7]].concat(), 400, "unreadable-body", ""),
    ];
    let mut wrong = Vec::new();
    for (what, body, status, code, field) in cases {
        let answer = send(served.address(), &post(served.address(), "/v1/events", "", body)).expect(what);
        let said = (answer.status, answer.code(), answer.json()["field"].as_str().unwrap_or_default().to_owned());
        if said != (*status, (*code).to_owned(), (*field).to_owned()) || answer.body.len() > 8_000 {
            wrong.push(format!("{what}: {said:?}, {} bytes", answer.body.len()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    served.terminate();
    assert_eq!(ledger.sent(), 0);
}

#[test]
fn gzip_bombs_cost_a_bounded_memory_and_no_one_else_notices() {
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let json = b"content-encoding: gzip\r\ncontent-type: application/json\r\n";
    let json = std::str::from_utf8(json).unwrap();
    let spaces = vec![b' '; 1 << 20];
    // 200 MiB of nothing; and gzip in gzip, which is undone once.
    let bomb = gzip(&spaces, 200);
    let twice = gzip(&gzip(&spaces, 200), 1);
    let many = gzip(&[event("same").to_string().as_bytes(), b"\n"].concat(), 20_000);
    let cases: &[(&str, &[u8], &[u16])] = &[
        ("/v1/events", &bomb, &[413]),
        ("/v1/events", &twice, &[400]),
        ("/v1/events", &bomb[..bomb.len() / 2], &[400, 413]),
        ("/v1/sources/opa/logs", &bomb, &[413]),
        ("/v1/sources/kubernetes/audit", &bomb, &[413]),
    ];
    for (path, body, statuses) in cases {
        let answer = send(served.address(), &post(served.address(), path, json, body)).unwrap();
        assert!(statuses.contains(&answer.status) && !answer.code().is_empty(), "{path}: {}", answer.json());
    }
    std::thread::scope(|scope| {
        for n in 0..AT_ONCE {
            let (served, bomb, many) = (&served, &bomb, &many);
            scope.spawn(move || {
                let body = if n % 3 == 0 { many } else { bomb };
                let answer = send(served.address(), &post(served.address(), "/v1/events", json, body)).unwrap();
                assert!([201, 200, 413, 429].contains(&answer.status), "{}", answer.json());
            });
        }
        let (status, _) = sealbook_tests::served::Client::new(&served.url)
            .post_json("/v1/events", event("mine").to_string().as_bytes())
            .unwrap();
        assert!([201, 429].contains(&status));
    });
    let (most, _) = served.memory();
    println!("{} MiB of memory at most", most >> 20);
    assert!(most < MEMORY_BYTES_MAX, "{} MiB", most >> 20);
    served.terminate();
    ledger.check();
}
