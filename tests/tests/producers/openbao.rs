//! OpenBao with its HTTP audit device as a hard gate: what it did is in the ledger, and what the ledger could not take
//! it refused.

#![expect(clippy::disallowed_methods, reason = "programs of others are waited for and killed in real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sealbook_tests::random::{Random, number_from_env};
use sealbook_tests::served::Served;
use sealbook_tests::{TestLedger, expect, tool};
use serde_json::{Value, json};

use crate::tools::{Running, free_port};

const CLIENTS: u64 = 3;
const ROOT: &str = "root-of-the-test";
const TEAMS: [&str; 3] = ["payments", "search", "fraud"];

/// What the workload knows of one request.
#[derive(Debug)]
struct Asked {
    /// Status that OpenBao answered; 0 where no answer came.
    status: u16,
    /// Key of the secret that it would have written.
    writes: Option<String>,
}

/// A client of OpenBao. Each request carries a number of its own, which OpenBao hands to the ledger.
struct Bao<'t> {
    agent: ureq::Agent,
    url: String,
    asked: &'t Mutex<BTreeMap<String, Asked>>,
    name: String,
    count: u64,
}

impl<'t> Bao<'t> {
    fn new(url: &str, asked: &'t Mutex<BTreeMap<String, Asked>>, name: &str) -> Self {
        let config = ureq::Agent::config_builder();
        let config = config.timeout_global(Some(Duration::from_secs(20))).http_status_as_error(false);
        Self { agent: config.build().into(), url: url.to_owned(), asked, name: name.to_owned(), count: 0 }
    }

    /// Asks, and keeps what was answered beside the request's number.
    fn ask(&mut self, method: &str, path: &str, token: &str, body: &Value) -> Option<Value> {
        self.count += 1;
        let trace = format!("{}-{:05}", self.name, self.count);
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}/v1/{path}", self.url));
        request = request.header("X-Correlation-Id", &trace);
        if !token.is_empty() {
            request = request.header("X-Vault-Token", token);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.agent.run(request.body(body).unwrap());
        let mut read = None;
        let status = answer.map_or(0, |mut answer| {
            let text = answer.body_mut().read_to_string().unwrap_or_default();
            read = serde_json::from_str(&text).ok();
            answer.status().as_u16()
        });
        let writes = path.strip_prefix("secret/data/").filter(|_| method == "POST").map(str::to_owned);
        self.asked.lock().unwrap().insert(trace, Asked { status, writes });
        if (200..300).contains(&status) { Some(read.unwrap_or(Value::Null)) } else { None }
    }

    /// What the workload needs, before the ledger is killed for the first time.
    fn prepare(&mut self) -> (String, String) {
        let mut must = |method: &str, path: &str, body: Value| {
            self.ask(method, path, ROOT, &body).unwrap_or_else(|| panic!("{path} was refused"))
        };
        must("POST", "sys/config/auditing/request-headers/X-Correlation-Id", json!({ "hmac": false }));
        must("POST", "sys/auth/approle", json!({ "type": "approle" }));
        must("POST", "sys/mounts/pki", json!({ "type": "pki" }));
        let ec = |more: Value| {
            let mut all = json!({ "key_type": "ec", "key_bits": 256 });
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            all
        };
        must("POST", "pki/root/generate/internal", ec(json!({ "common_name": "Test Root" })));
        must(
            "POST",
            "pki/roles/workload",
            ec(json!({ "allow_any_name": true, "require_cn": false, "no_store": false })),
        );
        let policy = "path \"secret/data/payments/*\" { capabilities = [\"create\", \"update\", \"read\"] }\n\
                      path \"pki/issue/workload\" { capabilities = [\"update\"] }";
        must("PUT", "sys/policies/acl/payments", json!({ "policy": policy }));
        must("POST", "auth/approle/role/cart", json!({ "token_policies": ["payments"], "token_ttl": "10m" }));
        let role = must("GET", "auth/approle/role/cart/role-id", Value::Null);
        let secret = must("POST", "auth/approle/role/cart/secret-id", json!({}));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&role["data"]["role_id"]), text(&secret["data"]["secret_id"]))
    }

    /// One client's day: logins, secrets, tokens, certificates, leases, and what is not allowed.
    fn work(&mut self, login: &(String, String), random: &mut Random, stop: &AtomicBool) {
        let (mut token, mut accessors, mut serials) = (String::new(), Vec::new(), Vec::new());
        for step in 0.. {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{}/{}-{step}", random.pick(&TEAMS), self.name);
            match random.below(if token.is_empty() { 1 } else { 12 }) {
                0 => {
                    let body = json!({ "role_id": login.0, "secret_id": login.1 });
                    let answer = self.ask("POST", "auth/approle/login", "", &body);
                    if let Some(new) =
                        answer.and_then(|answer| answer["auth"]["client_token"].as_str().map(str::to_owned))
                    {
                        token = new;
                    }
                }
                // Two of three teams are not this role's: refused by OpenBao, and recorded all the same.
                1..=4 => {
                    drop(self.ask("POST", &format!("secret/data/{key}"), &token, &json!({ "data": { "v": step } })))
                }
                5..=6 => drop(self.ask("GET", &format!("secret/data/{key}"), &token, &Value::Null)),
                7 => {
                    let body = json!({ "uri_sans": "spiffe://test.example/ns/shop/sa/cart", "ttl": "5m" });
                    let answer = self.ask("POST", "pki/issue/workload", &token, &body);
                    serials
                        .extend(answer.and_then(|answer| answer["data"]["serial_number"].as_str().map(str::to_owned)));
                }
                8 => {
                    let body = json!({ "policies": ["payments"], "ttl": "5m" });
                    let answer = self.ask("POST", "auth/token/create", ROOT, &body);
                    accessors.extend(answer.and_then(|answer| answer["auth"]["accessor"].as_str().map(str::to_owned)));
                }
                9 => {
                    if let Some(accessor) = accessors.pop() {
                        self.ask("POST", "auth/token/revoke-accessor", ROOT, &json!({ "accessor": accessor }));
                    }
                }
                10 => {
                    if let Some(serial) = serials.pop() {
                        self.ask("POST", "pki/revoke", ROOT, &json!({ "serial_number": serial }));
                    }
                }
                _ => {
                    let _ = self.ask("POST", "auth/token/renew-self", &token, &json!({}));
                    self.ask("GET", "sys/mounts", "no-such-token", &Value::Null);
                }
            }
        }
    }
}

/// Starts OpenBao in memory, unsealed, with the ledger as its only audit device.
fn start(program: &std::path::Path, ledger: &TestLedger, sealbook: u16, port: u16) -> Running {
    let audit = format!(
        "audit \"http\" \"ledger\" {{\n  options {{ uri = \"http://127.0.0.1:{sealbook}/v1/sources/vault?source=openbao\" }}\n}}\n"
    );
    let config = ledger.file("audit.hcl", audit);
    let mut command = Command::new(program);
    command.args(["server", "-dev", "-dev-no-store-token", &format!("-dev-root-token-id={ROOT}")]);
    command.args([&format!("-config={config}"), &format!("-dev-listen-address=127.0.0.1:{port}")]);
    command.env("HOME", ledger.dir());
    Running::start(command, ledger.dir().join("openbao.log"))
}

/// Which of the two entries of a request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Request,
    Response,
}

/// Entries of OpenBao in the ledger: for each request's number, which of its two entries there are.
fn recorded(ledger: &TestLedger) -> BTreeMap<String, Vec<Kind>> {
    let mut recorded: BTreeMap<String, Vec<Kind>> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for line in expect(0, &["log", &ledger.arg(), "--limit", "0", "--json"]).lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["source"]["id"] != "openbao" {
            continue;
        }
        let event = &entry["event"];
        let id = event["id"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id} is there twice");
        let Some(trace) = event["correlation"]["trace"].as_str() else { continue };
        let kind = match id.rsplit_once('/').unwrap().1 {
            "request" => Kind::Request,
            "response" => Kind::Response,
            other => panic!("{other}"),
        };
        recorded.entry(trace.to_owned()).or_default().push(kind);
    }
    recorded
}

/// `SEALBOOK_PRODUCER_KILLS` says how many times the ledger is killed meanwhile.
#[test]
fn openbao_does_nothing_that_the_ledger_did_not_record() {
    let Some(program) = tool("bao") else { return };
    let kills = number_from_env("SEALBOOK_PRODUCER_KILLS", 6);
    let mut random = Random::from_env("SEALBOOK_SEED", 1);
    let ledger = TestLedger::new();
    let (sealbook, port) = (free_port(), free_port());
    let listen = format!("127.0.0.1:{sealbook}");
    let mut served = Served::start_with(&ledger, &["--listen", &listen]);
    let openbao = start(&program, &ledger, sealbook, port);
    let url = format!("http://127.0.0.1:{port}");
    let asked = Mutex::new(BTreeMap::new());
    let deadline = Instant::now() + Duration::from_secs(30);
    while ureq::get(format!("{url}/v1/sys/health")).call().is_err() {
        assert!(Instant::now() < deadline, "OpenBao does not come up:\n{}", openbao.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    let login = Bao::new(&url, &asked, "first").prepare();

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (url, asked, login, stop) = (&url, &asked, &login, &stop);
            let mut random = Random::new(random.number());
            scope.spawn(move || Bao::new(url, asked, &format!("client{client}")).work(login, &mut random, stop));
        }
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(400 + random.below(600)));
            served.kill();
            std::thread::sleep(Duration::from_millis(random.below(250)));
            served = Served::start_with(&ledger, &["--listen", &listen]);
        }
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
    });

    // The gate is open again.
    let written = Bao::new(&url, &asked, "last").written();
    served.terminate();
    let recorded = recorded(&ledger);
    judge(&asked.into_inner().unwrap(), &recorded, &written);
    ledger.check();
}

impl Bao<'_> {
    /// Keys of all secrets that OpenBao holds.
    fn written(&mut self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for team in TEAMS {
            let Some(listed) = self.ask("GET", &format!("secret/metadata/{team}?list=true"), ROOT, &Value::Null) else {
                continue;
            };
            let names = listed["data"]["keys"].as_array().unwrap();
            keys.extend(names.iter().map(|name| format!("{team}/{}", name.as_str().unwrap())));
        }
        keys
    }
}

/// Compares what OpenBao answered and did with what the ledger holds.
fn judge(asked: &BTreeMap<String, Asked>, recorded: &BTreeMap<String, Vec<Kind>>, written: &BTreeSet<String>) {
    let (mut answered, mut refused) = (0, 0);
    for (trace, Asked { status, writes }) in asked {
        let entries = recorded.get(trace).map_or(&[][..], Vec::as_slice);
        let (request, response) = (entries.contains(&Kind::Request), entries.contains(&Kind::Response));
        // The request that makes the header known to the ledger does not carry it there.
        if (1..500).contains(status) && trace != "first-00001" {
            // What OpenBao denies it goes on to deny where the first of both entries failed; the second says it all.
            let known = response && (request || *status == 403);
            assert!(known, "{trace} was answered with {status}, the ledger has {entries:?}");
            answered += 1;
        } else {
            refused += 1;
        }
        let done = writes.as_ref().is_some_and(|key| written.contains(key));
        assert!(!done || request, "{trace} was done and not recorded");
    }
    assert!(recorded.keys().all(|trace| asked.contains_key(trace)), "what is recorded was asked");
    println!(
        "OpenBao answered {answered} requests, all in the ledger, and refused {refused}; {} secrets",
        written.len()
    );
    assert!(answered > 50 && refused > 0 && !written.is_empty(), "too little happened");
}
