//! Takes a request's body in: admission before anything is read, limits on what is sent and on what comes out of it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use sealbook_log::{QUEUE_BYTES_MAX, QUEUE_ENTRIES_MAX};
use sealbook_sources::{DecompressError, decompress};
use tokio::time::{Instant, timeout_at};

use crate::admission::{Grant, Work};
use crate::app::{App, beside};
use crate::config::Limits;
use crate::problem::Problem;

/// Of the queue's entries and bytes, this part (in quarters) may wait before new requests are turned away unread.
const QUEUE_QUARTERS: usize = 3;
/// What a byte of gzip is taken for until it is undone; audit logs shrink by 7 to 40 times.
const GZIP_RATIO: usize = 20;
/// Bytes of a refused body that are read and thrown away.
const DRAIN_BYTES_MAX: usize = 32 << 20;
/// For so long at most.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// Memory granted at first to a body.
const FIRST_GRANT_BYTES: usize = 4 << 10;
/// Bodies up to this size are worked on where they arrive: for less than a millisecond.
pub(crate) const SMALL_BYTES: usize = 8 << 10;
/// A body that is not whole after this time must have sent [`SLOW_BYTES`] in it, and again in every further one.
const SLOW_TIME: Duration = Duration::from_secs(10);
/// Far below what the slowest link sends.
const SLOW_BYTES: usize = 16 << 10;

/// A whole body, decompressed, and the memory that it was granted.
pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    _held: (Grant, Work),
}

/// Decides whether there is room, then reads and decompresses.
pub(crate) async fn receive(app: &Arc<App>, headers: &HeaderMap, body: &mut Body) -> Result<Received, Problem> {
    if let Some(why) = app.ledger.poisoned() {
        return Err(Problem::poisoned(&why));
    }
    let (entries, bytes) = app.ledger.queue_depth();
    if entries > QUEUE_ENTRIES_MAX / 4 * QUEUE_QUARTERS || bytes > QUEUE_BYTES_MAX / 4 * QUEUE_QUARTERS {
        return Err(Problem::overloaded(format!("{entries} entries ({bytes} bytes) are waiting; try again later")));
    }
    let gzip = is_gzip(headers)?;
    app.admission.room()?;
    let limits = app.limits;
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.body_bytes) {
        return Err(too_large(limits.body_bytes));
    }
    let undone = |sent: usize| sent.saturating_mul(GZIP_RATIO).clamp(1, limits.decompressed_bytes);
    // Memory is granted for what came, not for what was announced: announcing costs a slow client nothing.
    let first = length.unwrap_or(FIRST_GRANT_BYTES).min(FIRST_GRANT_BYTES);
    let mut grant = app.admission.grant();
    grant.at_least(if gzip { undone(first) } else { first }, limits.body_bytes)?;
    let bytes = read(body, first, &limits, &mut grant).await?;
    if gzip && !looks_like_gzip(&bytes) {
        let detail = "Content-Encoding is gzip, but the body does not begin as gzip does";
        return Err(Problem::bad_request("bad-gzip", detail));
    }
    if !looks_like_gzip(&bytes) {
        let work = app.admission.admit(bytes.len())?;
        return Ok(Received { bytes, _held: (grant, work) });
    }
    let mut granted = undone(bytes.len());
    let work = app.admission.admit(granted)?;
    grant.at_least(granted, granted)?;
    let bytes = Arc::new(bytes);
    let _turn = app.admission.turn().await;
    loop {
        let (compressed, limit) = (bytes.clone(), granted);
        let undone = beside(move || Ok(decompress(&compressed, limit).map(std::borrow::Cow::into_owned))).await?;
        match undone {
            Ok(bytes) => return Ok(Received { bytes, _held: (grant, work) }),
            // It shrank better than most: ask for the memory first, then undo it again.
            Err(DecompressError::TooLarge { .. }) if granted < limits.decompressed_bytes => {
                granted = limits.decompressed_bytes;
                grant.at_least(granted, granted)?;
            }
            Err(error @ DecompressError::TooLarge { .. }) => {
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "decompressed-too-large", error.to_string()));
            }
            Err(error) => return Err(Problem::bad_request("bad-gzip", error.to_string())),
        }
    }
}

fn looks_like_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(false) };
    match value.to_str().map(str::trim).unwrap_or_default() {
        encoding if encoding.eq_ignore_ascii_case("gzip") || encoding.eq_ignore_ascii_case("x-gzip") => Ok(true),
        encoding if encoding.eq_ignore_ascii_case("identity") => Ok(false),
        _ => {
            let detail = format!("Content-Encoding {value:?} is not understood; send gzip or none");
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-encoding", detail)
                .header(ACCEPT_ENCODING, HeaderValue::from_static("gzip")))
        }
    }
}

fn too_large(limit: usize) -> Problem {
    let detail = format!("the body is above the limit of {limit} bytes; send smaller batches");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

async fn next_frame(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

/// Lets the rest of a refused body run out, within limits: a client that is still sending when its connection closes
/// may never see the answer.
pub(crate) async fn drain(body: &mut Body) {
    let all = async {
        let mut left = DRAIN_BYTES_MAX;
        while let Some(Ok(data)) = next_frame(body).await {
            let Some(rest) = left.checked_sub(data.len()) else { return };
            left = rest;
        }
    };
    // What does not come in time is cut off.
    let _ = tokio::time::timeout(DRAIN_TIME, all).await;
}

/// Reads a body that keeps coming.
async fn read(body: &mut Body, expected: usize, limits: &Limits, grant: &mut Grant) -> Result<Vec<u8>, Problem> {
    let limit = limits.body_bytes;
    let mut bytes = Vec::with_capacity(expected);
    let end = Instant::now() + limits.body_time;
    let (mut look, mut seen) = (end.min(Instant::now() + SLOW_TIME), 0);
    loop {
        let Ok(frame) = timeout_at(look, next_frame(body)).await else {
            if look >= end || bytes.len() < seen + SLOW_BYTES {
                return Err(too_slow(bytes.len(), limits));
            }
            (look, seen) = (end.min(look + SLOW_TIME), bytes.len());
            continue;
        };
        let Some(frame) = frame else { return Ok(bytes) };
        let data = frame
            .map_err(|error| Problem::bad_request("broken-body", format!("the body broke off on its way: {error}")))?;
        if bytes.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        grant.at_least(bytes.len() + data.len(), limit)?;
        bytes.extend_from_slice(&data);
    }
}

fn too_slow(came: usize, limits: &Limits) -> Problem {
    let detail = format!(
        "{came} bytes of the body came; all of it must arrive within {} s, and {SLOW_BYTES} bytes in every {} s",
        limits.body_time.as_secs(),
        SLOW_TIME.as_secs()
    );
    Problem::new(StatusCode::REQUEST_TIMEOUT, "body-timeout", detail)
}
