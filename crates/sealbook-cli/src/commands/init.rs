//! `sealbook init`: a new ledger and its key.

use std::path::PathBuf;

use sealbook_disk::World;

use crate::output::{self, Exit};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook init /var/lib/sealbook --origin ledger.example.com/audit\n\
    The verifier key is the only thing on standard output. Give it to your auditors now, by another way than the ledger.")]
pub struct Args {
    /// Folder of the ledger; it must not hold anything yet.
    ledger: PathBuf,
    /// Name of the ledger in every checkpoint: a URL without scheme, without spaces or plus signs.
    #[arg(long)]
    origin: String,
}

/// Creates the ledger.
///
/// # Errors
/// When something is there already, or the origin cannot name a ledger.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let key = sealbook_log::create(&World::real(), &args.ledger, &args.origin)?;
    output::line(key.to_string())?;
    Ok(Exit::Yes)
}
