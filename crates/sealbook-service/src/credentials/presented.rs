//! The token that a request presents, in the headers that senders can set.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sealbook_core::note::decode_base64;

/// Header in which Amazon Data Firehose sends its access key.
const FIREHOSE_KEY: &str = "x-amz-firehose-access-key";

/// The token of a request: `Authorization: Bearer TOKEN`, `Splunk TOKEN` (HTTP Event Collector), `Basic` with the token
/// as the password (browsers), or the access key of Firehose. `Some("")` where a header is there and holds none.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (all.next(), all.next());
    let Some(value) = first else {
        return headers.get(FIREHOSE_KEY).map(|key| key.to_str().unwrap_or_default().to_owned());
    };
    if second.is_some() {
        return Some(String::new());
    }
    let (scheme, rest) = value.to_str().ok()?.split_once(' ').unwrap_or_default();
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("splunk") {
        return Some(rest.to_owned());
    }
    let password = || {
        let pair = decode_base64(rest)?;
        let pair = String::from_utf8(pair).ok()?;
        Some(pair.split_once(':')?.1.to_owned())
    };
    let basic = scheme.eq_ignore_ascii_case("basic");
    Some(basic.then(password).flatten().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        token(&headers)
    }

    #[test]
    fn every_way_in_which_senders_present_a_token_is_understood() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("authorization", "Bearer abc")]), some("abc"));
        assert_eq!(of(&[("authorization", "bearer  abc ")]), some("abc"));
        assert_eq!(of(&[("authorization", "Splunk abc")]), some("abc"));
        assert_eq!(of(&[("authorization", "Basic dXNlcjphYmM=")]), some("abc"));
        assert_eq!(of(&[("x-amz-firehose-access-key", "abc")]), some("abc"));
    }

    #[test]
    fn what_holds_no_token_is_not_taken_for_nothing() {
        for bad in ["Bearer", "Digest abc", "Basic !!", "Basic dXNlcg==", "", "abc"] {
            assert_eq!(of(&[("authorization", bad)]), Some(String::new()), "{bad}");
        }
        assert_eq!(of(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]), Some(String::new()));
    }
}
