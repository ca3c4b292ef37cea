//! `sealbook keys`: the verifier keys of a ledger, and a new signing key.

use std::path::PathBuf;

use sealbook_disk::World;
use sealbook_log::{Ledger, Reader, Sealing};

use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the verifier key that checks the newest checkpoint (C2SP vkey).
    Show {
        /// Folder of the ledger.
        ledger: PathBuf,
        /// Every key that signed the ledger, newest first.
        #[arg(long)]
        all: bool,
    },
    /// Make a new signing key, which takes over: an entry names it, and the old key signs that entry. Prints the new
    /// verifier key. Not while a service writes to the ledger.
    Rotate {
        /// Folder of the ledger.
        ledger: PathBuf,
    },
}

/// Prints or changes the key.
///
/// # Errors
/// When there is no ledger, or it cannot be written.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let world = World::real();
    match &args.what {
        What::Show { ledger, all } => {
            let reader = Reader::open(&world, ledger)?;
            let keys = if *all { reader.ring().lines() } else { format!("{}\n", reader.verifier_key()) };
            keys.lines().try_for_each(output::line)?;
        }
        What::Rotate { ledger } => {
            let open = Ledger::open(&world, ledger, Sealing::default())?;
            let key = open.rotate_key()?;
            let size = open.reader().size();
            open.close()?;
            talk.say(format!("entry {} names the key; give it to whoever verifies the ledger", size - 1));
            output::line(key.to_string())?;
        }
    }
    Ok(Exit::Yes)
}
