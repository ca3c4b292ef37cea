//! HTTP in and out: takes events, answers once they are durable, and serves the log to anyone who checks it.
//!
//! Takes: HTTP requests, their credentials; a [`sealbook_log::Ledger`] that is open for writing.
//! Gives: receipts with proofs, the tlog-tiles read API, entries, metrics, a dashboard.
//! Never: answers before the commit is durable, takes a source's name from a body, drops an element silently, answers
//! to anybody beyond this machine without a credential.
//! Next:  `sealbook-cli`.

mod acts;
mod admission;
mod app;
mod body;
mod cloudevents;
mod config;
mod connection;
pub mod credentials;
mod dashboard;
mod entries;
mod evidence;
mod firehose;
mod follower;
mod gaps;
mod guard;
mod hec;
mod library;
mod list;
mod log;
mod log_api;
mod metrics;
mod openapi;
mod operate;
mod otlp;
mod params;
mod problem;
mod receipt;
mod receive;
mod room;
mod routes;
mod seats;
mod server;
pub mod settings;
mod speaks;
mod tls;

pub use config::{
    BODY_BYTES_MAX, BODY_SECONDS_MAX, CONNECTIONS_MAX, Config, DECOMPRESSED_BYTES_MAX, HEADER_SECONDS_MAX,
    IN_FLIGHT_BYTES_MAX, Limits, STOP_SECONDS_MAX,
};
pub use library::{DESCRIPTIONS_MAX, LibraryError, load_source, load_sources};
pub use log::{Field, Level, Log, LogFormat};
pub use openapi::document as openapi;
pub use room::{AskRoom, DISK_WARNINGS_PERCENT, Room};
pub use server::{ServeError, Server, serve};
pub use tls::{ClientTrust, SpiffeId, SvidError, TlsError, TlsFiles, check_tls};
