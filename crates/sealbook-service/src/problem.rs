//! Errors as problem details (RFC 9457) with a stable code.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use sealbook_log::{LogError, Refusal};
use serde::Serialize;

/// Characters of a detail: it may quote what was sent.
const DETAIL_CHARS_MAX: usize = 1_000;
/// Seconds after which an overloaded service may be asked again.
const RETRY_SECONDS: u32 = 1;

/// An answer that says no. Boxed: it is the rare way out of most functions here.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Details>);

/// The code of a problem, in the extensions of the answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code(pub(crate) &'static str);

/// What it says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Details {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    pub(crate) status: u16,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// What, where, what to do; for people.
    pub(crate) detail: String,
    /// Path of the offending field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// Which element of the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) element: Option<usize>,
    /// On which line it starts, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<usize>,
    /// Bytes from the start of the decompressed body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<usize>,
    /// The entry concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
    /// How many elements were refused, where it is not only this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<usize>,
    #[serde(skip)]
    header: Option<(HeaderName, HeaderValue)>,
}

impl core::ops::Deref for Problem {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl core::ops::DerefMut for Problem {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if let Some((cut, _)) = detail.char_indices().nth(DETAIL_CHARS_MAX) {
            detail.truncate(cut);
            detail.push('…');
        }
        Self(Box::new(Details {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail,
            field: None,
            element: None,
            line: None,
            offset: None,
            entry: None,
            refused: None,
            header: None,
        }))
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn not_found(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    pub(crate) fn overloaded(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", detail).retry()
    }

    /// A service that cannot write any more; only a restart helps.
    pub(crate) fn poisoned(why: &str) -> Self {
        let detail = format!("the log cannot be written: {why}; restart the service to recover");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "ledger-poisoned", detail)
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    /// The same problem as one that may be over soon: the sender keeps what it has and comes again.
    pub(crate) fn for_later(mut self) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        (self.status, self.title) = (status.as_u16(), status.canonical_reason().unwrap_or("Error"));
        self.retry()
    }

    fn retry(self) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Overloaded { .. } => Self::overloaded(refusal.to_string()),
            Refusal::Poisoned(why) => Self::poisoned(&why),
            Refusal::Conflict { position, index, .. } => {
                let mut problem = Self::new(StatusCode::CONFLICT, "conflict", refusal.to_string());
                problem.field = Some("id".to_owned());
                problem.element = Some(position + 1);
                problem.entry = Some(index);
                problem
            }
            _ => Self::new(StatusCode::SERVICE_UNAVAILABLE, "closing", refusal.to_string()).retry(),
        }
    }
}

impl From<LogError> for Problem {
    fn from(error: LogError) -> Self {
        match error {
            LogError::NoEntry { index, .. } => {
                let mut problem = Self::not_found("no-such-entry", error.to_string());
                problem.entry = Some(index);
                problem
            }
            error => Self::unreadable(error.to_string()),
        }
    }
}

impl Problem {
    /// What lies on disk cannot be read: no request can cause this.
    pub(crate) fn unreadable(detail: String) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "ledger-unreadable", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response<Body> {
        // A problem is text and numbers: it always serialises.
        let body = serde_json::to_vec(&*self.0).unwrap_or_default();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.extensions_mut().insert(Code(self.code));
        if let Some((name, value)) = self.header.take() {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
