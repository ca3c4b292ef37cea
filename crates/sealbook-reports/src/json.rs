//! Coverage as JSON, for programs.

use sealbook_controls::outcome::Assessment;
use serde_json::{Value, json};

use crate::error::ReportError;
use crate::format;

/// The shape that scripts rely on; the whole assessment is in a pack's `results.json`.
///
/// # Errors
/// When a time lies outside the calendar.
pub fn coverage(assessment: &Assessment) -> Result<Value, ReportError> {
    let test = |id: &String| {
        let test = assessment.tests.iter().find(|test| test.id == *id)?;
        let entries: Vec<u64> = test.findings.iter().flat_map(|finding| finding.entries.iter().copied()).collect();
        Some(json!({
            "id": test.id, "result": test.result, "population": test.population, "pass": test.pass, "fail": test.fail,
            "covered": test.covered, "insufficient": test.insufficient, "entries": entries,
        }))
    };
    let frameworks: Vec<Value> = assessment
        .frameworks
        .iter()
        .map(|framework| {
            let controls: Vec<Value> = framework
                .controls
                .iter()
                .map(|control| {
                    let tests: Vec<Value> = control.tests.iter().filter_map(test).collect();
                    json!({ "id": control.id, "status": control.status, "why": control.why, "tests": tests })
                })
                .collect();
            json!({ "id": framework.id, "summary": framework.summary, "controls": controls })
        })
        .collect();
    Ok(json!({
        "ledger": assessment.origin, "size": assessment.size, "from": format::oscal_time(assessment.from)?, "to": format::oscal_time(assessment.to)?,
        "void": assessment.void, "policy_sha256": assessment.policy_sha256, "policy_is_default": assessment.policy_is_default,
        "frameworks": frameworks,
    }))
}
