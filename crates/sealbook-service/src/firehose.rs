//! `POST /v1/sources/firehose`: Amazon Data Firehose, which wants its request id and a time back.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use sealbook_core::time::Micros;
use serde_json::json;

use crate::app::App;
use crate::credentials::Principal;
use crate::problem::Problem;
use crate::receipt;
use crate::receive::{named, taken};

/// The id that a delivery keeps when it is sent again.
const REQUEST_ID: &str = "x-amz-firehose-request-id";
/// Microseconds of a millisecond.
const MILLI: i64 = 1_000;

/// Takes a delivery. Everything but 200 is sent again for as long as the stream is configured to.
pub(crate) async fn records(
    State(app): State<Arc<App>>,
    principal: Principal,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let request = named(&app, &principal, "firehose", &uri).map(crate::receive::Request::without_proofs);
    let result = taken(&app, request, &headers, body).await;
    answer(&id, Micros(app.world.clock.now()), result.map(|_| ()))
}

fn answer(id: &str, now: Micros, result: Result<(), Problem>) -> Response<Body> {
    let millis = now.0.div_euclid(MILLI);
    match result {
        Ok(()) => receipt::json(StatusCode::OK, &json!({ "requestId": id, "timestamp": millis })),
        Err(problem) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let said = format!("{}: {}", problem.code, problem.detail);
            receipt::json(status, &json!({ "requestId": id, "timestamp": millis, "errorMessage": said }))
        }
    }
}
