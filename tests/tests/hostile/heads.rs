//! Heads of requests that are too large, ambiguous, or point elsewhere.

use sealbook_tests::TestLedger;
use sealbook_tests::served::Served;

use crate::talk::{send, shown};

/// Request lines and headers; `HOST` stands for the right one.
fn heads() -> Vec<(&'static str, Vec<u8>, &'static [u16])> {
    let with = |headers: &str| format!("GET /healthz HTTP/1.1\r\nhost: HOST\r\n{headers}\r\n").into_bytes();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: HOST\r\n\r\n").into_bytes();
    let event = |headers: &str, body: &str| {
        format!("POST /v1/events HTTP/1.1\r\nhost: HOST\r\n{headers}\r\n{body}").into_bytes()
    };
    let many: String = (0..5_000).map(|n| format!("x-{n}: y\r\n")).collect();
    vec![
        ("5,000 headers", with(&many), &[400, 431]),
        ("a header of 1 MiB", with(&format!("x: {}\r\n", "y".repeat(1 << 20))), &[400, 431]),
        ("a path of 1 MiB", get(&format!("/{}", "a".repeat(1 << 20))), &[400, 414, 431]),
        ("a path of 30 KiB", get(&format!("/{}", "a".repeat(30 << 10))), &[404, 414]),
        ("two hosts", with("host: evil.example\r\n"), &[400]),
        ("no host", b"GET /healthz HTTP/1.1\r\n\r\n".to_vec(), &[400]),
        ("another host", b"GET /v1/entries HTTP/1.1\r\nhost: evil.example\r\n\r\n".to_vec(), &[421]),
        (
            "another host in the line",
            b"GET http://evil.example/v1/entries HTTP/1.1\r\nhost: HOST\r\n\r\n".to_vec(),
            &[400, 421],
        ),
        ("a header without a name", with(": x\r\n"), &[400]),
        ("a folded header", with("x: a\r\n b\r\n"), &[400]),
        ("a NUL in a header", with("x: \0\r\n"), &[400]),
        ("HTTP/9.9", b"GET / HTTP/9.9\r\nhost: HOST\r\n\r\n".to_vec(), &[400, 505]),
        ("noise", vec![0xff; 4_000], &[400]),
        ("two lengths", event("content-length: 2\r\ncontent-length: 3\r\n", "{}"), &[400]),
        ("a length and chunks", event("content-length: 2\r\ntransfer-encoding: chunked\r\n", "0\r\n\r\n"), &[400]),
        ("a negative length", event("content-length: -1\r\n", ""), &[400]),
        ("an endless length", event("content-length: 99999999999999999999999\r\n", ""), &[400, 413]),
        ("a length beyond the limit", event("content-length: 99999999999\r\n", ""), &[413]),
        ("an unknown transfer", event("transfer-encoding: gzip\r\n", ""), &[400]),
        ("a chunk that is too long to be", event("transfer-encoding: chunked\r\n", "ffffffffffffffffff\r\n"), &[400]),
        ("an unknown encoding", event("content-encoding: br\r\ncontent-length: 2\r\n", "{}"), &[415]),
        ("two encodings", event("content-encoding: gzip, gzip\r\ncontent-length: 2\r\n", "{}"), &[415]),
        ("an unknown type", event("content-type: text/html\r\ncontent-length: 2\r\n", "{}"), &[415]),
        ("a secret by dots", get("/tile/../keys/signing"), &[404]),
        ("a secret by encoded dots", get("/tile/%2e%2e/keys/signing"), &[404]),
        ("a secret by encoded slashes", get("/tile/..%2f..%2fetc%2fpasswd"), &[404]),
        ("a secret by back slashes", get("/tile/..\\..\\etc\\passwd"), &[400, 404]),
        ("a NUL in the path", get("/tile/0/000%00"), &[404]),
        ("a bad escape in the path", get("/tile/%zz"), &[400, 404]),
        ("bad UTF-8 in the path", get("/v1/entries/%ff%fe"), &[400, 404]),
        ("two slashes", get("//v1//entries"), &[404]),
        ("an index too large", get("/v1/entries/99999999999999999999999999"), &[400]),
        ("a negative index", get("/v1/entries/-1"), &[400]),
        ("an index that is not there", get("/v1/entries/18446744073709551615"), &[400, 404]),
        ("an index in other digits", get("/v1/entries/%D9%A1"), &[400]),
        ("a parameter twice", get("/v1/entries?limit=1&limit=2"), &[400]),
        ("a bad escape in a parameter", get("/v1/entries?kind=%ff"), &[400]),
        ("a limit beyond all", get("/v1/entries?limit=100000000000"), &[400]),
        ("10,000 parameters", get(&format!("/v1/entries?{}", "a=b&".repeat(10_000))), &[400, 414, 431]),
        ("another method", b"DELETE /v1/entries/1 HTTP/1.1\r\nhost: HOST\r\n\r\n".to_vec(), &[405]),
        ("a method of its own", b"HACK / HTTP/1.1\r\nhost: HOST\r\n\r\n".to_vec(), &[405]),
        ("TRACE", b"TRACE / HTTP/1.1\r\nhost: HOST\r\n\r\n".to_vec(), &[405]),
        ("CONNECT", b"CONNECT evil.example:443 HTTP/1.1\r\nhost: HOST\r\n\r\n".to_vec(), &[400, 404, 405, 421]),
    ]
}

#[test]
fn bad_heads_are_refused_and_lead_nowhere() {
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let mut wrong = Vec::new();
    for (what, request, statuses) in heads() {
        let text = request.windows(4).any(|four| four == b"HOST");
        let request = if text {
            let (at, length) = (request.windows(4).position(|four| four == b"HOST").unwrap(), 4);
            [&request[..at], served.address().as_bytes(), &request[at + length..]].concat()
        } else {
            request
        };
        let answer =
            send(served.address(), &request).unwrap_or_else(|| panic!("{what}: no answer to {}", shown(&request)));
        // What is no HTTP at all is refused by the HTTP library, without a body.
        let coded = answer.status < 400 || answer.body.is_empty() || !answer.code().is_empty();
        if !statuses.contains(&answer.status) || !coded {
            wrong.push(format!("{what}: {} {}", answer.head, String::from_utf8_lossy(&answer.body)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    served.terminate();
    assert_eq!(ledger.sent(), 0);
}
