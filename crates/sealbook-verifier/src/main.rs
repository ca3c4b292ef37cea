//! `sealbook-verify`: checks a ledger folder, an evidence pack, a proof file or a receipt, and says so by words and exit status.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use sealbook_verifier::{Trust, read_keys, read_note, verify_target};

const HELP: &str = "\
Exit status: 0 VERIFIED, 1 REFUTED (what and where is printed), 2 UNDECIDED (what is missing is printed).

Examples:
  sealbook-verify evidence-pack.zip --key verifier.key
  sealbook-verify ledger/ --key @verifier.key --at-least checkpoint-of-last-year
  sealbook-verify entry-17.tlog-proof --entry entry-17.cbor --key 'name+hash+key' --json";

/// Checks a ledger folder, an evidence pack, a .tlog-proof or a .receipt. Needs no network and writes nothing.
#[derive(Parser)]
#[command(version, after_help = HELP)]
struct Arguments {
    /// Ledger folder, evidence pack, .tlog-proof or .receipt.
    target: PathBuf,
    /// Verifier key from its owner: the key itself, or the file that holds it (@FILE or FILE). May be repeated.
    #[arg(long)]
    key: Vec<String>,
    /// File with an earlier signed checkpoint, which must still be contained.
    #[arg(long, value_name = "CHECKPOINT")]
    at_least: Option<PathBuf>,
    /// File with the entry that a .tlog-proof or .receipt is about; otherwise the file beside it with the suffix .cbor.
    #[arg(long, value_name = "FILE")]
    entry: Option<PathBuf>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Could not tell: bad usage, unreadable input.
const UNDECIDED: u8 = 2;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let trust = match trust(&arguments) {
        Ok(trust) => trust,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "sealbook-verify: {why}");
            return ExitCode::from(UNDECIDED);
        }
    };
    let report = verify_target(&arguments.target, arguments.entry.as_deref(), &trust, &mut |_| {});
    let text = if arguments.json { format!("{}\n", report.json()) } else { report.to_string() };
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::from(report.verdict().exit_code()),
        Err(_) => ExitCode::from(UNDECIDED),
    }
}

fn trust(arguments: &Arguments) -> Result<Trust, String> {
    let mut keys = Vec::new();
    for given in &arguments.key {
        keys.extend(read_keys(given)?);
    }
    let at_least = match &arguments.at_least {
        Some(path) => Some(read_note(path)?),
        None => None,
    };
    Ok(Trust { keys, at_least })
}
