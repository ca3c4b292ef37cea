//! The read API of C2SP tlog-tiles: checkpoint and tiles.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, Uri};
use sealbook_core::tile::Tile;

use crate::app::{App, beside};
use crate::problem::Problem;

/// A tile never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// A checkpoint is soon followed by the next.
const ASK_AGAIN: &str = "no-cache";

/// A body with its media type and how long it may be kept.
pub(crate) fn answer(body: impl Into<Body>, media_type: &'static str, keep: &'static str) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    response
}

/// `GET /checkpoint`.
pub(crate) async fn checkpoint(State(app): State<Arc<App>>) -> Response<Body> {
    answer(app.reader.checkpoint().note.clone(), "text/plain; charset=utf-8", ASK_AGAIN)
}

/// `GET /tile/…`.
pub(crate) async fn tile(State(app): State<Arc<App>>, uri: Uri) -> Result<Response<Body>, Problem> {
    let path = uri.path().trim_start_matches('/').to_owned();
    let tile = Tile::parse(&path).ok_or_else(|| {
        Problem::not_found("no-such-tile", format!("{path:?} is no tile path as C2SP tlog-tiles spells them"))
    })?;
    let reader = app.reader.clone();
    let found = beside(move || Ok(reader.tile(&tile)?)).await?;
    let bytes = found.ok_or_else(|| {
        Problem::not_found("no-such-tile", format!("{path} is not there: the log has {} entries", app.reader.size()))
    })?;
    Ok(answer(bytes, "application/octet-stream", FOR_EVER))
}
