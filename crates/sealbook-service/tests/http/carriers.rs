//! Carriers and described sources: each is answered as its senders expect, and a bad element never refuses the others.

use sealbook_core::note::{decode_base64, encode_base64};
use sealbook_disk::World;
use sealbook_sources::{Custom, Library};
use serde_json::{Value, json};

use crate::support::{Answer, Service, audit, event, gzip, samples, service, service_with};

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn export(records: Vec<Value>) -> String {
    let resource = json!({ "attributes": [attribute("service.name", "gate")] });
    json!({ "resourceLogs": [{ "resource": resource, "scopeLogs": [{ "logRecords": records }] }] }).to_string()
}

fn decision(outcome: &str) -> Value {
    let attributes =
        [attribute("event.name", "authz.decision"), attribute("decision", outcome), attribute("user.id", "u7")];
    json!({ "timeUnixNano": "1790000000000000000", "traceId": "0123456789abcdef0123456789abcdef", "attributes": attributes })
}

fn shown(service: &Service, source: &str) -> Vec<Value> {
    service.entries_of(source).into_iter().map(|entry| entry["event"].clone()).collect()
}

#[test]
fn log_records_are_taken_and_the_answer_is_an_export_response() {
    let service = service();
    let answer = service.post("/v1/logs", JSON, export(vec![decision("deny")]));
    assert_eq!((answer.status, answer.text().as_str()), (200, "{}"));
    let carried = json!({ "body": { "stringValue": audit("a1") } });
    let body = export(vec![json!({ "body": { "stringValue": "hello" } }), carried, decision("allow")]);
    let zipped = [JSON[0], ("content-encoding", "gzip")];
    for _ in 0..2 {
        let answer = service.post("/v1/logs", &zipped, gzip(body.as_bytes()));
        assert_eq!(answer.status, 200, "{}", answer.text());
        let partial = &answer.json()["partialSuccess"];
        assert_eq!(partial["rejectedLogRecords"], "1", "a 64-bit number is text in this form");
        assert!(partial["errorMessage"].as_str().unwrap().contains("other-format"), "{partial}");
    }
    let entries = service.entries_of("otlp");
    assert_eq!(entries.len(), 3, "what was sent again adds nothing");
    assert_eq!(entries[0]["event"]["correlation"]["trace"], "0123456789abcdef0123456789abcdef");
    let formats: Vec<_> = entries.iter().map(|entry| entry["source"]["format"].as_str().unwrap()).collect();
    assert_eq!(formats, ["otlp", "kubernetes", "otlp"]);
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains("sealbook_source_total{source=\"otlp\",result=\"quarantined\"} 2\n"), "{metrics}");
}

#[test]
fn an_export_request_that_is_none_is_refused_for_good_and_nothing_is_sound() {
    let service = service();
    assert_eq!(service.post("/v1/logs", &[PROTOBUF], []).status, 200, "an empty request");
    assert_eq!(service.post("/v1/logs", &[("content-type", "text/plain")], "x").problem().0, 415);
    assert_eq!(service.post("/v1/logs", &[PROTOBUF], [0x0a, 0x7f]).problem(), (400, "unreadable-body".to_owned()));
    assert_eq!(service.post("/v1/logs", JSON, "hello").problem(), (400, "unreadable-body".to_owned()));
}

#[test]
fn exporters_of_real_systems_are_taken_exactly_once() {
    let Some(files) = samples("otlp/captures") else { return };
    let service = service();
    let mut sizes = Vec::new();
    for _ in 0..2 {
        for file in &files {
            let capture: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            let pairs: Vec<(String, String)> = serde_json::from_value(capture["headers"].clone()).unwrap();
            let sent = |name: &str| ["content-type", "content-encoding"].contains(&name.to_lowercase().as_str());
            let headers: Vec<(&str, &str)> =
                pairs.iter().filter(|(name, _)| sent(name)).map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let body = decode_base64(capture["body_b64"].as_str().unwrap()).unwrap();
            let answer = service.post("/v1/logs", &headers, body);
            assert_eq!((answer.status, answer.body.len()), (200, 0), "{}: {}", file.display(), answer.text());
            assert_eq!(answer.header("content-type"), "application/x-protobuf");
        }
        sizes.push(service.entries_of("otlp").len());
    }
    assert!(sizes[0] > 500 && sizes[0] == sizes[1], "{sizes:?}");
}

fn said(answer: &Answer) -> (u16, u64) {
    (answer.status, answer.json()["code"].as_u64().unwrap())
}

#[test]
fn the_event_collector_answers_in_its_own_words() {
    let service = service();
    let body = format!(
        r#"{{"time":1790000000,"sourcetype":"k8s","event":{}}}{{"event":"a line"}}{{"event":{}}}"#,
        audit("h1"),
        event("n1")
    );
    for path in ["/services/collector/event", "/services/collector", "/services/collector/event/1.0"] {
        let answer = service.post(path, &[("authorization", "Splunk x")], &body);
        assert_eq!(said(&answer), (200, 0), "{path}: {}", answer.text());
    }
    assert_eq!(shown(&service, "hec").len(), 2);
    assert_eq!(said(&service.post("/services/collector/event", &[], "")), (400, 5));
    assert_eq!(said(&service.post("/services/collector/event", &[], "a line")), (400, 6));
    assert_eq!(said(&service.post("/services/collector/ack", &[], r#"{"acks":[1]}"#)), (400, 14));
    let health = service.get("/services/collector/health");
    assert_eq!((health.status, health.json()["code"].as_u64()), (200, Some(17)));
}

#[test]
fn a_delivery_of_firehose_is_answered_with_its_id_and_a_time() {
    let service = service();
    let record = |text: &[u8]| json!({ "data": encode_base64(text) });
    let logs = json!({ "messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [
        { "id": "1", "timestamp": 1, "message": audit("f1") }, { "id": "2", "timestamp": 2, "message": "text" } ] });
    let body = json!({ "requestId": "r-1", "timestamp": 1, "records": [
        record(event("f2").as_bytes()), record(&gzip(logs.to_string().as_bytes())), { "data": "*" } ] });
    let headers = [("x-amz-firehose-request-id", "r-1"), JSON[0]];
    for _ in 0..2 {
        let answer = service.post("/v1/sources/firehose", &headers, body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["requestId"], "r-1");
        assert!(answer.json()["timestamp"].as_i64().unwrap() > 1_700_000_000_000);
    }
    assert_eq!(shown(&service, "firehose").len(), 2);
    let refused = service.post("/v1/sources/firehose", &headers, "hello");
    assert_eq!((refused.status, &refused.json()["requestId"]), (400, &json!("r-1")));
    assert!(refused.json()["errorMessage"].as_str().unwrap().starts_with("unreadable-body: "));
}

#[test]
fn cloud_events_of_any_sort_are_taken_in_every_mode() {
    let service = service();
    let whole = |id: &str, data: &str| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"/keys","type":"shop.key.rotated","subject":"key/7","data":{data}}}"#
        )
    };
    let data = r#"{"actor":"spiffe://shop.example/rotator","outcome":"success"}"#;
    let batch = format!("[{},{},{}]", whole("1", data), whole("2", "7"), whole("3", &event("x")));
    let batched = &[("content-type", "application/cloudevents-batch+json")];
    let answer = service.post("/v1/sources/cloudevents", batched, &batch);
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["quarantined"][0]["code"], "other-format");
    let headers =
        [JSON[0], ("ce-specversion", "1.0"), ("ce-id", "4"), ("ce-source", "/a%20b"), ("ce-type", "shop.key.rotated")];
    assert_eq!(service.post("/v1/sources/cloudevents", &headers, data).status, 201);
    let events = shown(&service, "cloudevents");
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["rotation", "decision", "rotation"]);
    assert_eq!((&events[0]["id"], &events[0]["resource"]["id"]), (&json!("/keys#1"), &json!("key/7")));
    assert_eq!(events[2]["id"], "/a b#4");
    // On the endpoint of events the same batch is all or nothing.
    let strict = service.post("/v1/events", batched, &batch);
    assert_eq!(strict.problem(), (422, "other-format".to_owned()));
    assert_eq!(strict.json()["element"], 2);
}

#[test]
fn a_sender_that_asks_whether_it_may_send_is_told_so() {
    let service = service();
    let ask = |path: &str, headers: &[(&str, &str)]| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = agent.options(service.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), header("webhook-allowed-origin"), header("webhook-allowed-rate"), header("allow"))
    };
    let some = |text: &str| Some(text.to_owned());
    let origin = ("webhook-request-origin", "events.example");
    for path in ["/v1/events", "/v1/sources/cloudevents"] {
        assert_eq!(ask(path, &[origin]), (200, some("events.example"), some("*"), some("POST")));
        assert_eq!(ask(path, &[origin, ("webhook-request-rate", "120")]).2, some("120"));
        assert_eq!(ask(path, &[]).0, 405);
    }
}

#[test]
fn a_source_that_was_described_is_an_endpoint_and_may_be_carried() {
    let door = r#"
        name = "door"
        version = 2
        when = { at = "/door", exists = true }
        event.kind = "decision"
        event.outcome = { at = "/ok", map = { true = "allow", false = "deny" } }
        event.subject = { id = "/who", type = "human" }
    "#;
    let sources = Library::new(vec![Custom::parse(door).unwrap()]).unwrap();
    let service = service_with(World::real(), |config| config.sources = sources);
    let body = "{\"door\":1,\"who\":\"ann@shop.example\",\"ok\":true}\n{\"door\":1,\"ok\":true}\n";
    let answer = service.post("/v1/sources/door", &[], body);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let quarantined = &answer.json()["quarantined"][0];
    assert_eq!((&quarantined["code"], &quarantined["field"]), (&json!("missing-field"), &json!("subject.id")));
    let carried =
        service.post("/services/collector/event", &[], r#"{"event":{"door":2,"who":"bo@shop.example","ok":false}}"#);
    assert_eq!(said(&carried), (200, 0));
    let entry = &service.entries_of("hec")[0];
    assert_eq!((&entry["source"]["format"], &entry["source"]["version"]), (&json!("door"), &json!(2)));
    assert_eq!(entry["event"]["outcome"], "deny");
    assert!(service.post("/v1/sources/window", &[], "{}").text().contains("door"), "it is among those known");
}
