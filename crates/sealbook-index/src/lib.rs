//! Lookups over the log: immutable blocks and small mutable views; rebuildable.
