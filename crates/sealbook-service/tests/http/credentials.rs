//! Tokens: who may write and read, as which source; changes and refusals are entries.

use std::time::Duration;

use sealbook_core::entry::Entry;
use sealbook_core::event::{IdentityType, Kind, Outcome};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_log::{Ledger, Sealing, create};
use sealbook_service::credentials::{Actor, NewToken, Token, TokenStore, find_recorded, record};
use sealbook_service::{Config, ServeError, Server};

use crate::support::{Service, event, service, service_with};

fn ines() -> Actor {
    Actor { id: "ines@prod.example".into(), account: "uid:7@host".into() }
}

fn new(scopes: &[&str]) -> NewToken {
    let scopes = scopes.iter().map(|scope| scope.parse().unwrap()).collect();
    NewToken { name: "test".into(), scopes, owner: Some("team-a".into()), expires_at: None }
}

impl Service {
    fn store(&self) -> TokenStore {
        TokenStore::of(&self.world, &self.root)
    }

    /// Makes a token beside the running service and waits until it counts.
    fn token(&self, scopes: &[&str]) -> (Token, String) {
        let (token, secret) = self.store().create(new(scopes), ines()).unwrap();
        self.until(|service| {
            let with = service.get_with("/openapi.json", &[("authorization", &bearer(&secret))]);
            (service.get("/openapi.json").status, with.status) == (401, 200)
        });
        (token, secret)
    }

    fn until(&self, mut done: impl FnMut(&Self) -> bool) {
        for _ in 0..200 {
            if done(self) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it did not come to pass within 10 s");
    }

    fn entries_with_action(self, action: &str) -> Vec<Entry> {
        let (reader, _kept) = self.stop();
        let entries = reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap());
        entries.filter(|entry| entry.event.action.as_deref() == Some(action)).collect()
    }
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

#[test]
fn a_token_sends_as_its_own_source_and_in_its_own_format() {
    let service = service();
    assert_eq!(service.post("/v1/events", &[], event("before")).status, 201);
    let (_, secret) = service.token(&["ingest:gate-eu@native", "ingest:opa-eu@opa"]);
    let auth = bearer(&secret);
    let auth = [("authorization", auth.as_str())];
    assert_eq!(service.post("/v1/events", &auth, event("a")).status, 201);
    let refused = service.post("/v1/events?source=native", &auth, event("b"));
    assert_eq!(refused.problem(), (403, "source-not-granted".to_owned()));
    let refused = service.post("/v1/sources/vault", &auth, "{}");
    assert_eq!(refused.problem(), (403, "source-not-granted".to_owned()));
    // Nobody without a credential gets in any more, and writing does not allow reading.
    let refused = service.post("/v1/events", &[], event("c"));
    assert_eq!(refused.problem(), (401, "credential-required".to_owned()));
    assert!(refused.header("www-authenticate").starts_with("Bearer "));
    assert_eq!(service.get_with("/v1/entries", &auth).problem(), (403, "scope-required".to_owned()));
    let (reader, _kept) = service.stop();
    let sources: Vec<_> = reader
        .entries(0, u64::MAX)
        .map(|stored| stored.unwrap().entry().unwrap())
        .filter(|entry| entry.source.id != "sealbook")
        .map(|entry| (entry.source.id, entry.source.format, entry.event.id))
        .collect();
    let expected = [("native", "native", "before"), ("gate-eu", "native", "a")];
    let text = |(a, b, c): (&str, &str, &str)| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(sources, expected.map(text));
}

#[test]
fn every_endpoint_but_two_needs_a_credential() {
    let service = service();
    let (_, secret) = service.token(&["read"]);
    let auth = bearer(&secret);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(service.get(path).status, 200, "{path}");
    }
    for path in ["/", "/metrics", "/checkpoint", "/tile/0/000.p/1", "/v1/entries", "/v1/entries/0", "/openapi.json"] {
        assert_eq!(service.get(path).problem(), (401, "credential-required".to_owned()), "{path}");
        assert_eq!(service.get_with(path, &[("authorization", &auth)]).status, 200, "{path}");
    }
    // Reading does not open what is sealed, and does not write.
    let sealed = service.get_with("/v1/entries/0?open=true", &[("authorization", &auth)]);
    assert_eq!(sealed.problem(), (403, "scope-required".to_owned()));
    let write = service.post("/v1/events", &[("authorization", &auth)], event("a"));
    assert_eq!(write.problem(), (403, "scope-required".to_owned()));
    let (_, admin) = service.token(&["admin", "read"]);
    assert_eq!(service.get_with("/v1/entries/0?open=true", &[("authorization", &bearer(&admin))]).status, 200);
    // A browser presents it as a password; other names of this machine are answered.
    let basic = format!("Basic {}", sealbook_core::note::encode_base64(format!("me:{secret}").as_bytes()));
    assert_eq!(service.get_with("/", &[("authorization", &basic), ("host", "ledger.example")]).status, 200);
    let read = service.entries_with_action("sealed.read");
    assert!(read[0].event.actor.as_ref().unwrap().id.starts_with("token:"));
}

#[test]
fn checkpoint_and_tiles_can_be_made_public() {
    let service = service_with(World::real(), |config| config.public_log = true);
    service.token(&["read"]);
    assert_eq!((service.get("/checkpoint").status, service.get("/tile/0/000.p/1").status), (200, 200));
    assert_eq!(service.get("/v1/entries").status, 401);
}

#[test]
fn every_change_of_a_token_is_one_entry_whoever_commits_it() {
    let service = service();
    let (token, secret) = service.token(&["read"]);
    service.store().revoke(&token.id, Some("no longer needed".into()), ines()).unwrap();
    let auth = bearer(&secret);
    service.until(|service| service.get_with("/metrics", &[("authorization", &auth)]).status == 401);
    let refused = service.get_with("/metrics", &[("authorization", &auth)]);
    assert_eq!(refused.problem(), (401, "token-revoked".to_owned()));
    let (world, root, store) = (service.world.clone(), service.root.clone(), service.store());
    let (_reader, kept) = service.stop();
    // The command that made a change tries to record it too, and so does the next start.
    let changes = store.changes().unwrap();
    let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
    let before = ledger.reader().size();
    let indices = record(&ledger, &changes).unwrap();
    assert_eq!(ledger.reader().size(), before);
    assert_eq!(find_recorded(ledger.reader(), &changes[1], 0).unwrap(), Some(indices[1]));
    let created = ledger.reader().stored(indices[0]).unwrap().entry().unwrap().event;
    assert_eq!((created.kind, created.subject.kind), (Kind::Issuance, IdentityType::Token));
    assert_eq!(created.actor.unwrap().id, "ines@prod.example");
    assert_eq!(created.credential.unwrap().id, Some(format!("sha256:{}", token.digest)));
    assert_eq!(created.labels["scopes"], "read");
    let revoked = ledger.reader().stored(indices[1]).unwrap().entry().unwrap().event;
    assert_eq!((revoked.kind, revoked.subject.id), (Kind::Revocation, format!("token:{}", token.id)));
    ledger.close().unwrap();
    drop(kept);
}

#[test]
fn changes_that_nobody_recorded_are_recorded_at_the_next_start_before_they_count() {
    let dir = tempfile::tempdir().unwrap();
    let (world, root) = (World::real(), dir.path().join("ledger"));
    create(&world, &root, "test.example/ledger").unwrap();
    let store = TokenStore::of(&world, &root);
    let (token, _) = store.create(new(&["read"]), ines()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bind = |ledger| {
        // With a credential any address may be listened on.
        let mut config = Config::new("0.0.0.0:0".parse().unwrap());
        config.plain_http = true;
        runtime.block_on(async { Server::bind(config, ledger).await?.run(async {}).await })
    };
    let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
    let reader = ledger.reader().clone();
    bind(ledger).unwrap();
    let first = reader.stored(1).unwrap().entry().unwrap();
    assert_eq!(first.event.subject.id, format!("token:{}", token.id));
    // What the store says must be what the ledger says.
    let text = std::fs::read_to_string(store.path()).unwrap();
    std::fs::write(store.path(), text.replace("[\"read\"]", "[\"admin\"]")).unwrap();
    let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
    let error = bind(ledger).unwrap_err();
    assert!(matches!(error, ServeError::Credentials(_)), "{error}");
    assert!(error.to_string().contains("is not what entry 1 recorded"), "{error}");
}

#[test]
fn a_token_ends_when_it_says() {
    let service = service();
    let mut wanted = new(&["read"]);
    wanted.expires_at = Some(Micros(service.world.clock.now() + 3_000_000));
    let (_, secret) = service.store().create(wanted, ines()).unwrap();
    let auth = bearer(&secret);
    let ask = |service: &Service| service.get_with("/metrics", &[("authorization", &auth)]);
    service.until(|service| ask(service).status == 200);
    service.until(|service| ask(service).status == 401);
    assert_eq!(ask(&service).problem(), (401, "token-expired".to_owned()));
}

#[test]
fn a_store_that_is_spoilt_while_the_service_runs_changes_nothing() {
    let service = service();
    let (_, secret) = service.token(&["read"]);
    let auth = bearer(&secret);
    let path = service.store().path();
    for text in ["nonsense\n", ""] {
        std::fs::write(&path, text).unwrap();
        std::thread::sleep(Duration::from_millis(1_200));
        assert_eq!(service.get_with("/metrics", &[("authorization", &auth)]).status, 200);
        assert_eq!(service.get("/metrics").status, 401);
    }
}

#[test]
fn refusals_are_entries_and_a_flood_of_them_is_two() {
    let service = service();
    let (token, secret) = service.token(&["ingest:a"]);
    let before = service.get_with("/v1/entries", &[("authorization", &bearer(&secret))]);
    assert_eq!(before.status, 403);
    for n in 0..500 {
        let guess = bearer(&format!("sbk_{n:064x}"));
        assert_eq!(service.post("/v1/events", &[("authorization", &guess)], event("x")).status, 401);
    }
    let refused = service.entries_with_action("access.refused");
    let told: Vec<_> = refused
        .iter()
        .map(|entry| &entry.event)
        .map(|event| (event.subject.id.as_str(), event.labels["code"].as_str(), event.labels["count"].as_str()))
        .collect();
    let id = format!("token:{}", token.id);
    let guesses = told.iter().filter(|(who, code, _)| *who == "unidentified" && *code == "unknown-token");
    let guesses: Vec<u64> = guesses.map(|(_, _, count)| count.parse().unwrap()).collect();
    assert!(told.contains(&(id.as_str(), "scope-required", "1")), "{told:?}");
    // Those asked while the token was not known yet are among them.
    assert!(guesses.len() <= 4 && guesses.iter().sum::<u64>() >= 500, "{told:?}");
    let event = &refused.iter().find(|entry| entry.event.labels["code"] == "unknown-token").unwrap().event;
    assert_eq!((event.kind, event.outcome), (Kind::Decision, Outcome::Deny));
    assert_eq!(event.labels["endpoint"], "POST /v1/events");
    // From where, sealed.
    assert!(refused[0].commitments.iter().any(|(path, _)| path == "context.source_ip"));
}
