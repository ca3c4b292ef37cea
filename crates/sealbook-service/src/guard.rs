//! What every answer carries, and who may not even ask: pages of other sites, in a browser on this machine.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{HOST, HeaderMap, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::IntoResponse;
use tokio::time::Instant;

use crate::app::App;
use crate::credentials::{Peer, Principal, Refusal, note};
use crate::log::{Field, Level};
use crate::problem::{Code, Problem};

/// A page that a browser loaded elsewhere must not reach the service: neither by sending a form here, nor, where no
/// credential is needed, by pointing its own name at this machine. Whoever is refused is counted.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response<Body> {
    let (endpoint, begun) = (endpoint(&request), Instant::now());
    let address = request.extensions().get::<Peer>().map(|peer| peer.address.ip());
    let mut response = match refused(request.headers(), request.uri(), app.access.is_required()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    if let (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(address)) = (response.status(), address) {
        let who = response.extensions().get::<Principal>().cloned().unwrap_or_else(Principal::unidentified);
        let code = response.extensions().get::<Code>().map_or("refused", |code| code.0);
        note(&app, Refusal { who, code, address, endpoint: endpoint.clone() }).await;
    }
    let (status, micros) = (response.status().as_u16(), begun.elapsed().as_micros());
    let nobody = String::new();
    let who = response.extensions().get::<Principal>().map_or(&nobody, |who| &who.identity().id);
    let fields: [Field<'_>; 4] = [("endpoint", &endpoint), ("status", &status), ("micros", &micros), ("who", who)];
    app.log.event(Level::Debug, "request", &fields);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Method and route; not the path, which may hold anything.
fn endpoint(request: &Request) -> String {
    let path = request.extensions().get::<MatchedPath>().map_or("(no such path)", MatchedPath::as_str);
    format!("{} {path}", request.method())
}

fn refused(headers: &HeaderMap, uri: &Uri, credentials: bool) -> Option<Problem> {
    let host = match host(headers, uri) {
        Ok(host) => host,
        Err(problem) => return Some(problem),
    };
    if !credentials && !is_loopback(host) {
        let detail = format!("{host:?} is no name of this machine's loopback; use 127.0.0.1 or localhost");
        return Some(Problem::new(StatusCode::MISDIRECTED_REQUEST, "not-loopback", detail));
    }
    let origin = headers.get(ORIGIN)?.to_str().unwrap_or_default();
    if ["http://", "https://"].iter().any(|scheme| origin.strip_prefix(scheme) == Some(host)) {
        return None;
    }
    let detail = format!("a page of {origin:?} may not use this service");
    Some(Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail))
}

/// Whom the request is for: what its target names goes before its Host header (RFC 9112, 3.2.2), of which there is one.
fn host<'r>(headers: &'r HeaderMap, uri: &'r Uri) -> Result<&'r str, Problem> {
    if headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Problem::bad_request("two-hosts", "the request has more than one Host header"));
    }
    let named = uri.authority().map(|host| host.as_str());
    let host = named.or_else(|| headers.get(HOST)?.to_str().ok());
    host.ok_or_else(|| Problem::bad_request("no-host", "the request has no Host header"))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Nothing is at this path.
pub(crate) async fn nothing(uri: Uri) -> Problem {
    Problem::not_found(
        "no-such-path",
        format!("there is nothing at {:?}; /openapi.json lists what there is", uri.path()),
    )
}

/// Something is at this path, but not for this method.
pub(crate) async fn wrong_method(uri: Uri) -> Problem {
    let detail = format!("{:?} does not take this method; /openapi.json says which", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_loopback_are_answered() {
        for good in ["localhost", "LOCALHOST:80", "127.0.0.1:8443", "127.9.9.9", "[::1]:80", "[::1]"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in ["example.com", "127.0.0.1.example.com", "10.0.0.1:80", "[2001:db8::1]:80", "", "localhost.evil:1"] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }

    #[test]
    fn the_target_goes_before_the_host_header_and_two_of_these_are_refused() {
        let local = HeaderValue::from_static("127.0.0.1:80");
        let mut headers = HeaderMap::from_iter([(HOST, local.clone())]);
        let code = |headers: &HeaderMap, target: &'static str| {
            refused(headers, &Uri::from_static(target), false).map(|problem| problem.code)
        };
        assert_eq!(code(&headers, "/"), None);
        assert_eq!(code(&headers, "http://evil.example/"), Some("not-loopback"));
        headers.append(HOST, local);
        assert_eq!(code(&headers, "/"), Some("two-hosts"));
        assert_eq!(code(&HeaderMap::new(), "/"), Some("no-host"));
    }

    #[test]
    fn a_page_of_another_site_is_refused_and_ours_is_not() {
        let ask = |origin: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("127.0.0.1:80"));
            headers.insert(ORIGIN, HeaderValue::from_static(origin));
            refused(&headers, &Uri::from_static("/"), false).map(|problem| problem.code)
        };
        assert_eq!(ask("http://127.0.0.1:80"), None);
        assert_eq!(ask("http://127.0.0.1:81"), Some("foreign-origin"));
        assert_eq!(ask("https://example.com"), Some("foreign-origin"));
        assert_eq!(ask("null"), Some("foreign-origin"));
    }
}
