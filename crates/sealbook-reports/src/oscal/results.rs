//! The assessment results document.

use sealbook_controls::outcome::{Assessment, ControlStatus, TestOutcome, TestResult};
use sealbook_frameworks::Catalogue;
use serde_json::{Value, json};

use super::parts::{Ids, member_observation, metadata, prop, rooted, set, string, test_observation, token};
use crate::assessment::{Part, is_integrity, status_id, tests_of};
use crate::context::ReportContext;
use crate::error::ReportError;
use crate::format::oscal_time;

pub(super) fn document(
    assessment: &Assessment,
    catalogue: &Catalogue,
    context: &ReportContext,
) -> Result<Value, ReportError> {
    let ids = Ids::new(assessment, context)?;
    let parts = Part::all(assessment, catalogue)?;
    let plan = ids.of("resource/plan");
    let document = json!({
        "uuid": ids.of("assessment-results"),
        "metadata": metadata("Results of control tests over a ledger", &ids, context)?,
        "import-ap": {
            "href": format!("#{plan}"),
            "remarks": "The tests, with population, thresholds and SQL, are the plan; they are part of the evidence pack.",
        },
        "results": [result(assessment, &parts, context, &ids)?],
        "back-matter": { "resources": resources(assessment, context, &ids, &plan) },
    });
    Ok(rooted("assessment-results", document))
}

fn result(
    assessment: &Assessment,
    parts: &[Part<'_>],
    context: &ReportContext,
    ids: &Ids,
) -> Result<Value, ReportError> {
    let mut observations = Vec::new();
    let mut findings = Vec::new();
    for test in &assessment.tests {
        let void = assessment.void && !is_integrity(test);
        observations.push(test_observation(test, void, ids, context)?);
        for (number, finding) in test.findings.iter().enumerate() {
            observations.push(member_observation(test, number, finding, ids, context)?);
        }
        // A void result concludes nothing.
        if !void {
            findings.extend(test_finding(test, ids));
        }
    }
    if !assessment.void {
        findings.extend(control_findings(assessment, parts, ids));
    }
    let mut result = json!({
        "uuid": ids.of("result"),
        "title": "Control tests over the entries of the period",
        "description": "Each test reads its whole population. A control is concluded only where a ledger can show all of it and all of its tests pass.",
        "start": oscal_time(assessment.from)?,
        "end": oscal_time(assessment.to)?,
        "props": result_props(assessment, parts, context),
        "reviewed-controls": reviewed(parts),
    });
    if !observations.is_empty() {
        set(&mut result, "observations", observations.into());
    }
    if !findings.is_empty() {
        set(&mut result, "findings", findings.into());
    }
    if assessment.void {
        set(
            &mut result,
            "remarks",
            "VOID: an integrity test failed. No result after the integrity tests is to be relied on.".into(),
        );
    }
    Ok(result)
}

fn result_props(assessment: &Assessment, parts: &[Part<'_>], context: &ReportContext) -> Vec<Value> {
    let mut props = vec![
        prop("ledger", &assessment.origin),
        prop("tree-size", &assessment.size.to_string()),
        prop("tree-root", &assessment.root),
        prop("first-index", &assessment.first_index.to_string()),
        prop("end-index", &assessment.end_index.to_string()),
        prop("policy-sha256", &assessment.policy_sha256),
        prop("policy-is-default", if assessment.policy_is_default { "true" } else { "false" }),
        prop("void", if assessment.void { "true" } else { "false" }),
        prop("verifier-key-sha256", &context.key_fingerprint),
    ];
    for part in parts {
        for (outcome, control, _) in part.rows() {
            let mut status = prop("control-status", status_id(outcome.status));
            set(&mut status, "class", token(&control.oscal_id).into());
            set(&mut status, "group", token(&part.outcome.id).into());
            set(&mut status, "remarks", string(&outcome.why).into());
            props.push(status);
        }
    }
    props
}

/// The controls that tests were run for, by framework; those out of scope are left out by name.
fn reviewed(parts: &[Part<'_>]) -> Value {
    let mut selections = Vec::new();
    for part in parts {
        let ids = |out: bool| -> Vec<Value> {
            part.rows()
                .filter(|(outcome, _, _)| (outcome.status == ControlStatus::OutOfScope) == out)
                .map(|(_, control, _)| json!({ "control-id": token(&control.oscal_id) }))
                .collect()
        };
        let (inside, outside) = (ids(false), ids(true));
        if inside.is_empty() {
            continue;
        }
        let mut selection = json!({
            "description": string(&format!("{}, {}", part.framework.title, part.framework.publisher)),
            "props": [
                prop("catalogue-sha256", &part.outcome.catalogue_sha256),
                prop("mapping-sha256", &part.outcome.mapping_sha256),
            ],
            "include-controls": inside,
        });
        if !outside.is_empty() {
            set(&mut selection, "exclude-controls", outside.into());
        }
        selections.push(selection);
    }
    if selections.is_empty() {
        selections.push(json!({ "description": "No control that a ledger can speak to was chosen." }));
    }
    json!({ "control-selections": selections })
}

fn test_finding(test: &TestOutcome, ids: &Ids) -> Option<Value> {
    let (state, reason) = match test.result {
        TestResult::Pass => ("satisfied", "pass"),
        TestResult::Fail => ("not-satisfied", "fail"),
        TestResult::NoPopulation | TestResult::InsufficientEvidence | TestResult::Error => return None,
    };
    let mut related = vec![json!({ "observation-uuid": ids.of_test(test) })];
    related.extend((0..test.findings.len()).map(|number| json!({ "observation-uuid": ids.of_member(test, number) })));
    Some(json!({
        "uuid": ids.of(&format!("finding/{}", test.id)),
        "title": string(&format!("{} {}", test.id, test.title)),
        "description": string(&format!(
            "{} members: {} passed, {} failed, {} of these covered by exceptions, {} undecided.",
            test.population, test.pass, test.fail, test.covered, test.insufficient
        )),
        "target": {
            "type": "objective-id",
            "target-id": token(&test.id),
            "status": { "state": state, "reason": reason },
        },
        "related-observations": related,
    }))
}

/// Findings on controls: only those that the evidence concludes, either way.
fn control_findings(assessment: &Assessment, parts: &[Part<'_>], ids: &Ids) -> Vec<Value> {
    let tests = assessment.tests.iter().map(|test| (test.id.as_str(), test)).collect();
    let mut findings = Vec::new();
    for part in parts {
        for (outcome, control, _) in part.rows() {
            let (state, reason) = match outcome.status {
                ControlStatus::Satisfied => ("satisfied", "pass"),
                ControlStatus::NotSatisfied => ("not-satisfied", "fail"),
                _ => continue,
            };
            let related: Vec<Value> = tests_of(outcome, &tests)
                .into_iter()
                .map(|test| json!({ "observation-uuid": ids.of_test(test) }))
                .collect();
            let mut finding = json!({
                "uuid": ids.of(&format!("finding/{}/{}", part.outcome.id, control.id)),
                "title": string(&format!("{} {}", control.display, control.title)),
                "description": string(&outcome.why),
                "props": [prop("framework", &part.outcome.id), prop("control-status", status_id(outcome.status))],
                "target": {
                    "type": "objective-id",
                    "target-id": token(&control.oscal_id),
                    "status": { "state": state, "reason": reason },
                },
            });
            if !related.is_empty() {
                set(&mut finding, "related-observations", related.into());
            }
            findings.push(finding);
        }
    }
    findings
}

fn resources(assessment: &Assessment, context: &ReportContext, ids: &Ids, plan: &str) -> Value {
    let mut results = json!({ "href": "results.json", "media-type": "application/json" });
    if !context.results_sha256.is_empty() {
        set(&mut results, "hashes", json!([{ "algorithm": "SHA-256", "value": context.results_sha256 }]));
    }
    let tests: Vec<Value> = assessment
        .tests
        .iter()
        .map(|test| json!({ "href": format!("tests/{}/test.sql", token(&test.id)), "hashes": [{ "algorithm": "SHA-256", "value": string(&test.sql_sha256) }] }))
        .collect();
    let mut plan = json!({ "uuid": plan, "title": "Control tests as run", "description": "Definition and SQL of each test, as files of the evidence pack." });
    if !tests.is_empty() {
        set(&mut plan, "rlinks", tests.into());
    }
    json!([plan, { "uuid": ids.of("resource/results"), "title": "Results, complete", "rlinks": [results] }])
}
