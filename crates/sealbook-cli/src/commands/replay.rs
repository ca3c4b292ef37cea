//! `sealbook replay`: what something went through, what stood at a time, what changed between two times.

use std::path::PathBuf;

use anyhow::bail;
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_index::Index;
use sealbook_log::Reader;
use sealbook_replay::{Basis, Clock, Filter, Step, diff, state_as_of, timeline};
use sealbook_verifier::printable;

use crate::output::{self, Exit};

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  sealbook replay L --identity arn:aws:iam::111122223333:role/deploy --from 2026-03-01\n  \
    sealbook replay L --as-of 2026-03-01T12:00:00Z\n  sealbook replay L --diff 2026-03-01 2026-03-02\n\n\
    A state and a difference are printed as JSON."
)]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    #[command(flatten)]
    what: What,
    /// Events not before this time.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    from: Option<Micros>,
    /// Events before this time.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    to: Option<Micros>,
    /// For a state or a difference: what the ledger knew then, instead of what was so by what it knows now.
    #[arg(long)]
    as_recorded: bool,
    /// Print the timeline as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Timeline of an identity, in whatever part.
    #[arg(long, value_name = "ID")]
    identity: Option<String>,
    /// Timeline of a credential.
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Timeline of a resource.
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// Timeline of a session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Timeline of an approval or its request.
    #[arg(long, value_name = "ID")]
    approval: Option<String>,
    /// What stood at a time: live credentials, open exceptions, running elevations, owners, disabled identities.
    #[arg(long, value_parser = crate::times::parse, value_name = "TIME")]
    as_of: Option<Micros>,
    /// What changed between two times.
    #[arg(long, num_args = 2, value_parser = crate::times::parse, value_names = ["TIME", "TIME"])]
    diff: Option<Vec<Micros>>,
}

impl What {
    fn filter(&self) -> Option<Filter> {
        let of = |id: &Option<String>, make: fn(String) -> Filter| id.clone().map(make);
        of(&self.identity, Filter::Identity)
            .or_else(|| of(&self.credential, Filter::Credential))
            .or_else(|| of(&self.resource, Filter::Resource))
            .or_else(|| of(&self.session, Filter::Session))
            .or_else(|| of(&self.approval, Filter::Approval))
    }
}

/// Replays.
///
/// # Errors
/// When the ledger cannot be read, or times are the wrong way round.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let reader = Reader::open(&World::real(), &args.ledger)?;
    let basis = if args.as_recorded { Basis::Recorded } else { Basis::Happened };
    if let Some(at) = args.what.as_of {
        output::json(&state_as_of(&reader, at, basis)?)?;
    } else if let Some([before, after]) = args.what.diff.as_deref() {
        if before > after {
            bail!("{before} is later than {after}: give the earlier time first");
        }
        output::json(&diff(&reader, *before, *after, basis)?)?;
    } else if let Some(filter) = args.what.filter() {
        if let (Some(from), Some(to)) = (args.from, args.to)
            && from >= to
        {
            bail!("nothing lies between {from} and {to}: give the earlier time with --from");
        }
        let timeline = timeline(&reader, &Index::open(&reader)?, &filter, args.from, args.to)?;
        if args.json {
            output::json(&timeline)?;
        } else {
            for step in &timeline.steps {
                output::line(line(step))?;
            }
            output::line(format!(
                "{} steps in {} entries; in {} of them the two times disagree",
                timeline.steps.len(),
                reader.size(),
                timeline.disagreements
            ))?;
        }
    }
    Ok(Exit::Yes)
}

fn line(step: &Step) -> String {
    let clock = match step.clock {
        Clock::Agrees => "",
        Clock::Unstated => "(time as recorded)",
        Clock::Ahead { .. } => "(said to be later than recorded)",
        Clock::Late { .. } => "(recorded late)",
    };
    let verb = step.verb.map(|verb| format!(" {verb}")).unwrap_or_default();
    let actor = step.actor.as_ref().map(|actor| format!("by {}", actor.id)).unwrap_or_default();
    let resource = step.resource.as_ref().map(|resource| format!("→ {resource}")).unwrap_or_default();
    let action = step.action.clone().unwrap_or_default();
    let parts = [
        format!("{:>8}", step.index),
        step.event_time.0.to_string(),
        format!("{}{verb}", step.kind),
        step.outcome.to_owned(),
        step.subject.id.clone(),
        actor,
        action,
        resource,
        clock.to_owned(),
    ];
    parts.iter().filter(|part| !part.is_empty()).map(|part| printable(part)).collect::<Vec<_>>().join("  ")
}
