//! Coverage, SQL, the timeline of an identity, and packs that a verifier takes.

use sealbook_core::checkpoint::verify;
use sealbook_core::receipt::Receipt;
use sealbook_disk::World;
use sealbook_verifier::{Trust, verify_pack};
use serde_json::{Value, json};

use crate::support::{Service, service_with};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

fn filled() -> Service {
    let service = service_with(World::real(), |_| {});
    let events: Vec<Value> = (0..20)
        .map(|n| {
            json!({
                "id": format!("e{n}"), "kind": "decision", "outcome": if n % 2 == 0 { "allow" } else { "deny" },
                "occurred_at": format!("2026-03-01T00:00:{n:02}Z"), "action": "orders.read", "reason": "as asked",
                "subject": { "id": format!("spiffe://a.example/w{}", n % 3), "type": "workload" },
            })
        })
        .collect();
    let answer = service.post("/v1/events", JSON, serde_json::to_vec(&events).unwrap());
    assert_eq!(answer.status, 201, "{}", answer.text());
    service
}

#[test]
fn coverage_is_that_of_the_entries_and_a_wrong_question_says_what_is_wrong() {
    let service = filled();
    let answer = service.get("/v1/coverage?framework=nist-csf-2.0,owasp-nhi-top10-2025&from=2026-01-01");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let coverage = answer.json();
    assert_eq!(coverage["frameworks"].as_array().unwrap().len(), 2);
    assert_eq!((&coverage["void"], &coverage["from"]), (&json!(false), &json!("2026-01-01T00:00:00Z")));
    assert!(coverage["frameworks"][0]["controls"].as_array().unwrap().len() > 20);
    for wrong in ["framework=none", "from=soon", "from=2026-02-01&to=2026-01-01", "when=now"] {
        let answer = service.get(&format!("/v1/coverage?{wrong}"));
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
    }
}

#[test]
fn sql_reads_the_views_within_its_limits_and_cannot_write() {
    let service = filled();
    let ask = |question: Value| service.post("/v1/query", JSON, question.to_string());
    let answer = ask(
        json!({ "sql": "SELECT outcome, COUNT(*) AS n FROM entries WHERE kind = 'decision' GROUP BY 1 ORDER BY 1" }),
    );
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["rows"], json!([["allow", 10], ["deny", 10]]));
    assert_eq!(answer.json()["columns"], json!(["outcome", "n"]));
    let wrong = ask(json!({ "sql": "SELECT nonsense FROM entries" }));
    assert_eq!(wrong.problem(), (400, "bad-sql".to_owned()));
    assert!(wrong.text().contains("nonsense") && wrong.text().contains("column 8"), "{}", wrong.text());
    assert_eq!(ask(json!({ "sql": "DELETE FROM entries" })).problem(), (400, "bad-sql".to_owned()));
    assert_eq!(ask(json!({ "sql": "SELECT 1 FROM entries", "rows": 3 })).problem(), (422, "limit-exceeded".to_owned()));
    assert_eq!(ask(json!({ "sql": "SELECT 1", "rows": 100_001 })).problem(), (400, "bad-parameter".to_owned()));
    assert_eq!(ask(json!({ "query": "SELECT 1" })).problem(), (400, "bad-question".to_owned()));
}

#[test]
fn an_identity_has_a_timeline_and_one_that_nobody_names_has_none() {
    let service = filled();
    let path = "/v1/identities/spiffe:%2F%2Fa.example%2Fw1";
    let answer = std::iter::repeat_with(|| service.get(path)).take(50).find(|answer| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        answer.status == 200 && answer.json()["steps"].as_array().unwrap().len() == 7
    });
    let timeline = answer.expect("a timeline of seven steps").json();
    assert_eq!((&timeline["steps"][0]["outcome"], &timeline["earlier_steps"]), (&json!("deny"), &json!(0)));
    let newest = service.get(&format!("{path}?limit=2")).json();
    assert_eq!((newest["steps"].as_array().unwrap().len(), &newest["earlier_steps"]), (2, &json!(5)));
    assert_eq!(service.get("/v1/identities/nobody").problem(), (404, "no-such-identity".to_owned()));
    assert_eq!(service.get("/v1/identities/%ff").problem(), (400, "bad-parameter".to_owned()));
    assert_eq!(service.get(&format!("{path}?from=never")).problem(), (400, "bad-parameter".to_owned()));
}

#[test]
fn a_pack_verifies_and_holds_the_entry_that_says_who_made_it() {
    let service = filled();
    let wrong = service.post("/v1/packs", JSON, json!({ "frameworks": ["none"] }).to_string());
    assert_eq!(wrong.problem(), (400, "bad-parameter".to_owned()));
    let before = service.size();
    let answer = service.post("/v1/packs", JSON, json!({ "frameworks": ["nist-csf-2.0"] }).to_string());
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/zip"), "{}", answer.text());
    assert_eq!(service.size(), before + 1);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("pack.zip");
    std::fs::write(&file, &answer.body).unwrap();
    let trust = Trust { keys: vec![service.key.clone()], ..Trust::default() };
    let (report, _) = verify_pack(&file, &trust, &mut |_| {});
    assert_eq!(report.verdict().word(), "VERIFIED", "{report}");
    let exports = service.get("/v1/entries?source=sealbook&limit=1000").json();
    let export = exports["entries"].as_array().unwrap().iter().find(|entry| entry["index"] == before).unwrap().clone();
    assert!(export["event"]["actor"]["id"].is_string(), "{export}");
}

#[test]
fn an_entry_has_a_receipt_that_holds_with_the_checkpoint_of_its_root() {
    let service = filled();
    let entry = service.get_with("/v1/entries/3", &[("accept", "application/cbor")]).body;
    let receipt = service.get_with("/v1/entries/3/proof", &[("accept", "application/cose")]);
    assert_eq!((receipt.status, receipt.header("content-type")), (200, "application/cose"), "{}", receipt.text());
    let keys = [service.key.clone()];
    let signed = Receipt::parse(&receipt.body).unwrap().verify_inclusion(&entry, &keys).unwrap();
    let checkpoint = verify(&service.get("/checkpoint").body, &keys).unwrap();
    assert_eq!(signed.at(&checkpoint).unwrap().index(), 3);
    assert!(Receipt::parse(&receipt.body).unwrap().verify_inclusion(&entry[1..], &keys).is_err());
}
