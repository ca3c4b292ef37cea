//! Where the service listens, and every limit it keeps.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sealbook_disk::World;
use sealbook_sources::Library;

use crate::credentials::{Actor, Scope};
use crate::log::Log;
use crate::room::{AskRoom, Room};
use crate::tls::{SpiffeId, TlsFiles};

/// Bytes of one request body as it is sent. The Kubernetes API server sends at most 10 MiB, OPA 32 KiB.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Bytes of one body after decompression. Audit logs shrink by 7 to 40 times; one above this is refused whole.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// Bytes of decompressed bodies in work at once; more is answered with 429 before anything is read. What is parsed of
/// a body takes about four times its size, so this bounds the memory of all requests together.
pub const IN_FLIGHT_BYTES_MAX: usize = 128 << 20;

/// Connections open at once. When nearly all places are taken, those that have waited longest for a request are closed.
pub const CONNECTIONS_MAX: usize = 16_384;

/// Seconds for the head of a request, and for which a connection may lie idle between two.
pub const HEADER_SECONDS_MAX: u64 = 60;

/// Seconds in which a body must arrive.
pub const BODY_SECONDS_MAX: u64 = 60;

/// Seconds for which stopping waits for answers that are on their way.
pub const STOP_SECONDS_MAX: u64 = 20;

/// Seconds for which a service that can no longer write goes on saying so (503, also on `/readyz`) before it stops:
/// time for its clients, and for whoever watches it, to see it.
pub const POISONED_SECONDS: u64 = 5;

/// The limits that an operator may want lower; the defaults are the constants of this file.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Bytes of one body as sent.
    pub body_bytes: usize,
    /// Bytes of one body after decompression.
    pub decompressed_bytes: usize,
    /// Bytes of decompressed bodies in work at once.
    pub in_flight_bytes: usize,
    /// Time for the head of a request, and between two requests.
    pub header_time: Duration,
    /// Time for a body.
    pub body_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS_MAX,
            body_bytes: BODY_BYTES_MAX,
            decompressed_bytes: DECOMPRESSED_BYTES_MAX,
            in_flight_bytes: IN_FLIGHT_BYTES_MAX,
            header_time: Duration::from_secs(HEADER_SECONDS_MAX),
            body_time: Duration::from_secs(BODY_SECONDS_MAX),
        }
    }
}

/// How to serve a ledger.
#[derive(Clone)]
pub struct Config {
    /// Where to listen; an address that others can reach only where there are credentials. Port 0 takes a free port.
    pub listen: SocketAddr,
    /// Whose clock dates the service's own acts.
    pub world: World,
    /// The limits.
    pub limits: Limits,
    /// The sources: those of the product, and those that the operator described (see [`crate::load_sources`]).
    pub sources: Library,
    /// Who runs the service: the actor of its starts and stops.
    pub actor: Actor,
    /// Certificate and key, and whose clients' certificates are taken; `None` speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// What the workloads with these SPIFFE IDs may do.
    pub identities: Vec<(SpiffeId, Vec<Scope>)>,
    /// Plain HTTP also on an address that others can reach: something in front of the service does TLS.
    pub plain_http: bool,
    /// Checkpoint and tiles need no credential.
    pub public_log: bool,
    /// What the operator set, as a digest: another one than at the last start is an entry. Empty where nobody set it.
    pub digest: String,
    /// How much room there is on the disk.
    pub room: AskRoom,
    /// Where the service says what happens.
    pub log: Log,
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Config {
    /// Listens at `listen` with the default limits and the real clock.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            world: World::real(),
            limits: Limits::default(),
            sources: Library::default(),
            actor: Actor::current(None),
            tls: None,
            identities: Vec::new(),
            plain_http: false,
            public_log: false,
            digest: String::new(),
            room: Arc::new(Room::of),
            log: Log::silent(),
        }
    }
}
