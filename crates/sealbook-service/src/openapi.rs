//! What the service says about itself: its description, whether it is alive and able to write, its counts.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::credentials::Need;
use crate::log_api::answer;
use crate::metrics::Gauges;
use crate::operate;
use crate::problem::Problem;
use crate::receipt;
use crate::routes::{ROUTES, Route, Way};
use crate::speaks::{Speaks, parameter};

/// Not to be kept.
const NOT_KEPT: &str = "no-store";

/// The OpenAPI document, made from the table that the router is made from.
#[must_use]
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        // OpenAPI has no path parameter that spans slashes; the name is kept and the description says it.
        let path = route.path.replace("{*", "{");
        let operations = paths.entry(path.clone()).or_insert_with(|| json!({}));
        if let Some(operations) = operations.as_object_mut() {
            let method = match route.way {
                Way::Get => "get",
                Way::Post => "post",
            };
            operations.insert(method.to_owned(), operation(route, &path));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sealbook",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Append-only audit ledger. Answers to POST come after the commit is durable.",
        },
        "paths": paths,
        "components": { "schemas": { "Receipt": receipt_schema(), "Problem": problem_schema() } },
    })
}

fn operation(route: &Route, path: &str) -> Value {
    let mut parameters: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": parameter(route.speaks, name) }))
        .collect();
    parameters.extend(route.query.iter().map(
        |(name, meaning)| json!({ "name": name, "in": "query", "description": meaning, "schema": parameter(route.speaks, name) }),
    ));
    let mut responses = Map::new();
    let good = route.speaks.good(route);
    if route.way == Way::Post && route.speaks != Speaks::Evidence {
        responses.insert("201".to_owned(), good.clone());
    }
    responses.insert("200".to_owned(), good);
    let guarded: &[u16] = if route.needs == Need::Open { &[] } else { &[401, 403] };
    for status in route.problems.iter().chain(guarded) {
        let name = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Problem");
        responses.insert(status.to_string(), route.speaks.bad(name));
    }
    let mut operation = json!({
        "operationId": route.name, "summary": route.summary, "parameters": parameters, "responses": responses,
    });
    if !route.takes.is_empty()
        && let Some(object) = operation.as_object_mut()
    {
        let content: Map<String, Value> =
            route.takes.iter().map(|media_type| ((*media_type).to_owned(), json!({}))).collect();
        object.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}

fn receipt_schema() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "required": ["checkpoint", "entries"],
        "properties": {
            "checkpoint": { "type": "string", "description": "Signed checkpoint (C2SP) that covers every entry below." },
            "entries": { "type": "array", "items": {
                "type": "object",
                "required": ["index", "recorded_at", "chain", "leaf", "duplicate"],
                "properties": {
                    "index": number, "recorded_at": text, "chain": text, "leaf": text,
                    "proof": { "type": "array", "items": text, "description": "RFC 6962 inclusion proof, base64." },
                    "duplicate": { "type": "boolean", "description": "The event was already there." },
                },
            } },
            "quarantined": { "type": "array", "items": {
                "type": "object",
                "required": ["code", "detail", "index"],
                "properties": {
                    "element": number, "line": number, "field": text, "code": text, "detail": text,
                    "index": { "type": "integer", "description": "Entry that keeps the element's bytes, sealed." },
                },
            } },
        },
    })
}

fn problem_schema() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "description": "RFC 9457",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": text, "title": text, "status": number, "code": text, "detail": text, "field": text,
            "element": number, "line": number, "offset": number, "entry": number, "refused": number,
        },
    })
}

/// `GET /openapi.json`.
pub(crate) async fn described() -> Response<Body> {
    receipt::json(StatusCode::OK, &document())
}

/// `GET /healthz`.
pub(crate) async fn healthy() -> Response<Body> {
    answer("alive\n", "text/plain; charset=utf-8", NOT_KEPT)
}

/// `GET /readyz`.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Response<Body>, Problem> {
    match app.ledger.poisoned() {
        Some(why) => Err(Problem::poisoned(&why)),
        None => Ok(answer("ready\n", "text/plain; charset=utf-8", NOT_KEPT)),
    }
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response<Body> {
    let (queue_entries, queue_bytes) = app.ledger.queue_depth();
    let poisoned = app.ledger.poisoned().is_some();
    let text = app.metrics.text(&Gauges {
        entries: app.reader.size(),
        queue_entries,
        queue_bytes,
        poisoned,
        indexed_through: app.follower.through(),
        index_failures: app.follower.failures(),
    });
    let text = text + &app.watch.text();
    let text = text + &operate::metrics(&app);
    answer(text, "text/plain; version=0.0.4; charset=utf-8", NOT_KEPT)
}
