//! What is answered to a producer: where its events are, and the proof that they are there.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use sealbook_core::hash::chain_value;
use sealbook_core::note::encode_base64;
use sealbook_core::time::Micros;
use sealbook_core::tree::leaf_hash;
use sealbook_log::{Placed, Published, Reader};
use serde::Serialize;

use crate::problem::Problem;

/// Where one event is.
#[derive(Debug, Serialize)]
pub(crate) struct EntryReceipt {
    index: u64,
    recorded_at: String,
    chain: String,
    leaf: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Vec<String>>,
    duplicate: bool,
}

/// What was not an event, and the entry that holds its bytes.
#[derive(Debug, Serialize)]
pub(crate) struct QuarantineReceipt {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) element: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) index: u64,
}

/// The whole answer.
#[derive(Debug, Serialize)]
pub(crate) struct Receipt {
    checkpoint: String,
    entries: Vec<EntryReceipt>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quarantined: Vec<QuarantineReceipt>,
}

impl Receipt {
    /// Looks up what is needed; every entry is covered by `checkpoint`.
    pub(crate) fn new(
        reader: &Reader,
        checkpoint: &Arc<Published>,
        placed: &[Placed],
        quarantined: Vec<QuarantineReceipt>,
        with_proofs: bool,
    ) -> Result<Self, Problem> {
        let mut entries = Vec::with_capacity(placed.len());
        for placed in placed {
            let index = placed.index();
            let (recorded_at, chain, leaf, duplicate) = match placed {
                Placed::Committed { recorded_at, chain, leaf, .. } => (*recorded_at, *chain, *leaf, false),
                Placed::Duplicate { .. } => {
                    let (recorded_at, bytes) = stored(reader, index)?;
                    (recorded_at, chain_value(&bytes), leaf_hash(&bytes), true)
                }
                // It is listed among the quarantined.
                Placed::Conflict { .. } => continue,
            };
            let proof = if with_proofs {
                let hashes = reader.inclusion(index, checkpoint)?;
                Some(hashes.iter().map(|hash| encode_base64(&hash.0)).collect())
            } else {
                None
            };
            entries.push(EntryReceipt {
                index,
                recorded_at: recorded_at.to_string(),
                chain: encode_base64(&chain.0),
                leaf: encode_base64(&leaf.0),
                proof,
                duplicate,
            });
        }
        Ok(Self { checkpoint: checkpoint.note.clone(), entries, quarantined })
    }

    /// How many are new, and how many were there already.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let duplicate = self.entries.iter().filter(|entry| entry.duplicate).count() as u64;
        (self.entries.len() as u64 - duplicate, duplicate)
    }

    /// What was set apart.
    pub(crate) fn quarantined(&self) -> &[QuarantineReceipt] {
        &self.quarantined
    }

    pub(crate) fn status(&self, quarantined_anew: bool) -> StatusCode {
        if self.counts().0 > 0 || quarantined_anew { StatusCode::CREATED } else { StatusCode::OK }
    }
}

fn stored(reader: &Reader, index: u64) -> Result<(Micros, Vec<u8>), Problem> {
    let stored = reader.stored(index)?;
    let entry = stored.entry().map_err(|error| Problem::unreadable(format!("entry {index}: {error}")))?;
    Ok((entry.recorded_at, stored.bytes))
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    // Everything that is answered is text, numbers and lists of them: it always serialises.
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
