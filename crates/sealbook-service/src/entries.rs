//! Entries for reading: one, its proof, and those that match a filter.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use sealbook_core::checkpoint::parse_decimal;
use sealbook_core::entry::{Entry, Opening, RAW_PATH};
use sealbook_core::event::{Kind, Outcome};
use sealbook_core::hash::{ChainValue, Commitment, chain_value};
use sealbook_core::note::encode_base64;
use sealbook_core::proof::TlogProof;
use sealbook_core::receipt::UnsignedReceipt;
use sealbook_core::tree::leaf_hash;
use sealbook_log::Stored;
use sealbook_sources::to_json;
use serde_json::{Value, json};

use crate::app::{App, beside};
use crate::credentials::{Need, Principal};
use crate::log_api::answer;
use crate::params::Params;
use crate::problem::Problem;
use crate::receipt;

/// Entries of one answer.
const LIMIT_MAX: u64 = 1_000;
/// Entries of one answer where nothing is asked for.
const LIMIT: u64 = 100;
/// Entries that one request looks through; the answer says where to go on.
const SCAN_ENTRIES_MAX: u64 = 50_000;
/// The act that says who looked at sealed values.
const SEALED_READ: &str = "sealed.read";
/// The bytes of an entry never change.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
/// What may be opened or erased later.
const NOT_KEPT: &str = "no-store";

/// The bytes that are hashed.
const CBOR: &str = "application/cbor";
/// A COSE receipt.
const COSE: &str = "application/cose";

type Answered = Result<Response<Body>, Problem>;

/// The index in `/v1/entries/{index}` and below.
fn index_of(uri: &Uri) -> Result<u64, Problem> {
    let text = uri.path().trim_start_matches("/v1/entries/").split('/').next().unwrap_or_default();
    parse_decimal(text).ok_or_else(|| {
        let mut problem = Problem::bad_request("bad-index", format!("{text:?} is no index: digits, from 0"));
        problem.field = Some("index".to_owned());
        problem
    })
}

/// `GET /v1/entries/{index}`: open fields; sealed values where `open=true` asks for them, which is then an entry itself.
pub(crate) async fn one(State(app): State<Arc<App>>, principal: Principal, uri: Uri, headers: HeaderMap) -> Answered {
    let index = index_of(&uri)?;
    let open = Params::of(&uri)?.only(&["open"])?.word("open", &["true", "false"])? == Some("true");
    if open {
        principal.require(Need::Admin)?;
    }
    let reader = app.reader.clone();
    let stored = beside(move || Ok(reader.stored(index)?)).await?;
    if accepts(&headers, CBOR) {
        return Ok(answer(stored.bytes, CBOR, FOR_EVER));
    }
    if open {
        app.record(SEALED_READ, principal.identity(), &[("entry", index.to_string())]).await?;
    }
    let mut response = receipt::json(StatusCode::OK, &shown(&stored, open)?);
    response.headers_mut().insert(axum::http::header::CACHE_CONTROL, axum::http::HeaderValue::from_static(NOT_KEPT));
    Ok(response)
}

fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|part| part.split(';').next().unwrap_or_default().trim() == media_type)
}

/// `GET /v1/entries/{index}/proof`: a `.tlog-proof`, or a COSE receipt where that is accepted.
pub(crate) async fn proof(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Answered {
    let index = index_of(&uri)?;
    let cose = accepts(&headers, COSE);
    let made = beside(move || {
        let proof = app.reader.prove(index)?;
        if cose { receipt_of(&app, index, &proof) } else { Ok(proof.to_string().into_bytes()) }
    });
    Ok(answer(made.await?, if cose { COSE } else { "text/plain; charset=utf-8" }, NOT_KEPT))
}

/// The receipt (RFC 9942) of an entry: it shows that the entry is in the ledger, not where.
fn receipt_of(app: &App, index: u64, proof: &TlogProof) -> Result<Vec<u8>, Problem> {
    let stored = app.reader.stored(index)?;
    let unreadable = |why: String| Problem::unreadable(format!("entry {index}: {why}"));
    let subject = stored.entry().map_err(|error| unreadable(error.to_string()))?.event.subject.id;
    let key = app.ledger.load_key()?;
    let receipt = UnsignedReceipt::inclusion(key.verifier(), &subject, &stored.bytes, proof);
    Ok(key.sign_receipt(&receipt.map_err(|error| unreadable(error.to_string()))?))
}

/// What entries are asked for.
#[derive(Clone, Debug, Default)]
struct Filter {
    identity: Option<String>,
    kind: Option<&'static str>,
    outcome: Option<&'static str>,
    source: Option<String>,
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        let event = &entry.event;
        let actor = event.actor.as_ref().map(|actor| actor.id.as_str());
        let concerns = |id: &str| event.subject.id == id || actor == Some(id);
        self.identity.as_deref().is_none_or(concerns)
            && self.kind.is_none_or(|kind| event.kind.word() == kind)
            && self.outcome.is_none_or(|outcome| event.outcome.word() == outcome)
            && self.source.as_deref().is_none_or(|source| entry.source.id == source)
    }
}

/// `GET /v1/entries`: entries that match, in order of their index, and where to go on.
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri) -> Answered {
    let params = Params::of(&uri)?.only(&["identity", "kind", "outcome", "source", "from", "limit"])?;
    let filter = Filter {
        identity: params.get("identity").map(str::to_owned),
        kind: params.word("kind", Kind::WORDS)?,
        outcome: params.word("outcome", Outcome::WORDS)?,
        source: params.get("source").map(str::to_owned),
    };
    let from = params.number("from", 0, u64::MAX)?;
    let limit = params.number("limit", LIMIT, LIMIT_MAX)?;
    let reader = app.reader.clone();
    let found = beside(move || {
        let size = reader.size();
        let end = from.saturating_add(SCAN_ENTRIES_MAX).min(size);
        let (mut found, mut next) = (Vec::new(), from.min(size));
        for stored in reader.entries(from, end) {
            if found.len() as u64 >= limit {
                break;
            }
            let stored = stored?;
            next = stored.index + 1;
            if filter.takes(&read(&stored)?) {
                found.push(shown(&stored, false)?);
            }
        }
        Ok(json!({ "size": size, "entries": found, "next": (next < size).then_some(next) }))
    });
    Ok(receipt::json(StatusCode::OK, &found.await?))
}

fn read(stored: &Stored) -> Result<Entry, Problem> {
    stored.entry().map_err(|error| Problem::unreadable(format!("entry {}: {error}", stored.index)))
}

/// An entry as JSON.
pub(crate) fn shown(stored: &Stored, open: bool) -> Result<Value, Problem> {
    let entry = read(stored)?;
    let openings =
        stored.openings().map_err(|error| Problem::unreadable(format!("entry {}: {error}", stored.index)))?;
    let ChainValue(prev) = entry.prev;
    let event = if open { entry.unsealed(&openings) } else { entry.event.clone() };
    let source = &entry.source;
    let mut shown = json!({
        "index": entry.index,
        "recorded_at": entry.recorded_at.to_string(),
        "prev": encode_base64(&prev),
        "chain": encode_base64(&chain_value(&stored.bytes).0),
        "leaf": encode_base64(&leaf_hash(&stored.bytes).0),
        "source": {
            "id": source.id, "format": source.format, "version": source.version, "sequence": source.sequence,
        },
        "event": to_json(&event),
        "thread": { "n": entry.thread.n, "prev": entry.thread.prev },
    });
    let mut put = |name: &str, value: Value| {
        if let Some(object) = shown.as_object_mut() {
            object.insert(name.to_owned(), value);
        }
    };
    if !entry.commitments.is_empty() {
        let sealed = entry.commitments.iter().map(|(path, Commitment(commitment))| {
            let there = openings.iter().any(|opening| opening.path == *path);
            let state = match (there, open) {
                (false, _) => "erased",
                (true, false) => "sealed",
                (true, true) => "opened",
            };
            json!({ "path": path, "state": state, "commitment": encode_base64(commitment) })
        });
        put("sealed", sealed.collect());
    }
    if let Some(raw) = &entry.raw {
        let mut shown_raw = json!({
            "length": raw.length, "media_type": raw.media_type, "commitment": encode_base64(&raw.commitment.0),
        });
        if let Some(value) = open.then(|| original(&openings)).flatten()
            && let Some(object) = shown_raw.as_object_mut()
        {
            object.insert("base64".to_owned(), Value::String(encode_base64(value)));
        }
        put("raw", shown_raw);
    }
    if let Some(genesis) = &entry.genesis {
        put(
            "genesis",
            json!({ "origin": genesis.origin, "verifier_key": genesis.verifier_key, "formats": genesis.formats }),
        );
    }
    Ok(shown)
}

fn original(openings: &[Opening]) -> Option<&[u8]> {
    openings.iter().find(|opening| opening.path == RAW_PATH).map(|opening| opening.value.as_slice())
}
