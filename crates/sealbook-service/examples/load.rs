//! Sends single events to a service of its own and says how many were durable per second, and after how long.
#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement for people")]

use std::time::Duration;

use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing, create};
use sealbook_service::{Config, Server};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Each number of clients sends for so long.
const TIME: Duration = Duration::from_secs(4);

fn main() {
    let dir = tempfile::tempdir_in(".").unwrap();
    let root = dir.path().join("ledger");
    create(&World::real(), &root, "load.example/ledger").unwrap();
    let ledger = Ledger::open(&World::real(), &root, Sealing::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(Server::bind(Config::new("127.0.0.1:0".parse().unwrap()), ledger)).unwrap();
    let url = format!("http://{}/v1/events", server.address());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = runtime.spawn(server.run(async {
        let _ = stopped.await;
    }));
    for clients in [1, 4, 16, 64] {
        let threads: Vec<_> = (0..clients)
            .map(|client| {
                let url = url.clone();
                std::thread::spawn(move || send(&url, &format!("{clients}-{client}")))
            })
            .collect();
        let mut waits: Vec<Duration> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        waits.sort();
        let at = |part: usize| waits[(waits.len() - 1) * part / 100];
        let rate = waits.len() as u64 / TIME.as_secs();
        println!("{clients:3} clients: {rate:6} events/s, p50 {:?}, p99 {:?}", at(50), at(99));
    }
    stop.send(()).unwrap();
    runtime.block_on(running).unwrap().unwrap();
}

/// Sends one event after the other on one connection; gives how long each took.
fn send(url: &str, name: &str) -> Vec<Duration> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let (start, mut waits) = (Instant::now(), Vec::new());
    while start.elapsed() < TIME {
        let body = format!(
            r#"{{"id":"{name}-{}","kind":"decision","occurred_at":"2026-03-01T10:00:00Z","subject":{{"id":"spiffe://prod.example/{name}","type":"workload"}},"action":"read","outcome":"allow"}}"#,
            waits.len()
        );
        let sent = Instant::now();
        let mut answer = agent.post(url).send(body.as_bytes()).unwrap();
        answer.body_mut().read_to_vec().unwrap();
        waits.push(sent.elapsed());
    }
    waits
}
