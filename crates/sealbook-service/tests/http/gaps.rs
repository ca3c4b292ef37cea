//! Numbers that a source skips, and silence, become entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use sealbook_disk::{Clock, World};
use serde_json::{Value, json};

use crate::support::{Service, service_with};

/// The real clock, set forward.
struct Forward(AtomicI64);

impl Clock for Forward {
    fn now(&self) -> i64 {
        World::real().clock.now() + self.0.load(SeqCst)
    }
}

fn events(service: &Service, numbers: &[u64]) {
    for n in numbers {
        let event = json!({
            "id": format!("e{n}"), "kind": "decision", "outcome": "allow", "subject": { "id": "alice", "type": "human" },
        });
        let answer = service.post(
            &format!("/v1/events?source=pep&sequence={n}"),
            &[("content-type", "application/json")],
            event.to_string(),
        );
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

/// The ledger's own acts with this action, once there are `count` of them.
fn acts(service: &Service, action: &str, count: usize) -> Vec<Value> {
    for _ in 0..200 {
        let all = service.get("/v1/entries?source=sealbook&limit=1000").json();
        let found = all["entries"].as_array().unwrap().iter().filter(|entry| entry["event"]["action"] == action);
        let found: Vec<Value> = found.cloned().collect();
        if found.len() >= count {
            assert_eq!(found.len(), count, "{found:?}");
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("there are not {count} acts {action}");
}

#[test]
fn skipped_numbers_and_silence_are_entries_and_are_said_once() {
    let clock = Arc::new(Forward(AtomicI64::new(0)));
    let world = World { clock: clock.clone(), ..World::real() };
    let service = service_with(world, |_| {});
    let policy = "[[sources]]\nid = \"pep\"\nheartbeat_seconds = 600\ndescription = \"Gateway\"\n";
    std::fs::write(service.root.join("policy.toml"), policy).unwrap();
    events(&service, &[1, 2, 6, 7]);
    clock.0.store(40_000_000, SeqCst);
    let gap = &acts(&service, "source.gap", 1)[0]["event"]["labels"];
    assert_eq!(
        (&gap["source"], &gap["first_missing"], &gap["last_missing"]),
        (&json!("pep"), &json!("3"), &json!("5"))
    );
    clock.0.store(700_000_000, SeqCst);
    let silent = &acts(&service, "source.silent", 1)[0];
    assert_eq!(silent["event"]["labels"]["heartbeat_s"], "600");
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("sealbook_source_missing{source=\"pep\"} 3"), "{metrics}");
    events(&service, &[4, 8]);
    let heard = &acts(&service, "source.heard", 1)[0]["event"]["labels"];
    assert_eq!(heard["silent_by"], silent["index"].to_string());
    // Two of the numbers are missing still; that is said already.
    std::thread::sleep(Duration::from_secs(3));
    acts(&service, "source.gap", 1);
    acts(&service, "source.silent", 1);
    let metrics = service.get("/metrics").text();
    for line in ["sealbook_source_missing{source=\"pep\"} 2", "sealbook_source_silent{source=\"pep\"} 0"] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[test]
fn a_number_that_is_none_is_refused() {
    let service = service_with(World::real(), |_| {});
    for sequence in ["x", "-1", "99999999999999999999"] {
        let answer =
            service.post(&format!("/v1/events?sequence={sequence}"), &[("content-type", "application/json")], "[]");
        assert_eq!(answer.problem(), (400, "bad-parameter".to_owned()));
    }
}
