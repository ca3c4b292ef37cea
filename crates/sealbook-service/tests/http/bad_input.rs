//! Bad input: each sort has its status, its code and its place, and nothing is half committed.

use crate::support::{Headers, event, gzip, service, service_with};
use sealbook_disk::World;

#[test]
fn a_bad_event_refuses_the_whole_batch_and_says_which_field() {
    let service = service();
    let size = service.size();
    let swap = |from: &str, to: &str| event("bad").replacen(from, to, 1);
    let long = "x".repeat(129);
    let cases = [
        (swap(r#""action""#, r#""colour":"red","action""#), 422, "unknown-field", "colour"),
        (swap(r#""id":"bad""#, r#""id":7"#), 422, "wrong-type", "id"),
        (swap(r#""id":"spiffe://prod.example/billing","#, ""), 422, "missing-field", "subject.id"),
        (swap("2026-03-01T10:00:00Z", "yesterday"), 422, "bad-time", "occurred_at"),
        (swap("2026-03-01T10:00:00Z", "2026-03-01T10:00:00"), 422, "bad-time", "occurred_at"),
        (swap(r#""allow""#, r#""perhaps""#), 422, "unknown-word", "outcome"),
        (swap(r#""allow""#, r#""expected at most""#), 422, "unknown-word", "outcome"),
        (swap(r#""bad""#, &format!("\"{long}\"")), 422, "limit-exceeded", "id"),
        (swap(r#""id":"bad""#, r#""id":"bad","id":"worse""#), 400, "duplicate-key", "id"),
        (swap(r#""id":"bad""#, r#""id":bad"#), 400, "bad-json", "id"),
        (swap(r#""action":"read""#, r#""action":"\ud800""#), 400, "bad-json", "action"),
        (swap(r#""action":"read""#, r#""action":1e999"#), 400, "bad-json", "action"),
    ];
    for (bad, status, code, field) in cases {
        let answer = service.post(
            "/v1/events",
            &[("content-type", "application/x-ndjson")],
            format!("{}\n{bad}\n", event("good")),
        );
        assert_eq!(answer.problem(), (status, code.to_owned()), "{bad}: {}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert_eq!((problem["element"].as_u64(), problem["line"].as_u64()), (Some(2), Some(2)), "{problem}");
        assert_eq!(problem["refused"], 1);
    }
    assert_eq!(service.size(), size);
    // What was good in all of them is still unknown.
    assert_eq!(service.post("/v1/events", &[], event("good")).status, 201);
}

#[test]
fn a_bad_body_is_refused_before_anything_is_committed() {
    let service = service_with(World::real(), |config| {
        config.limits.body_bytes = 3 << 20;
        config.limits.decompressed_bytes = 4 << 20;
    });
    let size = service.size();
    let whole = gzip(format!("[{}]", event("a")).as_bytes());
    let mut flipped = whole.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let zipped = ("content-encoding", "gzip");
    let huge = event("huge").replace("because", &"x".repeat(2 << 20));
    let bomb = gzip(&vec![b' '; 32 << 20]);
    let cases: [(Headers<'_>, Vec<u8>, u16, &str); 13] = [
        (&[], Vec::new(), 400, "unreadable-body"),
        (&[], b"hello".to_vec(), 400, "unreadable-body"),
        (&[], b"[{}".to_vec(), 400, "unreadable-body"),
        (&[], event("a").as_bytes()[..40].to_vec(), 400, "unreadable-body"),
        (&[], b"\xa4\x62id".to_vec(), 400, "unreadable-body"),
        (&[zipped], whole[..whole.len() / 2].to_vec(), 400, "bad-gzip"),
        (&[zipped], whole[..whole.len() - 1].to_vec(), 400, "bad-gzip"),
        (&[zipped], flipped, 400, "bad-gzip"),
        (&[zipped], event("a").into_bytes(), 400, "bad-gzip"),
        (&[zipped], bomb, 413, "decompressed-too-large"),
        (&[], huge.into_bytes(), 413, "element-too-large"),
        (&[("content-type", "text/xml")], event("a").into_bytes(), 415, "unsupported-media-type"),
        (&[("content-encoding", "br")], event("a").into_bytes(), 415, "unsupported-encoding"),
    ];
    for (n, (headers, body, status, code)) in cases.into_iter().enumerate() {
        let answer = service.post("/v1/events", headers, body);
        assert_eq!(answer.problem(), (status, code.to_owned()), "case {n}: {}", answer.text());
        assert!(!answer.json()["detail"].as_str().unwrap().is_empty());
    }
    assert_eq!(service.size(), size);
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("sealbook_source_total{source=\"native\",result=\"refused\"} 12\n"), "{metrics}");
}

#[test]
fn what_is_not_there_says_what_is() {
    let service = service();
    let answer = service.post("/v1/sources/syslog", &[], "{}");
    assert_eq!(answer.problem(), (404, "unknown-source".to_owned()));
    assert!(answer.text().contains("kubernetes"));
    assert_eq!(service.get("/nothing").problem(), (404, "no-such-path".to_owned()));
    assert_eq!(service.get("/v1/events").problem(), (405, "wrong-method".to_owned()));
    assert_eq!(service.get("/v1/entries/9999").problem(), (404, "no-such-entry".to_owned()));
    assert_eq!(service.get("/v1/entries/x").problem(), (400, "bad-index".to_owned()));
    assert_eq!(service.get("/v1/entries/00").problem(), (400, "bad-index".to_owned()));
    assert_eq!(service.get("/v1/entries/18446744073709551615").problem().0, 400);
    assert_eq!(service.get("/v1/entries?limit=1001").problem(), (400, "bad-parameter".to_owned()));
    assert_eq!(service.get("/v1/entries?kind=magic").problem(), (400, "bad-parameter".to_owned()));
    assert_eq!(service.get("/v1/entries?limit=1&limit=2").problem(), (400, "bad-query".to_owned()));
}
