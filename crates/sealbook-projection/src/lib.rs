//! Entries as SQL tables and as Parquet; the only SQL door; rebuildable.
//!
//! Takes: entries in the order of the log, facts of a verification and of the operator's policy.
//! Gives: the views of `docs/views.md` behind a read-only, bounded SQL door; the same entries as Parquet.
//! Never: believed for a pack unless built afresh from verified entries; writes to a log, judges anything.
//! Next:  `sealbook-controls`.

mod builder;
mod columnar;
mod columns;
mod digest;
mod door;
mod error;
mod facts;
mod projection;
mod row;
mod sample;
mod stored;
mod tables;
mod views;

pub use builder::{Builder, Place};
pub use columnar::{ParquetWriter, VERSION_KEY};
pub use columns::{Column, ColumnType, columns};
pub use door::{Cell, Door, Limits, Query, Value};
pub use error::{BuildError, QueryError, SampleError, StoreError};
pub use facts::{Facts, PolicyOwner, Position, SourceFact, TeamFact, VerifiedRange};
pub use projection::Projection;
pub use row::SEALED;
pub use sample::{Period, Sample};
pub use stored::{Kept, Log, SourceError};
pub use views::{VIEWS, VIEWS_VERSION, View, portable_script};
