//! In whose words an endpoint answers, and what its parameters may be: the parts of the OpenAPI document that are not in the
//! table of routes.

use sealbook_core::event::{Kind, Outcome};
use sealbook_core::limits::SOURCE_ID_BYTES_MAX;
use serde_json::{Map, Value, json};

use crate::routes::{Route, Way};

/// Media type of problems.
const PROBLEM: &str = "application/problem+json";
const JSON: &str = "application/json";

/// In whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// Its own: receipts and problems.
    Sealbook,
    /// Its own, about what the ledger shows: no receipt.
    Evidence,
    /// Those of OpenTelemetry exporters; problems are its own.
    Otlp,
    /// Those of the Splunk HTTP Event Collector.
    Hec,
    /// Those of Amazon Data Firehose.
    Firehose,
}

impl Speaks {
    /// What a good answer holds.
    pub(crate) fn good(self, route: &Route) -> Value {
        let answer = |meaning: &str, content: Value| json!({ "description": meaning, "content": content });
        let text = json!({ "type": "string" });
        match self {
            Self::Evidence => answer("As described.", json!({ (route.gives): {} })),
            Self::Sealbook if route.way == Way::Get => answer("As described.", json!({ (route.gives): {} })),
            Self::Sealbook => {
                answer("Durable.", json!({ (route.gives): { "schema": { "$ref": "#/components/schemas/Receipt" } } }))
            }
            Self::Otlp => {
                let partial = json!({ "type": "object", "properties": {
                    "rejectedLogRecords": { "type": "string" }, "errorMessage": { "type": "string" } } });
                let schema = json!({ "type": "object", "properties": { "partialSuccess": partial } });
                let types = json!({ JSON: { "schema": schema }, "application/x-protobuf": {} });
                answer("Durable: an ExportLogsServiceResponse in the form of the request.", types)
            }
            Self::Hec => answer("Durable.", json!({ JSON: { "schema": hec() } })),
            Self::Firehose => {
                let schema = json!({
                    "type": "object", "required": ["requestId", "timestamp"],
                    "properties": { "requestId": text, "timestamp": { "type": "integer" }, "errorMessage": text },
                });
                answer("Durable.", json!({ JSON: { "schema": schema } }))
            }
        }
    }

    /// What a refusal holds.
    pub(crate) fn bad(self, name: &str) -> Value {
        let mut content = Map::new();
        content.insert(PROBLEM.to_owned(), json!({ "schema": { "$ref": "#/components/schemas/Problem" } }));
        match self {
            Self::Sealbook | Self::Evidence | Self::Otlp => {}
            Self::Hec => drop(content.insert(JSON.to_owned(), json!({ "schema": hec() }))),
            Self::Firehose => drop(content.insert(JSON.to_owned(), json!({}))),
        }
        json!({ "description": name, "content": content })
    }
}

fn hec() -> Value {
    json!({
        "type": "object", "required": ["text", "code"],
        "properties": { "text": { "type": "string" }, "code": { "type": "integer" } },
    })
}

/// What a parameter of this name may be. Evidence is asked for by times, entries by their index.
pub(crate) fn parameter(speaks: Speaks, name: &str) -> Value {
    let words = |words: &[&str]| json!({ "type": "string", "enum": words });
    let number = |max: u64| json!({ "type": "integer", "minimum": 0, "maximum": max });
    match name {
        "from" if speaks == Speaks::Evidence => json!({ "type": "string" }),
        "limit" if speaks == Speaks::Evidence => number(10_000),
        "proof" => words(&["full", "none"]),
        "open" => words(&["true", "false"]),
        "kind" => words(Kind::WORDS),
        "outcome" => words(Outcome::WORDS),
        "limit" => number(1_000),
        "index" | "from" | "sequence" => number(1 << 62),
        "source" => json!({ "type": "string", "pattern": format!("^[!-~]{{1,{SOURCE_ID_BYTES_MAX}}}$") }),
        _ => json!({ "type": "string" }),
    }
}
