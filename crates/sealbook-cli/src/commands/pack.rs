//! `sealbook pack`: an evidence pack.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sealbook_core::event::{Identity, IdentityType, sealable};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_log::{Ledger, LogKey, Sealing};
use sealbook_packs::{Made, PackRequest, Plan, Words, export_act, make};
use sealbook_reports::Verification;
use sealbook_verifier::Trust;
use serde_json::json;

use crate::context::{AssessArgs, PRODUCT, checked};
use crate::output::{self, Exit};
use crate::progress::Talk;

/// Arguments of `pack`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sealbook pack L --framework nist-csf-2.0 --from 2026-01-01 --to 2026-04-01 --out pack.zip\n\
    The ledger is verified first, and the export becomes an entry of it."
)]
pub struct Args {
    #[command(flatten)]
    pub what: ExportArgs,
    /// File to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Print what was made as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What is exported, whether as a pack or as a report alone.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Folder of the ledger.
    pub ledger: PathBuf,
    #[command(flatten)]
    pub assess: AssessArgs,
    /// Sealed field whose values are disclosed, such as `context.source_ip`; repeat it for several. Without it: none.
    #[arg(long, value_name = "FIELD")]
    pub disclose: Vec<String>,
    /// Who exports, as the ledger records it. Without it: the name that the system gives, as `os:NAME`.
    #[arg(long, value_name = "ID")]
    pub by: Option<String>,
    /// Title of the report instead of its own.
    #[arg(long)]
    pub title: Option<String>,
    /// Handling words on every page, such as CONFIDENTIAL.
    #[arg(long, value_name = "WORDS")]
    pub classification: Option<String>,
}

impl Args {
    /// Arguments for a pack of everything in a ledger.
    pub fn of(ledger: &Path, out: &Path) -> Self {
        let what = ExportArgs {
            ledger: ledger.to_owned(),
            assess: AssessArgs::default(),
            disclose: Vec::new(),
            by: None,
            title: None,
            classification: None,
        };
        Self { what, out: out.to_owned(), json: false }
    }
}

/// Makes the pack.
///
/// # Errors
/// When the ledger is refuted or open elsewhere, or the pack cannot be written; a file that was begun is removed.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let name = args.out.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let file = File::create_new(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let mut out = BufWriter::new(file);
    let made = match export(&args.what, name, &mut out, talk) {
        Ok(made) => made,
        Err(error) => {
            drop(out);
            if let Err(left) = std::fs::remove_file(&args.out) {
                talk.say(format!("{} is incomplete and could not be removed: {left}", args.out.display()));
            }
            return Err(error);
        }
    };
    report(args, &made, talk)
}

fn report(args: &Args, made: &Made, talk: Talk) -> anyhow::Result<Exit> {
    let manifest = &made.manifest;
    if args.json {
        output::json(&json!({
            "file": args.out, "bytes": made.bytes, "first": manifest.first, "end": manifest.end, "export": manifest.export,
            "from": manifest.from.to_string(), "to": manifest.to.to_string(), "void": made.assessment.void,
        }))?;
    } else {
        output::line(args.out.display().to_string())?;
        talk.say(format!(
            "{} entries, {} files, {} bytes",
            manifest.end - manifest.first,
            manifest.files.len(),
            made.bytes
        ));
    }
    Ok(Exit::Yes)
}

/// Who runs this process, by the system's word alone.
fn system_user() -> Option<Identity> {
    let name = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).ok().filter(|name| !name.is_empty())?;
    Some(Identity::new(format!("os:{name}"), IdentityType::Unknown))
}

/// Records the export, verifies the ledger, and makes a pack of it.
///
/// # Errors
/// When the ledger is refuted or open elsewhere, or `out` cannot be written.
pub fn export(args: &ExportArgs, pack_file: String, out: &mut dyn Write, talk: Talk) -> anyhow::Result<Made> {
    if let Some(path) = args.disclose.iter().find(|path| !sealable(path)) {
        bail!("{path:?} is no field that can be sealed");
    }
    let world = World::real();
    let catalogue = args.assess.load_catalogue()?;
    let policy = args.assess.load_policy(&args.ledger, &catalogue)?;
    let ledger = Ledger::open(&world, &args.ledger, Sealing::default())?;
    let (origin, id) = (ledger.reader().origin().to_owned(), ledger.reader().size().to_string());
    let mut act = export_act(&origin, &id, Micros(world.clock.now()), &args.assess.frameworks, &args.disclose);
    act.event.actor = args.by.clone().map(|id| Identity::new(id, IdentityType::Human)).or_else(system_user);
    let answer = ledger.commit(vec![act], true)?;
    let export = answer.placed.first().map(sealbook_log::Placed::index);
    ledger.close()?;
    let whole = checked(&world, &args.ledger, &Trust::default(), talk)?;
    let key = LogKey::load(&world, whole.reader.layout())?;
    let checkpoint = whole.reader.checkpoint();
    let summary = |report: &sealbook_verifier::Report| {
        let checked = report.checked();
        format!(
            "{} entries, {} commits and {} signatures were checked",
            checked.entries, checked.commits, checked.signatures
        )
    };
    let verification =
        Verification { verdict: whole.report.verdict().word().to_owned(), detail: summary(&whole.report) };
    let request = PackRequest {
        reader: &whole.reader,
        checkpoint: &checkpoint,
        key: &key,
        plan: Plan {
            catalogue: &catalogue,
            policy: &policy,
            frameworks: &args.assess.frameworks,
            from: args.assess.from.map(|time| time.0),
            to: args.assess.to.map(|time| time.0),
        },
        first: 0,
        disclose: &args.disclose,
        export,
        words: Words {
            number: String::new(),
            title: args.title.clone(),
            classification: args.classification.clone(),
            product: PRODUCT.to_owned(),
            pack_file,
            verification: Some(verification),
        },
    };
    Ok(make(&request, out)?)
}
