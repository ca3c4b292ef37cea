//! Binds, accepts, keeps connections within their limits, and stops without leaving an accepted event unanswered.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::AddExtension;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use sealbook_log::{Ledger, LogError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::Layer as _;

use crate::app::App;
use crate::config::{CONNECTIONS_MAX, Config, POISONED_SECONDS, STOP_SECONDS_MAX};
use crate::credentials::{self, CredentialError, Followed, Peer, TokenStore};
use crate::follower::follow;
use crate::routes::router;

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Streams of one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// After an accept that the system refused (too many open files), wait this long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often the log is asked whether it can still be written.
const POISON_LOOK: Duration = Duration::from_millis(100);

/// Why the service could not start, or how it ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is reachable from elsewhere.
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
        let listener = TcpListener::bind(asked).await.map_err(|source| ServeError::Bind { address: asked, source })?;
        let address = listener.local_addr().map_err(|source| ServeError::Bind { address: asked, source })?;
        let labels = [("address", address.to_string()), ("version", env!("CARGO_PKG_VERSION").to_owned())];
        record(&app, "service.started", &labels, None).await?;
        Ok(Self { listener, address, app, store, followed })
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
        let Self { listener, app, store, followed, .. } = self;
        let router = router(app.clone());
        let (stop, stopping) = watch::channel(false);
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut beside = JoinSet::new();
        beside.spawn(follow(app.clone(), stopping.clone()));
        beside.spawn(credentials::follow(app.clone(), store, followed, stopping.clone()));
        beside.spawn(credentials::flush(app.clone(), stopping.clone()));
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
                    let router = Extension(Peer { address }).layer(router.clone());
                    let stopping = stopping.clone();
                    let header_time = app.limits.header_time;
                    connections.spawn(async move {
                        connection(stream, router, header_time, stopping).await;
                        drop(place);
                    });
                }
                None => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
        drop((listener, spoilt));
        // Idle connections close, busy ones after their answer.
        stop.send_replace(true);
        let all = async { while connections.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(Duration::from_secs(STOP_SECONDS_MAX), all).await.is_ok();
        connections.shutdown().await;
        drop(router);
        // A step that is under way ends by itself; nothing waits for it but this.
        while beside.join_next().await.is_some() {}
        // What cannot be written cannot be recorded.
        let recorded = match app.ledger.poisoned() {
            Some(why) => Err(ServeError::Poisoned { why }),
            None => {
                let labels = [("in_time", in_time.to_string())];
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

/// A connection and the place it takes; `None` where the system refused.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    let (stream, address) = listener.accept().await.ok()?;
    Some((stream, address, place))
}

async fn connection(
    stream: TcpStream,
    router: AddExtension<Router, Peer>,
    header_time: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    // An answer is one small write: it should not wait for more. Where this is refused it is merely slower.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_time).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(header_time)
        .keep_alive_timeout(header_time);
    let service = TowerToHyperService::new(router);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // How a connection ended is the client's matter: what it was answered stands.
        _ = connection.as_mut() => return,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
