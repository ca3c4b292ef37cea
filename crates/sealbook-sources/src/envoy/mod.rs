//! Envoy and Istio access logs as JSON lines. The names of the fields are the operator's choice; the usual ones are known.

use sealbook_core::event::{
    Context, Correlation, Credential, CredentialType, Event, Identity, IdentityType, Kind, Outcome, Policy, Resource,
};

use crate::address::host;
use crate::draft::{Draft, digest_id, filled, nobody, own};
use crate::identity::{recognise, spiffe};
use crate::item::Unmapped;
use crate::json::Value;
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `envoy`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "envoy", version: 1, envelopes: &[], recognises, map };

/// Letters of the digest that make ids of one request unique over its hops.
const DIGEST_LETTERS: usize = 16;

/// Reasons that Envoy's own filters write when they refuse.
const REFUSALS: &[&str] = &["rbac_access_denied", "ext_authz_denied", "jwt_authn_access_denied", "rbac_denied"];

fn recognises(line: &Value<'_>) -> bool {
    let has = |name: &str| line.pairs().iter().any(|(key, _)| key == name);
    has("response_code") && has("method") && (has("response_flags") || has("upstream_cluster") || has("route_name"))
}

/// A field that says something: Envoy writes `-` for what is absent.
fn text<'v>(line: &'v Value<'_>, names: &[&str]) -> Option<&'v str> {
    names.iter().filter_map(|name| line.get(name).text()).find(|value| *value != "-")
}

fn map(line: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let method = text(line, &["method"]).ok_or_else(|| Unmapped::missing("method"))?;
    let code = code(line).ok_or_else(|| Unmapped::missing("response_code"))?;
    let request = text(line, &["request_id", "x_request_id"]);
    let id = request.map(|request| {
        let digest = digest_id(raw);
        let (_, letters) = digest.split_once(':').unwrap_or_default();
        format!("{request}/{}", letters.get(..DIGEST_LETTERS).unwrap_or_default())
    });
    let mut draft = Draft::new(id, raw, Kind::Decision, subject(line), outcome(line, code));
    draft.label("code", Some(&code.to_string()));
    draft.label("details", details(line));
    draft.label("flags", text(line, &["response_flags"]));
    draft.label("upstream", text(line, &["upstream_cluster"]));
    draft.label("shadow", text(line, &["rbac_shadow_engine_result", "shadow_engine_result"]));
    draft.label("shadow_policy", text(line, &["rbac_shadow_policy_id", "shadow_effective_policy_id"]));

    let event = &mut draft.event;
    event.occurred_at = rfc3339(text(line, &["start_time", "timestamp", "time"]));
    event.action = own(Some(method));
    event.resource = filled(Resource { id: target(line), kind: own(Some("http")), ..Resource::default() });
    event.policy = filled(Policy {
        id: own(text(line, &["rbac_effective_policy_id", "enforced_effective_policy_id"]).or_else(|| bracketed(line))),
        enforcement_point: text(line, &["downstream_local_address"]).map(|address| format!("envoy:{address}")),
        ..Policy::default()
    });
    event.credential = filled(credential(line));
    event.context = filled(Context {
        source_ip: own(text(line, &["downstream_remote_address"]).map(host)),
        user_agent: own(text(line, &["user_agent"])),
        ..Context::default()
    });
    event.correlation = filled(Correlation {
        request: own(request),
        session: line.get("connection_id").int().map(|n| n.to_string()).or_else(|| own(text(line, &["connection_id"]))),
        trace: own(text(line, &["trace_id", "traceparent"])),
    });
    emit(draft.finish());
    Ok(())
}

fn code(line: &Value<'_>) -> Option<i64> {
    let code = line.get("response_code");
    code.int().or_else(|| code.text()?.parse().ok())
}

fn details<'v>(line: &'v Value<'_>) -> Option<&'v str> {
    text(line, &["response_code_details"])
}

fn outcome(line: &Value<'_>, code: i64) -> Outcome {
    let refused = details(line).is_some_and(|why| REFUSALS.iter().any(|r| why.starts_with(r)));
    let external = text(line, &["response_flags"]).is_some_and(|flags| flags.split(',').any(|flag| flag == "UAEX"));
    match code {
        _ if refused || external => Outcome::Deny,
        401 | 403 => Outcome::Deny,
        // 0: the caller went away before there was an answer.
        0 | 500.. => Outcome::Failure,
        _ => Outcome::Allow,
    }
}

/// The certificate's SPIFFE ID, that of the forwarded certificate, or what else names the caller.
fn subject(line: &Value<'_>) -> Identity {
    let san = text(line, &["downstream_peer_uri_san", "peer_uri_san"]).and_then(|list| spiffe(list.split(',').next()?));
    let forwarded = || {
        let header = text(line, &["x_forwarded_client_cert", "xfcc"])?;
        header.split([';', ',']).find_map(|part| spiffe(part.strip_prefix("URI=")?))
    };
    let claimed = || {
        let subject = text(line, &["jwt_sub", "downstream_peer_principal", "principal"])?;
        Some(recognise(subject).unwrap_or_else(|| Identity::new(subject, IdentityType::Unknown)))
    };
    let by_name = || {
        let subject = text(line, &["downstream_peer_subject"])?;
        Some(Identity::new(subject, IdentityType::Certificate))
    };
    san.or_else(forwarded).or_else(claimed).or_else(by_name).unwrap_or_else(nobody)
}

/// Host and path. The query may hold secrets and is left to the raw bytes.
fn target(line: &Value<'_>) -> Option<String> {
    let path = text(line, &["path"]).map(|path| path.split('?').next().unwrap_or(path));
    match (text(line, &["authority"]), path) {
        (Some(host), Some(path)) => Some(format!("{host}{path}")),
        (host, path) => own(host.or(path)),
    }
}

/// The policy that refused, from `rbac_access_denied_matched_policy[name]`; `none` is the default refusal.
fn bracketed<'v>(line: &'v Value<'_>) -> Option<&'v str> {
    let (_, rest) = details(line)?.split_once("matched_policy[")?;
    rest.split(']').next()
}

fn credential(line: &Value<'_>) -> Credential {
    let Some(fingerprint) = text(line, &["downstream_peer_fingerprint_256", "downstream_peer_serial"]) else {
        return Credential::default();
    };
    let svid = subject(line).kind == IdentityType::Workload;
    Credential {
        id: own(Some(fingerprint)),
        kind: Some(if svid { CredentialType::X509Svid } else { CredentialType::Certificate }),
        issued_at: rfc3339(text(line, &["downstream_peer_cert_v_start"])),
        expires_at: rfc3339(text(line, &["downstream_peer_cert_v_end"])),
        ..Credential::default()
    }
}
