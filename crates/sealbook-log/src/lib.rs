//! A ledger directory: segments, the one writer, commit, recovery, tiles, checkpoints, signing.
//!
//! Takes: events with their sources.
//! Gives: durable entries, receipts, signed checkpoints, and a read-only view of them.
//! Never: parses a source format, speaks HTTP, believes a derived store.
//! Next:  `sealbook-index`.

mod acts;
mod batch;
mod error;
mod files;
mod frames;
mod keeper;
mod keys;
mod layout;
mod ledger;
mod lookup;
mod nodes;
mod prepare;
mod queue;
mod reader;
mod recovery;
mod ring;
mod sealed;
mod segment_map;
mod sequencer;
mod sink;
mod state;
mod writer;

pub use acts::{SELF_SOURCE, act};
pub use error::{LogError, Refusal};
pub use keys::LogKey;
pub use layout::Layout;
pub use ledger::{CommitError, Ledger, Options, create, rebuild_tiles};
pub use prepare::{PrepareError, Prepared, Sealing, Submission};
pub use queue::{Answer, Group, Placed, Published, QUEUE_BYTES_MAX, QUEUE_ENTRIES_MAX};
pub use reader::{Entries, Reader, Stored};
pub use recovery::Recovered;
pub use ring::Ring;
