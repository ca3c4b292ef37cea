//! Assesses the model organisation: `cargo run --release -p sealbook-controls --example organisation -- 20000 [clean|faults [FOLDER]]`.
//! With a FOLDER it leaves there `entries.parquet`, `labels.parquet`, `views.sql` and `results.json`, for another engine to compare.
//! Tells of every test its result and time, of every planted fault whether its test names it, and sums up the frameworks.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "an example that measures and tells")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use sealbook_controls::outcome::{Assessment, RowOutcome, TestOutcome};
use sealbook_controls::{Limits, Period, Position, Request, VerifiedRange, assess, run_test};
use sealbook_core::entry::{Entry, SEALED_BY_DEFAULT, Source, Thread, seal};
use sealbook_core::hash::{ChainValue, SALT_BYTES};
use sealbook_core::time::Micros;
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_projection::{Builder, ParquetWriter, Place, portable_script};
use sealbook_simulate::{Config, Fault, Simulated, Simulation};

const DAY: i64 = 86_400_000_000;
const DAYS: u32 = 90;

fn main() -> Result<(), Box<dyn Error>> {
    let entries = std::env::args().nth(1).map_or(Ok(20_000), |n| n.parse())?;
    let faults = std::env::args().nth(2).is_none_or(|word| word == "faults");
    let folder = std::env::args().nth(3).map(PathBuf::from);
    let start = Micros::parse("2026-01-01T00:00:00Z")?;
    let simulation = Simulation::new(Config { seed: 7, entries, start, days: DAYS, faults })?;
    let planted = simulation.faults().to_vec();
    let mut builder = Builder::new(&Place::Temporary)?;
    let mut parquet = folder.as_ref().map(|folder| parquet(folder)).transpose()?;
    let mut ids = BTreeMap::new();
    let mut threads = BTreeMap::new();
    let mut size = 0;
    for event in simulation {
        ids.insert(event.event.id.clone(), size);
        let entry = entry(event, size, &mut threads);
        builder.push(&entry)?;
        if let Some(parquet) = &mut parquet {
            parquet.push(&entry)?;
        }
        size += 1;
    }
    let begun = Instant::now();
    let mut projection = builder.finish()?;
    println!("finished in {:?}", begun.elapsed());
    let (catalogue, policy) = (Catalogue::builtin()?, Policy::default_documented()?);
    let period = Period { from: start.0, to: start.0 + i64::from(DAYS) * DAY };
    let verified = ["inclusion", "consistency", "completeness", "signature", "chain"].map(|check| VerifiedRange {
        check: check.to_owned(),
        first_index: 0,
        end_index: size,
        ok: true,
        detail: String::new(),
    });
    let position = Position { origin: "example".to_owned(), size, root: String::new() };
    let request = Request {
        catalogue: &catalogue,
        policy: &policy,
        frameworks: &[],
        period,
        position,
        verified: verified.to_vec(),
        limits: Limits::default(),
    };
    let begun = Instant::now();
    let assessment = assess(&mut projection, &request)?;
    println!("assessed in {:?}", begun.elapsed());
    if let (Some(parquet), Some(folder)) = (parquet, folder) {
        parquet.finish()?;
        fs::write(folder.join("views.sql"), portable_script())?;
        fs::write(folder.join("results.json"), serde_json::to_vec_pretty(&assessment)?)?;
    }
    for test in &assessment.tests {
        let begun = Instant::now();
        if let Some(definition) = catalogue.test(&test.id) {
            std::hint::black_box(run_test(
                &projection,
                definition,
                &policy.bind(definition),
                period,
                &Limits::default(),
            ));
        }
        tell(test, begun.elapsed().as_millis());
    }
    compare(&planted, &assessment, &ids);
    for framework in &assessment.frameworks {
        println!("{}: {:?}", framework.id, framework.summary);
    }
    println!("void: {}", assessment.void);
    Ok(())
}

fn parquet(folder: &Path) -> Result<ParquetWriter<File>, Box<dyn Error>> {
    let file = |name: &str| File::create(folder.join(name));
    Ok(ParquetWriter::new(file("entries.parquet")?, file("labels.parquet")?)?)
}

/// Tells of every planted fault whether a failing row of its test names one of its events.
fn compare(planted: &[Fault], assessment: &Assessment, ids: &BTreeMap<String, u64>) {
    for fault in planted {
        let test = assessment.tests.iter().find(|test| test.id == fault.test);
        let events: BTreeSet<u64> = fault.events.iter().filter_map(|id| ids.get(id).copied()).collect();
        let found = test.is_some_and(|test| {
            let failing = test.findings.iter().filter(|finding| finding.outcome == RowOutcome::Fail);
            failing.flat_map(|finding| &finding.entries).any(|index| events.contains(index))
        });
        println!("{} {}: {}", if found { "found " } else { "MISSED" }, fault.test, fault.sentence);
    }
}

fn tell(test: &TestOutcome, ms: u128) {
    let (pass, fail, covered, open) = (test.pass, test.fail, test.covered, test.insufficient);
    println!(
        "{} {:?}: {pass} pass, {fail} fail ({covered} covered), {open} insufficient, {ms} ms",
        test.id, test.result
    );
    if let Some(error) = &test.error {
        println!("    {error}");
    }
    for finding in test.findings.iter().take(2) {
        println!("    {:?} {}: {}", finding.outcome, finding.subject, finding.reason);
    }
}

fn entry(simulated: Simulated, index: u64, threads: &mut BTreeMap<String, Thread>) -> Entry {
    let mut event = simulated.event;
    let before = threads.get(&event.subject.id).copied();
    let thread = Thread { n: before.map_or(1, |t| t.n + 1), prev: before.and_then(|t| t.prev) };
    threads.insert(event.subject.id.clone(), Thread { prev: Some(index), ..thread });
    let paths = SEALED_BY_DEFAULT.map(str::to_owned);
    let (commitments, _) = seal(&mut event, &paths, &mut || [0; SALT_BYTES]);
    Entry {
        index,
        recorded_at: simulated.recorded_at,
        prev: ChainValue([0; 32]),
        source: Source {
            id: simulated.source.to_owned(),
            format: "native".to_owned(),
            version: 1,
            sequence: simulated.sequence,
        },
        event,
        commitments,
        raw: None,
        thread,
        genesis: None,
        successor: None,
    }
}
