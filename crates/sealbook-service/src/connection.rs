//! One connection: accepted within the limits, encrypted where there is TLS, served until it ends or has to.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tower::{Layer as _, Service as _, service_fn};

use crate::app::App;
use crate::credentials::Peer;
use crate::seats::Seat;
use crate::tls::{self, Tls};

/// Bytes of the head of a request.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Streams of one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;

/// What every connection is served with.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) app: Arc<App>,
    pub(crate) router: Router,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// A connection, from where, and the place it takes; `None` where the system refused.
pub(crate) async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    let (stream, address) = listener.accept().await.ok()?;
    Some((stream, address, place))
}

/// Serves a connection to its end, or until another one needs the place that it does nothing with.
pub(crate) async fn connection(serving: Serving, stream: TcpStream, address: SocketAddr) {
    let seat = serving.app.admission.seats.take();
    tokio::select! {
        () = handshake(&serving, stream, address, &seat) => {}
        () = seat.leave() => {}
    }
}

async fn handshake(serving: &Serving, stream: TcpStream, address: SocketAddr, seat: &Arc<Seat>) {
    // An answer is one small write: it should not wait for more. Where this is refused it is merely slower.
    let _ = stream.set_nodelay(true);
    let Some(tls) = serving.tls.clone() else {
        return requests(serving, stream, Peer { address, certificate: None }, None, seat).await;
    };
    // Asked for before the handshake: what changes during it ends the connection too.
    let authorities = tls.authorities();
    match tokio::time::timeout(serving.app.limits.header_time, tls.accept(stream)).await {
        Ok(Ok((stream, svid))) => {
            let peer = Peer { address, certificate: svid.map(Arc::new) };
            requests(serving, stream, peer, Some(authorities), seat).await;
        }
        Ok(Err(error)) => tls::failed(&serving.app, address.ip(), &error).await,
        Err(_) => serving.app.metrics.handshake_failed(),
    }
}

/// Ready when the connection has to end: the service stops, or other authorities vouch for clients now.
async fn has_to_end(mut stopping: watch::Receiver<bool>, authorities: Option<watch::Receiver<u64>>) {
    let changed = async {
        match authorities {
            Some(mut authorities) => drop(authorities.changed().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = stopping.wait_for(|stop| *stop) => {}
        () = changed => {}
    }
}

async fn requests(
    serving: &Serving,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    authorities: Option<watch::Receiver<u64>>,
    seat: &Arc<Seat>,
) {
    let header_time = serving.app.limits.header_time;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_time).max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(header_time)
        .keep_alive_timeout(header_time);
    let (router, seat) = (Extension(peer).layer(serving.router.clone()), seat.clone());
    let service = TowerToHyperService::new(service_fn(move |request| {
        let (busy, answer) = (seat.work(), router.clone().call(request));
        async move {
            let answer = answer.await;
            drop(busy);
            answer
        }
    }));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // How a connection ended is the client's matter: what it was answered stands.
        _ = connection.as_mut() => return,
        () = has_to_end(serving.stopping.clone(), authorities) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
