//! From verified entries to an assessment: a projection built afresh, then every test over it.

use sealbook_controls::outcome::Assessment;
use sealbook_controls::{AssessError, Limits, Period, Position, Request, VerifiedRange};
use sealbook_core::entry::Entry;
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_log::SELF_SOURCE;
use sealbook_projection::{BuildError, Builder, Place, Projection};

/// Entries up to which the projection is kept in memory.
const IN_MEMORY_ENTRIES_MAX: u64 = 200_000;

/// What to assess, and against what.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Frameworks, mappings and tests.
    pub catalogue: &'a Catalogue,
    /// Thresholds, owners, teams, sources and scope.
    pub policy: &'a Policy,
    /// Framework ids; empty for those of the policy's scope, else all.
    pub frameworks: &'a [String],
    /// Start and end of the period by the time of events; an open end is that of the entries.
    pub from: Option<i64>,
    /// See `from`; exclusive.
    pub to: Option<i64>,
}

/// An assessment and the projection that it was computed from.
pub struct Assessed {
    /// The results.
    pub assessment: Assessment,
    /// The entries behind them.
    pub projection: Projection,
}

/// Why there is no assessment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// An entry could not be read.
    #[error("cannot read the entries: {0}")]
    Read(String),
    /// The projection could not be built.
    #[error("cannot build the projection: {0}")]
    Build(#[from] BuildError),
    /// The tests could not be run at all.
    #[error(transparent)]
    Assess(#[from] AssessError),
    /// The period ends before it begins.
    #[error("the period is empty: it begins at {from} and ends at {to} (µs since the Unix epoch)")]
    EmptyPeriod {
        /// Start.
        from: i64,
        /// End.
        to: i64,
    },
}

/// Builds a projection of `entries` and runs every test. `verified` says what a verification found about them.
///
/// # Errors
/// When an entry cannot be read, the disk is full, or the period is empty.
pub fn assess<E: core::fmt::Display>(
    entries: impl Iterator<Item = Result<Entry, E>>,
    position: Position,
    verified: Vec<VerifiedRange>,
    plan: &Plan<'_>,
) -> Result<Assessed, MakeError> {
    let place = if position.size <= IN_MEMORY_ENTRIES_MAX { Place::Memory } else { Place::Temporary };
    let mut builder = Builder::new(&place)?;
    let mut span = Span::default();
    for entry in entries {
        let entry = entry.map_err(|error| MakeError::Read(error.to_string()))?;
        span.widen(&entry);
        builder.push(&entry)?;
    }
    let mut projection = builder.finish()?;
    let period = Period { from: plan.from.unwrap_or(span.first), to: plan.to.unwrap_or(span.end) };
    if period.from >= period.to {
        return Err(MakeError::EmptyPeriod { from: period.from, to: period.to });
    }
    let request = Request {
        catalogue: plan.catalogue,
        policy: plan.policy,
        frameworks: plan.frameworks,
        period,
        position,
        verified,
        limits: Limits::default(),
    };
    let assessment = sealbook_controls::assess(&mut projection, &request)?;
    Ok(Assessed { assessment, projection })
}

/// First and last time of the events; the ledger's own acts count only where there is nothing else.
#[derive(Default)]
struct Span {
    first: i64,
    end: i64,
    of_producers: bool,
    any: bool,
}

impl Span {
    fn widen(&mut self, entry: &Entry) {
        let at = entry.event.occurred_at.unwrap_or(entry.recorded_at).0;
        let of_producer = entry.source.id != SELF_SOURCE;
        if !self.any || (of_producer && !self.of_producers) {
            (self.first, self.end) = (at, at.saturating_add(1));
        } else if of_producer == self.of_producers {
            self.first = self.first.min(at);
            self.end = self.end.max(at.saturating_add(1));
        }
        self.any = true;
        self.of_producers |= of_producer;
    }
}
