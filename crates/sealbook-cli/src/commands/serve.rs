//! `sealbook serve`: the ingestion service and the read API.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sealbook_disk::World;
use sealbook_log::{Ledger, Options, Sealing};
use sealbook_service::{Server, load_sources};
use tokio::signal::unix::{SignalKind, signal};

use crate::output::{self, Exit};
use crate::progress::Talk;
use crate::settings::{Flags, SettingArgs};

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook serve L --listen 127.0.0.1:8420\n  \
    curl -H 'content-type: application/json' -d '{\"id\":\"1\",\"kind\":\"decision\",\"occurred_at\":\"2026-01-01T00:00:00Z\",\"outcome\":\"allow\",\
    \"subject\":{\"id\":\"alice\",\"type\":\"human\"}}' http://127.0.0.1:8420/v1/events\n\
    Without credentials it listens on loopback only (`sealbook tokens`). SIGINT and SIGTERM stop it in order.\n\
    Every setting is a flag, a variable (SEALBOOK_LISTEN, SEALBOOK_TLS_KEY, …) and a key of the file, in this order;\n\
    docs/operations.md lists them.")]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
    /// Bytes after which a file of the log is full and the next one is begun.
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().segment_bytes, hide = true)]
    segment_bytes: u64,
}

impl Args {
    /// Arguments for serving a ledger.
    pub fn of(ledger: &Path, listen: SocketAddr) -> Self {
        let segment_bytes = Options::default().segment_bytes;
        let settings = SettingArgs { config: None, flags: Flags::one("listen", listen) };
        Self { ledger: ledger.to_owned(), settings, segment_bytes }
    }
}

/// Serves until it is told to stop.
///
/// # Errors
/// When the ledger is damaged or open elsewhere, or the address cannot be had.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let world = World::real();
    let settings = args.settings.flags.gather(args.settings.config.as_deref())?;
    let sealing = Sealing::with(&settings.seal())?;
    let mut config = settings.config(&world);
    if let Some(folder) = settings.sources() {
        config.sources = load_sources(&folder)?;
    }
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let options = Options { sealing, segment_bytes: args.segment_bytes };
    let ledger = Ledger::open_with(&world, &args.ledger, options)?;
    if let Some((bytes, file)) = &ledger.recovered().torn {
        talk.say(format!("{bytes} bytes of an unanswered write were moved to {}", file.display()));
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let server = Server::bind(config, ledger).await?;
        output::line(format!("{scheme}://{}", server.address()))?;
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
