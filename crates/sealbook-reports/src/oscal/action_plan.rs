//! The plan of action and milestones.

use std::collections::BTreeMap;

use sealbook_controls::outcome::{Assessment, Cover, RowOutcome, TestOutcome};
use serde_json::{Value, json};

use super::parts::{Ids, member_observation, metadata, prop, rooted, set, string};
use crate::assessment::is_integrity;
use crate::context::ReportContext;
use crate::error::ReportError;
use crate::format::oscal_time;

/// What the document is gathered from, test by test.
#[derive(Default)]
struct Gathered {
    observations: Vec<Value>,
    risks: Vec<Value>,
    items: Vec<Value>,
}

pub(super) fn document(assessment: &Assessment, context: &ReportContext) -> Result<Value, ReportError> {
    let ids = Ids::new(assessment, context)?;
    let mut gathered = Gathered::default();
    for test in &assessment.tests {
        // A void result asks for nothing but to mend the ledger.
        if !assessment.void || is_integrity(test) {
            gather(&mut gathered, test, context, &ids)?;
        }
    }
    if gathered.items.is_empty() {
        gathered.items.push(json!({
            "uuid": ids.of("item/none"),
            "title": "No deviation to act on",
            "description": "No test of the period found a deviation.",
        }));
    }
    let mut document = json!({
        "uuid": ids.of("plan-of-action-and-milestones"),
        "metadata": metadata("Deviations found by control tests over a ledger", &ids, context)?,
        "system-id": { "identifier-type": super::NAMESPACE, "id": string(&assessment.origin) },
        "poam-items": gathered.items,
    });
    for (key, values) in [("observations", gathered.observations), ("risks", gathered.risks)] {
        if !values.is_empty() {
            set(&mut document, key, values.into());
        }
    }
    Ok(rooted("plan-of-action-and-milestones", document))
}

/// One item for the open deviations of a test, and one for each exception that covers some.
fn gather(gathered: &mut Gathered, test: &TestOutcome, context: &ReportContext, ids: &Ids) -> Result<(), ReportError> {
    let mut open = Vec::new();
    let mut covered: BTreeMap<&str, (&Cover, Vec<usize>)> = BTreeMap::new();
    for (number, finding) in test.findings.iter().enumerate().filter(|(_, finding)| finding.outcome == RowOutcome::Fail)
    {
        gathered.observations.push(member_observation(test, number, finding, ids, context)?);
        match &finding.covered_by {
            Some(cover) => covered.entry(cover.exception.as_str()).or_insert((cover, Vec::new())).1.push(number),
            None => open.push(number),
        }
    }
    if !open.is_empty() {
        let risk = json!({ "status": "open" });
        add(gathered, test, "open", &open, ids, Vec::new(), risk);
    }
    for (exception, (cover, numbers)) in covered {
        let mut risk = json!({ "status": "deviation-approved" });
        if let Some(at) = cover.expires_at {
            set(&mut risk, "deadline", oscal_time(at)?.into());
        }
        add(gathered, test, exception, &numbers, ids, cover_props(cover)?, risk);
    }
    Ok(())
}

fn cover_props(cover: &Cover) -> Result<Vec<Value>, ReportError> {
    let mut props = vec![prop("exception", &cover.exception), prop("exception-entry-index", &cover.entry.to_string())];
    let unknown = "not recorded";
    props.push(prop("exception-owner", cover.owner.as_deref().unwrap_or(unknown)));
    props.push(prop("exception-granted-by", cover.granted_by.as_deref().unwrap_or(unknown)));
    match cover.expires_at {
        Some(at) => props.push(prop("exception-ends", &oscal_time(at)?)),
        None => props.push(prop("exception-ends", "no end set")),
    }
    Ok(props)
}

/// Adds an item with its risk. `kind` is `open` or the exception's id; `risk` brings status and deadline.
fn add(
    gathered: &mut Gathered,
    test: &TestOutcome,
    kind: &str,
    numbers: &[usize],
    ids: &Ids,
    cover: Vec<Value>,
    risk: Value,
) {
    let related: Vec<Value> =
        numbers.iter().map(|number| json!({ "observation-uuid": ids.of_member(test, *number) })).collect();
    let (title, state) = if kind == "open" {
        (format!("{} {}", test.id, test.title), "open".to_owned())
    } else {
        (format!("{} {} (exception {kind})", test.id, test.title), format!("covered by exception {kind}"))
    };
    let description =
        string(&format!("{} of {} members deviate, {state}. {}", numbers.len(), test.population, test.question));
    let risk_id = ids.of(&format!("risk/{}/{kind}", test.id));
    let mut props =
        vec![prop("test-id", &test.id), prop("severity", &test.severity), prop("members", &numbers.len().to_string())];
    props.extend(cover);
    let mut risk = risk;
    for (key, value) in [
        ("uuid", risk_id.clone().into()),
        ("title", string(&title).into()),
        ("description", description.clone().into()),
        ("statement", "The rule that the test checks does not hold for these members.".into()),
        ("props", props.clone().into()),
        ("related-observations", related.clone().into()),
    ] {
        set(&mut risk, key, value);
    }
    gathered.risks.push(risk);
    gathered.items.push(json!({
        "uuid": ids.of(&format!("item/{}/{kind}", test.id)),
        "title": string(&title),
        "description": description,
        "props": props,
        "related-observations": related,
        "related-risks": [{ "risk-uuid": risk_id }],
    }));
}
