//! `sealbook prove`: an entry and the proof that it is in the ledger, as files.

use std::path::PathBuf;

use anyhow::Context as _;
use sealbook_core::receipt::UnsignedReceipt;
use sealbook_disk::World;
use sealbook_log::{LogKey, Reader};
use serde_json::json;

use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `prove`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook prove L 42 && sealbook verify entry-42.tlog-proof --key verifier.key")]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// Index of the entry.
    index: u64,
    /// Folder to write `entry-INDEX.cbor` and `entry-INDEX.tlog-proof` to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Also write a COSE receipt (RFC 9942) to this file, signed with the ledger's key. It shows that the entry is in the
    /// ledger, not where.
    #[arg(long, value_name = "FILE.receipt")]
    receipt: Option<PathBuf>,
    /// Print what was written as JSON.
    #[arg(long)]
    json: bool,
}

/// Writes the files.
///
/// # Errors
/// When there is no such entry, a file cannot be written, or a receipt is asked for and the key cannot be read.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let world = World::real();
    let reader = Reader::open(&world, &args.ledger)?;
    let proof = reader.prove(args.index)?;
    let stored = reader.stored(args.index)?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let entry_path = args.out.join(format!("entry-{}.cbor", args.index));
    let proof_path = args.out.join(format!("entry-{}.tlog-proof", args.index));
    std::fs::write(&entry_path, &stored.bytes).with_context(|| format!("cannot write {}", entry_path.display()))?;
    std::fs::write(&proof_path, proof.to_string()).with_context(|| format!("cannot write {}", proof_path.display()))?;
    if let Some(path) = &args.receipt {
        let key = LogKey::load(&world, reader.layout()).context("a receipt is signed with the ledger's key")?;
        let subject = stored.entry()?.event.subject.id;
        let receipt = UnsignedReceipt::inclusion(key.verifier(), &subject, &stored.bytes, &proof)?;
        std::fs::write(path, key.sign_receipt(&receipt)).with_context(|| format!("cannot write {}", path.display()))?;
        talk.say(format!("the receipt is in {}", path.display()));
    }
    if args.json {
        let hashes = proof.hashes.len();
        output::json(&json!({
            "index": args.index, "entry": entry_path, "proof": proof_path, "hashes": hashes, "receipt": args.receipt,
        }))?;
    } else {
        output::line(proof_path.display().to_string())?;
        talk.say(format!("the entry's bytes are in {}", entry_path.display()));
    }
    Ok(Exit::Yes)
}
