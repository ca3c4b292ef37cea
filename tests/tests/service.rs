//! The service as its clients see it: durable answers, exactly once through kills, tiles that others can read.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealbook_core::checkpoint::verify;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, decode_base64};
use sealbook_core::tree::verify_inclusion;
use sealbook_tests::{TestLedger, event, expect, samples, sealbook};
use serde_json::Value;
use tlog_tiles::{Tile, TileHashReader, TileReader};

/// A running `sealbook serve`; killed when it is dropped.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    fn start(ledger: &TestLedger) -> Self {
        let mut child = Command::new(sealbook())
            .args(["serve", &ledger.arg(), "--listen", "127.0.0.1:0", "--quiet"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url:?}");
        Self { child, url: url.trim().to_owned() }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn terminate(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn agent() -> ureq::Agent {
    let config =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).http_status_as_error(false);
    config.build().into()
}

fn post(url: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(u16, Value), ureq::Error> {
    let mut request = agent().post(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = request.send(body)?;
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string()?;
    Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

fn get(url: &str, path: &str) -> (u16, Vec<u8>) {
    let mut response = agent().get(format!("{url}{path}")).call().unwrap();
    let status = response.status().as_u16();
    (status, response.body_mut().with_config().limit(64 << 20).read_to_vec().unwrap())
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn an_answer_carries_a_proof_that_its_reader_can_check() {
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    for n in 0..20 {
        let (status, answer) =
            post(&served.url, "/v1/events", &JSON, event(&format!("e{n}")).to_string().as_bytes()).unwrap();
        assert_eq!(status, 201, "{answer}");
        let key = VerifierKey::parse(&ledger.key).unwrap();
        let checkpoint = verify(answer["checkpoint"].as_str().unwrap().as_bytes(), &[key]).unwrap();
        let entry = &answer["entries"][0];
        let hash = |value: &Value| TreeHash(decode_base64(value.as_str().unwrap()).unwrap().try_into().unwrap());
        let proof: Vec<TreeHash> = entry["proof"].as_array().unwrap().iter().map(hash).collect();
        let index = entry["index"].as_u64().unwrap();
        verify_inclusion(index, checkpoint.size, &hash(&entry["leaf"]), &checkpoint.root, &proof).unwrap();
    }
    served.terminate();
    // Created, started, twenty events, stopped.
    assert_eq!(ledger.check(), 23);
}

/// Reads the tiles of a running service for a client that somebody else wrote.
struct HttpTiles<'u>(&'u str);

impl TileReader for HttpTiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            let (status, bytes) = get(self.0, &format!("/{}", tile.path().replacen("tile/8/", "tile/", 1)));
            assert_eq!(status, 200, "{}", tile.path());
            bytes
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

#[test]
fn a_client_by_others_derives_the_same_root_and_proves_every_kind_of_place() {
    let ledger = TestLedger::new();
    ledger.fill(1500);
    let served = Served::start(&ledger);
    let (_, note) = get(&served.url, "/checkpoint");
    let parsed = signed_note::Note::from_bytes(&note).unwrap();
    let verifier = signed_note::StandardVerifier::new(&ledger.key).unwrap();
    let verifiers = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let (signed, _) = parsed.verify(&verifiers).unwrap();
    assert_eq!(signed.len(), 1);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(parsed.text()).unwrap();
    assert_eq!(checkpoint.origin(), "test.example/ledger");
    let tiles = HttpTiles(&served.url);
    let reader = TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &tiles);
    assert_eq!(tlog_tiles::tree_hash(checkpoint.size(), &reader).unwrap(), *checkpoint.hash());
    for index in [0, 255, 256, 1023, checkpoint.size() - 1] {
        let proof = tlog_tiles::prove_record(checkpoint.size(), index, &reader).unwrap();
        let bundle = index / 256;
        let width = (checkpoint.size() - bundle * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let (status, bytes) = get(&served.url, &format!("/tile/entries/{bundle:03}{partial}"));
        assert_eq!(status, 200);
        let entries = sealbook_core::tile::split_bundle(&bytes).unwrap();
        let leaf = tlog_tiles::record_hash(entries[usize::try_from(index % 256).unwrap()]);
        tlog_tiles::check_record(&proof, checkpoint.size(), *checkpoint.hash(), index, leaf).unwrap();
    }
    served.terminate();
    ledger.check();
}

/// Fifty times: clients write one event after the other, the process is killed at some moment, and starts again. Every
/// event that was answered must then stand at the index that was answered, and every event exactly once.
#[test]
fn nothing_that_was_answered_is_lost_when_the_process_is_killed() {
    const ROUNDS: u64 = 50;
    const CLIENTS: u64 = 4;
    let ledger = TestLedger::new();
    let answered: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    let mut sent = 0;
    for round in 0..ROUNDS {
        let mut served = Served::start(&ledger);
        let url = served.url.clone();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (url, answered) = (url.clone(), answered.clone());
                std::thread::spawn(move || {
                    for n in 0.. {
                        let id = format!("r{round}-c{client}-{n}");
                        let body = event(&id).to_string();
                        let Ok((status, answer)) = post(&url, "/v1/events", &JSON, body.as_bytes()) else { return n };
                        assert_eq!(status, 201, "{answer}");
                        answered.lock().unwrap().insert(id, answer["entries"][0]["index"].as_u64().unwrap());
                    }
                    0
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(15 + (round * 37) % 90));
        served.kill();
        for client in clients {
            sent += client.join().unwrap();
        }
    }
    let answered = answered.lock().unwrap().clone();
    assert!(answered.len() > 200 && answered.len() as u64 == sent, "{} of {sent}", answered.len());
    let served = Served::start(&ledger);
    // A client that sends again what it is unsure of gets the first answer.
    for (id, index) in answered.iter().step_by(17) {
        let (status, answer) = post(&served.url, "/v1/events", &JSON, event(id).to_string().as_bytes()).unwrap();
        assert_eq!((status, answer["entries"][0]["index"].as_u64()), (200, Some(*index)), "{answer}");
    }
    served.terminate();
    let mut found = BTreeMap::new();
    for line in expect(0, &["log", &ledger.arg(), "--kind", "decision", "--limit", "0", "--json"]).lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let id = entry["event"]["id"].as_str().unwrap().to_owned();
        assert_eq!(found.insert(id, entry["index"].as_u64().unwrap()), None, "{line}");
    }
    for (id, index) in &answered {
        assert_eq!(found.get(id), Some(index), "{id}");
    }
    ledger.check();
}

#[test]
fn real_pushes_are_committed_as_they_are_sent() {
    let Some(samples) = samples() else { return };
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let mut expected = 0;
    let mut push = |path: &str, headers: &[(&str, &str)], body: &[u8], events: usize| {
        let (status, answer) = post(&served.url, path, headers, body).unwrap();
        assert!(status == 200 || status == 201, "{path}: {status} {answer}");
        assert_eq!(answer["entries"].as_array().unwrap().len(), events, "{path}: {answer}");
        expected += events;
    };
    let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let bodies = std::fs::read_dir(samples.join("opa/push-bodies")).unwrap();
    let mut opa = 0;
    for body in bodies {
        let (status, answer) =
            post(&served.url, "/v1/sources/opa/logs", &gzip, &std::fs::read(body.unwrap().path()).unwrap()).unwrap();
        assert!(status == 200 || status == 201, "{status} {answer}");
        opa += answer["entries"].as_array().unwrap().len();
    }
    assert_eq!(opa, 4000);
    for body in std::fs::read_dir(samples.join("kubernetes/webhook-bodies")).unwrap() {
        push("/v1/sources/kubernetes/audit", &JSON, &std::fs::read(body.unwrap().path()).unwrap(), 400);
    }
    for capture in std::fs::read_dir(samples.join("vault/captures")).unwrap() {
        let capture: Value = serde_json::from_slice(&std::fs::read(capture.unwrap().path()).unwrap()).unwrap();
        push("/v1/sources/vault", &[], &decode_base64(capture["body_b64"].as_str().unwrap()).unwrap(), 1);
    }
    let bodies = expected + opa;
    served.terminate();
    assert_eq!(ledger.check(), u64::try_from(bodies).unwrap() + 3);
}
