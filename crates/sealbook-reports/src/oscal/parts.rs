//! Pieces that both OSCAL documents are made of: ids, properties, metadata, observations.

use std::fmt::Write as _;

use sealbook_controls::outcome::{Assessment, Finding, TestOutcome};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{NAMESPACE, OSCAL_VERSION};
use crate::assessment::{finding_sign, result_id};
use crate::context::ReportContext;
use crate::error::ReportError;
use crate::format::oscal_time;
use crate::layout::visible;

/// Gives ids: the same name under the same assessment gives the same one.
pub(super) struct Ids {
    seed: Vec<u8>,
}

impl Ids {
    pub(super) fn new(assessment: &Assessment, context: &ReportContext) -> Result<Self, ReportError> {
        let mut hasher = Sha256::new();
        let bytes = serde_json::to_vec(assessment).map_err(|error| ReportError::Oscal(error.to_string()))?;
        hasher.update(bytes);
        hasher.update(context.generated_at.to_be_bytes());
        Ok(Self { seed: hasher.finalize().to_vec() })
    }

    /// A UUID of version 5's form, from SHA-256 over the seed and the name.
    pub(super) fn of(&self, name: &str) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.seed);
        hasher.update(name.as_bytes());
        let digest = hasher.finalize();
        let mut text = String::with_capacity(36);
        for (byte, position) in digest.iter().take(16).zip(0_u8..) {
            let byte = match position {
                6 => (byte & 0x0F) | 0x50,
                8 => (byte & 0x3F) | 0x80,
                _ => *byte,
            };
            if matches!(position, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    pub(super) fn of_test(&self, test: &TestOutcome) -> String {
        self.of(&format!("observation/{}", test.id))
    }

    pub(super) fn of_member(&self, test: &TestOutcome, number: usize) -> String {
        self.of(&format!("observation/{}/{number}", test.id))
    }
}

/// Text that an OSCAL string may hold: visible, without space at its ends, never empty.
pub(super) fn string(text: &str) -> String {
    let shown = visible(text, |_| true);
    let trimmed = shown.trim();
    if trimmed.is_empty() { "–".to_owned() } else { trimmed.to_owned() }
}

/// A property under our namespace.
pub(super) fn prop(name: &str, value: &str) -> Value {
    json!({ "name": name, "ns": NAMESPACE, "value": string(value) })
}

/// An OSCAL token: other characters become `-`, and a leading one that is no letter gets `_` before it.
pub(super) fn token(text: &str) -> String {
    let mut token: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' }).collect();
    if !token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        token.insert(0, '_');
    }
    token
}

pub(super) fn metadata(title: &str, ids: &Ids, context: &ReportContext) -> Result<Value, ReportError> {
    let mut metadata = json!({
        "title": string(title),
        "last-modified": oscal_time(context.generated_at)?,
        "version": string(&context.number),
        "oscal-version": OSCAL_VERSION,
        "props": [prop("produced-by", &context.product)],
    });
    if !context.organisation.trim().is_empty() {
        let party = json!({ "uuid": ids.of("party/organisation"), "type": "organization", "name": string(&context.organisation) });
        set(&mut metadata, "parties", json!([party]));
    }
    Ok(metadata)
}

/// The observation of a test over its whole population.
pub(super) fn test_observation(
    test: &TestOutcome,
    void: bool,
    ids: &Ids,
    context: &ReportContext,
) -> Result<Value, ReportError> {
    let mut props = vec![
        prop("result", result_id(test.result)),
        prop("test-id", &test.id),
        prop("severity", &test.severity),
        prop("population", &test.population.to_string()),
        prop("passed", &test.pass.to_string()),
        prop("failed", &test.fail.to_string()),
        prop("covered", &test.covered.to_string()),
        prop("undecided", &test.insufficient.to_string()),
        prop("sql-sha256", &test.sql_sha256),
    ];
    if void {
        props.push(prop("void", "true"));
    }
    for (name, parameter) in &test.parameters {
        let mut value = prop("parameter", &format!("{name}={}", parameter.value));
        let origin = serde_json::to_value(parameter.origin).map_err(|error| ReportError::Oscal(error.to_string()))?;
        set(&mut value, "class", origin);
        props.push(value);
    }
    let mut observation = json!({
        "uuid": ids.of_test(test),
        "title": string(&format!("{} {}", test.id, test.title)),
        "description": string(&format!("{} Population: {}.", test.question, test.population_is.trim_end_matches('.'))),
        "props": props,
        "methods": ["TEST"],
        "types": ["control-objective"],
        "relevant-evidence": [{ "href": "results.json", "description": "Result of the test with every member that did not pass." }],
        "collected": oscal_time(context.generated_at)?,
    });
    if let Some(error) = &test.error {
        set(&mut observation, "remarks", string(error).into());
    }
    Ok(observation)
}

/// The observation of one member that did not pass.
pub(super) fn member_observation(
    test: &TestOutcome,
    number: usize,
    finding: &Finding,
    ids: &Ids,
    context: &ReportContext,
) -> Result<Value, ReportError> {
    let mut props = vec![
        prop("test-id", &test.id),
        prop("member", &finding.subject),
        prop("member-result", member_result(finding)),
    ];
    if let Some(cover) = &finding.covered_by {
        props.push(prop("covered-by-exception", &cover.exception));
    }
    if let Some(at) = finding.at {
        props.push(prop("occurred-at", &oscal_time(at)?));
    }
    let mut observation = json!({
        "uuid": ids.of_member(test, number),
        "title": string(&format!("{}: {}", test.id, finding.subject)),
        "description": string(&finding.reason),
        "props": props,
        "methods": ["TEST"],
        "types": ["finding"],
        "collected": oscal_time(context.generated_at)?,
    });
    let evidence: Vec<Value> = finding.entries.iter().map(|index| entry_evidence(*index, context)).collect();
    if !evidence.is_empty() {
        set(&mut observation, "relevant-evidence", evidence.into());
    }
    Ok(observation)
}

fn entry_evidence(index: u64, context: &ReportContext) -> Value {
    let mut props = vec![prop("entry-index", &index.to_string())];
    if let Some(entry) = context.entries.get(&index).filter(|entry| !entry.leaf_hash.is_empty()) {
        props.push(prop("leaf-sha256", &entry.leaf_hash));
    }
    json!({ "description": format!("Entry {index} of the ledger."), "props": props })
}

/// `deviation`, `covered-deviation` or `undecided`.
pub(super) fn member_result(finding: &Finding) -> &'static str {
    match finding_sign(finding) {
        "open" => "deviation",
        "covered" => "covered-deviation",
        "pass" => "pass",
        _ => "undecided",
    }
}

/// Sets a key of an object.
pub(super) fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(key.to_owned(), value);
    }
}

/// A document with its one root key.
pub(super) fn rooted(key: &str, value: Value) -> Value {
    let mut map = Map::new();
    map.insert(key.to_owned(), value);
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_legal() {
        assert_eq!(token("NHI7:2025"), "NHI7-2025");
        assert_eq!(token("4.2 x"), "_4.2-x");
        assert_eq!(token(""), "_");
    }

    #[test]
    fn ids_have_the_form_of_version_five_and_differ_by_name() {
        let ids = Ids { seed: vec![1] };
        let id = ids.of("a");
        assert_eq!(id.len(), 36);
        assert_eq!((&id[14..15], id[19..20].find(['8', '9', 'a', 'b'])), ("5", Some(0)));
        assert_ne!(id, ids.of("b"));
        assert_eq!(id, ids.of("a"));
    }

    #[test]
    fn strings_have_no_space_at_their_ends_and_are_never_empty() {
        assert_eq!((string(" a\nb "), string("")), ("a‹U+000A›b".to_owned(), "–".to_owned()));
    }
}
