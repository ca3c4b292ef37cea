//! `sealbook export`: the log as static files that anyone can serve and check.

use std::path::PathBuf;

use anyhow::Context as _;
use sealbook_core::tile::Tile;
use sealbook_disk::World;
use sealbook_log::Reader;

use crate::output::Exit;
use crate::progress::Talk;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// Folder to write `checkpoint` and `tile/…` to (C2SP tlog-tiles).
    #[arg(long, value_name = "DIR")]
    tiles: PathBuf,
}

/// Writes every tile, then the checkpoint that they lead to.
///
/// # Errors
/// When the ledger cannot be read or a file cannot be written.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let reader = Reader::open(&World::real(), &args.ledger)?;
    let checkpoint = reader.checkpoint();
    let mut written = 0u64;
    for tile in Tile::all(checkpoint.size) {
        let path = args.tiles.join(tile.to_string());
        let bytes = reader.tile(&tile)?.with_context(|| format!("{tile} is not in the log"))?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        written += 1;
    }
    let path = args.tiles.join("checkpoint");
    std::fs::write(&path, &checkpoint.note).with_context(|| format!("cannot write {}", path.display()))?;
    talk.say(format!("{written} tiles of {} entries in {}", checkpoint.size, args.tiles.display()));
    Ok(Exit::Yes)
}
