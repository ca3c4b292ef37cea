//! What an operator sees: who started and stopped it, what was set, how full the disk is, one line for each event.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealbook_core::event::Event;
use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing, create};
use sealbook_service::credentials::Actor;
use sealbook_service::{Config, Level, Log, LogFormat, Room, Server};

use crate::support::{event, service_with};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn log(&self) -> Log {
        Log::new(Level::Debug, LogFormat::Json, World::real().clock, Box::new(self.clone()))
    }

    fn read(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start_and_stop(root: &Path, change: impl FnOnce(&mut Config)) {
    let ledger = Ledger::open(&World::real(), root, Sealing::default()).unwrap();
    let mut config = Config::new("127.0.0.1:0".parse().unwrap());
    change(&mut config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { Server::bind(config, ledger).await?.run(async {}).await }).unwrap();
}

fn events(root: &Path) -> Vec<Event> {
    let reader = sealbook_log::Reader::open(&World::real(), root).unwrap();
    reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap().event).collect()
}

#[test]
fn a_start_and_a_stop_say_who_and_why_and_other_settings_are_an_entry_once() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    create(&World::real(), &root, "test.example/ledger").unwrap();
    for digest in ["aa", "aa", "bb"] {
        start_and_stop(&root, |config| {
            config.digest = digest.to_owned();
            config.actor = Actor::current(Some("spiffe://prod.example/ledger"));
        });
    }
    let events = events(&root);
    let of = |action: &str| -> Vec<&Event> {
        events.iter().filter(|event| event.action.as_deref() == Some(action)).collect()
    };
    let changes: Vec<_> = of("configuration.changed")
        .iter()
        .map(|event| (event.labels["digest"].as_str(), event.labels.get("digest_before").map(String::as_str)))
        .collect();
    assert_eq!(changes, [("sha256:aa", None), ("sha256:bb", Some("sha256:aa"))]);
    assert_eq!(of("service.started")[2].labels["configuration"], "sha256:bb");
    for action in ["service.started", "service.stopped"] {
        for event in of(action) {
            assert_eq!(event.actor.as_ref().unwrap().id, "spiffe://prod.example/ledger");
            assert!(event.labels["account"].starts_with("uid:"));
        }
    }
    // The reason is sealed, as every reason.
    let reader = sealbook_log::Reader::open(&World::real(), &root).unwrap();
    let last = reader.stored(reader.size() - 1).unwrap();
    let entry = last.entry().unwrap();
    assert!(entry.unsealed(&last.openings().unwrap()).reason.is_some());
}

#[test]
fn a_disk_that_fills_up_is_said_in_the_log_in_the_metrics_and_in_the_ledger() {
    for (used, warnings) in [(700, 0), (760, 1), (910, 2)] {
        let lines = Lines::default();
        let asked = Arc::new(AtomicU64::new(0));
        let counted = asked.clone();
        let service = service_with(World::real(), |config| {
            config.log = lines.log();
            config.room = Arc::new(move |_| {
                counted.fetch_add(1, Relaxed);
                Ok(Room { bytes: 1_000, free_bytes: 1_000 - used })
            });
        });
        while asked.load(Relaxed) == 0 || lines.read().len() < 1 + usize::from(warnings > 0) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let metrics = service.get("/metrics").text();
        assert!(metrics.contains(&format!("sealbook_disk_warnings {warnings}\n")), "{metrics}");
        assert!(metrics.contains(&format!("sealbook_disk_free_bytes {}\n", 1_000 - used)));
        let (reader, _kept) = service.stop();
        let events = reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap().event);
        let warned: Vec<_> = events.filter(|event| event.action.as_deref() == Some("disk.warning")).collect();
        assert_eq!(warned.len(), usize::from(warnings > 0));
        let said = lines.read();
        let said: Vec<_> = said.iter().filter(|line| line["event"] == "disk.warning").collect();
        assert_eq!(said.len(), warned.len());
        assert!(said.iter().all(|line| line["level"] == if warnings > 1 { "error" } else { "warn" }));
    }
}

#[test]
fn every_event_is_a_line_and_none_holds_a_secret() {
    let lines = Lines::default();
    let service = service_with(World::real(), |config| config.log = lines.log());
    let secret = format!("sbk_{}", "5".repeat(64));
    let auth = format!("Bearer {secret}");
    service.post("/v1/events?source=a", &[("authorization", &auth)], event("a"));
    service.get("/healthz");
    service.get("/nowhere/secret-path");
    let (_reader, _kept) = service.stop();
    let said = lines.read();
    let names: Vec<_> = said.iter().map(|line| line["event"].as_str().unwrap()).collect();
    for expected in ["service.started", "request", "service.stopping", "service.stopped"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    let request = said.iter().find(|line| line["event"] == "request").unwrap();
    assert_eq!((&request["endpoint"], &request["status"]), (&"POST /v1/events".into(), &"201".into()));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(!text.contains(&secret) && !text.contains("secret-path"), "{text}");
}

#[test]
fn the_metrics_say_what_is_refused_and_what_lags() {
    let service = service_with(World::real(), |_| {});
    service.post("/v1/events", &[("origin", "https://evil.example")], "");
    let text = service.get("/metrics").text();
    for name in [
        "sealbook_refusals_total{code=\"foreign-origin\"} 1\n",
        "sealbook_index_lag_entries ",
        "sealbook_connections ",
        "sealbook_tokens_active 0\n",
        "sealbook_token_store_failures_total 0\n",
        "sealbook_tls_reload_failures_total 0\n",
        "sealbook_disk_bytes ",
    ] {
        assert!(text.contains(name), "{name} is not in\n{text}");
    }
}
