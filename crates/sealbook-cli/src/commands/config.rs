//! `sealbook config`: what the settings come to, and whether they can be used.

use std::path::PathBuf;

use anyhow::Context as _;
use sealbook_disk::World;
use sealbook_log::Sealing;
use sealbook_service::{check_tls, load_sources};

use crate::output::{self, Exit};
use crate::settings::{Flags, SettingArgs};

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check a configuration file and the files that it names; print every setting, its value and where that came from.
    /// Exit status 2 where something is wrong.
    Check {
        /// Configuration file.
        file: PathBuf,
        #[command(flatten)]
        flags: Flags,
    },
    /// Print every setting, its value and where that came from, without looking at any other file.
    Show(SettingArgs),
}

/// Checks or prints.
///
/// # Errors
/// With everything that is wrong.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let settings = match &args.what {
        What::Check { file, flags } => {
            let settings = flags.gather(Some(file))?;
            Sealing::with(&settings.seal()).context("seal")?;
            if let Some(files) = settings.tls() {
                check_tls(&files, &World::real())?;
            }
            if let Some(folder) = settings.sources() {
                load_sources(&folder)?;
            }
            settings
        }
        What::Show(args) => args.flags.gather(args.config.as_deref())?,
    };
    output::write(&settings.shown())?;
    Ok(Exit::Yes)
}
