//! Events over HTTP, durable and with their proof in the answer, beside a handler that only reads the body; batches beside
//! appending in process. The clients run on the same processors.

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use sealbook_benches::{RUNS, submission};
use sealbook_disk::World;
use sealbook_log::{Group, Ledger, Sealing, Submission, create};
use sealbook_service::{Config, Server};
use sealbook_sources::to_json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Time of one measurement.
const TIME: Duration = Duration::from_secs(2);
/// Events of a batch.
const BATCH: u64 = 500;
/// Connections that send batches, and callers that append them in process.
const BATCHERS: usize = 4;

/// Something that answers, with threads of its own.
struct Serving {
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    _dir: Option<tempfile::TempDir>,
}

impl Serving {
    fn start(dir: Option<tempfile::TempDir>) -> Self {
        let root = dir.as_ref().map(|dir| dir.path().join("ledger"));
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            Runtime::new().unwrap().block_on(async move {
                let stopped = async { drop(stopped.await) };
                let local = SocketAddr::from(([127, 0, 0, 1], 0));
                let Some(root) = root else {
                    let listener = TcpListener::bind(local).await.unwrap();
                    sender.send(listener.local_addr().unwrap()).unwrap();
                    return tokio::select! { () = reading(listener) => {}, () = stopped => {} };
                };
                create(&World::real(), &root, "bench.example/ledger").unwrap();
                let ledger = Ledger::open(&World::real(), &root, Sealing::default()).unwrap();
                let server = Server::bind(Config::new(local), ledger).await.unwrap();
                sender.send(server.address()).unwrap();
                server.run(stopped).await.unwrap();
            });
        });
        Self { address: receiver.recv().unwrap(), stop: Some(stop), thread: Some(thread), _dir: dir }
    }

    /// The service.
    fn ledger() -> Self {
        Self::start(Some(tempfile::tempdir_in(".").unwrap()))
    }

    /// Only the reading of bodies.
    fn bare() -> Self {
        Self::start(None)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Reads bodies and says how long they were, on connections like those of the service.
async fn reading(listener: TcpListener) {
    let handler = || post(async |body: Bytes| (StatusCode::CREATED, body.len().to_string()));
    let router = Router::new().route("/v1/events", handler());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(60));
            drop(builder.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// A request with the events from `first` on.
fn request(first: u64, count: u64) -> Vec<u8> {
    let line = |n: u64| to_json(&submission(n).event).to_string();
    let body = (first..first + count).map(line).collect::<Vec<_>>().join("\n");
    let media_type = if count == 1 { "application/json" } else { "application/x-ndjson" };
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

/// The next event of all measurements.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Sends prepared requests, one after the other, until they or the time run out; gives the times of the answers.
async fn client(address: SocketAddr, requests: Vec<Vec<u8>>, end: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut times, mut read) = (Vec::with_capacity(requests.len()), Vec::with_capacity(1 << 20));
    for request in requests {
        let begun = Instant::now();
        if begun >= end {
            break;
        }
        stream.write_all(&request).await.unwrap();
        read.clear();
        let (head, length) = loop {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "closed");
            let Some(head) = read.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&read[..head]).unwrap();
            assert!(text.starts_with("HTTP/1.1 201"), "{}", String::from_utf8_lossy(&read));
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            break (head + 4, length.parse::<usize>().unwrap());
        };
        while read.len() < head + length {
            assert!(stream.read_buf(&mut read).await.unwrap() > 0, "closed");
        }
        times.push(begun.elapsed());
    }
    times
}

/// Events each second, and the times of the answers.
struct Measured {
    rate: f64,
    times: Vec<Duration>,
}

impl Measured {
    fn at(&self, of: usize) -> Duration {
        self.times[(self.times.len() * of / 1000).min(self.times.len() - 1)]
    }
}

/// `connections` that each send `count` events at a time. At most `requests` are made ready for each.
fn measure(serving: &Serving, connections: usize, count: u64, requests: usize) -> Measured {
    let ready: Vec<Vec<Vec<u8>>> = (0..connections)
        .map(|_| (0..requests).map(|_| request(NEXT.fetch_add(count, Ordering::Relaxed), count)).collect())
        .collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let begun = Instant::now();
    let mut times: Vec<Duration> = runtime.block_on(async {
        let clients: Vec<_> =
            ready.into_iter().map(|requests| tokio::spawn(client(serving.address, requests, begun + TIME))).collect();
        let mut times = Vec::new();
        for client in clients {
            times.extend(client.await.unwrap());
        }
        times
    });
    let rate = times.len() as f64 * count as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    Measured { rate, times }
}

/// Medians of runs that alternate, so that both meet the same machine.
fn beside(what: &str, mut this: impl FnMut() -> Measured, mut reference: impl FnMut() -> Measured) {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if !asked.is_empty() && !asked.iter().any(|word| what.contains(word.as_str())) {
        return;
    }
    let mut runs: Vec<(Measured, Measured)> = (0..RUNS).map(|_| (this(), reference())).collect();
    let median = |rates: Vec<f64>| {
        let mut rates = rates;
        rates.sort_by(f64::total_cmp);
        rates[RUNS / 2]
    };
    let ours = median(runs.iter().map(|(this, _)| this.rate).collect());
    let theirs = median(runs.iter().map(|(_, reference)| reference.rate).collect());
    let ratio = median(runs.iter().map(|(this, reference)| this.rate / reference.rate).collect());
    println!("{what:44} {ours:>10.0}/s   reference {theirs:>10.0}/s   ratio {ratio:.2}");
    runs.sort_by_key(|one| one.0.at(500));
    let (this, reference) = &runs[RUNS / 2];
    let shown = |measured: &Measured| {
        let at = |of| measured.at(of).as_secs_f64() * 1e3;
        format!("p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(500), at(990), at(1000))
    };
    println!("    answers: {}; reference: {}", shown(this), shown(reference));
}

/// Batches appended in process, each caller waiting for its answer.
fn append() -> Measured {
    let dir = tempfile::tempdir_in(".").unwrap();
    let path = dir.path().join("ledger");
    create(&World::real(), &path, "bench.example/ledger").unwrap();
    let ledger = Arc::new(Ledger::open(&World::real(), &path, Sealing::default()).unwrap());
    let ready: Vec<Vec<Vec<Submission>>> = (0..BATCHERS)
        .map(|_| {
            let batch = |first: u64| (first..first + BATCH).map(submission).collect();
            (0..400).map(|_| batch(NEXT.fetch_add(BATCH, Ordering::Relaxed))).collect()
        })
        .collect();
    let begun = Instant::now();
    let mut times: Vec<Duration> = std::thread::scope(|scope| {
        let callers: Vec<_> = ready
            .into_iter()
            .map(|batches| {
                let ledger = &ledger;
                scope.spawn(move || {
                    let mut times = Vec::new();
                    for batch in batches {
                        let asked = Instant::now();
                        if asked >= begun + TIME {
                            break;
                        }
                        let entries = batch.into_iter().map(|one| ledger.prepare(one).unwrap()).collect();
                        let (sender, receiver) = std::sync::mpsc::channel();
                        let group = Group { entries, all_or_nothing: true };
                        ledger.submit(group, move |answer| drop(sender.send(answer))).unwrap();
                        receiver.recv().unwrap().unwrap();
                        times.push(asked.elapsed());
                    }
                    times
                })
            })
            .collect();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    });
    let rate = times.len() as f64 * BATCH as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    Measured { rate, times }
}

fn main() {
    let (ledger, bare) = (Serving::ledger(), Serving::bare());
    for (connections, requests) in [(1, 20_000), (64, 1_500), (256, 400)] {
        beside(
            &format!("HTTP, single events, {connections} connections"),
            || measure(&ledger, connections, 1, requests),
            || measure(&bare, connections, 1, requests),
        );
    }
    beside("HTTP, NDJSON batches of 500, 4 connections", || measure(&ledger, BATCHERS, BATCH, 200), append);
}
