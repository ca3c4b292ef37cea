//! `sealbook serve`: the ingestion service and the read API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sealbook_disk::World;
use sealbook_log::{Ledger, Options, Sealing};
use sealbook_service::{Config, Server};
use tokio::signal::unix::{SignalKind, signal};

use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook serve L --listen 127.0.0.1:8420\n  \
    curl -H 'content-type: application/json' -d '{\"id\":\"1\",\"kind\":\"decision\",\"occurred_at\":\"2026-01-01T00:00:00Z\",\"outcome\":\"allow\",\
    \"subject\":{\"id\":\"alice\",\"type\":\"human\"}}' http://127.0.0.1:8420/v1/events\n\
    Without credentials it listens on loopback only. SIGINT and SIGTERM stop it in order.")]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8420", env = "SEALBOOK_LISTEN", value_name = "ADDR")]
    listen: SocketAddr,
    /// Further field that is sealed, such as `labels.ticket`; repeat it for several.
    #[arg(long, value_name = "FIELD")]
    seal: Vec<String>,
    /// Bytes after which a file of the log is full and the next one is begun.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().segment_bytes, hide = true)]
    segment_bytes: u64,
}

impl Args {
    /// Arguments for serving a ledger.
    pub fn of(ledger: &Path, listen: SocketAddr) -> Self {
        let segment_bytes = Options::default().segment_bytes;
        Self { ledger: ledger.to_owned(), listen, seal: Vec::new(), segment_bytes }
    }
}

/// Serves until it is told to stop.
///
/// # Errors
/// When the ledger is damaged or open elsewhere, or the address cannot be had.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let sealing = Sealing::with(&args.seal)?;
    let options = Options { sealing, segment_bytes: args.segment_bytes };
    let ledger = Ledger::open_with(&World::real(), &args.ledger, options)?;
    if let Some((bytes, file)) = &ledger.recovered().torn {
        talk.say(format!("{bytes} bytes of an unanswered write were moved to {}", file.display()));
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let server = Server::bind(Config::new(args.listen), ledger).await?;
        output::line(format!("http://{}", server.address()))?;
        talk.say("serving; stop with Ctrl-C");
        server
            .run(async move {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            })
            .await?;
        anyhow::Ok(())
    })?;
    talk.say("stopped; everything that was accepted is answered and durable");
    Ok(Exit::Yes)
}
