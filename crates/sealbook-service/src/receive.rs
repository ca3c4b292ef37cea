//! Takes events in: whole batches on `/v1/events`, element by element on the endpoints of sources.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use sealbook_log::{Answer, Group, Placed, Prepared};

use crate::acts::Refused;
use crate::app::{App, beside};
use crate::body::{Received, SMALL_BYTES, drain, receive};
use crate::cloudevents::{Attributes, BATCHED, STRUCTURED};
use crate::credentials::Principal;
use crate::list::{Form, Parsed, Sender, refusal};
use crate::params::Params;
use crate::problem::Problem;
use crate::receipt::{QuarantineReceipt, Receipt, json};

/// The act that keeps an element which is no event.
const QUARANTINED: &str = "source.element-quarantined";
/// The act that keeps an attempt to send another event under a known id.
const REFUSED: &str = "write.refused";
/// The code of such an attempt.
const CONFLICT: &str = "conflict";
/// The format of Sealbook's own events, and the one that may carry them.
const NATIVE: &str = "native";
const CLOUD_EVENTS: &str = "cloudevents";
/// Highest number that a sender may give its first element: what SQL can hold, with room for the elements after it.
const SEQUENCE_MAX: u64 = 1 << 62;
/// Proofs of so few entries are made where the answer is written.
const FEW: usize = 16;

/// Media types of native events.
pub(crate) const NATIVE_TYPES: [&str; 7] = [
    "application/json",
    "application/x-ndjson",
    "application/ndjson",
    "application/cbor",
    "application/cbor-seq",
    STRUCTURED,
    BATCHED,
];

type Answered = Result<Response<Body>, Problem>;

/// `POST /v1/events`: all or nothing.
pub(crate) async fn events(
    State(app): State<Arc<App>>,
    principal: Principal,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let request = native(&app, &principal, &uri, &headers);
    taken(&app, request, &headers, body).await.map(Taken::answer)
}

/// `POST /v1/sources/{name}` and the paths that systems append to it.
pub(crate) async fn source(
    State(app): State<Arc<App>>,
    principal: Principal,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    let name = uri.path().trim_start_matches("/v1/sources/").split('/').next().unwrap_or_default();
    let request = named(&app, &principal, name, &uri).and_then(|mut request| {
        if name == CLOUD_EVENTS {
            request.sender.form = Attributes::of(&headers)?.map_or(Form::Own, Form::Binary);
        }
        Ok(request)
    });
    taken(&app, request, &headers, body).await.map(Taken::answer)
}

/// `POST /logs`: where OPA sends its decisions when it is given nothing but an address.
pub(crate) async fn opa(
    State(app): State<Arc<App>>,
    principal: Principal,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answered {
    taken(&app, named(&app, &principal, "opa", &uri), &headers, body).await.map(Taken::answer)
}

fn native(app: &App, principal: &Principal, uri: &Uri, headers: &HeaderMap) -> Result<Request, Problem> {
    let params = Params::of(uri)?.only(&["source", "proof", "sequence"])?;
    let (format, form) = native_form(headers)?;
    let id = principal.source(&params, NATIVE, NATIVE)?;
    let sender = sender(app, id, format, form)?.numbered(sequence(&params)?);
    Ok(Request { sender, strict: true, proofs: proofs(&params)?, or_empty: false })
}

/// A request to the endpoint of a source: one bad element never refuses the others.
pub(crate) fn named(app: &App, principal: &Principal, name: &str, uri: &Uri) -> Result<Request, Problem> {
    // Senders append parameters of their own (the Kubernetes API server: timeout), so unknown ones pass.
    let params = Params::of(uri)?;
    if app.sources.by_name(name).is_none() {
        return Err(unknown_source(app, name));
    }
    let id = principal.source(&params, name, name)?;
    let sender = sender(app, id, name, Form::Own)?.numbered(sequence(&params)?);
    Ok(Request { sender, strict: false, proofs: proofs(&params)?, or_empty: false })
}

fn sender(app: &App, id: String, format: &str, form: Form) -> Result<Sender, Problem> {
    Sender::new(&app.sources, id, format, form).ok_or_else(|| unknown_source(app, format))
}

/// The sender's own number of the first element of the body.
fn sequence(params: &Params) -> Result<Option<u64>, Problem> {
    params.get("sequence").map(|_| params.number("sequence", 0, SEQUENCE_MAX)).transpose()
}

fn proofs(params: &Params) -> Result<bool, Problem> {
    Ok(params.word("proof", &["full", "none"])? != Some("none"))
}

fn unknown_source(app: &App, name: &str) -> Problem {
    let known: Vec<_> = app.sources.names().collect();
    Problem::not_found("unknown-source", format!("there is no source {name:?}; known here: {}", known.join(", ")))
}

/// The media type that a request announces, in lower case and without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// What the headers say of a body: its format, and whether attributes came beside it. JSON and CBOR are told apart by
/// their bytes.
fn native_form(headers: &HeaderMap) -> Result<(&'static str, Form), Problem> {
    let media_type = media_type(headers).unwrap_or_else(|| "application/json".to_owned());
    match media_type.as_str() {
        STRUCTURED | BATCHED => Ok((CLOUD_EVENTS, Form::Own)),
        known if NATIVE_TYPES.contains(&known) => {
            Ok(Attributes::of(headers)?.map_or((NATIVE, Form::Own), |found| (CLOUD_EVENTS, Form::Binary(found))))
        }
        other => {
            let detail = format!("Content-Type {other:?} is not taken here; send one of {}", NATIVE_TYPES.join(", "));
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail))
        }
    }
}

/// What is asked, before the body is read.
pub(crate) struct Request {
    sender: Sender,
    /// All or nothing.
    strict: bool,
    proofs: bool,
    /// An empty body is a body without elements.
    or_empty: bool,
}

impl Request {
    /// The answer of this endpoint has no place for proofs.
    pub(crate) fn without_proofs(self) -> Self {
        Self { proofs: false, ..self }
    }

    /// Nothing at all is sound here.
    pub(crate) fn or_empty(self) -> Self {
        Self { or_empty: true, ..self }
    }
}

/// What was taken, durable.
pub(crate) struct Taken {
    pub(crate) receipt: Receipt,
    /// Elements that were set apart for the first time.
    new: u64,
}

impl Taken {
    fn answer(self) -> Response<Body> {
        json(self.receipt.status(self.new > 0), &self.receipt)
    }
}

/// Takes a body in and answers once all of it is durable.
pub(crate) async fn taken(
    app: &Arc<App>,
    request: Result<Request, Problem>,
    headers: &HeaderMap,
    mut body: Body,
) -> Result<Taken, Problem> {
    let request = match request {
        Ok(request) => request,
        Err(problem) => {
            drain(&mut body).await;
            return Err(problem);
        }
    };
    let source = request.sender.id.clone();
    let answered = match receive(app, headers, &mut body).await {
        Ok(received) => take(app, request, Arc::new(received)).await,
        Err(problem) => {
            drain(&mut body).await;
            Err(problem)
        }
    };
    if answered.is_err() {
        app.metrics.count(&source, |counts| counts.refused += 1);
    }
    answered
}

async fn take(app: &Arc<App>, request: Request, body: Arc<Received>) -> Result<Taken, Problem> {
    let Request { sender, strict, proofs, or_empty } = request;
    let sender = if or_empty && body.bytes.is_empty() { sender.of_nothing() } else { sender };
    let parsed = {
        let (shared, sender, body) = (app.clone(), sender.clone(), body.clone());
        let small = body.bytes.len() <= SMALL_BYTES;
        let parse = move || sender.parse(&shared, &body.bytes);
        if small {
            parse()?
        } else {
            let _turn = app.admission.turn().await;
            beside(parse).await?
        }
    };
    if strict {
        if let Some(problem) = refusal(&parsed.refused) {
            return Err(problem);
        }
        let answer = match app.commit(Group { entries: parsed.events, all_or_nothing: true }).await {
            Err(problem) if problem.status == StatusCode::CONFLICT.as_u16() => {
                return Err(record_conflict(app, &sender, &body, problem).await?);
            }
            answer => answer?,
        };
        return answer_all(app, &sender, answer, Quarantine::default(), proofs).await;
    }
    lenient(app, sender, parsed, body, proofs).await
}

/// What was set aside, and how many of it for the first time.
#[derive(Default)]
struct Quarantine {
    receipts: Vec<QuarantineReceipt>,
    new: u64,
}

impl Quarantine {
    /// `placed` are the entries of all refused elements in a row; `parts` says how many each has.
    fn add(&mut self, refused: Vec<Refused>, parts: &[usize], placed: &[Placed]) {
        let mut placed = placed.iter();
        for (refused, parts) in refused.into_iter().zip(parts) {
            let entries: Vec<_> = placed.by_ref().take(*parts).collect();
            let Some(first) = entries.first() else { continue };
            self.new += u64::from(entries.iter().any(|entry| matches!(entry, Placed::Committed { .. })));
            let Refused { element, line, field, code, reason: detail, .. } = refused;
            self.receipts.push(QuarantineReceipt { element, line, field, code, detail, index: first.index() });
        }
    }
}

/// Prepares the acts that keep refused elements; gives how many entries each takes.
fn acts_for(
    app: &App,
    sender: &Sender,
    action: &str,
    refused: &[Refused],
    entries: &mut Vec<Prepared>,
) -> Result<Vec<usize>, Problem> {
    let mut parts = Vec::with_capacity(refused.len());
    for refused in refused {
        let submissions = refused.submissions(app, action, &sender.id, &sender.format);
        parts.push(submissions.len());
        for submission in submissions {
            entries.push(app.prepare(submission)?);
        }
    }
    Ok(parts)
}

/// Commits what are events, and keeps the rest beside them: the sender is told that all of it was taken.
async fn lenient(
    app: &Arc<App>,
    sender: Sender,
    parsed: Parsed,
    body: Arc<Received>,
    proofs: bool,
) -> Result<Taken, Problem> {
    let Parsed { events: mut entries, numbers, refused } = parsed;
    let count = entries.len();
    let parts = acts_for(app, &sender, QUARANTINED, &refused, &mut entries)?;
    let mut answer = app.commit(Group { entries, all_or_nothing: false }).await?;
    let acts = answer.placed.split_off(count);
    let mut quarantine = Quarantine::default();
    quarantine.add(refused, &parts, &acts);

    let conflicts: Vec<(usize, u64)> = answer.placed.iter().zip(&numbers).filter_map(conflict).collect();
    if !conflicts.is_empty() {
        let numbers: Vec<usize> = conflicts.iter().map(|(number, _)| *number).collect();
        let again = sender.again(&body.bytes, &numbers)?;
        let refused = again.into_iter().zip(&conflicts).map(|((id, raw), (_, index))| Refused {
            field: Some("id".to_owned()),
            reason: format!("event {id:?} is already entry {index}, with other content"),
            ..Refused::of(CONFLICT, raw)
        });
        let refused: Vec<Refused> = refused.collect();
        let mut entries = Vec::new();
        let parts = acts_for(app, &sender, QUARANTINED, &refused, &mut entries)?;
        let acts = app.commit(Group { entries, all_or_nothing: false }).await?;
        answer.checkpoint = acts.checkpoint;
        quarantine.add(refused, &parts, &acts.placed);
    }
    answer_all(app, &sender, answer, quarantine, proofs).await
}

fn conflict((placed, number): (&Placed, &usize)) -> Option<(usize, u64)> {
    match placed {
        Placed::Conflict { index } => Some((*number, *index)),
        _ => None,
    }
}

/// Records that somebody sent another event under a known id; gives what to answer.
async fn record_conflict(
    app: &Arc<App>,
    sender: &Sender,
    body: &Received,
    mut problem: Problem,
) -> Result<Problem, Problem> {
    let position = problem.element.map_or(0, |element| element - 1);
    let Some((id, raw)) = sender.again(&body.bytes, &[position])?.pop() else {
        return Ok(problem);
    };
    let same = sender.with_id(&body.bytes, &id)?;
    if same.iter().any(|other| *other != raw) {
        problem.entry = None;
        problem.detail = format!("two events of this body have the id {id:?} and other content");
    }
    let reason = problem.detail.clone();
    problem.detail.push_str("; nothing was committed, the attempt is recorded");
    let refused =
        [Refused { element: problem.element, field: Some("id".to_owned()), reason, ..Refused::of(CONFLICT, raw) }];
    let mut entries = Vec::new();
    acts_for(app, sender, REFUSED, &refused, &mut entries)?;
    app.commit(Group { entries, all_or_nothing: true }).await?;
    Ok(problem)
}

async fn answer_all(
    app: &Arc<App>,
    sender: &Sender,
    answer: Answer,
    quarantine: Quarantine,
    proofs: bool,
) -> Result<Taken, Problem> {
    let Quarantine { receipts, new } = quarantine;
    let quarantined = receipts.len() as u64;
    let few = answer.placed.len() <= FEW;
    let reader = app.reader.clone();
    let make = move || Receipt::new(&reader, &answer.checkpoint, &answer.placed, receipts, proofs);
    let receipt = if few { make()? } else { beside(make).await? };
    let (accepted, duplicate) = receipt.counts();
    app.metrics.count(&sender.id, |counts| {
        counts.accepted += accepted;
        counts.duplicate += duplicate;
        counts.quarantined += quarantined;
    });
    Ok(Taken { receipt, new })
}
