//! `sealbook verify`: a ledger folder, an evidence pack, a proof file or a receipt. Packs are re-performed, too.

use std::path::{Path, PathBuf};

use sealbook_verifier::{
    Kind, PackContents, Progress, Report, Trust, kind_of, read_keys, read_note, verify_pack, verify_target,
};

use crate::context::PRODUCT;
use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sealbook verify L --key verifier.key --at-least checkpoint.last-year\n  \
    sealbook verify evidence-pack.zip --key verifier.key\n  sealbook verify entry-42.tlog-proof --key verifier.key\n\n\
    Exit status: 0 VERIFIED, 1 REFUTED, 2 UNDECIDED. The key must come from elsewhere than what is verified:\n\
    without it a pack is UNDECIDED, and a ledger is checked against nothing but itself.")]
pub struct Args {
    /// Ledger folder, evidence pack, `.tlog-proof` or `.receipt`.
    target: PathBuf,
    /// Verifier key, as text or as a file that holds it; repeat it for several.
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
    /// An earlier signed checkpoint: what it says must still be so. For a receipt: the checkpoint of its root, which tells
    /// where the entry stands.
    #[arg(long, value_name = "FILE")]
    at_least: Option<PathBuf>,
    /// The entry's bytes, for a proof or receipt. Without it: the file beside it that ends in `.cbor`.
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
    let mut keys = Vec::new();
    for given in &args.keys {
        keys.extend(read_keys(given).map_err(anyhow::Error::msg)?);
    }
    let at_least = args.at_least.as_deref().map(read_note).transpose().map_err(anyhow::Error::msg)?;
    let report = check(args, &Trust { keys, at_least }, talk);
    if args.json {
        output::json(&report.json())?;
    } else {
        output::write(&report.to_string())?;
    }
    Ok(report.verdict().into())
}

impl Args {
    /// Arguments for verifying `target` with the key in a file.
    pub fn of(target: &Path, key: &Path) -> Self {
        let keys = vec![key.display().to_string()];
        Self { target: target.to_owned(), keys, at_least: None, entry: None, json: false }
    }
}

fn check(args: &Args, trust: &Trust, talk: Talk) -> Report {
    let bar = talk.bar(0, "verifying");
    let mut progress = |progress: Progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
    };
    let report = match kind_of(&args.target) {
        Ok(Kind::Pack) => {
            let (mut report, contents) = verify_pack(&args.target, trust, &mut progress);
            match contents {
                Some(contents) => reperform(&mut report, &contents),
                None => report.remark("the tests were not run again: they would rest on what is wrong or missing"),
            }
            report
        }
        _ => verify_target(&args.target, args.entry.as_deref(), trust, &mut progress),
    };
    bar.finish_and_clear();
    report
}

/// Runs every test of a pack again and adds to the report what differs.
fn reperform(report: &mut Report, contents: &PackContents) {
    let again = match sealbook_packs::reperform(contents, PRODUCT) {
        Ok(again) => again,
        Err(error) => return report.leave_undecided(format!("the tests could not be run again: {error}")),
    };
    for difference in &again.differences {
        let sealbook_packs::Difference { file, place, said, found } = difference;
        report.refute_results(file, format!("at {place} the pack says {said}, the re-run gives {found}"));
    }
    if again.differences_more > 0 {
        report.refute_results("results.json", format!("{} further differences", again.differences_more));
    }
    if again.assessment.void {
        report.remark("an integrity test failed, so that the results say of themselves that they are void");
    }
    for note in again.notes {
        report.remark(note);
    }
    if again.differences.is_empty() {
        let (tests, files) = (again.assessment.tests.len(), again.files);
        report.remark(format!("{tests} tests were run again with the same results, {files} files made again"));
    }
}
