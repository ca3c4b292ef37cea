//! Splunk HTTP Event Collector: its paths, its answers and its codes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use serde_json::json;

use crate::app::App;
use crate::credentials::Principal;
use crate::problem::Problem;
use crate::receipt;
use crate::receive::{named, taken};

/// Codes of the collector, and their texts.
const SUCCESS: (u8, &str) = (0, "Success");
const NO_DATA: (u8, &str) = (5, "No data");
const INVALID: (u8, &str) = (6, "Invalid data format");
const FAILED: (u8, &str) = (8, "Internal server error");
const BUSY: (u8, &str) = (9, "Server is busy");
const NO_ACK: (u8, &str) = (14, "ACK is disabled");
const HEALTHY: (u8, &str) = (17, "HEC is healthy");
const UNHEALTHY: (u8, &str) = (18, "HEC is unhealthy, queues are full");

/// Seconds after which a busy service may be asked again.
const RETRY_SECONDS: u32 = 1;

/// `POST /services/collector/event`: an element that is no event is kept and counted, the others are taken.
pub(crate) async fn event(
    State(app): State<Arc<App>>,
    principal: Principal,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let request = named(&app, &principal, "hec", &uri).map(crate::receive::Request::without_proofs);
    match taken(&app, request, &headers, body).await {
        Ok(_) => say(StatusCode::OK, SUCCESS, None),
        Err(problem) => refusal(&problem),
    }
}

/// The collector's words for a problem; what exactly is wrong stands beside them.
fn refusal(problem: &Problem) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let words = match status {
        StatusCode::BAD_REQUEST if problem.detail.contains("is empty") => NO_DATA,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => BUSY,
        _ if status.is_server_error() => FAILED,
        _ => INVALID,
    };
    say(status, words, Some(problem))
}

fn say(status: StatusCode, (code, text): (u8, &str), problem: Option<&Problem>) -> Response<Body> {
    let mut body = json!({ "text": text, "code": code });
    if let (Some(problem), Some(body)) = (problem, body.as_object_mut()) {
        body.insert("error".to_owned(), json!({ "code": problem.code, "detail": problem.detail }));
        if let Some(element) = problem.element {
            body.insert("invalid-event-number".to_owned(), json!(element.saturating_sub(1)));
        }
    }
    let mut response = receipt::json(status, &body);
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    response
}

/// `POST /services/collector/ack`: an answer comes after the commit, so there is nothing to ask for later.
pub(crate) async fn ack() -> Response<Body> {
    say(StatusCode::BAD_REQUEST, NO_ACK, None)
}

/// `GET /services/collector/health`.
pub(crate) async fn health(State(app): State<Arc<App>>) -> Response<Body> {
    match app.ledger.poisoned() {
        None => say(StatusCode::OK, HEALTHY, None),
        Some(_) => say(StatusCode::SERVICE_UNAVAILABLE, UNHEALTHY, None),
    }
}
