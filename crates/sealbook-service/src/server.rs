//! Binds, accepts, keeps connections within their limits, and stops without leaving an accepted event unanswered.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sealbook_log::{Ledger, LogError};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::App;
use crate::config::{Config, POISONED_SECONDS, STOP_SECONDS_MAX};
use crate::connection::{Serving, accept, connection};
use crate::credentials::{self, CredentialError, Followed, TokenStore};
use crate::follower::follow;
use crate::gaps;
use crate::log::Level;
use crate::routes::router;
use crate::tls::{self, Tls, TlsError};
use crate::{operate, room};

/// After an accept that the system refused (too many open files), wait this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often the log is asked whether it can still be written.
const POISON_LOOK: Duration = Duration::from_millis(100);

/// Why the service could not start, or how it ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is reachable from elsewhere, and nobody would need a credential.
    #[error(
        "{address} can be reached from elsewhere, and nobody needs a credential yet: make one (`sealbook tokens create LEDGER --name NAME --scope ingest:SOURCE`) or bind client certificates in the configuration; or listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The system did not give the address.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address is reachable from elsewhere, and tokens would cross the network as they are.
    #[error(
        "{address} can be reached from elsewhere, and what is sent there could be read on the way: give a certificate and a key (tls.certificate, tls.key); or say plain_http = true where something in front of the service does TLS; or listen on 127.0.0.1 or [::1]"
    )]
    PlainText {
        /// What was asked for.
        address: SocketAddr,
    },
    /// Certificate, key or bundles cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] TlsError),
    /// The tokens cannot be used.
    #[error("the tokens cannot be used: {0}")]
    Credentials(#[from] CredentialError),
    /// The start or the stop could not be recorded.
    #[error("cannot record {act}: {detail}")]
    Record {
        /// Which act.
        act: &'static str,
        /// Why not.
        detail: String,
    },
    /// A write or a sync failed.
    #[error(
        "the log can no longer be written: {why}; nothing was answered since. Mend the cause and start again: what was answered is there"
    )]
    Poisoned {
        /// What failed, and where.
        why: String,
    },
    /// The ledger could not be closed in order.
    #[error(transparent)]
    Ledger(#[from] LogError),
}

/// A service that is bound to its address and not yet running.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    store: TokenStore,
    followed: Followed,
    tls: Option<Arc<Tls>>,
}

/// Serves `ledger` until `shutdown` is ready, then answers what was accepted, records the stop and closes the ledger.
///
/// # Errors
/// When the address is not loopback or not free, or the ledger cannot be written.
pub async fn serve(config: Config, ledger: Ledger, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    Server::bind(config, ledger).await?.run(shutdown).await
}

impl Server {
    /// Binds to the address and records the start.
    ///
    /// # Errors
    /// When the address is not loopback or not free, or the start cannot be recorded.
    pub async fn bind(config: Config, ledger: Ledger) -> Result<Self, ServeError> {
        let asked = config.listen;
        let app = Arc::new(App::new(&config, ledger));
        let store = TokenStore::of(&config.world, app.reader.layout().root());
        let followed = credentials::load(&app, &store).await?;
        if !asked.ip().is_loopback() && !app.access.is_required() {
            return Err(ServeError::NotLoopback { address: asked });
        }
        if !asked.ip().is_loopback() && config.tls.is_none() && !config.plain_http {
            return Err(ServeError::PlainText { address: asked });
        }
        let tls =
            config.tls.as_ref().map(|files| Tls::load(files, &config.world, &config.log)).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(asked).await.map_err(|source| ServeError::Bind { address: asked, source })?;
        let address = listener.local_addr().map_err(|source| ServeError::Bind { address: asked, source })?;
        if let Some(tls) = &tls {
            // Nobody else sets it.
            let _ = app.tls.set(tls.clone());
        }
        operate::record_configuration(&app, &config.digest).await?;
        let mut labels = vec![("address", address.to_string()), ("version", env!("CARGO_PKG_VERSION").to_owned())];
        labels.extend(tls.iter().flat_map(|tls| tls.labels()));
        if !config.digest.is_empty() {
            labels.push(("configuration", format!("sha256:{}", config.digest)));
        }
        record(&app, "service.started", &labels, None).await?;
        let credentials = if app.access.is_required() { "needed" } else { "none: this machine only" };
        let (actor, encrypted) = (&app.actor.id, tls.is_some());
        app.log.event(
            Level::Info,
            "service.started",
            &[("address", &address), ("actor", actor), ("tls", &encrypted), ("credentials", &credentials)],
        );
        Ok(Self { listener, address, app, store, followed, tls })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs until `shutdown` is ready, or until shortly after a write to the log failed.
    ///
    /// # Errors
    /// When the log can no longer be written, the stop cannot be recorded or the ledger cannot be closed in order.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { listener, app, store, followed, tls, .. } = self;
        let router = router(app.clone());
        let (stop, stopping) = watch::channel(false);
        let places = app.places.clone();
        let mut beside = JoinSet::new();
        beside.spawn(follow(app.clone(), stopping.clone()));
        beside.spawn(gaps::follow(app.clone(), stopping.clone()));
        beside.spawn(credentials::follow(app.clone(), store, followed, stopping.clone()));
        beside.spawn(credentials::flush(app.clone(), stopping.clone()));
        beside.spawn(room::follow(app.clone(), stopping.clone()));
        if let Some(tls) = &tls {
            beside.spawn(tls::follow(app.clone(), tls.clone(), stopping.clone()));
        }
        let serving = Serving { app: app.clone(), router, tls, stopping };
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let mut spoilt = Box::pin(spoilt(app.clone()));
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                () = &mut spoilt => break,
                accepted = accept(&listener, &places) => accepted,
            };
            while connections.try_join_next().is_some() {}
            match accepted {
                Some((stream, address, place)) => {
                    let serving = serving.clone();
                    connections.spawn(async move {
                        connection(serving, stream, address).await;
                        drop(place);
                    });
                }
                None => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop((listener, spoilt, places));
        app.log.event(Level::Info, "service.stopping", &[("connections", &connections.len())]);
        // Idle connections close, busy ones after their answer.
        stop.send_replace(true);
        let all = async { while connections.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), all).await.is_ok();
        connections.shutdown().await;
        drop(serving);
        // A step that is under way ends by itself; nothing waits for it but this.
        while beside.join_next().await.is_some() {}
        credentials::flush_now(&app).await;
        // What cannot be written cannot be recorded.
        let recorded = match app.ledger.poisoned() {
            Some(why) => Err(ServeError::Poisoned { why }),
            None => {
                let labels = [("in_time", in_time.to_string())];
                app.log.event(Level::Info, "service.stopped", &[("in_time", &in_time)]);
                record(&app, "service.stopped", &labels, Some("It was told to stop.")).await
            }
        };
        let closed = close(app).await;
        recorded.and(closed)
    }
}

/// Ready some time after the log became impossible to write.
async fn spoilt(app: Arc<App>) {
    while app.ledger.poisoned().is_none() {
        tokio::time::sleep(POISON_LOOK).await;
    }
    let why = app.ledger.poisoned().unwrap_or_default();
    app.log.event(Level::Error, "ledger.poisoned", &[("problem", &why)]);
    tokio::time::sleep(Duration::from_secs(POISONED_SECONDS)).await;
}

async fn record(
    app: &App,
    act: &'static str,
    labels: &[(&str, String)],
    reason: Option<&str>,
) -> Result<(), ServeError> {
    let mut labels = labels.to_vec();
    labels.push(("account", app.actor.account.clone()));
    app.record_why(act, &app.actor.identity(), &labels, reason)
        .await
        .map_err(|problem| ServeError::Record { act, detail: problem.detail.clone() })
}

/// Commits what waits. Whoever still holds the ledger (a read that outlived its connection) closes it when done.
async fn close(app: Arc<App>) -> Result<(), ServeError> {
    let closed = tokio::task::spawn_blocking(move || Arc::into_inner(app).map_or(Ok(()), |app| app.ledger.close()));
    match closed.await {
        Ok(closed) => Ok(closed?),
        Err(error) => Err(ServeError::Record { act: "the close of the ledger", detail: error.to_string() }),
    }
}
