//! Overload, slowness, a log that cannot be written, start and stop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use sealbook_disk::{SeededEntropy, SetClock, SimulatedDisk, World};
use sealbook_log::{Ledger, Reader, Sealing, create};
use sealbook_service::{Config, ServeError, Server};
use tokio::time::Instant;

use crate::support::{event, gzip, service, service_with};

#[test]
fn more_than_fits_is_turned_away_with_a_time_to_come_back() {
    let service = service_with(World::real(), |config| config.limits.in_flight_bytes = 8 << 10);
    let size = service.size();
    let lines: Vec<String> = (0..100).map(|n| event(&format!("e{n}"))).collect();
    let body = lines.join("\n");
    let answer = service.post("/v1/events", &[], &body);
    assert_eq!(answer.problem(), (429, "overloaded".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
    // So is what only turns out to be large when it is undone.
    let answer = service.post("/v1/events", &[("content-encoding", "gzip")], gzip(&vec![b' '; 1 << 20]));
    assert_eq!(answer.problem(), (429, "overloaded".to_owned()));
    assert_eq!(service.size(), size);
    // The memory is given back.
    for line in &lines {
        assert_eq!(service.post("/v1/events", &[], line).status, 201);
    }
}

#[test]
fn a_body_above_the_limit_is_refused_by_its_announced_length() {
    let service = service_with(World::real(), |config| config.limits.body_bytes = 1_000);
    let mut stream = TcpStream::connect(service.address).unwrap();
    // Nothing of the body is sent: the answer does not wait for it.
    let head = format!("POST /v1/events HTTP/1.1\r\nHost: {}\r\nContent-Length: 1001\r\n\r\n", service.address);
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_chunked_body_is_counted_as_it_comes() {
    let service = service_with(World::real(), |config| config.limits.body_bytes = 1_000);
    let mut stream = TcpStream::connect(service.address).unwrap();
    let head = format!("POST /v1/events HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", service.address);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(format!("3e9\r\n{}\r\n", " ".repeat(1_001)).as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn a_chunked_body_takes_memory_as_it_comes() {
    let service = service_with(World::real(), |config| config.limits.in_flight_bytes = 64 << 10);
    let send = |size: usize| {
        let mut stream = TcpStream::connect(service.address).unwrap();
        let host = service.address;
        let head = format!("POST /v1/events HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n");
        let body = format!("{}{}", event(&format!("e{size}")), " ".repeat(size));
        // What is refused may be refused before all of it is sent.
        let _ = stream.write_all(format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).as_bytes());
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    // The whole limit of a body (16 MiB) is not held back for a small one.
    assert_eq!(send(10), "HTTP/1.1 201");
    assert_eq!(send(40 << 10), "HTTP/1.1 201");
    assert_eq!(send(100 << 10), "HTTP/1.1 429");
}

#[test]
fn a_body_of_more_elements_than_may_wait_is_refused_whole() {
    let service = service();
    let many = format!("[{}{{}}]", "{},".repeat(65_536));
    for path in ["/v1/events", "/v1/sources/okta"] {
        let answer = service.post(path, &[("content-type", "application/json")], &many);
        assert_eq!(answer.problem(), (413, "too-many-elements".to_owned()), "{path}");
    }
}

#[test]
fn a_slow_client_is_let_go() {
    let service = service_with(World::real(), |config| {
        config.limits.header_time = Duration::from_millis(200);
        config.limits.body_time = Duration::from_millis(200);
    });
    let start = Instant::now();
    let mut head = TcpStream::connect(service.address).unwrap();
    head.write_all(b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n").unwrap();
    let mut rest = Vec::new();
    // Closed, with an answer or without one.
    let _ = head.read_to_end(&mut rest);
    let mut body = TcpStream::connect(service.address).unwrap();
    body.write_all(b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{").unwrap();
    let mut answer = [0; 12];
    body.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn pages_of_other_sites_reach_nothing() {
    let service = service();
    let size = service.size();
    let evil = [("origin", "https://evil.example")];
    assert_eq!(service.post("/v1/events", &evil, event("a")).problem(), (403, "foreign-origin".to_owned()));
    assert_eq!(service.get_with("/", &[("host", "evil.example")]).problem(), (421, "not-loopback".to_owned()));
    // All that is written is who was refused.
    assert_eq!(service.size(), size + 1);
}

#[test]
fn start_and_stop_are_entries_and_what_was_answered_stays() {
    let service = service();
    assert_eq!(service.post("/v1/events", &[], event("a")).status, 201);
    let (reader, _kept) = service.stop();
    let actions: Vec<_> =
        reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap().event.action.unwrap()).collect();
    assert_eq!(actions, ["ledger.created", "service.started", "read", "service.stopped"]);
}

#[test]
fn stopping_answers_the_request_that_is_on_its_way() {
    let service = service();
    let address = service.address;
    let mut stream = TcpStream::connect(address).unwrap();
    let body = event("late");
    let head = format!("POST /v1/events HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let stopping = std::thread::spawn(move || service.stop());
    std::thread::sleep(Duration::from_millis(200));
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (reader, _kept) = stopping.join().unwrap();
    assert_eq!(reader.size(), 4);
}

#[test]
fn a_log_that_cannot_be_written_says_so_and_never_answers_durable() {
    let disk = SimulatedDisk::default();
    let world = World {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(SetClock::new(1_790_000_000_000_000)),
        entropy: Arc::new(SeededEntropy::new(1)),
    };
    let service = service_with(world, |_| {});
    assert_eq!(service.post("/v1/events", &[], event("a")).status, 201);
    assert_eq!((service.get("/readyz").status, service.get("/healthz").status), (200, 200));
    let size = service.size();
    disk.fail_syncs_after(0);
    for id in ["b", "c"] {
        assert_eq!(service.post("/v1/events", &[], event(id)).problem(), (503, "ledger-poisoned".to_owned()));
    }
    assert_eq!(service.get("/readyz").problem(), (503, "ledger-poisoned".to_owned()));
    assert_eq!(service.get("/healthz").status, 200);
    assert_eq!(service.size(), size);
    assert!(service.get("/metrics").text().contains("sealbook_poisoned 1\n"));
    let ended = service.end().unwrap_err();
    assert!(matches!(ended, ServeError::Poisoned { .. }) && ended.to_string().contains("start again"), "{ended}");
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (world, root) = (World::real(), dir.path().join("ledger"));
    create(&world, &root, "test.example/ledger").unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
        let refused = runtime.block_on(Server::bind(Config::new(address.parse().unwrap()), ledger)).unwrap_err();
        assert!(matches!(refused, ServeError::NotLoopback { .. }));
        assert!(refused.to_string().contains("127.0.0.1"), "{refused}");
    }
    assert_eq!(Reader::open(&world, &root).unwrap().size(), 1);
}
