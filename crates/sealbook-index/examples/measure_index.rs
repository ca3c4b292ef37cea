//! Measures the index over a ledger that it makes: `measure [ENTRIES] [DIR]`. Each figure stands beside its reference.
#![expect(clippy::print_stdout, reason = "a measuring tool prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a measuring tool takes the time")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use sealbook_core::entry::Source;
use sealbook_core::event::{Correlation, Credential, Event, Identity, IdentityType, Kind, Outcome, Resource};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_index::{Field, Index, Query, State};
use sealbook_log::{Ledger, Reader, Sealing, Submission, create};

/// Entries when none are asked for.
const ENTRIES: u64 = 1_000_000;
/// Events of one commit.
const BATCH: u64 = 2_000;
/// Repetitions of a lookup; the median counts.
const REPEAT: usize = 9;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let entries = arguments.next().map_or(Ok(ENTRIES), |n| n.parse())?;
    let kept = arguments.next().map(PathBuf::from);
    let temporary = tempfile::tempdir()?;
    let root = kept.unwrap_or_else(|| temporary.path().join("ledger"));
    let reader = ledger(&root, entries)?;
    println!("{} entries", reader.size());
    build(&reader)?;
    let index = Index::open(&reader)?;
    index.catch_up(&reader)?;
    lookups(&reader, &index)
}

fn ledger(root: &Path, entries: u64) -> Result<Reader, Failure> {
    let world = World::real();
    if !root.exists() {
        create(&world, root, "example.org/measure")?;
    }
    let ledger = Ledger::open(&world, root, Sealing::default())?;
    let have = ledger.reader().size();
    for first in (have..entries).step_by(usize::try_from(BATCH)?) {
        ledger.commit((first..entries.min(first + BATCH)).map(submission).collect(), true)?;
    }
    ledger.close()?;
    Ok(Reader::open(&world, root)?)
}

/// An event like those of a cloud account: few busy identities, many rare ones, request ids that never repeat.
fn submission(n: u64) -> Submission {
    let mix = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let rank = 5_000 / (mix % 5_000 + 1) + mix % 300;
    let subject = Identity::new(format!("spiffe://example.org/ns/shop/sa/workload-{rank}"), IdentityType::Workload);
    let mut event = Event::new(format!("{mix:011x}-{n:08x}"), Kind::Decision, subject, Outcome::Allow);
    event.occurred_at = Some(Micros(1_772_323_200_000_000 + i64::try_from(n).unwrap_or(0) * 40_000));
    event.action = Some("s3:GetObject".to_owned());
    event.resource = Some(Resource {
        id: Some(format!("arn:aws:s3:::data-{}/part-{}", mix % 40, mix % 900)),
        environment: Some("production".to_owned()),
        ..Resource::default()
    });
    event.credential = Some(Credential { id: Some(format!("key-{rank}-{}", n / 5_000)), ..Credential::default() });
    event.correlation = Some(Correlation {
        request: Some(format!("{:016x}-{n:016x}", mix.wrapping_mul(n))),
        session: Some(format!("session-{rank}-{}", n / 1_000)),
        ..Correlation::default()
    });
    let source = Source { id: format!("cloud-{}", n % 4), format: "native".into(), version: 1, sequence: Some(n / 4) };
    Submission { source, event, raw: None }
}

fn build(reader: &Reader) -> Result<(), Failure> {
    let begun = Instant::now();
    let mut bytes = 0;
    for stored in reader.entries(0, reader.size()) {
        bytes += std::hint::black_box(stored?.entry()?.encode().len());
    }
    let reading = begun.elapsed();
    let begun = Instant::now();
    let index = Index::rebuild(reader)?;
    let building = begun.elapsed();
    let mut files = 0;
    for entry in std::fs::read_dir(reader.layout().derived("index"))? {
        files += entry?.metadata()?.len();
    }
    let size = reader.size();
    let ratio = building.as_secs_f64() / reading.as_secs_f64();
    println!("build: {building:.2?}, {ratio:.2} x reading and decoding ({reading:.2?}); {:?}", index.status());
    println!("files: {} bytes an entry, beside {} of the entry", files / size, bytes as u64 / size);
    State::remove(reader)?;
    let state = State::open(reader)?;
    let begun = Instant::now();
    state.catch_up(reader)?;
    println!("views: {:.2?} for {} sources", begun.elapsed(), state.sources().len());
    drop(index);
    let begun = Instant::now();
    let index = Index::open(reader)?;
    println!("open: {:.2?} for {} blocks", begun.elapsed(), index.status().blocks);
    Ok(())
}

fn lookups(reader: &Reader, index: &Index) -> Result<(), Failure> {
    let size = reader.size();
    let middle = reader.stored(size / 2)?.entry()?;
    let request = middle.event.correlation.and_then(|c| c.request).unwrap_or_default();
    let busy = "spiffe://example.org/ns/shop/sa/workload-77";
    let queries = [
        ("busy identity", Query::identity(busy)),
        ("some identity", Query::identity(&middle.event.subject.id)),
        ("nobody", Query::identity("nobody")),
        ("request id", Query::is(Field::Request, request)),
        (
            "identity and resource",
            Query::All(vec![
                Query::is(Field::Subject, busy),
                Query::is(Field::Resource, "arn:aws:s3:::data-17/part-377"),
            ]),
        ),
    ];
    for (name, query) in queries {
        let (mut whole, mut first, mut reads, mut hits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..REPEAT {
            let begun = Instant::now();
            index.search(reader, query.clone())?.limit(100).try_for_each(|hit| hit.map(drop))?;
            first.push(begun.elapsed());
            let begun = Instant::now();
            hits = index
                .search(reader, query.clone())?
                .map(|hit| hit.map(|hit| hit.stored.index))
                .collect::<Result<_, _>>()?;
            whole.push(begun.elapsed());
            let begun = Instant::now();
            for hit in &hits {
                std::hint::black_box(reader.stored(*hit)?.entry()?);
            }
            reads.push(begun.elapsed());
        }
        for times in [&mut whole, &mut first, &mut reads] {
            times.sort_unstable();
        }
        let middle = |times: &[std::time::Duration]| times.get(REPEAT / 2).copied().unwrap_or_default();
        println!(
            "{name}: {} hits in {:.2?} (first 100 in {:.2?}), reading them one by one {:.2?}",
            hits.len(),
            middle(&whole),
            middle(&first),
            middle(&reads)
        );
    }
    let begun = Instant::now();
    let found = index.event(reader, &middle.source.id, &middle.event.id)?;
    println!("event by its id: {:.2?}, found {}", begun.elapsed(), found.is_some());
    Ok(())
}
