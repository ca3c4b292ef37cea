//! Outcomes to PDF, OSCAL, CSV and text.
//!
//! Takes: an assessment from `sealbook-controls`, catalogues from `sealbook-frameworks`, what a pack adds
//!        ([`ReportContext`]), and the definitions of `reports/`.
//! Gives: bytes for people (PDF, terminal text) and for programs (OSCAL, CSV); the same input gives the same bytes.
//! Never: sees SQL or an entry's bytes, computes a figure a second time, reads a clock or a file.
//! Next:  `sealbook-packs`.

mod assessment;
mod context;
pub mod csv;
mod definition;
mod error;
mod format;
pub mod json;
mod layout;
pub mod model;
pub mod oscal;
mod pdf;
pub mod text;

pub use context::{CredentialAgeRow, EntrySummary, ExceptionRow, MonthFindings, OwnerRow, ReportContext, Verification};
pub use error::ReportError;
pub use model::{Figures, Report};
pub use pdf::pdf;
