//! The handshake, with what the files hold now: a change of them is taken over, and a bad one is not.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sealbook_core::time::Micros;
use sealbook_disk::World;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::Error;
use tokio_rustls::server::TlsStream;

use super::load::{Contents, Loaded, TlsError};
use super::{Svid, TlsFiles};
use crate::app::{App, Condition, beside};
use crate::credentials::{Principal, Refusal, note};
use crate::log::{Level, Log};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// The act that says that the service shows another certificate or believes other authorities.
const CHANGED: &str = "tls.changed";

/// The TLS of a service.
pub(crate) struct Tls {
    files: TlsFiles,
    current: RwLock<Loaded>,
    /// The files as they were last looked at, good or bad.
    seen: RwLock<Contents>,
    /// Counts changes of the clients' authorities: connections made before are ended.
    authorities: watch::Sender<u64>,
    /// What is wrong with the files.
    pub(crate) state: Condition,
}

impl core::fmt::Debug for Tls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Tls({:?})", self.files)
    }
}

impl Tls {
    /// Reads the files for the first time.
    pub(crate) fn load(files: &TlsFiles, world: &World, log: &Log) -> Result<Self, TlsError> {
        let contents = Contents::read(files, world)?;
        let current = RwLock::new(contents.load(files, world)?);
        let state = Condition::new("tls.files", log);
        let authorities = watch::Sender::new(0);
        Ok(Self { files: files.clone(), current, seen: RwLock::new(contents), authorities, state })
    }

    fn current(&self) -> Loaded {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the certificate ends.
    pub(crate) fn ends(&self) -> Micros {
        self.current().ends
    }

    /// Told when the clients' authorities change.
    pub(crate) fn authorities(&self) -> watch::Receiver<u64> {
        self.authorities.subscribe()
    }

    /// Labels of the entry that says what is shown and believed.
    pub(crate) fn labels(&self) -> Vec<(&'static str, String)> {
        let loaded = self.current();
        let mut labels = vec![
            ("certificate", format!("sha256:{}", loaded.fingerprint)),
            ("certificate_ends", loaded.ends.to_string()),
        ];
        if !self.files.clients.is_empty() {
            labels.push(("client_authorities", format!("sha256:{}", loaded.clients)));
        }
        labels
    }

    /// Takes over what the files hold now; says whether that is something else.
    fn look(&self, world: &World) -> Result<bool, TlsError> {
        let contents = Contents::read(&self.files, world)?;
        if *self.seen.read().unwrap_or_else(PoisonError::into_inner) == contents {
            return Ok(false);
        }
        let loaded = contents.load(&self.files, world)?;
        *self.seen.write().unwrap_or_else(PoisonError::into_inner) = contents;
        let before = std::mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), loaded);
        if before.clients != self.current().clients {
            self.authorities.send_modify(|count| *count += 1);
        }
        Ok(true)
    }

    /// Shakes hands; gives the stream and what the client's certificate says, where it showed one.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Option<Svid>)> {
        let stream = TlsAcceptor::from(self.current().config).accept(stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let svid = certificate.map(|certificate| Svid::of(certificate)).transpose().map_err(io::Error::other)?;
        Ok((stream, svid))
    }
}

/// Whether a handshake failed because of what the client showed, and why.
fn refused_certificate(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        error @ (Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => Some(error.to_string()),
        _ => None,
    }
}

/// Counts a handshake that failed; a certificate that was refused is an entry, as every refusal.
pub(crate) async fn failed(app: &Arc<App>, address: IpAddr, error: &io::Error) {
    app.metrics.handshake_failed();
    let Some(why) = refused_certificate(error) else {
        app.log.event(Level::Debug, "tls.failed", &[("address", &address), ("problem", error)]);
        return;
    };
    app.log.event(Level::Warn, "tls.refused", &[("address", &address), ("problem", &why)]);
    let (who, endpoint) = (Principal::unidentified(), "TLS handshake".to_owned());
    note(app, Refusal { who, code: "bad-certificate", address, endpoint }).await;
}

/// Looks at the files until the service stops.
pub(crate) async fn follow(app: Arc<App>, tls: Arc<Tls>, mut stopping: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let (looking, world) = (tls.clone(), app.world.clone());
        let looked = beside(move || Ok(looking.look(&world))).await;
        match looked {
            Ok(Ok(changed)) => {
                tls.state.set(None);
                if changed {
                    let labels = tls.labels();
                    let ends = tls.ends();
                    app.log.event(Level::Info, CHANGED, &[("certificate_ends", &ends)]);
                    // What cannot be recorded now is in the entry of the next start.
                    let _ = app.record(CHANGED, &app.actor.identity(), &labels).await;
                }
            }
            Ok(Err(error)) => tls.state.set(Some(format!("{error}; what was read before is still in use"))),
            Err(problem) => tls.state.set(Some(problem.detail.clone())),
        }
    }
}
