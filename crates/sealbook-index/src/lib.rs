//! Lookups over the log: immutable index blocks, and the small views that change, in sled. Both can be rebuilt.
//!
//! Takes: entries, from a log reader.
//! Gives: the entries that answer a query, in order; what is known of each source.
//! Never: is believed (an answer is read back from the log and checked against the query), delays an answer of the log.
//! Next:  `sealbook-replay`.

mod block;
mod chunk;
mod encode;
mod error;
mod field;
mod files;
mod index;
mod keys;
mod open_block;
mod query;
mod search;
mod state;
mod terms;

pub use error::IndexError;
pub use field::{Field, event_key, event_time, for_each_term};
pub use index::{BLOCK_ENTRIES, Index, IndexStatus};
pub use query::{Query, TimeRange};
pub use search::{Hit, Order, Search};
pub use state::{GAP_ACT, GAPS_LISTED_MAX, Gap, HEARD_ACT, SILENT_ACT, SourceState, State, Totals};

use sealbook_log::Reader;

/// Throws every lookup of a ledger away and makes it anew from the log.
///
/// # Errors
/// When another process has the views open, files cannot be removed or written, or the log cannot be read.
pub fn rebuild(reader: &Reader) -> Result<(Index, State), IndexError> {
    State::remove(reader)?;
    let state = State::open(reader)?;
    state.catch_up(reader)?;
    Ok((Index::rebuild(reader)?, state))
}
