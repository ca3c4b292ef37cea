//! HashiCorp Vault and OpenBao audit entries: log lines, and single entries as the HTTP audit device pushes them.

mod people;
mod rules;

use sealbook_core::event::{
    Approval, Context, Correlation, Credential, CredentialType, Event, Outcome, Ownership, OwnershipRole, Policy,
    Resource,
};
use sealbook_core::time::Micros;

use self::people::people;
use self::rules::{holds_root, meaning, owner, place};
use crate::draft::{Draft, filled, own};
use crate::item::{Reason, Unmapped};
use crate::json::Value;
use crate::meaning::Meaning;
use crate::source::JsonSource;
use crate::when::{epoch_seconds, rfc3339};

/// The source `vault`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "vault", version: 1, envelopes: &[], recognises, map };

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Where the id of a minted, replaced or withdrawn credential stands, in the entry.
const CREDENTIAL_IDS: &[&str] = &[
    "response.auth.accessor",
    "response.wrap_info.wrapped_accessor",
    "response.data.serial_number",
    "response.data.secret_id_accessor",
    "response.secret.lease_id",
    "request.data.accessor",
    "request.data.serial_number",
    "request.data.secret_id_accessor",
    "request.data.secret_id",
    "request.data.lease_id",
    "request.data.token",
];

/// Request headers that carry an id of the caller's own, best first; logged only where the operator allows them.
const TRACE_HEADERS: &[&str] = &["traceparent", "x-request-id", "x-correlation-id"];

fn recognises(entry: &Value<'_>) -> bool {
    matches!(entry.get("type").text(), Some("request" | "response"))
        && entry.at("request.path").text().is_some()
        && entry.at("request.operation").text().is_some()
}

fn map(entry: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let request = entry.get("request");
    let sort = match entry.get("type").text() {
        Some(sort @ ("request" | "response")) => sort,
        Some(_) => return Err(Unmapped::new(Reason::UnknownWord, "type", "is neither request nor response")),
        None => return Err(Unmapped::missing("type")),
    };
    let path = request.get("path").text().ok_or_else(|| Unmapped::missing("request.path"))?;
    let request_id = request.get("id").text();
    let id = request_id.map(|id| format!("{id}/{sort}"));
    let meaning = meaning(entry);
    let (subject, actor) = people(entry, meaning);
    let mut draft = Draft::new(id, raw, meaning.kind(), subject, outcome(entry, meaning));
    labels(&mut draft, entry, sort);

    let event = &mut draft.event;
    event.actor = actor;
    event.occurred_at = rfc3339(entry.get("time").text());
    event.action = own(request.get("operation").text());
    event.reason = own(entry.get("error").text().map(str::trim));
    event.resource = filled(Resource {
        id: own(Some(path)),
        kind: own(request.get("mount_type").text()),
        environment: None,
        account: own(request.at("namespace.path").text().or_else(|| request.at("namespace.id").text())),
    });
    event.policy = filled(policy(entry, meaning));
    event.credential = filled(credential(entry, meaning, event.actor.is_none()));
    event.context = filled(Context {
        source_ip: own(request.get("remote_address").text()),
        user_agent: own(header(request, "user-agent")),
        ..Context::default()
    });
    event.correlation = filled(Correlation {
        request: own(request_id),
        // The token is the session: its keyed hash ties refused requests, which name nobody, to its holder.
        session: own(entry.at("auth.client_token").text().or_else(|| request.get("client_token").text())),
        trace: own(TRACE_HEADERS.iter().find_map(|name| header(request, name))),
    });
    meaning.apply(event);
    details(event, entry, meaning);
    emit(draft.finish());
    Ok(())
}

fn outcome(entry: &Value<'_>, meaning: Meaning) -> Outcome {
    let allowed = entry.at("auth.policy_results.allowed").flag();
    let is_request = entry.get("type").text() == Some("request");
    match entry.get("error").text() {
        Some(error) if error.contains("permission denied") => Outcome::Deny,
        _ if allowed == Some(false) => Outcome::Deny,
        Some(_) => Outcome::Failure,
        // Before the act only the policy's answer is known; a login has none yet.
        None if is_request && allowed.is_none() => Outcome::Unknown,
        None => meaning.went_well(),
    }
}

fn labels(draft: &mut Draft, entry: &Value<'_>, sort: &str) {
    let request = entry.get("request");
    draft.label("type", Some(sort));
    draft.label("mount", request.get("mount_point").text());
    draft.label("token_type", entry.at("auth.token_type").text());
    let names = granting(entry);
    if names.len() > 1 {
        draft.label("policies", Some(&names.join(",")));
    }
    let (_, path) = place(request);
    if path.starts_with("renew") || path.starts_with("leases/renew") {
        draft.label("renewal", Some("true"));
    }
    if entry.at("response.wrap_info").is_map() {
        draft.label("wrapped", Some("true"));
    }
    if entry.at("auth.entity_created").flag() == Some(true) {
        draft.label("entity_created", Some("true"));
    }
    let auth = entry.get("auth");
    for name in ["role_name", "role", "username"] {
        draft.label("login_role", auth.get("metadata").get(name).text());
    }
}

/// Names of the policies that decided, else of all that the token holds.
fn granting<'v>(entry: &'v Value<'_>) -> Vec<&'v str> {
    let decided = entry.at("auth.policy_results.granting_policies").items();
    if decided.is_empty() {
        let held = entry.at("auth.policies").items();
        return held.iter().filter_map(Value::text).collect();
    }
    decided.iter().filter_map(|p| p.get("name").text()).collect()
}

fn policy(entry: &Value<'_>, meaning: Meaning) -> Policy {
    if meaning == Meaning::Policy {
        let (_, path) = place(entry.get("request"));
        return Policy { id: path.trim_end_matches('/').rsplit('/').next().map(str::to_owned), ..Policy::default() };
    }
    let names = granting(entry);
    // Everybody holds `default`; another one says more.
    let main = names.iter().find(|name| **name != "default").or_else(|| names.first());
    Policy {
        id: main.map(|name| (*name).to_owned()),
        decision_point: entry.at("auth.policy_results").is_map().then(|| "vault".to_owned()),
        ..Policy::default()
    }
}

fn credential(entry: &Value<'_>, meaning: Meaning, own_act: bool) -> Credential {
    let auth = entry.get("auth");
    match meaning {
        Meaning::Issuance(_) | Meaning::Rotation(_) | Meaning::Revocation(_) => {
            let data = entry.at("response.data");
            let minted = entry.at("response.auth");
            let named = CREDENTIAL_IDS.iter().find_map(|path| entry.at(path).text());
            let own_token = auth.get("accessor").text();
            let (_, path) = place(entry.get("request"));
            let id = match meaning {
                Meaning::Rotation(_) | Meaning::Revocation(CredentialType::Secret) => {
                    own(named).or_else(|| secret_path(entry))
                }
                Meaning::Revocation(CredentialType::Token) => own(named.or(own_token)),
                Meaning::Issuance(CredentialType::Token) if path.starts_with("login") => own(named.or(own_token)),
                _ => own(named),
            };
            Credential {
                id,
                issued_at: epoch_seconds(data.get("not_before").int()),
                expires_at: epoch_seconds(data.get("expiration").int()).or_else(|| expiry(entry.get("time"), minted)),
                ..Credential::default()
            }
        }
        _ => match auth.get("accessor").text() {
            // The caller's token is the subject's only where both are the same.
            Some(accessor) if own_act => Credential {
                id: own(Some(accessor)),
                kind: Some(CredentialType::Token),
                issued_at: rfc3339(auth.get("token_issue_time").text()),
                expires_at: expiry(auth.get("token_issue_time"), auth),
                ..Credential::default()
            },
            _ => Credential::default(),
        },
    }
}

/// A stored secret or key by its path, the same for all acts on it.
fn secret_path(entry: &Value<'_>) -> Option<String> {
    let request = entry.get("request");
    let path = request.get("path").text()?;
    let (mount, below) = place(request);
    if mount == "kv"
        && let Some((_, name)) = below.split_once('/')
    {
        let point = path.strip_suffix(below).unwrap_or_default();
        return Some(format!("{point}{name}"));
    }
    Some(path.strip_suffix("/rotate").unwrap_or(path).to_owned())
}

/// When a token ends: its lifetime after the instant at which it was issued.
fn expiry(issued: &Value<'_>, auth: &Value<'_>) -> Option<Micros> {
    let lifetime = auth.get("token_ttl").int()?.checked_mul(MICROS_PER_SECOND)?;
    Some(Micros(rfc3339(issued.text())?.0.checked_add(lifetime)?))
}

/// First value of a request header, whatever the case of its name.
fn header<'v>(request: &'v Value<'_>, name: &str) -> Option<&'v str> {
    request
        .get("headers")
        .pairs()
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .and_then(|(_, values)| values.items().first()?.text())
}

/// What the kind's own record can say beyond its verb.
fn details(event: &mut Event, entry: &Value<'_>, meaning: Meaning) {
    let request = entry.get("request");
    match meaning {
        Meaning::Elevation(_) => {
            event.elevation.get_or_insert_default().break_glass = holds_root(entry).then_some(true);
        }
        Meaning::Exception(_) => {
            event.exception.get_or_insert_default().id = own(Some("policy_override"));
        }
        Meaning::Lifecycle(_) => {
            event.lifecycle.get_or_insert_default().owner = own(owner(request));
        }
        Meaning::Ownership => {
            event.ownership = Some(Ownership {
                domain: Some(event.subject.id.clone()),
                role: Some(OwnershipRole::LifecycleOwner),
                owner: own(owner(request)),
                team: None,
            });
        }
        Meaning::Approval => {
            event.approval = Some(Approval {
                request: own(request.at("data.accessor").text()),
                approver: Some(event.subject.id.clone()),
                ..Approval::default()
            });
        }
        _ => {}
    }
}
