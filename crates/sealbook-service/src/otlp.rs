//! `POST /v1/logs`: OpenTelemetry logs, answered as their exporters expect it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use sealbook_sources::otlp_response;
use serde_json::{Value, json};

use crate::app::App;
use crate::credentials::Principal;
use crate::problem::Problem;
use crate::receive::{Taken, media_type, named, taken};

/// Media type of the binary form.
const PROTOBUF: &str = "application/x-protobuf";
/// Media type of the other one.
const JSON: &str = "application/json";
/// Media types of requests.
pub(crate) const TYPES: [&str; 2] = [PROTOBUF, JSON];

/// Takes an export request. The answer has the form of the request.
pub(crate) async fn logs(
    State(app): State<Arc<App>>,
    principal: Principal,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response<Body>, Problem> {
    let form = match media_type(&headers).as_deref() {
        None | Some(JSON) => JSON,
        Some(PROTOBUF) => PROTOBUF,
        Some(other) => {
            let detail = format!("Content-Type {other:?} is not taken here; send one of {}", TYPES.join(", "));
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail));
        }
    };
    let request = named(&app, &principal, "otlp", &uri).map(|request| request.without_proofs().or_empty());
    match taken(&app, request, &headers, body).await {
        Ok(taken) => Ok(answer(&taken, form)),
        // An exporter drops what is answered with 500 and sends it again after 503.
        Err(problem) if problem.status == StatusCode::INTERNAL_SERVER_ERROR.as_u16() => Err(problem.for_later()),
        Err(problem) => Err(problem),
    }
}

/// What was set apart is counted as rejected: its sender may want to know; nothing of it is lost.
fn answer(taken: &Taken, form: &'static str) -> Response<Body> {
    let rejected = taken.receipt.quarantined().len() as u64;
    let first = taken.receipt.quarantined().first();
    let message = first.map(|first| format!("kept as entry {}: {}: {}", first.index, first.code, first.detail));
    let message = message.unwrap_or_default();
    let body = match form {
        PROTOBUF => otlp_response(rejected, &message),
        _ => {
            let partial = json!({ "rejectedLogRecords": rejected.to_string(), "errorMessage": message });
            let whole = if rejected == 0 { json!({}) } else { json!({ "partialSuccess": partial }) };
            serde_json::to_vec::<Value>(&whole).unwrap_or_default()
        }
    };
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form));
    response
}
