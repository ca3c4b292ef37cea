//! Reads certificate, key and bundles, and makes of them what a handshake needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sealbook_core::hash::{hex, sha256};
use sealbook_core::time::Micros;
use sealbook_disk::{Clock, World, read_file};
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::svid::end_of;
use super::verify::SvidVerifier;
use super::{ClientTrust, TlsFiles};

/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct TlsError {
    path: PathBuf,
    problem: String,
}

fn bad(path: &Path, problem: impl ToString) -> TlsError {
    TlsError { path: path.to_owned(), problem: problem.to_string() }
}

/// The files as they were read.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    bundles: Vec<Vec<u8>>,
}

/// What a handshake needs, and what is said of it.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) config: Arc<ServerConfig>,
    /// When the service's certificate ends.
    pub(super) ends: Micros,
    /// SHA-256 of it.
    pub(super) fingerprint: String,
    /// SHA-256 over the bundles of the clients' authorities.
    pub(super) clients: String,
}

/// The world's clock, as the library asks for it.
struct WorldClock(Arc<dyn Clock>);

impl core::fmt::Debug for WorldClock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WorldClock")
    }
}

impl TimeProvider for WorldClock {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.0.now()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
    }
}

impl Contents {
    /// Reads every file.
    pub(super) fn read(files: &TlsFiles, world: &World) -> Result<Self, TlsError> {
        let read = |path: &Path| read_file(&*world.disk, path, FILE_BYTES_MAX).map_err(|error| bad(path, error));
        Ok(Self {
            certificate: read(&files.certificate)?,
            key: read(&files.key)?,
            bundles: files.clients.iter().map(|client| read(&client.bundle)).collect::<Result<_, _>>()?,
        })
    }

    /// Checks them and puts them together.
    pub(super) fn load(&self, files: &TlsFiles, world: &World) -> Result<Loaded, TlsError> {
        let path = &files.certificate;
        let chain = certificates(path, &self.certificate)?;
        let leaf = chain.first().cloned().ok_or_else(|| bad(path, "holds no certificate"))?;
        let ends = end_of(&leaf).ok_or_else(|| bad(path, "its first certificate cannot be read"))?;
        if ends <= Micros(world.clock.now()) {
            return Err(bad(path, format!("the certificate ended at {ends}")));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key);
        let key = key.map_err(|_| bad(&files.key, "holds no private key in PEM that can be read"))?;
        let provider = Arc::new(default_provider());
        let mut domains = BTreeMap::new();
        for (ClientTrust { domain, bundle }, pem) in files.clients.iter().zip(&self.bundles) {
            let mut roots = RootCertStore::empty();
            for authority in certificates(bundle, pem)? {
                roots.add(authority).map_err(|error| bad(bundle, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            domains.insert(domain.clone(), verifier.build().map_err(|error| bad(bundle, error))?);
        }
        let versions: &[_] = if files.only_tls13 { &[&TLS13] } else { &[&TLS13, &TLS12] };
        let builder = ServerConfig::builder_with_details(provider, Arc::new(WorldClock(world.clock.clone())));
        let builder = builder.with_protocol_versions(versions).map_err(|error| bad(path, error))?;
        let builder = match SvidVerifier::new(domains, files.require_client_certificate) {
            Some(verifier) => builder.with_client_cert_verifier(Arc::new(verifier)),
            None => builder.with_no_client_auth(),
        };
        let fingerprint = hex(&sha256(&leaf));
        let problem = |error| bad(path, format!("does not go with {}: {error}", files.key.display()));
        let mut config = builder.with_single_cert(chain, key).map_err(problem)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let clients = hex(&sha256(&self.bundles.concat()));
        Ok(Loaded { config: Arc::new(config), ends, fingerprint, clients })
    }
}

/// Checks the files of TLS as a start of the service does.
///
/// # Errors
/// Names the file that cannot be used.
pub fn check_tls(files: &TlsFiles, world: &World) -> Result<(), TlsError> {
    Contents::read(files, world)?.load(files, world).map(|_| ())
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let all = all.map_err(|error| bad(path, format!("is no PEM: {error}")))?;
    if all.is_empty() { Err(bad(path, "holds no certificate")) } else { Ok(all) }
}
