//! Entries as SQL tables and as Parquet; the only SQL door; rebuildable.
