//! `sealbook keys`: the verifier key of a ledger.

use std::path::PathBuf;

use sealbook_disk::World;
use sealbook_log::Reader;

use crate::output::{self, Exit};

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the verifier key (C2SP vkey).
    Show {
        /// Folder of the ledger.
        ledger: PathBuf,
    },
}

/// Prints the key.
///
/// # Errors
/// When there is no ledger.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let What::Show { ledger } = &args.what;
    output::line(Reader::open(&World::real(), ledger)?.verifier_key().to_string())?;
    Ok(Exit::Yes)
}
