//! Binds a report to its proofs; checks a pack and re-runs its tests.
//!
//! Takes: a log reader, catalogues, the operator's policy.
//! Gives: assessments of verified entries, evidence packs, and the differences that a re-run finds.
//! Never: believes a stored projection, writes SQL of its own, signs anything but a manifest.
//! Next:  `sealbook-verifier`, which checks all but the SQL.

mod assess;
mod make;
mod produce;
mod registers;
mod reperform;
mod stored;

pub use assess::{Assessed, MakeError, Plan, assess, position, verified_ranges};
pub use make::{Made, PackRequest, export_act, make};
pub use produce::Words;
pub use reperform::{DIFFERENCES_MAX, Difference, Reperformed, reperform};
pub use stored::ReaderLog;
