//! `sealbook simulate`: the model organisation's events as NDJSON.

use std::io::{BufWriter, Write as _};

use sealbook_core::time::Micros;
use sealbook_simulate::{Config, Simulation};
use serde_json::json;

use crate::output::Exit;

/// Arguments of `simulate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook simulate --entries 5000 --seed 7 | sealbook import L - --from native")]
pub struct Args {
    /// How many events.
    #[arg(long, default_value_t = 20_000)]
    entries: usize,
    /// The same seed gives the same events.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Days that they spread over.
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// First day.
    #[arg(long, value_parser = crate::times::parse, default_value = "2026-01-05", value_name = "TIME")]
    start: Micros,
    /// Plant no faults: every rule is kept.
    #[arg(long)]
    clean: bool,
    /// Write `{"source","recorded_at","sequence","event"}` instead of the bare event.
    #[arg(long)]
    envelope: bool,
    /// List the planted faults instead of the events.
    #[arg(long)]
    faults: bool,
}

/// Writes the events.
///
/// # Errors
/// When the configuration cannot be simulated, or nobody reads.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let config =
        Config { seed: args.seed, entries: args.entries, start: args.start, days: args.days, faults: !args.clean };
    let simulation = Simulation::new(config)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    if args.faults {
        for fault in simulation.faults() {
            writeln!(out, "{fault:?}")?;
        }
    } else {
        for simulated in simulation {
            let event = sealbook_sources::to_json(&simulated.event);
            let value = if args.envelope {
                let recorded_at = simulated.recorded_at.to_string();
                json!({ "source": simulated.source, "recorded_at": recorded_at, "sequence": simulated.sequence, "event": event })
            } else {
                event
            };
            serde_json::to_writer(&mut out, &value)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(Exit::Yes)
}
