//! Runs control tests and gives outcomes and coverage.
//!
//! Takes: test definitions and mappings from `sealbook-frameworks`, a projection of verified entries.
//! Gives: outcomes per test and per control.
//! Never: writes SQL of its own, reads the log, renders anything.
//! Next:  `sealbook-reports`.

pub mod outcome;
