//! Rules of the OSCAL documents: valid against NIST's schema, no id twice, none that leads nowhere.

#![expect(clippy::unwrap_used, reason = "a panic here is a failed test")]
#![expect(clippy::print_stderr, reason = "a skipped check must be seen")]

mod sample;

use std::collections::BTreeSet;
use std::path::Path;

use sealbook_controls::outcome::{Assessment, RowOutcome, TestResult};
use sealbook_frameworks::Catalogue;
use sealbook_reports::{ReportContext, csv, oscal, text};
use serde_json::Value;

fn input() -> (Assessment, Catalogue, ReportContext) {
    let catalogue = Catalogue::builtin().unwrap();
    let assessment = sample::assessment(&catalogue, 6);
    let context = sample::context(&assessment);
    (assessment, catalogue, context)
}

fn documents() -> [(&'static str, Value); 2] {
    let (assessment, catalogue, context) = input();
    [
        ("assessment-results", oscal::assessment_results(&assessment, &catalogue, &context).unwrap()),
        ("poam", oscal::poam(&assessment, &context).unwrap()),
    ]
}

/// Every value under a key, anywhere.
fn collect<'v>(value: &'v Value, wanted: &dyn Fn(&str) -> bool, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                if let (true, Some(text)) = (wanted(key), inner.as_str()) {
                    found.push(text);
                }
                collect(inner, wanted, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, wanted, found)),
        _ => {}
    }
}

fn values(value: &Value, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    let mut found = Vec::new();
    collect(value, &wanted, &mut found);
    found
}

#[test]
fn documents_are_valid_against_the_published_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/schemas/oscal-1.1.3");
    if !folder.is_dir() {
        eprintln!("SKIPPED: the OSCAL schemas are not at {}", folder.display());
        return;
    }
    for (name, document) in documents() {
        let schema = std::fs::read_to_string(folder.join(format!("oscal_{name}_schema.json"))).unwrap();
        let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .take(5)
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
}

#[test]
fn no_id_is_given_twice() {
    for (name, document) in documents() {
        let ids = values(&document, |key| key == "uuid");
        let distinct: BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "{name}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    for (name, document) in documents() {
        let ids: BTreeSet<&str> = values(&document, |key| key == "uuid").into_iter().collect();
        let references = values(&document, |key| key.ends_with("-uuid"));
        assert!(!references.is_empty(), "{name} refers to nothing");
        assert!(references.iter().all(|reference| ids.contains(reference)), "{name}");
        for href in values(&document, |key| key == "href") {
            assert!(href.strip_prefix('#').is_none_or(|id| ids.contains(id)), "{name}: {href}");
        }
    }
}

#[test]
fn control_and_target_ids_are_tokens() {
    for (name, document) in documents() {
        for id in values(&document, |key| matches!(key, "control-id" | "target-id" | "name" | "class")) {
            let legal = id.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
            assert!(legal || id.contains(' '), "{name}: {id:?}");
        }
    }
}

#[test]
fn ids_stay_the_same_for_the_same_assessment() {
    assert_eq!(documents().map(|(_, document)| document), documents().map(|(_, document)| document));
}

#[test]
fn only_pass_and_fail_conclude_a_test() {
    let (assessment, catalogue, context) = input();
    let document = oscal::assessment_results(&assessment, &catalogue, &context).unwrap();
    let findings = document["assessment-results"]["results"][0]["findings"].as_array().unwrap();
    let targets: BTreeSet<&str> =
        findings.iter().map(|finding| finding["target"]["target-id"].as_str().unwrap()).collect();
    for test in &assessment.tests {
        let concluded = matches!(test.result, TestResult::Pass | TestResult::Fail);
        assert_eq!(targets.contains(test.id.as_str()), concluded, "{}", test.id);
    }
    assert!(assessment.tests.iter().any(|test| test.result == TestResult::NoPopulation));
}

#[test]
fn a_void_assessment_concludes_nothing_but_integrity() {
    let (mut assessment, catalogue, context) = input();
    assessment.void = true;
    let document = oscal::assessment_results(&assessment, &catalogue, &context).unwrap();
    let result = &document["assessment-results"]["results"][0];
    for finding in result["findings"].as_array().unwrap() {
        assert!(finding["target"]["target-id"].as_str().unwrap().starts_with("CT-INT-"));
    }
    assert!(result["remarks"].as_str().unwrap().starts_with("VOID"));
}

#[test]
fn each_covered_deviation_is_an_item_with_owner_and_end() {
    let (assessment, _, context) = input();
    let document = oscal::poam(&assessment, &context).unwrap();
    let items = document["plan-of-action-and-milestones"]["poam-items"].as_array().unwrap();
    let prop = |item: &Value, name: &str| {
        let props = item["props"].as_array().unwrap();
        props.iter().find(|prop| prop["name"] == name).map(|prop| prop["value"].as_str().unwrap().to_owned())
    };
    let covers = assessment.tests.iter().flat_map(|test| test.findings.iter().map(move |finding| (test, finding)));
    let expected: BTreeSet<(String, String)> = covers
        .filter_map(|(test, finding)| Some((test.id.clone(), finding.covered_by.as_ref()?.exception.clone())))
        .collect();
    let found: BTreeSet<(String, String)> =
        items.iter().filter_map(|item| Some((prop(item, "test-id")?, prop(item, "exception")?))).collect();
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
    for item in items.iter().filter(|item| prop(item, "exception").is_some()) {
        assert_eq!(prop(item, "exception-owner").as_deref(), Some("Zoë Müller-Ångström"));
        assert!(prop(item, "exception-ends").unwrap().ends_with('Z'));
    }
}

#[test]
fn a_plan_without_deviations_says_so() {
    let (mut assessment, _, context) = input();
    for test in &mut assessment.tests {
        test.findings.clear();
    }
    let document = oscal::poam(&assessment, &context).unwrap();
    assert_eq!(document["plan-of-action-and-milestones"]["poam-items"].as_array().unwrap().len(), 1);
}

#[test]
fn the_csv_has_a_row_for_each_member_that_did_not_pass() {
    let (assessment, _, _) = input();
    let members: usize = assessment.tests.iter().map(|test| test.findings.len()).sum();
    let written = csv::findings(&assessment).unwrap();
    assert_eq!(written.matches("\r\n").count(), members + 1);
    let covered = assessment
        .tests
        .iter()
        .flat_map(|test| &test.findings)
        .filter(|finding| finding.covered_by.is_some() && finding.outcome == RowOutcome::Fail)
        .count();
    assert_eq!(written.matches(",covered,").count(), covered);
}

#[test]
fn the_text_names_every_control_in_scope_with_its_status() {
    let (mut assessment, catalogue, _) = input();
    let written = text::coverage(&assessment, &catalogue).unwrap();
    assert!(written.contains("PR.AA-05") && written.contains("Not satisfied"), "{written}");
    assert!(!written.contains("VOID"));
    assessment.void = true;
    assert!(text::coverage(&assessment, &catalogue).unwrap().contains("VOID"));
}
