//! `sealbook coverage`: what the entries show about the controls of each framework.

use std::path::{Path, PathBuf};

use sealbook_controls::outcome::{Assessment, ControlStatus};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_verifier::Trust;

use crate::context::{AssessArgs, CheckedLedger, checked};
use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `coverage`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sealbook coverage L --framework nist-csf-2.0 --from 2026-01-01 --to 2026-04-01 --fail-on not-satisfied"
)]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    #[command(flatten)]
    assess: AssessArgs,
    /// Exit with 1 where a control has this status.
    #[arg(long, value_name = "STATUS", value_parser = ["not-satisfied", "no-evidence"])]
    fail_on: Option<String>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// Arguments for all frameworks and the whole time of a ledger.
    pub fn of(ledger: &Path) -> Self {
        Self { ledger: ledger.to_owned(), assess: AssessArgs::default(), fail_on: None, json: false }
    }
}

/// A verified ledger and what its entries show.
pub struct Covered {
    ledger: CheckedLedger,
    catalogue: Catalogue,
    policy: Policy,
    assessment: Assessment,
}

/// Verifies the ledger, runs every control test, prints status by control.
///
/// # Errors
/// When the ledger is refuted, or a framework is unknown.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let assessment = cover(args, talk)?.assessment;
    let failing = |status: ControlStatus| match args.fail_on.as_deref() {
        Some("not-satisfied") => status == ControlStatus::NotSatisfied,
        Some("no-evidence") => matches!(status, ControlStatus::NotSatisfied | ControlStatus::NoEvidence),
        _ => false,
    };
    let fails = assessment.void && args.fail_on.is_some()
        || assessment
            .frameworks
            .iter()
            .flat_map(|framework| &framework.controls)
            .any(|control| failing(control.status));
    Ok(if fails { Exit::No } else { Exit::Yes })
}

/// Verifies, assesses and prints.
///
/// # Errors
/// When the ledger is refuted, or a framework is unknown.
pub fn cover(args: &Args, talk: Talk) -> anyhow::Result<Covered> {
    let catalogue = args.assess.load_catalogue()?;
    let policy = args.assess.load_policy(&args.ledger, &catalogue)?;
    let ledger = checked(&World::real(), &args.ledger, &Trust::default(), talk)?;
    let assessment = ledger.assess(&args.assess, &catalogue, &policy, talk)?.assessment;
    if args.json {
        output::json(&sealbook_reports::json::coverage(&assessment)?)?;
    } else {
        output::write(&sealbook_reports::text::coverage(&assessment, &catalogue)?)?;
    }
    Ok(Covered { ledger, catalogue, policy, assessment })
}

/// Prints the controls of each framework by status, for each thirty days of what was covered.
///
/// # Errors
/// When the entries cannot be read.
pub fn by_month(covered: &Covered, talk: Talk) -> anyhow::Result<()> {
    const MONTH_MICROS: i64 = 30 * 86_400_000_000;
    let Covered { ledger, catalogue, policy, assessment: whole } = covered;
    let mut from = whole.from;
    while from < whole.to {
        let to = (from + MONTH_MICROS).min(whole.to);
        let month = AssessArgs { from: Some(Micros(from)), to: Some(Micros(to)), ..AssessArgs::default() };
        let assessment = ledger.assess(&month, catalogue, policy, talk)?.assessment;
        for framework in &assessment.frameworks {
            let count = |status| framework.summary.get(&status).copied().unwrap_or(0);
            output::line(format!(
                "{:.10} to {:.10}  {:<22} {:>3} satisfied {:>3} supported {:>3} not satisfied {:>3} no evidence",
                Micros(from).to_string(),
                Micros(to).to_string(),
                framework.id,
                count(ControlStatus::Satisfied),
                count(ControlStatus::Supported),
                count(ControlStatus::NotSatisfied),
                count(ControlStatus::NoEvidence),
            ))?;
        }
        from = to;
    }
    Ok(())
}
