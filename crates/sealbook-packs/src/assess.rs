//! From verified entries to an assessment: a projection built afresh, then every test over it.

use sealbook_controls::outcome::Assessment;
use sealbook_controls::{AssessError, Limits, Period, Position, Request, VerifiedRange};
use sealbook_core::entry::Entry;
use sealbook_core::note::encode_base64;
use sealbook_core::tree::{ProofError, consistency_proof, verify_consistency};
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_log::{Published, Reader, SELF_SOURCE};
use sealbook_projection::{BuildError, Builder, Place, Projection, QueryError};
use sealbook_reports::ReportError;

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
    /// A register could not be read.
    #[error("cannot read a register: {0}")]
    Query(#[from] QueryError),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Report(#[from] ReportError),
    /// A text could not be written.
    #[error("cannot write: {0}")]
    Text(String),
    /// The pack would not be what the format allows, or contradicts itself.
    #[error("cannot make a pack: {0}")]
    Pack(String),
    /// The pack could not be written to its place.
    #[error("cannot write the pack: {0}")]
    Write(#[from] std::io::Error),
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

/// Builds a projection of `entries` and runs every test. `verified` is asked once, with the index of the first entry in
/// the period, what a verification found about the entries.
///
/// # Errors
/// When an entry cannot be read, the disk is full, or the period is empty.
pub fn assess<E: core::fmt::Display>(
    entries: impl Iterator<Item = Result<Entry, E>>,
    position: Position,
    verified: impl FnOnce(u64) -> Result<Vec<VerifiedRange>, MakeError>,
    plan: &Plan<'_>,
) -> Result<Assessed, MakeError> {
    let place = if position.size <= IN_MEMORY_ENTRIES_MAX { Place::Memory } else { Place::Temporary };
    let mut builder = Builder::new(&place)?;
    let mut span = Span::default();
    let mut first_index = None;
    for entry in entries {
        let entry = entry.map_err(|error| MakeError::Read(error.to_string()))?;
        span.widen(&entry);
        if first_index.is_none() && plan.from.is_none_or(|from| event_time(&entry) >= from) {
            first_index = Some(entry.index);
        }
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
        verified: verified(first_index.unwrap_or(position.size))?,
        position,
        limits: Limits::default(),
    };
    let assessment = sealbook_controls::assess(&mut projection, &request)?;
    Ok(Assessed { assessment, projection })
}

/// When an event happened, by its producer, or else by the ledger.
fn event_time(entry: &Entry) -> i64 {
    entry.event.occurred_at.unwrap_or(entry.recorded_at).0
}

/// Where the log stands, as results name it.
#[must_use]
pub fn position(reader: &Reader, checkpoint: &Published) -> Position {
    Position { origin: reader.origin().to_owned(), size: checkpoint.size, root: encode_base64(&checkpoint.root.0) }
}

/// What is known of the entries of a log that a verifier has read from end to end without finding anything wrong:
/// inclusion, signature, completeness and chain for all of them, and the consistency of `checkpoint` with the newest
/// one before `first_index`, which is proven and checked here.
///
/// # Errors
/// When the log or its tiles cannot be read.
pub fn verified_ranges(
    reader: &Reader,
    checkpoint: &Published,
    first_index: u64,
) -> Result<Vec<VerifiedRange>, MakeError> {
    let start = start_checkpoint(reader, checkpoint, first_index)?;
    Ok(ranges(0, checkpoint.size, consistent(reader, checkpoint, start.as_ref())?))
}

/// Size of an older checkpoint, and whether the newer one continues it.
pub(crate) type Continued = (u64, Result<(), ProofError>);

/// Size of an older checkpoint, and whether `checkpoint` continues it: proven from the tiles and checked.
///
/// # Errors
/// When the tiles cannot be read.
pub(crate) fn consistent(
    reader: &Reader,
    checkpoint: &Published,
    start: Option<&Published>,
) -> Result<Option<Continued>, MakeError> {
    let Some(start) = start else { return Ok(None) };
    let proof = consistency_proof(reader, start.size, checkpoint.size);
    let proof = proof.map_err(|error| MakeError::Read(error.to_string()))?;
    let result = verify_consistency(start.size, checkpoint.size, &start.root, &checkpoint.root, &proof);
    Ok(Some((start.size, result)))
}

/// The newest signed checkpoint before `first_index`, older than `checkpoint`.
///
/// # Errors
/// When the log cannot be read.
pub(crate) fn start_checkpoint(
    reader: &Reader,
    checkpoint: &Published,
    first_index: u64,
) -> Result<Option<Published>, MakeError> {
    let older = reader.checkpoint_at_or_before(first_index.clamp(1, checkpoint.size));
    let older = older.map_err(|error| MakeError::Read(error.to_string()))?;
    Ok(older.filter(|older| 0 < older.size && older.size < checkpoint.size))
}

/// What is known of entries that were read and checked from `first` to before `size`, and of an older checkpoint.
pub(crate) fn ranges(first: u64, size: u64, consistent: Option<Continued>) -> Vec<VerifiedRange> {
    let range = |check: &str, first_index, ok, detail: String| {
        let check = check.to_owned();
        VerifiedRange { check, first_index, end_index: size, ok, detail }
    };
    let all = ["inclusion", "signature", "completeness", "chain"];
    let mut ranges: Vec<_> =
        all.map(|check| range(check, first, true, "every entry was read and checked".to_owned())).into();
    if let Some((older, result)) = consistent {
        let detail =
            result.map_or_else(|error| error.to_string(), |()| "proven between two signed checkpoints".to_owned());
        ranges.push(range("consistency", older, result.is_ok(), detail));
    }
    ranges
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
        let at = event_time(entry);
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
