//! `sealbook log`: lists entries.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use sealbook_core::event::{Kind, Outcome};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_index::{Field, Hit, Index, Order, Query, TimeRange};
use sealbook_log::Reader;
use serde_json::{Value, json};

use crate::output::Exit;

/// Arguments of `log`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: sealbook log L --identity spiffe://prod.example/payments --outcome deny --limit 20")]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// Entries that name this identity, in whatever part.
    #[arg(long, value_name = "ID")]
    identity: Option<String>,
    /// Entries about this resource.
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Entries of this kind.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Entries with this outcome.
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Entries of this source.
    #[arg(long, value_name = "ID")]
    source: Option<String>,
    /// Events not before this time.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    from: Option<Micros>,
    /// Events before this time.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    to: Option<Micros>,
    /// At most so many; 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// The newest first.
    #[arg(long)]
    newest: bool,
    /// One JSON object a line, sealed values opened where they are there.
    #[arg(long)]
    json: bool,
}

fn kind(word: &str) -> Result<Kind, String> {
    Kind::parse(word).ok_or_else(|| format!("one of {}", Kind::WORDS.join(", ")))
}

fn outcome(word: &str) -> Result<Outcome, String> {
    Outcome::parse(word).ok_or_else(|| format!("one of {}", Outcome::WORDS.join(", ")))
}

/// Lists the entries that meet every filter.
///
/// # Errors
/// When the ledger cannot be read.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let reader = Reader::open(&World::real(), &args.ledger)?;
    let index = Index::open(&reader)?;
    let order = if args.newest { Order::Descending } else { Order::Ascending };
    let limit = if args.limit == 0 { usize::MAX } else { args.limit };
    let hits = index.search(&reader, query(args))?.order(order).limit(limit);
    let mut out = BufWriter::new(std::io::stdout().lock());
    for hit in hits {
        let hit = hit?;
        if args.json {
            serde_json::to_writer(&mut out, &as_json(&reader, &hit)?)?;
            out.write_all(b"\n")?;
        } else {
            writeln!(out, "{}", as_line(&hit))?;
        }
    }
    out.flush()?;
    Ok(Exit::Yes)
}

fn query(args: &Args) -> Query {
    let mut parts = Vec::new();
    parts.extend(args.identity.as_deref().map(Query::identity));
    parts.extend(args.resource.as_ref().map(|id| Query::is(Field::Resource, id)));
    parts.extend(args.kind.map(Query::kind));
    parts.extend(args.outcome.map(Query::outcome));
    parts.extend(args.source.as_ref().map(|id| Query::is(Field::Source, id)));
    if args.from.is_some() || args.to.is_some() {
        parts.push(Query::Happened(TimeRange { from: args.from, to: args.to }));
    }
    Query::All(parts)
}

fn as_line(hit: &Hit) -> String {
    let event = &hit.entry.event;
    let at = event.occurred_at.unwrap_or(hit.entry.recorded_at);
    let resource = event.resource.as_ref().and_then(|resource| resource.id.as_deref());
    let parts = [
        format!("{:>8}", hit.entry.index),
        at.to_string(),
        format!("{:<11}", event.kind.word()),
        format!("{:<8}", event.outcome.word()),
        event.subject.id.clone(),
        event.action.clone().unwrap_or_default(),
        resource.map(|id| format!("→ {id}")).unwrap_or_default(),
        format!("[{}]", hit.entry.source.id),
    ];
    let parts: Vec<_> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| sealbook_verifier::printable(part)).collect();
    parts.join("  ")
}

fn as_json(reader: &Reader, hit: &Hit) -> anyhow::Result<Value> {
    let openings = reader.stored(hit.entry.index)?.openings()?;
    let entry = &hit.entry;
    let opened: Vec<_> = openings.iter().map(|opening| opening.path.as_str()).collect();
    let sealed: Vec<_> = entry.commitments.keys().filter(|path| !opened.contains(&path.as_str())).collect();
    Ok(json!({
        "index": entry.index,
        "recorded_at": entry.recorded_at.to_string(),
        "source": { "id": entry.source.id, "format": entry.source.format, "version": entry.source.version, "sequence": entry.source.sequence },
        "thread": { "n": entry.thread.n, "prev": entry.thread.prev },
        "event": sealbook_sources::to_json(&entry.unsealed(&openings)),
        "sealed": sealed,
    }))
}
