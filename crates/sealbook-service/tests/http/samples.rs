//! Real uploads of real systems, exactly counted. Skipped, visibly, where they are not at hand.

use sealbook_core::note::decode_base64;
use serde_json::Value;

use crate::support::{Service, samples, service};

/// Headers and body.
type Upload = (Vec<(String, String)>, Vec<u8>);

/// Sends every body twice; gives how many entries of the source there are then.
fn send(service: &Service, path: &str, source: &str, bodies: &[Upload]) -> usize {
    for (n, again) in [false, true].into_iter().enumerate() {
        let before = service.size();
        for (headers, body) in bodies {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let answer = service.post(path, &headers, body);
            assert_eq!(answer.status, if again { 200 } else { 201 }, "pass {n}: {}", answer.text());
            let receipt = answer.json();
            service.check_receipt(&receipt);
            assert!(receipt.get("quarantined").is_none(), "{receipt}");
        }
        assert_eq!(service.size() == before, again);
    }
    service.entries_of(source).len()
}

#[test]
fn opa_uploads_are_all_taken_once() {
    let Some(files) = samples("opa/push-bodies") else { return };
    let headers =
        [("Content-Encoding", "gzip"), ("Content-Type", "application/json")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    let bodies: Vec<_> = files.iter().map(|file| (headers.to_vec(), std::fs::read(file).unwrap())).collect();
    assert_eq!(send(&service(), "/logs", "opa", &bodies), 4_000);
}

#[test]
fn kubernetes_batches_are_all_taken_once() {
    let Some(files) = samples("kubernetes/webhook-bodies") else { return };
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    let bodies: Vec<_> = files.iter().map(|file| (headers.clone(), std::fs::read(file).unwrap())).collect();
    assert_eq!(send(&service(), "/v1/sources/kubernetes/audit?timeout=30s", "kubernetes", &bodies), 2_000);
}

#[test]
fn openbao_pushes_are_taken_with_exactly_their_headers() {
    let Some(files) = samples("vault/captures") else { return };
    let mut bodies = Vec::new();
    for file in &files {
        let capture: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let pairs = capture["headers"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let headers: Vec<_> = pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        assert!(!headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")));
        bodies.push((headers, decode_base64(capture["body_b64"].as_str().unwrap()).unwrap()));
    }
    assert_eq!(send(&service(), "/v1/sources/vault", "vault", &bodies), files.len());
}
