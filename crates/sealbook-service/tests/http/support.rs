//! A running service and a small client for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;

use sealbook_core::checkpoint::verify;
use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, decode_base64};
use sealbook_core::tree::verify_inclusion;
use sealbook_disk::World;
use sealbook_log::{Ledger, Reader, Sealing, create};
use sealbook_service::{Config, Room, ServeError, Server};
use serde_json::Value;
use tokio::sync::oneshot;

pub const ORIGIN: &str = "test.example/ledger";

/// A service on a ledger of its own.
pub struct Service {
    pub address: std::net::SocketAddr,
    pub key: VerifierKey,
    pub world: World,
    pub root: PathBuf,
    agent: ureq::Agent,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
    _dir: tempfile::TempDir,
}

/// Headers of a request.
pub type Headers<'h> = &'h [(&'h str, &'h str)];

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem.
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        (self.status, problem["code"].as_str().unwrap().to_owned())
    }
}

/// A service with the default limits.
pub fn service() -> Service {
    service_with(World::real(), |_| {})
}

pub fn service_with(world: World, change: impl FnOnce(&mut Config)) -> Service {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    let key = create(&world, &root, ORIGIN).unwrap();
    let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
    let mut config = Config::new("127.0.0.1:0".parse().unwrap());
    config.world = world.clone();
    // How full this machine's disk is must not matter.
    config.room = std::sync::Arc::new(|_| Ok(Room { bytes: 1 << 40, free_bytes: 1 << 39 }));
    change(&mut config);
    let (stop, stopped) = oneshot::channel::<()>();
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async move {
            let server = Server::bind(config, ledger).await?;
            sender.send(server.address()).unwrap();
            server
                .run(async {
                    let _ = stopped.await;
                })
                .await
        })
    });
    let address = receiver.recv().unwrap();
    // A connection of its own for each request: one whose body was not wanted may close after its answer.
    let agent = ureq::Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build().into();
    Service { address, key, world, root, agent, stop: Some(stop), thread: Some(thread), _dir: dir }
}

impl Service {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn post(&self, path: &str, headers: Headers<'_>, body: impl AsRef<[u8]>) -> Answer {
        let mut request = self.agent.post(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body.as_ref()).unwrap())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: Headers<'_>) -> Answer {
        let mut request = self.agent.get(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call().unwrap())
    }

    /// Entries, by the checkpoint.
    pub fn size(&self) -> u64 {
        verify(&self.get("/checkpoint").body, std::slice::from_ref(&self.key)).unwrap().size
    }

    /// Every entry that a source sent.
    pub fn entries_of(&self, source: &str) -> Vec<Value> {
        let mut from = 0;
        let mut found = Vec::new();
        loop {
            let page = self.get(&format!("/v1/entries?source={source}&from={from}&limit=1000")).json();
            found.extend(page["entries"].as_array().unwrap().iter().cloned());
            match page["next"].as_u64() {
                Some(next) => from = next,
                None => return found,
            }
        }
    }

    /// Checks the proof of every entry of a receipt against its checkpoint; gives how many.
    pub fn check_receipt(&self, receipt: &Value) -> usize {
        let note = receipt["checkpoint"].as_str().unwrap();
        let checkpoint = verify(note.as_bytes(), std::slice::from_ref(&self.key)).unwrap();
        let entries = receipt["entries"].as_array().unwrap();
        for entry in entries {
            let proof: Vec<TreeHash> = entry["proof"].as_array().unwrap().iter().map(hash).collect();
            let index = entry["index"].as_u64().unwrap();
            verify_inclusion(index, checkpoint.size, &hash(&entry["leaf"]), &checkpoint.root, &proof).unwrap();
        }
        entries.len()
    }

    /// Stops the service in order and gives what is in its ledger then.
    pub fn stop(mut self) -> (Reader, Self) {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap().unwrap();
        (Reader::open(&self.world, &self.root).unwrap(), self)
    }

    /// Stops it and gives how it ended.
    pub fn end(mut self) -> Result<(), ServeError> {
        let _ = self.stop.take().unwrap().send(());
        self.thread.take().unwrap().join().unwrap()
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
    Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
}

pub fn hash(value: &Value) -> TreeHash {
    TreeHash(decode_base64(value.as_str().unwrap()).unwrap().try_into().unwrap())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A native event.
pub fn event(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","kind":"decision","occurred_at":"2026-03-01T10:00:00Z","subject":{{"id":"spiffe://prod.example/billing","type":"workload"}},"action":"read","outcome":"allow","reason":"because {id}"}}"#
    )
}

/// A Kubernetes audit event.
pub fn audit(id: &str) -> String {
    format!(
        r#"{{"level":"Metadata","auditID":"{id}","stage":"ResponseComplete","requestURI":"/api/v1/namespaces","verb":"list","user":{{"username":"ops@prod.example"}},"responseStatus":{{"code":200}},"stageTimestamp":"2026-03-01T10:00:00.000000Z"}}"#
    )
}

/// Bodies of real systems, where they are at hand.
pub fn samples(folder: &str) -> Option<Vec<PathBuf>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples").join(folder);
    let Ok(listed) = std::fs::read_dir(&dir) else {
        eprintln!("SKIPPED: {} is not here", dir.display());
        return None;
    };
    let mut files: Vec<PathBuf> = listed.map(|file| file.unwrap().path()).collect();
    files.sort();
    Some(files)
}
