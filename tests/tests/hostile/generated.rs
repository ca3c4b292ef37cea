//! Thousands of requests for each endpoint that the service describes, made from a seed: right ones, with something in
//! them spoilt.

#![expect(clippy::disallowed_methods, reason = "how long it takes is printed")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use sealbook_tests::random::{Random, number_from_env};
use sealbook_tests::served::{Client, Served};
use sealbook_tests::{TestLedger, event};
use serde_json::{Value, json};

use crate::talk::{send, shown};

/// Bytes of memory, at most.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// An answer that takes longer is shown.
const SLOW: Duration = Duration::from_secs(1);

/// Values for parameters, fields and headers.
const WORDS: &[&str] = &[
    "",
    "0",
    "-1",
    "1",
    "999999999999999999999",
    "1e9",
    "NaN",
    "true",
    "null",
    "full",
    "none",
    "a b",
    "%00",
    "%ff%fe",
    "..%2f..%2fetc",
    "' OR 1=1 --",
    "<script>",
    "\u{202e}txt",
    "\u{1f4a9}",
    "sealbook",
    "x\ty",
    "%",
    "+",
    "🏴/☠",
];

/// JSON that a number, a text or a list may be replaced by.
const VALUES: &[&str] = &[
    "null",
    "true",
    "-0",
    "1e400",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1",
    "\"\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "[]",
    "{}",
    "[[[[[[[[]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":1}}}",
    "\"2026-13-45T99:99:99Z\"",
    "\"𝕏\"",
];

const MEDIA_TYPES: &[&str] = &[
    "application/json",
    "application/x-ndjson",
    "application/cbor",
    "application/cbor-seq",
    "application/x-protobuf",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "application/json; charset=utf-16",
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "*/*",
];

/// Bodies that some endpoint takes.
fn seeds() -> Vec<Vec<u8>> {
    let native = event("seed");
    let cloud = json!({
        "specversion": "1.0", "id": "c1", "source": "/test", "type": "example.decision", "data": native.clone(),
    });
    let vault = json!({
        "time": "2026-05-01T12:00:00Z", "type": "request", "auth": { "display_name": "a", "policies": ["p"] },
        "request": { "id": "r1", "operation": "read", "path": "secret/data/x", "namespace": { "id": "root" } },
    });
    let audit = json!({ "kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [{
        "level": "Metadata", "auditID": "a1", "stage": "ResponseComplete", "requestURI": "/api", "verb": "list",
        "user": { "username": "u" }, "stageTimestamp": "2026-05-01T12:00:00.000000Z",
    }] });
    let log = json!({ "resourceLogs": [{ "resource": { "attributes": [
        { "key": "service.name", "value": { "stringValue": "shop" } }] }, "scopeLogs": [{ "logRecords": [{
        "timeUnixNano": "1790000000000000000", "body": { "stringValue": "x" }, "attributes": [] }] }] }] });
    let splunk = json!({ "time": 1_790_000_000.5, "sourcetype": "x", "event": native.clone() });
    let trail = json!({ "Records": [{ "eventID": "e", "eventTime": "2026-05-01T12:00:00Z", "eventName": "AssumeRole",
        "eventSource": "sts.amazonaws.com", "userIdentity": { "type": "Root" } }] });
    let lines = format!("{native}\n{}\n", event("seed2"));
    let binary = vec![0xa2, 0x62, b'i', b'd', 0x61, b'x', 0x64, b'k', b'i', b'n', b'd', 0x68];
    let protobuf = vec![0x0a, 0x0c, 0x12, 0x0a, 0x12, 0x08, 0x2a, 0x06, 0x0a, 0x04, b't', b'e', b's', b't'];
    let list = Value::Array(vec![native.clone(), native.clone()]);
    let mut seeds: Vec<Vec<u8>> = [native, cloud, vault, audit, log, splunk, trail, list]
        .iter()
        .map(|seed| seed.to_string().into_bytes())
        .collect();
    seeds.extend([lines.into_bytes(), binary, protobuf, Vec::new()]);
    seeds
}

/// Spoils a body in one to four places.
fn spoil(random: &mut Random, body: &mut Vec<u8>) {
    for _ in 0..=random.below(3) {
        let at = usize::try_from(random.below(body.len() as u64 + 1)).unwrap();
        match random.below(8) {
            0 => body.truncate(at),
            1 => body.insert(at, u8::try_from(random.below(256)).unwrap()),
            2 if at < body.len() => body[at] ^= 1 << random.below(8),
            3 if at < body.len() => drop(body.remove(at)),
            // A value becomes another.
            4 => {
                let colons: Vec<usize> =
                    body.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at).collect();
                if !colons.is_empty() {
                    let begin = random.pick(&colons) + 1;
                    let length = body[begin..].iter().position(|byte| b",}]".contains(byte)).unwrap_or(0);
                    body.splice(begin..begin + length, random.pick(VALUES).bytes());
                }
            }
            // A part comes twice.
            5 => {
                let end = (at + usize::try_from(random.below(200)).unwrap()).min(body.len());
                let part = body[at.min(end)..end].to_vec();
                body.splice(at..at, part);
            }
            6 => {
                let depth = usize::try_from(random.below(3_000)).unwrap();
                body.splice(at..at, std::iter::repeat_n(*random.pick(b"[{\"\\"), depth));
            }
            _ => {
                let bytes: Vec<u8> = random.pick(WORDS).bytes().collect();
                body.splice(at..at, bytes);
            }
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Text as it may stand in a request line.
fn escaped(word: &str) -> String {
    word.bytes()
        .map(|byte| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// One endpoint as the service describes it.
struct Endpoint {
    method: String,
    path: String,
    parameters: Vec<String>,
}

fn endpoints(described: &Value) -> Vec<Endpoint> {
    let mut found = Vec::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let query = parameters.filter(|parameter| parameter["in"] == "query");
            found.push(Endpoint {
                method: method.to_uppercase(),
                path: path.clone(),
                parameters: query.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
            });
        }
    }
    // What reads comes first, while there is little to read.
    found.sort_by_key(|endpoint| endpoint.method != "GET");
    found
}

impl Endpoint {
    fn request(&self, random: &mut Random, address: &str, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut target = String::new();
        for (n, part) in self.path.split('/').enumerate() {
            target.push_str(if n > 0 { "/" } else { "" });
            if part.starts_with('{') {
                target.push_str(&escaped(random.pick::<&str>(WORDS)))
            } else {
                target.push_str(part)
            }
        }
        for n in 0..random.below(4) {
            let own = self.parameters.is_empty() || random.once_in(5);
            let name = if own { random.pick(WORDS) } else { random.pick(&self.parameters).as_str() };
            let mark = if n == 0 { '?' } else { '&' };
            target.push_str(&format!("{mark}{}={}", escaped(name), escaped(random.pick::<&str>(WORDS))));
        }
        let method = if random.once_in(20) {
            random.pick(&["PUT", "PATCH", "DELETE", "OPTIONS", "GET", "POST"])
        } else {
            self.method.as_str()
        };
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\n");
        if !random.once_in(6) {
            head.push_str(&format!("content-type: {}\r\n", random.pick(MEDIA_TYPES)));
        }
        for _ in 0..random.below(3) {
            let names = [
                "accept",
                "ce-id",
                "ce-specversion",
                "ce-source",
                "ce-type",
                "authorization",
                "origin",
                "expect-ct",
                "range",
                "if-none-match",
                "x-request-id",
            ];
            let word: String = random.pick(WORDS).chars().filter(|c| !c.is_control()).collect();
            head.push_str(&format!("{}: {word}\r\n", random.pick(&names)));
        }
        let mut body = if method == "GET" && !random.once_in(10) { Vec::new() } else { random.pick(seeds).clone() };
        if !random.once_in(5) {
            spoil(random, &mut body);
        }
        match random.below(10) {
            0 => {
                head.push_str("content-encoding: gzip\r\n");
                body = gzip(&body);
            }
            1 => head.push_str("content-encoding: gzip\r\n"),
            2 => body = gzip(&body),
            _ => {}
        }
        if random.once_in(8) {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
            let chunks = [format!("{:x}\r\n", body.len()).into_bytes(), body, b"\r\n0\r\n\r\n".to_vec()].concat();
            let chunks = if chunks.starts_with(b"0\r\n") { b"0\r\n\r\n".to_vec() } else { chunks };
            return [head.into_bytes(), chunks].concat();
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        [head.into_bytes(), body].concat()
    }
}

/// `SEALBOOK_HOSTILE` says how many requests each endpoint gets, `SEALBOOK_SEED` which.
#[test]
fn generated_requests_are_refused_with_a_stable_code_or_answered() {
    let count = number_from_env("SEALBOOK_HOSTILE", 150);
    let mut random = Random::from_env("SEALBOOK_SEED", 1);
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let described = Client::new(&served.url).get("/openapi.json").unwrap().json();
    let (endpoints, seeds, begun) = (endpoints(&described), seeds(), Instant::now());
    assert!(endpoints.len() > 15);
    let mut codes: BTreeMap<String, u64> = BTreeMap::new();
    for endpoint in &endpoints {
        for _ in 0..count {
            let request = endpoint.request(&mut random, served.address(), &seeds);
            let asked = Instant::now();
            let answer = send(served.address(), &request).unwrap_or_else(|| panic!("no answer to {}", shown(&request)));
            if asked.elapsed() > SLOW {
                eprintln!("{:.1?} for {} {}", asked.elapsed(), answer.status, shown(&request));
            }
            let (status, text) = (answer.status, String::from_utf8_lossy(&answer.body));
            assert!((200..500).contains(&status), "{status} {text}\nto {}", shown(&request));
            if status >= 400 {
                let code = answer.code();
                // What is no HTTP at all is refused by the HTTP library, without a body.
                assert!(!code.is_empty() || answer.body.is_empty(), "{status} {text}\nto {}", shown(&request));
                let field = answer.json()["field"].is_string();
                assert!(field || status != 422, "{text} names no field\nto {}", shown(&request));
                let code: String = code.chars().take(60).collect();
                *codes.entry(format!("{status} {code}")).or_default() += 1;
            } else {
                *codes.entry(status.to_string()).or_default() += 1;
            }
        }
    }
    let (most, _) = served.memory();
    println!(
        "{} endpoints, {count} requests each, {:.0?}, {} MiB of memory at most",
        endpoints.len(),
        begun.elapsed(),
        most >> 20
    );
    for (code, times) in &codes {
        println!("{times:8} {code}");
    }
    assert!(most < MEMORY_BYTES_MAX);
    let (status, _) =
        Client::new(&served.url).post_json("/v1/events", event("after all that").to_string().as_bytes()).unwrap();
    assert_eq!(status, 201);
    served.terminate();
    ledger.check();
}
