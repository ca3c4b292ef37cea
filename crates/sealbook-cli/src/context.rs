//! What several commands need: catalogue, policy, keys, a verified ledger and its assessment.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_log::Reader;
use sealbook_packs::{Assessed, Plan};
use sealbook_verifier::{Report, Trust, Verdict, verify_ledger};

use crate::progress::Talk;

/// Name and version, as packs and reports print it.
pub const PRODUCT: &str = concat!("Sealbook ", env!("CARGO_PKG_VERSION"));

/// Catalogue, policy and period: the same arguments wherever controls are assessed.
#[derive(Debug, Default, clap::Args)]
pub struct AssessArgs {
    /// Framework id; repeat it for several. Without it: those of the policy's scope, else all.
    #[arg(long = "framework", value_name = "ID")]
    pub frameworks: Vec<String>,
    /// Start of the period: a date or an RFC 3339 time. Without it: the first event.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    pub from: Option<Micros>,
    /// End of the period, exclusive. Without it: after the last event.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    pub to: Option<Micros>,
    /// The operator's policy. Without it: LEDGER/policy.toml where there is one, else the built-in default.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// A folder with further frameworks and control tests, laid over the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub catalogue: Option<PathBuf>,
}

impl AssessArgs {
    /// The catalogue.
    ///
    /// # Errors
    /// When the user's folder cannot be read; the error names the file.
    pub fn load_catalogue(&self) -> anyhow::Result<Catalogue> {
        match &self.catalogue {
            Some(dir) => Catalogue::builtin_with(dir).context("the catalogue cannot be used"),
            None => Catalogue::builtin().context("the built-in catalogue cannot be used"),
        }
    }

    /// The policy.
    ///
    /// # Errors
    /// When a policy was given or found but cannot be used; the error names file and key.
    pub fn load_policy(&self, ledger: &Path, catalogue: &Catalogue) -> anyhow::Result<Policy> {
        let beside = ledger.join("policy.toml");
        let policy = match &self.policy {
            Some(file) => Policy::load(file)?,
            None if beside.exists() => Policy::load(&beside)?,
            None => Policy::default_documented()?,
        };
        policy.check(catalogue)?;
        Ok(policy)
    }
}

/// A ledger that the verifier has read from end to end.
pub struct CheckedLedger {
    /// Its entries.
    pub reader: Reader,
    /// What the verifier found.
    pub report: Report,
}

/// Verifies a ledger and opens it for reading. Nothing is computed from a ledger that was refuted.
///
/// # Errors
/// When the ledger is refuted or cannot be read.
pub fn checked(world: &World, ledger: &Path, trust: &Trust, talk: Talk) -> anyhow::Result<CheckedLedger> {
    // Opened first: its size is then covered by what is verified after it.
    let reader = Reader::open(world, ledger)?;
    let bar = talk.bar(0, "verifying");
    let report = verify_ledger(ledger, trust, &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
    });
    bar.finish_and_clear();
    match report.verdict() {
        Verdict::Verified(_) => Ok(CheckedLedger { reader, report }),
        verdict => {
            let why: Vec<String> = report.failures().iter().map(ToString::to_string).collect();
            let why = if why.is_empty() { report.missing().join("; ") } else { why.join("; ") };
            anyhow::bail!("{} is {}: {why}", ledger.display(), verdict.word())
        }
    }
}

impl CheckedLedger {
    /// Runs every control test over a projection built afresh from the entries.
    ///
    /// # Errors
    /// When a framework is unknown, the period is empty, or the entries cannot be read.
    pub fn assess(
        &self,
        args: &AssessArgs,
        catalogue: &Catalogue,
        policy: &Policy,
        talk: Talk,
    ) -> anyhow::Result<Assessed> {
        let plan = Plan {
            catalogue,
            policy,
            frameworks: &args.frameworks,
            from: args.from.map(|time| time.0),
            to: args.to.map(|time| time.0),
        };
        let checkpoint = self.reader.checkpoint();
        let bar = talk.bar(checkpoint.size, "reading entries");
        let entries = self.reader.entries(0, checkpoint.size).map(|stored| {
            bar.inc(1);
            stored
                .map_err(|error| error.to_string())
                .and_then(|stored| stored.entry().map_err(|error| error.to_string()))
        });
        let position = sealbook_packs::position(&self.reader, &checkpoint);
        let verified = |first| sealbook_packs::verified_ranges(&self.reader, &checkpoint, first);
        let assessed = sealbook_packs::assess(entries, position, verified, &plan)?;
        bar.finish_and_clear();
        Ok(assessed)
    }
}
