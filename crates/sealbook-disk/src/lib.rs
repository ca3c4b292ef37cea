//! The only door to disk, clock and randomness.
