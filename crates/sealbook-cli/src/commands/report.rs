//! `sealbook report`: the PDF alone.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::commands::pack::{ExportArgs, export};
use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook report L --framework owasp-nhi-top10-2025 --out report.pdf\n\
    The same report lies in an evidence pack, whose verification makes it again and compares it.")]
pub struct Args {
    #[command(flatten)]
    what: ExportArgs,
    /// File to write; it must not exist.
    #[arg(long, value_name = "FILE.pdf")]
    out: PathBuf,
}

/// Makes the report.
///
/// # Errors
/// When the ledger is refuted or open elsewhere, or the file cannot be written.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let mut file =
        std::fs::File::create_new(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let made = export(&args.what, "evidence-pack.zip".to_owned(), &mut std::io::sink(), talk)?;
    std::io::Write::write_all(&mut file, &made.pdf).with_context(|| format!("cannot write {}", args.out.display()))?;
    output::line(args.out.display().to_string())?;
    Ok(Exit::Yes)
}
