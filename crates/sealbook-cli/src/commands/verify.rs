//! `sealbook verify`: a ledger folder, an evidence pack or a proof file. Packs are re-performed, too.

use std::path::PathBuf;

use anyhow::Context as _;
use sealbook_core::note::VerifierKey;
use sealbook_verifier::{Report, Trust, verify_ledger};

use crate::context;
use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealbook verify L --key verifier.key --at-least checkpoint.last-year\n  \
    sealbook verify evidence-pack.zip --key verifier.key\n  sealbook verify entry-42.tlog-proof --key verifier.key\n\n\
    Exit status: 0 VERIFIED, 1 REFUTED, 2 UNDECIDED. The key must come from elsewhere than what is verified:\n\
    without it a pack is UNDECIDED, and a ledger is checked against nothing but itself.")]
pub struct Args {
    /// Ledger folder, evidence pack or `.tlog-proof`.
    target: PathBuf,
    /// Verifier key, as text or as a file that holds it; repeat it for several.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// An earlier signed checkpoint: what it says must still be so.
    #[arg(long, value_name = "FILE")]
    at_least: Option<PathBuf>,
    /// The entry's bytes, for a proof. Without it: the file beside the proof that ends in `.cbor`.
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Verifies.
///
/// # Errors
/// When a key or a file that was named cannot be read; the target itself never is an error, but UNDECIDED.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let keys: Vec<VerifierKey> = args.keys.iter().map(|key| context::key(key)).collect::<Result<_, _>>()?;
    let at_least = match &args.at_least {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?),
        None => None,
    };
    let report = check(args, &Trust { keys, at_least }, talk)?;
    if args.json {
        output::json(&report.json())?;
    } else {
        output::write(&report.to_string())?;
    }
    Ok(report.verdict().into())
}

fn check(args: &Args, trust: &Trust, talk: Talk) -> anyhow::Result<Report> {
    let bar = talk.bar(0, "verifying");
    let report = verify_ledger(&args.target, trust, &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
    });
    bar.finish_and_clear();
    Ok(report)
}
