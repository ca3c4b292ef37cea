//! Runs control tests and gives outcomes and coverage.
//!
//! Takes: test definitions, mappings and policy from `sealbook-frameworks`, a projection of verified entries.
//! Gives: outcomes per test and per control.
//! Never: reads the log, renders anything, decides a threshold.
//! Next:  `sealbook-reports`.

mod assess;
mod contract;
mod cover;
mod fixtures;
pub mod outcome;
mod run;
mod status;

pub use assess::{AssessError, Request, assess};
pub use fixtures::{FixtureFault, check_fixtures};
pub use run::{defaults, run_test};
pub use sealbook_projection::{Limits, Period, Position, VerifiedRange};
