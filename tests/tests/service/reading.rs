//! What is answered can be checked by its reader, and the tiles can be read by clients of others.

use sealbook_core::checkpoint::verify;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, decode_base64};
use sealbook_core::tree::verify_inclusion;
use sealbook_tests::served::{Client, Served};
use sealbook_tests::{TestLedger, event, samples};
use serde_json::Value;
use tlog_tiles::{Tile, TileHashReader, TileReader};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[test]
fn an_answer_carries_a_proof_that_its_reader_can_check() {
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let client = Client::new(&served.url);
    for n in 0..20 {
        let body = event(&format!("e{n}")).to_string();
        let (status, answer) = client.post_json("/v1/events", body.as_bytes()).unwrap();
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
    assert_eq!(ledger.sent(), 20);
}

/// Reads the tiles of a running service for a client that somebody else wrote.
struct HttpTiles<'c>(&'c Client);

impl TileReader for HttpTiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        let read = |tile: &Tile| {
            let answer = self.0.get(&format!("/{}", tile.path().replacen("tile/8/", "tile/", 1))).unwrap();
            assert_eq!(answer.status, 200, "{}", tile.path());
            answer.body
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
    let client = Client::new(&served.url);
    let note = client.get("/checkpoint").unwrap().body;
    let parsed = signed_note::Note::from_bytes(&note).unwrap();
    let verifier = signed_note::StandardVerifier::new(&ledger.key).unwrap();
    let verifiers = signed_note::VerifierList::new(vec![Box::new(verifier)]);
    let (signed, _) = parsed.verify(&verifiers).unwrap();
    assert_eq!(signed.len(), 1);
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(parsed.text()).unwrap();
    assert_eq!(checkpoint.origin(), "test.example/ledger");
    let tiles = HttpTiles(&client);
    let reader = TileHashReader::new(checkpoint.size(), *checkpoint.hash(), &tiles);
    assert_eq!(tlog_tiles::tree_hash(checkpoint.size(), &reader).unwrap(), *checkpoint.hash());
    for index in [0, 255, 256, 1023, checkpoint.size() - 1] {
        let proof = tlog_tiles::prove_record(checkpoint.size(), index, &reader).unwrap();
        let bundle = index / 256;
        let width = (checkpoint.size() - bundle * 256).min(256);
        let partial = if width < 256 { format!(".p/{width}") } else { String::new() };
        let answer = client.get(&format!("/tile/entries/{bundle:03}{partial}")).unwrap();
        assert_eq!(answer.status, 200);
        let entries = sealbook_core::tile::split_bundle(&answer.body).unwrap();
        let leaf = tlog_tiles::record_hash(entries[usize::try_from(index % 256).unwrap()]);
        tlog_tiles::check_record(&proof, checkpoint.size(), *checkpoint.hash(), index, leaf).unwrap();
    }
    served.terminate();
    ledger.check();
}

#[test]
fn real_pushes_are_committed_as_they_are_sent() {
    let Some(samples) = samples() else { return };
    let ledger = TestLedger::new();
    let served = Served::start(&ledger);
    let client = Client::new(&served.url);
    let push = |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        let answer = client.post(path, headers, body).unwrap();
        let (status, receipt) = (answer.status, answer.json());
        assert!(status == 200 || status == 201, "{path}: {status} {receipt}");
        receipt["entries"].as_array().unwrap().len()
    };
    let gzip = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let mut expected = 0;
    for body in std::fs::read_dir(samples.join("opa/push-bodies")).unwrap() {
        expected += push("/v1/sources/opa/logs", &gzip, &std::fs::read(body.unwrap().path()).unwrap());
    }
    assert_eq!(expected, 4000);
    for body in std::fs::read_dir(samples.join("kubernetes/webhook-bodies")).unwrap() {
        let events = push("/v1/sources/kubernetes/audit", &JSON, &std::fs::read(body.unwrap().path()).unwrap());
        assert_eq!(events, 400);
        expected += events;
    }
    for capture in std::fs::read_dir(samples.join("vault/captures")).unwrap() {
        let capture: Value = serde_json::from_slice(&std::fs::read(capture.unwrap().path()).unwrap()).unwrap();
        let events = push("/v1/sources/vault", &[], &decode_base64(capture["body_b64"].as_str().unwrap()).unwrap());
        assert_eq!(events, 1);
        expected += events;
    }
    served.terminate();
    assert_eq!(ledger.sent(), expected);
}
