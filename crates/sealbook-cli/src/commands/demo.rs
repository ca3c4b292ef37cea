//! `sealbook demo`: the whole way, from events to a verified evidence pack, on the model organisation.

use std::fs::File;
use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, bail};
use sealbook_core::entry::Source;
use sealbook_core::time::Micros;
use sealbook_disk::{Clock as _, RealDisk, SetClock, SystemClock, SystemEntropy, World};
use sealbook_log::{Ledger, Sealing, Submission};
use sealbook_simulate::{Config, Fault, Simulation};

use crate::commands::{coverage, pack, serve, verify};
use crate::output::Exit;
use crate::progress::Talk;

const DAYS: u32 = 90;
const DAY_MICROS: i64 = 86_400_000_000;
/// Name of the demo's ledger in its checkpoints.
const ORIGIN: &str = "demo.sealbook.example/corvane";
/// The policy of the model organisation.
const POLICY: &str = include_str!("demo-policy.toml");

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Leaves DIR/ledger/, DIR/evidence-pack.zip, DIR/report.pdf and DIR/verifier.key.")]
pub struct Args {
    /// Folder to work in; it must not exist yet.
    #[arg(default_value = "sealbook-demo")]
    dir: PathBuf,
    /// How many events.
    #[arg(long, default_value_t = 20_000)]
    entries: usize,
    /// The same seed gives the same organisation.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Then run the service over the demo's ledger until it is interrupted.
    #[arg(long)]
    serve: bool,
    /// Where the service listens.
    #[arg(long, default_value = "127.0.0.1:8420", value_name = "ADDR")]
    listen: SocketAddr,
}

/// Runs the demo.
///
/// # Errors
/// When the folder exists, or any step fails; the demo hides nothing.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    if args.dir.exists() {
        bail!("{} exists already: remove it, or name another folder (`sealbook demo DIR`)", args.dir.display());
    }
    let clock = Stopwatch::start(talk);
    let ledger = args.dir.join("ledger");
    let key = args.dir.join("verifier.key");
    std::fs::create_dir_all(&args.dir).with_context(|| format!("cannot create {}", args.dir.display()))?;

    clock.step("1. A ledger for the model organisation");
    let faults = fill(args, &ledger, &key, talk)?;
    clock.done(format!("{} events of {DAYS} days committed; {} faults were planted", args.entries, faults.len()));

    clock.step("2. Is it whole? Checked with nothing but the verifier key");
    let mut exit = verify::run(&verify::Args::of(&ledger, &key), talk)?;

    clock.step("3. What do the entries show?");
    let covered = coverage::cover(&coverage::Args::of(&ledger), talk)?;
    clock.step("   The same by month: the faults do not lie in every one");
    coverage::by_month(&covered, talk)?;

    clock.step("4. An evidence pack, and its report");
    let file = args.dir.join("evidence-pack.zip");
    let pdf = args.dir.join("report.pdf");
    write_pack(&ledger, &file, &pdf, talk)?;
    clock.done(format!("{} and {}", file.display(), pdf.display()));

    clock.step("5. What an auditor does with it: check everything, re-run every test, compare every figure");
    let verdict = verify::run(&verify::Args::of(&file, &key), talk)?;
    if verdict != Exit::Yes {
        exit = verdict;
    }
    next_steps(args, &clock, talk);
    if args.serve && exit == Exit::Yes {
        return serve::run(&serve::Args::of(&ledger, args.listen), talk);
    }
    Ok(exit)
}

/// Creates the ledger and commits the organisation's events, each at its own time.
fn fill(args: &Args, ledger: &Path, key: &Path, talk: Talk) -> anyhow::Result<Vec<Fault>> {
    let today = SystemClock.now().div_euclid(DAY_MICROS) * DAY_MICROS;
    let start = today - i64::from(DAYS) * DAY_MICROS;
    let config = Config { seed: args.seed, entries: args.entries, start: Micros(start), days: DAYS, faults: true };
    let simulation = Simulation::new(config)?;
    let faults = simulation.faults().to_vec();
    let clock = SetClock::new(start);
    let world = World { disk: Arc::new(RealDisk), clock: Arc::new(clock.clone()), entropy: Arc::new(SystemEntropy) };
    let verifier = sealbook_log::create(&world, ledger, ORIGIN)?;
    std::fs::write(key, format!("{verifier}\n")).with_context(|| format!("cannot write {}", key.display()))?;
    let policy = ledger.join("policy.toml");
    std::fs::write(&policy, POLICY).with_context(|| format!("cannot write {}", policy.display()))?;
    let open = Ledger::open(&world, ledger, Sealing::default())?;
    let bar = talk.bar(args.entries as u64, "committing");
    for simulated in simulation {
        clock.set(simulated.recorded_at.0);
        let format = simulated.source.split('/').next().unwrap_or("native").to_owned();
        let source = Source { id: simulated.source.to_owned(), format, version: 1, sequence: simulated.sequence };
        let raw = serde_json::to_vec(&sealbook_sources::to_json(&simulated.event))?;
        let raw = Some((raw, "application/json".to_owned()));
        open.commit(vec![Submission { source, event: simulated.event, raw }], true)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    open.close()?;
    Ok(faults)
}

fn write_pack(ledger: &Path, file: &Path, pdf: &Path, talk: Talk) -> anyhow::Result<()> {
    let args = pack::Args::of(ledger, file);
    let out = File::create_new(file).with_context(|| format!("cannot create {}", file.display()))?;
    let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let made = pack::export(&args.what, name, &mut BufWriter::new(out), talk)?;
    std::fs::write(pdf, &made.pdf).with_context(|| format!("cannot write {}", pdf.display()))
}

fn next_steps(args: &Args, clock: &Stopwatch, talk: Talk) {
    let dir = args.dir.display();
    clock.step(&format!("Done in {:.0} s. What to try next:", clock.begun.elapsed().as_secs_f64()));
    for line in [
        format!("open {dir}/report.pdf"),
        format!("sealbook coverage {dir}/ledger --framework owasp-nhi-top10-2025"),
        format!("sealbook log {dir}/ledger --kind exception"),
        format!("sealbook verify {dir}/evidence-pack.zip --key {dir}/verifier.key"),
        format!("printf X | dd of={dir}/evidence-pack.zip bs=1 seek=50000 conv=notrunc  # then verify again: refuted"),
        format!("sealbook serve {dir}/ledger"),
    ] {
        talk.say(format!("  {line}"));
    }
}

struct Stopwatch {
    begun: Instant,
    talk: Talk,
}

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the demo tells people how long it took")]
    fn start(talk: Talk) -> Self {
        Self { begun: Instant::now(), talk }
    }

    fn step(&self, what: &str) {
        self.talk.say(format!("\n{what}"));
    }

    fn done(&self, what: String) {
        self.talk.say(format!("   {what} ({:.1} s)", self.begun.elapsed().as_secs_f64()));
    }
}
