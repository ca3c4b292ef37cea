//! The endpoints of sources: one bad element never refuses the others, and nothing of it is lost.

use serde_json::{Value, json};

use crate::support::{Service, audit, service};

fn list(items: &[String]) -> String {
    format!(r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{{}},"items":[{}]}}"#, items.join(","))
}

fn original(service: &Service, index: &Value) -> Vec<u8> {
    let shown = service.get(&format!("/v1/entries/{index}?open=true")).json();
    assert_eq!(shown["source"]["id"], "sealbook");
    assert_eq!(shown["event"]["action"], "source.element-quarantined");
    sealbook_core::note::decode_base64(shown["raw"]["base64"].as_str().unwrap()).unwrap()
}

#[test]
fn a_bad_element_is_kept_counted_and_answered_as_taken() {
    let service = service();
    let size = service.size();
    let bad = r#"{"auditID":"x","verb":7}"#.to_owned();
    let body = list(&[audit("a"), bad.clone(), audit("b")]);
    let answer = service.post("/v1/sources/kubernetes/audit?timeout=30s", &[], &body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let receipt = answer.json();
    assert_eq!(service.check_receipt(&receipt), 2);
    let quarantined = receipt["quarantined"].as_array().unwrap();
    assert_eq!(quarantined.len(), 1);
    assert_eq!(quarantined[0]["element"], 2);
    assert_eq!(service.size(), size + 3);
    assert_eq!(original(&service, &quarantined[0]["index"]), bad.as_bytes());
    // Sent again, nothing is added, and the bad element is found where it was.
    let size = service.size();
    let again = service.post("/v1/sources/kubernetes/audit", &[], &body);
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["quarantined"][0]["index"], quarantined[0]["index"]);
    assert_eq!(service.size(), size);
    let metrics = service.get("/metrics").text();
    for (result, count) in [("accepted", 2), ("duplicate", 2), ("quarantined", 2), ("refused", 0)] {
        let line = format!("sealbook_source_total{{source=\"kubernetes\",result=\"{result}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn an_element_that_contradicts_a_known_one_is_kept_too() {
    let service = service();
    service.post("/v1/sources/kubernetes", &[], list(&[audit("a")]));
    let other = audit("a").replace("ops@", "eve@");
    let answer = service.post("/v1/sources/kubernetes", &[], list(&[audit("b"), other.clone(), audit("c")]));
    assert_eq!(answer.status, 201);
    let receipt = answer.json();
    assert_eq!(service.check_receipt(&receipt), 2);
    let quarantined = &receipt["quarantined"][0];
    assert_eq!(quarantined["field"], "id");
    assert_eq!(original(&service, &quarantined["index"]), other.as_bytes());
}

#[test]
fn an_element_that_is_too_large_for_one_entry_is_kept_in_parts() {
    let service = service();
    let large = audit("big").replace("/api/v1/namespaces", &"n".repeat(5 << 19));
    let answer = service.post("/v1/sources/kubernetes", &[], list(&[audit("a"), large.clone()]));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let first = answer.json()["quarantined"][0]["index"].as_u64().unwrap();
    let parts: Vec<u8> = (first..first + 3).flat_map(|index| original(&service, &json!(index))).collect();
    assert_eq!(parts, large.as_bytes());
}

#[test]
fn opa_is_heard_wherever_it_sends() {
    let service = service();
    let decision = |id: &str| {
        format!(
            r#"[{{"labels":{{"id":"opa-1"}},"decision_id":"{id}","path":"authz/allow","input":{{"user":"ana"}},"result":true,"timestamp":"2026-03-01T10:00:00Z"}}]"#
        )
    };
    let paths = ["/logs", "/logs/team-a", "/v1/sources/opa/logs", "/v1/sources/opa/logs/team-a", "/v1/sources/opa"];
    for (n, path) in paths.iter().enumerate() {
        let body = crate::support::gzip(decision(&format!("d{n}")).as_bytes());
        let answer = service.post(path, &[("content-encoding", "gzip")], body);
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    }
    assert_eq!(service.entries_of("opa").len(), paths.len());
}

#[test]
fn a_body_that_is_no_body_of_the_source_is_refused() {
    let service = service();
    let size = service.size();
    assert_eq!(service.post("/v1/sources/kubernetes", &[], "hello").problem(), (400, "unreadable-body".to_owned()));
    assert_eq!(
        service.post("/logs", &[("content-encoding", "gzip")], [0x1f, 0x8b, 8, 0]).problem(),
        (400, "bad-gzip".to_owned())
    );
    assert_eq!(service.size(), size);
}
