//! `sealbook rebuild`: the derived stores, thrown away and made anew from the log.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sealbook_disk::World;
use sealbook_log::Reader;
use sealbook_projection::ParquetWriter;
use serde_json::json;

use crate::commands::query::keep;
use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `rebuild`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// Print what was made as JSON.
    #[arg(long)]
    json: bool,
}

/// Rebuilds tiles, index, state, projection and columns.
///
/// # Errors
/// When the log is damaged or a file cannot be written.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let world = World::real();
    let reader = Reader::open(&world, &args.ledger)?;
    let tiles = sealbook_log::rebuild_tiles(&world, &args.ledger)?;
    talk.say(format!("tiles: {tiles} full"));
    sealbook_index::rebuild(&reader)?;
    talk.say("index and state: made anew");
    let sql = reader.layout().derived("sql");
    if sql.exists() {
        std::fs::remove_dir_all(&sql).with_context(|| format!("cannot remove {}", sql.display()))?;
    }
    keep(&reader, talk)?;
    columns(&reader, &reader.layout().derived("columns"))?;
    talk.say("columns: made anew");
    if args.json {
        output::json(&json!({ "size": reader.size(), "tiles": tiles }))?;
    } else {
        output::line(format!("rebuilt from {} entries", reader.size()))?;
    }
    Ok(Exit::Yes)
}

/// Writes the entries as Parquet.
fn columns(reader: &Reader, dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let create = |name: &str| {
        let path = dir.join(name);
        File::create(&path).with_context(|| format!("cannot write {}", path.display()))
    };
    let mut writer = ParquetWriter::new(create("entries.parquet")?, create("labels.parquet")?)?;
    for stored in reader.entries(0, u64::MAX) {
        writer.push(&stored?.entry()?)?;
    }
    writer.finish()?;
    Ok(())
}
