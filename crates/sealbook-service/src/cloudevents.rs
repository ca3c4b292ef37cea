//! CloudEvents 1.0 over HTTP: the headers of binary mode, and the handshake by which a sender asks whether it may send.

use axum::body::Body;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use sealbook_core::note::encode_base64;
use sealbook_sources::json;
use serde_json::{Map, Value};

use crate::guard::wrong_method;
use crate::problem::Problem;

/// Media type of one event in structured mode.
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
/// Media type of a batch.
pub(crate) const BATCHED: &str = "application/cloudevents-batch+json";
/// The version that is understood.
const VERSION: &str = "1.0";
/// What the headers of binary mode begin with.
const PREFIX: &str = "ce-";
/// The header that makes a request binary mode.
const MARK: &str = "ce-specversion";
/// The other attributes that every cloud event has.
const REQUIRED: [&str; 3] = ["ce-id", "ce-source", "ce-type"];

/// Headers of the handshake (CloudEvents webhook specification §4).
const ASKED_ORIGIN: &str = "webhook-request-origin";
const ASKED_RATE: &str = "webhook-request-rate";
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
const ALLOWED_RATE: &str = "webhook-allowed-rate";
/// Requests per minute that a sender may make where it asks for no number.
const ANY_RATE: &str = "*";

/// What binary mode says in headers.
#[derive(Clone, Debug)]
pub(crate) struct Attributes(Map<String, Value>);

impl Attributes {
    /// Reads them where there are any.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        if !headers.contains_key(MARK) {
            return Ok(None);
        }
        for name in REQUIRED {
            if headers.get(name).is_none_or(HeaderValue::is_empty) {
                return Err(bad(name, format!("the header {name} is missing")));
            }
        }
        let mut attributes = Map::new();
        for (name, value) in headers {
            let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
            let text = value.to_str().ok().and_then(percent_decoded);
            let text = text.ok_or_else(|| bad(name.as_str(), format!("the header {name} holds no text")))?;
            if attributes.insert(attribute.to_owned(), Value::String(text)).is_some() {
                return Err(bad(name.as_str(), format!("the header {name} appears twice")));
            }
        }
        if attributes.get("specversion").and_then(Value::as_str) != Some(VERSION) {
            return Err(bad(MARK, format!("{MARK}: only {VERSION} is understood")));
        }
        Ok(Some(Self(attributes)))
    }

    /// The same event in structured mode, its data as it was received.
    pub(crate) fn structured(&self, body: &[u8]) -> Vec<u8> {
        let mut attributes = self.0.clone();
        attributes.remove("data");
        let sound = json::parse(body).is_ok();
        if !sound && !body.is_empty() {
            attributes.insert("data_base64".to_owned(), Value::String(encode_base64(body)));
        }
        // Names and texts always serialise.
        let mut event = serde_json::to_vec(&attributes).unwrap_or_default();
        if sound {
            event.pop();
            event.extend_from_slice(b",\"data\":");
            event.extend_from_slice(body);
            event.push(b'}');
        }
        event
    }
}

fn bad(name: &str, detail: String) -> Problem {
    let mut problem = Problem::bad_request("bad-cloudevent", detail);
    problem.field = Some(name.to_owned());
    problem
}

/// A header's value with `%20` and the like undone (HTTP binding §3.1.3.2); `None` where that is no text.
fn percent_decoded(value: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(value.len()), value.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let digits = core::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

/// `OPTIONS`: whoever may send here is told so, at the rate that it asks for.
pub(crate) async fn validate(uri: Uri, headers: HeaderMap) -> Response<Body> {
    let Some(origin) = headers.get(ASKED_ORIGIN).filter(|origin| !origin.is_empty()) else {
        return wrong_method(uri).await.into_response();
    };
    let number = |rate: &&HeaderValue| rate.to_str().is_ok_and(|rate| rate.parse::<u32>().is_ok_and(|rate| rate > 0));
    let rate = headers.get(ASKED_RATE).filter(number).cloned();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    let answered = response.headers_mut();
    answered.insert(ALLOW, HeaderValue::from_static("POST"));
    answered.insert(ALLOWED_ORIGIN, origin.clone());
    answered.insert(ALLOWED_RATE, rate.unwrap_or(HeaderValue::from_static(ANY_RATE)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    const WHOLE: [(&str, &str); 4] =
        [("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-source", "/a%20b"), ("ce-type", "t")];

    #[test]
    fn the_headers_and_the_body_make_one_structured_event() {
        let attributes = Attributes::of(&headers(&WHOLE)).unwrap().unwrap();
        let event = attributes.structured(b"{\"x\": 1}");
        assert_eq!(
            String::from_utf8(event).unwrap(),
            r#"{"id":"7","source":"/a b","specversion":"1.0","type":"t","data":{"x": 1}}"#
        );
        let event = String::from_utf8(attributes.structured(b"\x00")).unwrap();
        assert!(event.ends_with(r#""type":"t"}"#) && event.contains(r#""data_base64":"AA==""#), "{event}");
        assert!(Attributes::of(&headers(&[])).unwrap().is_none());
    }

    #[test]
    fn a_header_that_is_missing_repeated_or_no_text_is_named() {
        for (n, extra) in [(3, None), (4, Some(("ce-id", "8"))), (4, Some(("ce-x", "%zz"))), (4, Some(("ce-x", "%ff")))]
        {
            let mut pairs = WHOLE[..n].to_vec();
            pairs.extend(extra);
            assert_eq!(Attributes::of(&headers(&pairs)).unwrap_err().code, "bad-cloudevent", "{pairs:?}");
        }
        let old = headers(&[("ce-specversion", "0.3"), WHOLE[1], WHOLE[2], WHOLE[3]]);
        assert_eq!(Attributes::of(&old).unwrap_err().field.as_deref(), Some("ce-specversion"));
    }
}
