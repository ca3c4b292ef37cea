//! What happened in an incident: the timeline of one thing, what stood at a time, and what changed between two times.
//!
//! Takes: entries from a log reader; an index, to find those of a timeline.
//! Gives: steps, states and differences, each with the entries that they rest on; ready to be serialised.
//! Never: believes a derived store, guesses what no entry says.
//! Next:  `sealbook-service`.

mod difference;
mod error;
mod filter;
mod history;
mod standing;
mod thread;
mod timeline;
mod when;

pub use difference::{Changed, Changes, Difference, difference};
pub use error::ReplayError;
pub use filter::Filter;
pub use history::{Basis, History};
pub use standing::{DisabledIdentity, LiveCredential, OpenException, Ownership, RunningElevation, Standing};
pub use thread::{ThreadBreak, ThreadCheck, check_thread};
pub use timeline::{AHEAD_MAX_MICROS, Clock, LATE_MAX_MICROS, Party, STEPS_MAX, Step, Timeline, steps};
pub use when::When;

use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;
use sealbook_index::{Field, Index, Query, TimeRange};
use sealbook_log::Reader;

/// What happened to one thing between two times, in the order in which it happened.
///
/// # Errors
/// When the log cannot be read, or there are more than [`STEPS_MAX`] steps.
pub fn timeline(
    reader: &Reader,
    index: &Index,
    filter: &Filter,
    from: Option<Micros>,
    to: Option<Micros>,
) -> Result<Timeline, ReplayError> {
    let window = Query::Happened(TimeRange { from, to });
    let hits = index.search(reader, Query::All(vec![window, filter.query()]))?;
    steps(filter, hits.map(|hit| Ok(hit?.entry)))
}

/// Whether the entries about one identity form its whole thread: each names the one before, so none is left out.
///
/// # Errors
/// When the log cannot be read.
pub fn thread(reader: &Reader, index: &Index, identity: &str) -> Result<ThreadCheck, ReplayError> {
    let hits = index.search(reader, Query::is(Field::Subject, identity))?;
    check_thread(hits.map(|hit| hit.map(|hit| (hit.entry.index, hit.entry.thread)).map_err(ReplayError::from)))
}

/// What stood at a time: live credentials, open exceptions, running elevations, owners, disabled identities. Reads
/// every entry that can bear on it.
///
/// # Errors
/// When the log cannot be read.
pub fn state_as_of(reader: &Reader, at: Micros, basis: Basis) -> Result<Standing, ReplayError> {
    Ok(history(reader, at, basis)?.standing(at))
}

/// What began, ended and changed between two times.
///
/// # Errors
/// When the log cannot be read.
pub fn diff(reader: &Reader, before: Micros, after: Micros, basis: Basis) -> Result<Difference, ReplayError> {
    let history = history(reader, before.max(after), basis)?;
    Ok(difference(&history.standing(before), &history.standing(after)))
}

/// What the entries of a log say up to a time; for asking about several times at the cost of one reading.
///
/// # Errors
/// When the log cannot be read.
pub fn history(reader: &Reader, until: Micros, basis: Basis) -> Result<History, ReplayError> {
    let mut history = History::new(basis);
    for stored in reader.entries(0, reader.size()) {
        let stored = stored?;
        let entry: Entry =
            stored.entry().map_err(|error| ReplayError::Entry { index: stored.index, detail: error.to_string() })?;
        // Ledger time never decreases, so nothing that follows was known at that time.
        if basis == Basis::Recorded && entry.recorded_at > until {
            break;
        }
        history.add(&entry);
    }
    Ok(history)
}
