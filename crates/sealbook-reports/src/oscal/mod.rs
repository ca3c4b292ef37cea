//! OSCAL 1.1.3: assessment results, and the plan of action and milestones.
//!
//! OSCAL knows `satisfied` and `not-satisfied` only. The five results of a test and the six statuses of a control are
//! therefore properties under [`NAMESPACE`]; a finding is written only where a test or a control is concluded.

mod action_plan;
mod parts;
mod results;

use sealbook_controls::outcome::Assessment;
use sealbook_frameworks::Catalogue;
use serde_json::Value;

use crate::context::ReportContext;
use crate::error::ReportError;

/// Namespace of our properties.
pub const NAMESPACE: &str = "urn:sealbook:oscal";
/// Version of OSCAL that the documents are written in.
pub const OSCAL_VERSION: &str = "1.1.3";

/// The assessment results document. The same input gives the same ids.
///
/// # Errors
/// When the assessment names a framework or control that the catalogue lacks, or a time cannot be printed.
pub fn assessment_results(
    assessment: &Assessment,
    catalogue: &Catalogue,
    context: &ReportContext,
) -> Result<Value, ReportError> {
    results::document(assessment, catalogue, context)
}

/// The plan of action and milestones: open deviations by test, covered ones by test and exception.
///
/// # Errors
/// When a time cannot be printed.
pub fn poam(assessment: &Assessment, context: &ReportContext) -> Result<Value, ReportError> {
    action_plan::document(assessment, context)
}
