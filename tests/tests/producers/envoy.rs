//! Envoy pushes its access log as OpenTelemetry logs, with and without a client certificate of its own: what was answered
//! is in the ledger once, however often Envoy sent it.

#![expect(clippy::disallowed_methods, reason = "programs of others are waited for and killed in real time")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use sealbook_tests::random::{Random, number_from_env};
use sealbook_tests::served::{Client, Served};
use sealbook_tests::{TestLedger, expect, tool};
use serde_json::{Value, json};

use crate::tap::Tap;
use crate::tools::{Running, free_port};

/// Letters of the id of every request of the workload, with its number.
const MARK: &str = "req-";
const DIGITS: usize = 6;
const GATEWAY: &str = "spiffe://test.example/ns/edge/sa/gateway";
const WORKLOADS: [&str; 3] = ["cart", "billing", "search"];

/// A filter chain that serves HTTP with these filters and routes.
fn listener(port: u16, name: &str, log: &Value, filters: &Value, routes: &Value) -> Value {
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name, "preserve_external_request_id": true, "access_log": log, "http_filters": filters,
        "route_config": { "virtual_hosts": [{ "name": name, "domains": ["*"], "routes": routes }] },
    });
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    json!({ "name": name, "address": address(port), "filter_chains": [{ "filters": [filter] }] })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}

fn cluster(name: &str, port: u16, transport: &Value) -> Value {
    let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address(port) } }] }]);
    let mut cluster = json!({
        "name": name, "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": { "cluster_name": name, "endpoints": endpoints },
    });
    if !transport.is_null() {
        cluster["transport_socket"] = transport.clone();
    }
    cluster
}

/// The access log, with names that Istio uses.
fn access_log() -> Value {
    let fields = [
        ("start_time", "%START_TIME%"),
        ("method", "%REQ(:METHOD)%"),
        ("path", "%REQ(:PATH)%"),
        ("authority", "%REQ(:AUTHORITY)%"),
        ("response_code", "%RESPONSE_CODE%"),
        ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
        ("response_flags", "%RESPONSE_FLAGS%"),
        ("route_name", "%ROUTE_NAME%"),
        ("request_id", "%REQ(X-REQUEST-ID)%"),
        ("downstream_peer_uri_san", "%REQ(X-WORKLOAD)%"),
    ];
    let values = fields.map(|(name, value)| json!({ "key": name, "value": { "string_value": value } }));
    json!([{ "name": "otel", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig",
        "http_service": { "http_uri": { "uri": "http://localhost/v1/logs?source=edge", "cluster": "tap", "timeout": "10s" } },
        "log_name": "edge", "buffer_flush_interval": "0.1s", "buffer_size_bytes": 8192,
        "body": { "kvlist_value": { "values": values } },
    } }])
}

/// Envoy answers the workload, refuses what its policy refuses, and sends its log to itself, on the way to the ledger: there
/// it tries again what was not answered.
fn config(ports: &Ports, transport: &Value) -> Value {
    let router = json!({ "name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" } });
    let rbac = json!({ "name": "envoy.filters.http.rbac", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        "rules": { "action": "ALLOW", "policies": { "orders": {
            "permissions": [{ "url_path": { "path": { "prefix": "/orders" } } }], "principals": [{ "any": true }] } } },
    } });
    let answer = json!([{ "name": "orders", "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": "ok" } } }]);
    let onward = json!([{ "match": { "prefix": "/" }, "route": { "cluster": "ledger", "timeout": "10s", "retry_policy": {
        "retry_on": "connect-failure,reset,retriable-status-codes", "retriable_status_codes": [429, 503],
        "num_retries": 8, "retry_back_off": { "base_interval": "0.05s", "max_interval": "1s" } } } }]);
    json!({
        "admin": { "address": address(ports.admin) },
        "static_resources": {
            "listeners": [
                listener(ports.workload, "workload", &access_log(), &json!([rbac, router]), &answer),
                listener(ports.onward, "onward", &json!([]), &json!([router]), &onward),
            ],
            "clusters": [cluster("tap", ports.tap, &Value::Null), cluster("ledger", ports.sealbook, transport)],
        },
    })
}

struct Ports {
    workload: u16,
    onward: u16,
    admin: u16,
    tap: u16,
    sealbook: u16,
}

fn start(program: &std::path::Path, ledger: &TestLedger, ports: &Ports, transport: &Value) -> Running {
    // What Envoy reads as YAML may be JSON.
    let file = ledger.file("envoy.yaml", config(ports, transport).to_string());
    let mut command = Command::new(program);
    command.args(["-c", &file, "--disable-hot-restart", "--concurrency", "1", "--log-level", "warn"]);
    let envoy = Running::start(command, ledger.dir().join("envoy.log"));
    let (ready, begun) = (format!("http://127.0.0.1:{}/ready", ports.admin), Instant::now());
    while ureq::get(&ready).call().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "Envoy does not come up:\n{}", envoy.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    envoy
}

/// Numbers of the requests whose marks are in these bytes.
fn marks(bytes: &[u8]) -> BTreeSet<u64> {
    let marked = bytes.windows(MARK.len() + DIGITS).filter_map(|part| part.strip_prefix(MARK.as_bytes()));
    marked.filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok()).collect()
}

/// Requests of Envoy in the ledger: subject and outcome of each.
fn recorded(ledger: &TestLedger) -> BTreeMap<u64, (String, String)> {
    let mut found = BTreeMap::new();
    for line in expect(0, &["log", &ledger.arg(), "--kind", "decision", "--limit", "0", "--json"]).lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let event = &entry["event"];
        let request = event["correlation"]["request"].as_str().unwrap_or_else(|| panic!("{line}"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let number: u64 = request.strip_prefix(MARK).unwrap().parse().unwrap();
        let before = found.insert(number, (text(&event["subject"]["id"]), text(&event["outcome"])));
        assert_eq!(before, None, "{request} is there twice");
    }
    found
}

/// Sends requests through Envoy until `stop`; gives how many.
fn work(port: u16, stop: &AtomicBool, next: &AtomicU64) {
    let client = Client::new(&format!("http://127.0.0.1:{port}"));
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let workload = WORKLOADS[usize::try_from(number).unwrap() % WORKLOADS.len()];
        let path = if number % 4 == 3 { "/admin/keys" } else { "/orders/7" };
        let id = format!("{MARK}{number:0DIGITS$}");
        let caller = format!("spiffe://test.example/ns/shop/sa/{workload}");
        let answer = client.post(path, &[("x-request-id", &id), ("x-workload", &caller)], b"").unwrap();
        assert_eq!(answer.status, if number % 4 == 3 { 403 } else { 200 });
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// `SEALBOOK_PRODUCER_KILLS` says how many times the ledger is killed meanwhile.
fn run(program: &std::path::Path, ledger: &TestLedger, arguments: &[&str], sealbook: u16, transport: &Value) {
    let kills = number_from_env("SEALBOOK_PRODUCER_KILLS", 6);
    let mut random = Random::from_env("SEALBOOK_SEED", 1);
    let onward = free_port();
    let tap = Tap::start(format!("127.0.0.1:{onward}"));
    let ports = Ports { workload: free_port(), onward, admin: free_port(), tap: tap.port, sealbook };
    let mut served = Served::start_with(ledger, arguments);
    let envoy = start(program, ledger, &ports, transport);
    let (stop, next) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| work(ports.workload, &stop, &next));
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(400 + random.below(600)));
            served.kill();
            std::thread::sleep(Duration::from_millis(random.below(250)));
            served = Served::start_with(ledger, arguments);
        }
        std::thread::sleep(Duration::from_millis(500));
        stop.store(true, Ordering::Relaxed);
    });
    // The last of the log, and what is tried again.
    std::thread::sleep(Duration::from_secs(2));
    let said = envoy.said();
    drop(envoy);
    served.terminate();

    let recorded = recorded(ledger);
    let (mut answered, mut pushes, mut lost) = (BTreeSet::new(), 0, 0);
    for (body, status) in tap.seen() {
        if status == 200 {
            pushes += 1;
            answered.extend(marks(&body));
        } else {
            lost += 1;
        }
    }
    let sent = next.load(Ordering::Relaxed);
    println!(
        "{sent} requests through Envoy; {pushes} pushes answered with {} of them, {lost} not answered",
        answered.len()
    );
    let missing: Vec<_> = answered.iter().filter(|number| !recorded.contains_key(number)).collect();
    assert!(missing.is_empty(), "answered and not in the ledger: {missing:?}");
    for (number, (subject, outcome)) in &recorded {
        let workload = WORKLOADS[usize::try_from(*number).unwrap() % WORKLOADS.len()];
        assert_eq!(subject, &format!("spiffe://test.example/ns/shop/sa/{workload}"));
        assert_eq!(outcome, if number % 4 == 3 { "deny" } else { "allow" });
    }
    assert!(answered.len() > 100 && answered.len() as u64 > sent / 2, "too little was answered\n{said}");
    ledger.check();
}

#[test]
fn what_envoy_was_answered_is_there_once() {
    let Some(program) = tool("envoy") else { return };
    let (ledger, port) = (TestLedger::new(), free_port());
    run(&program, &ledger, &["--listen", &format!("127.0.0.1:{port}")], port, &Value::Null);
}

/// A certificate for this name and its key, under an authority.
fn issued(name: SanType, authority: &CertifiedIssuer<'static, KeyPair>) -> (String, String) {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![name];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

#[test]
fn envoy_is_known_by_its_spiffe_id_and_by_nothing_else() {
    let Some(program) = tool("envoy") else { return };
    let (ledger, port) = (TestLedger::new(), free_port());
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let server = issued(SanType::IpAddress(std::net::Ipv4Addr::LOCALHOST.into()), &authority);
    let gateway = issued(SanType::URI(GATEWAY.try_into().unwrap()), &authority);
    let bundle = ledger.file("bundle.pem", authority.pem());
    let files = |name: &str, (certificate, key): &(String, String)| {
        (ledger.file(&format!("{name}.pem"), certificate), ledger.file(&format!("{name}.key"), key))
    };
    let (server, gateway) = (files("server", &server), files("gateway", &gateway));
    let settings = format!(
        "listen = \"127.0.0.1:{port}\"\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\nrequire_client_certificate = true\n\
         [[trust]]\ndomain = \"test.example\"\nbundle = \"{bundle}\"\n\
         [[identity]]\nspiffe_id = \"{GATEWAY}\"\nscopes = [\"ingest:edge\"]\n",
        server.0, server.1
    );
    let settings = ledger.file("sealbook.toml", settings);
    let transport = json!({ "name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": {
            "tls_certificates": [{ "certificate_chain": { "filename": gateway.0 }, "private_key": { "filename": gateway.1 } }],
            "validation_context": { "trusted_ca": { "filename": bundle } },
        },
    } });
    run(&program, &ledger, &["--config", &settings], port, &transport);
    let log = expect(0, &["log", &ledger.arg(), "--kind", "decision", "--limit", "0", "--json"]);
    assert!(log.lines().all(|line| line.contains("\"id\":\"edge\"")), "the credential says who the source is");
}
