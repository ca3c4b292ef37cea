//! TLS: certificates that change while the service runs, and workloads that are known by theirs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    SanType,
};
use sealbook_disk::World;
use sealbook_service::{ClientTrust, Config, SpiffeId, TlsFiles};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use tokio::time::Instant;

use crate::support::{Service, event, service_with};

/// For how long a client waits for an answer.
const READ_TIME: Duration = Duration::from_secs(20);

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key of a name under an authority.
fn issue(name: SanType, authority: &Authority) -> (String, String) {
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![name];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn workload(id: &str, authority: &Authority) -> (String, String) {
    issue(SanType::URI(id.try_into().unwrap()), authority)
}

/// A service with TLS, the authorities behind it, and where its files lie.
struct Secure {
    service: Service,
    server: Authority,
    clients: Authority,
    dir: tempfile::TempDir,
}

fn secure(change: impl FnOnce(&mut Config)) -> Secure {
    let dir = tempfile::tempdir().unwrap();
    let (server, clients) = (authority(), authority());
    let files = write(dir.path(), &server, &clients);
    let service = service_with(World::real(), |config| {
        config.tls = Some(files);
        let id = SpiffeId::parse("spiffe://prod.example/gate").unwrap();
        config.identities = vec![(id, vec!["ingest:gate@native".parse().unwrap()])];
        change(config);
    });
    Secure { service, server, clients, dir }
}

fn write(dir: &Path, server: &Authority, clients: &Authority) -> TlsFiles {
    let (certificate, key) = issue(SanType::IpAddress([127, 0, 0, 1].into()), server);
    let path = |name: &str| dir.join(name);
    std::fs::write(path("server.crt"), certificate).unwrap();
    std::fs::write(path("server.key"), key).unwrap();
    std::fs::write(path("clients.pem"), clients.pem()).unwrap();
    let bundle: PathBuf = path("clients.pem");
    TlsFiles {
        certificate: path("server.crt"),
        key: path("server.key"),
        clients: vec![ClientTrust { domain: "prod.example".into(), bundle }],
        require_client_certificate: false,
        only_tls13: false,
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Secure {
    fn connect(&self, client: Option<&(String, String)>, alpn: &[&str]) -> std::io::Result<Stream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.server.pem().as_bytes()).unwrap()).unwrap();
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let mut config = match client {
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = std::net::IpAddr::from([127, 0, 0, 1]).into();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(self.service.address)?;
        socket.set_read_timeout(Some(READ_TIME))?;
        let mut stream = StreamOwned::new(connection, socket);
        stream.flush()?;
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// Status and body of one request.
    fn ask(
        &self,
        client: Option<&(String, String)>,
        method: &str,
        path: &str,
        body: &str,
    ) -> std::io::Result<(u16, String)> {
        let mut stream = self.connect(client, &["http/1.1"])?;
        send(&mut stream, method, path, body, "close")?;
        let mut answer = String::new();
        // Whoever is cut off may see no proper end.
        let read = stream.read_to_string(&mut answer);
        if answer.is_empty() {
            read?;
        }
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        status.map(|status| (status, answer)).ok_or_else(|| std::io::Error::other("no answer"))
    }
}

fn send(stream: &mut Stream, method: &str, path: &str, body: &str, connection: &str) -> std::io::Result<()> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: ledger.example\r\nConnection: {connection}\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    stream.flush()
}

#[test]
fn a_workload_sends_as_the_source_that_its_certificate_is_bound_to() {
    let secure = secure(|_| {});
    let gate = workload("spiffe://prod.example/gate", &secure.clients);
    assert_eq!(secure.ask(Some(&gate), "POST", "/v1/events", &event("a")).unwrap().0, 201);
    let refused = secure.ask(Some(&gate), "POST", "/v1/sources/vault", "{}").unwrap();
    assert!(refused.0 == 403 && refused.1.contains("source-not-granted"), "{}", refused.1);
    assert!(secure.ask(Some(&gate), "GET", "/v1/entries", "").unwrap().1.contains("scope-required"));
    // One that nobody bound, and none at all.
    let door = workload("spiffe://prod.example/door", &secure.clients);
    assert!(secure.ask(Some(&door), "POST", "/v1/events", &event("b")).unwrap().1.contains("scope-required"));
    assert!(secure.ask(None, "POST", "/v1/events", &event("c")).unwrap().1.contains("credential-required"));
    assert_eq!(secure.ask(None, "GET", "/healthz", "").unwrap().0, 200);
    let (reader, _kept) = secure.service.stop();
    let entries: Vec<_> = reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap()).collect();
    let sent: Vec<_> = entries.iter().filter(|entry| entry.source.id != "sealbook").collect();
    assert_eq!((sent.len(), sent[0].source.id.as_str()), (1, "gate"));
    let refused = entries.iter().filter(|entry| entry.event.action.as_deref() == Some("access.refused"));
    let who: Vec<_> = refused.map(|entry| entry.event.subject.id.as_str()).collect();
    assert!(who.contains(&"spiffe://prod.example/gate") && who.contains(&"spiffe://prod.example/door"), "{who:?}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_ends_the_handshake_and_is_an_entry() {
    let secure = secure(|_| {});
    let stranger = authority();
    for (id, authority) in [
        ("spiffe://prod.example/gate", &stranger),
        // Another trust domain, although the authority is known.
        ("spiffe://other.example/gate", &secure.clients),
        ("https://prod.example/gate", &secure.clients),
    ] {
        let client = workload(id, authority);
        assert!(secure.ask(Some(&client), "GET", "/healthz", "").is_err(), "{id}");
    }
    let (reader, _kept) = secure.service.stop();
    let events = reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap().event);
    let refused = events.filter(|event| event.labels.get("code").is_some_and(|code| code == "bad-certificate"));
    assert_eq!(refused.map(|event| event.labels["count"].parse::<u64>().unwrap()).sum::<u64>(), 3);
}

#[test]
fn a_client_certificate_can_be_asked_of_everybody() {
    let secure = secure(|config| {
        if let Some(tls) = &mut config.tls {
            tls.require_client_certificate = true;
            tls.only_tls13 = true;
        }
    });
    assert!(secure.ask(None, "GET", "/healthz", "").is_err());
    let gate = workload("spiffe://prod.example/gate", &secure.clients);
    assert_eq!(secure.ask(Some(&gate), "GET", "/healthz", "").unwrap().0, 200);
}

#[test]
fn both_versions_of_http_are_spoken_by_agreement() {
    let secure = secure(|_| {});
    let mut stream = secure.connect(None, &["h2", "http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(b"h2".as_slice()));
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "the first frame is one of settings");
    let stream = secure.connect(None, &["http/1.1"]).unwrap();
    assert_eq!(stream.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
}

/// The certificate that the service shows.
fn shown(secure: &Secure) -> Vec<u8> {
    let stream = secure.connect(None, &["http/1.1"]).unwrap();
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_new_certificate_is_taken_over_and_a_bad_one_is_not() {
    let secure = secure(|_| {});
    let before = shown(&secure);
    // Garbage, a key that does not fit, no certificate at all: the old one stays.
    let path = secure.dir.path().join("server.crt");
    let good = std::fs::read(&path).unwrap();
    let (other, _) = issue(SanType::IpAddress([127, 0, 0, 1].into()), &secure.server);
    for bad in [b"garbage".to_vec(), other.into_bytes(), Vec::new(), good[..good.len() / 2].to_vec()] {
        std::fs::write(&path, bad).unwrap();
        std::thread::sleep(Duration::from_millis(1_300));
        assert_eq!(shown(&secure), before);
        assert_eq!(secure.ask(None, "GET", "/readyz", "").unwrap().0, 200);
    }
    write(secure.dir.path(), &secure.server, &secure.clients);
    let changed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        shown(&secure) != before
    });
    assert!(changed);
    let (reader, _kept) = secure.service.stop();
    let actions = reader.entries(0, u64::MAX).map(|stored| stored.unwrap().entry().unwrap().event);
    let changes: Vec<_> = actions.filter(|event| event.action.as_deref() == Some("tls.changed")).collect();
    assert!(!changes.is_empty() && changes[0].labels["certificate"].starts_with("sha256:"));
}

#[test]
fn connections_of_an_authority_that_is_no_longer_believed_end() {
    let secure = secure(|_| {});
    let gate = workload("spiffe://prod.example/gate", &secure.clients);
    let mut stream = secure.connect(Some(&gate), &["http/1.1"]).unwrap();
    send(&mut stream, "POST", "/v1/events", &event("a"), "keep-alive").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 201");
    std::fs::write(secure.dir.path().join("clients.pem"), authority().pem()).unwrap();
    // The service ends the connection, and does not take the certificate again.
    let (mut rest, begun) = (Vec::new(), Instant::now());
    let _ = stream.read_to_end(&mut rest);
    assert!(begun.elapsed() < READ_TIME / 2);
    assert!(secure.ask(Some(&gate), "POST", "/v1/events", &event("b")).is_err());
}

#[test]
fn files_that_cannot_be_used_are_named_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let (server, clients) = (authority(), authority());
    let files = write(dir.path(), &server, &clients);
    let start = |files: TlsFiles| {
        let root = dir.path().join("ledger");
        let world = World::real();
        if !root.exists() {
            sealbook_log::create(&world, &root, "test.example/ledger").unwrap();
        }
        let ledger = sealbook_log::Ledger::open(&world, &root, sealbook_log::Sealing::default()).unwrap();
        let mut config = Config::new("127.0.0.1:0".parse().unwrap());
        config.tls = Some(files);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(sealbook_service::Server::bind(config, ledger)).unwrap_err().to_string()
    };
    let missing = TlsFiles { key: dir.path().join("nowhere.key"), ..files.clone() };
    assert!(start(missing).contains("nowhere.key"));
    let swapped = TlsFiles { key: files.certificate.clone(), ..files.clone() };
    assert!(start(swapped).contains("no private key"));
    std::fs::write(dir.path().join("clients.pem"), "").unwrap();
    assert!(start(files).contains("clients.pem: holds no certificate"));
}
