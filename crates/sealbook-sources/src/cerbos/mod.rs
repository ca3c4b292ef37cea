//! Cerbos audit log: access entries, and decision entries that hold one decision per input and action.

use sealbook_core::event::{Context, Correlation, Event, Identity, IdentityType, Kind, Outcome, Policy, Resource};

use crate::draft::{Draft, filled, nobody, own};
use crate::identity::recognise;
use crate::item::{Reason, Unmapped};
use crate::json::Value;
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `cerbos`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "cerbos", version: 2, envelopes: &[], recognises, map };

fn log_kind<'v>(line: &'v Value<'_>) -> Option<&'v str> {
    line.get("log.kind").text().or_else(|| line.at("log.kind").text())
}

fn recognises(line: &Value<'_>) -> bool {
    line.get("callId").text().is_some() && log_kind(line).is_some()
}

fn map(line: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let call = line.get("callId").text().ok_or_else(|| Unmapped::missing("callId"))?;
    match log_kind(line) {
        Some("access") => emit(access(line, call, raw)),
        Some("decision") if line.get("planResources").is_map() => emit(plan(line, call, raw)),
        Some("decision") => return checks(line, call, raw, emit),
        Some(_) => return Err(Unmapped::new(Reason::UnknownWord, "log.kind", "is neither access nor decision")),
        None => return Err(Unmapped::missing("log.kind")),
    }
    Ok(())
}

/// What all events of one call have in common.
fn draft(line: &Value<'_>, call: &str, raw: &[u8], part: &str, subject: Identity, outcome: Outcome) -> Draft {
    let mut draft = Draft::new(Some(format!("{call}/{part}")), raw, Kind::Decision, subject, outcome);
    let peer = line.get("peer");
    let address = peer.get("forwardedFor").text().or_else(|| {
        let address = peer.get("address").text()?;
        address.rsplit_once(':').map(|(host, _)| host)
    });
    draft.event.occurred_at = rfc3339(line.get("timestamp").text());
    draft.event.context = filled(Context {
        source_ip: own(address),
        user_agent: own(peer.get("userAgent").text()),
        ..Context::default()
    });
    draft.event.correlation = filled(Correlation { request: own(Some(call)), ..Correlation::default() });
    draft
}

/// A call of the decision point. The log does not say who called: the entry is about the decision point itself.
fn access(line: &Value<'_>, call: &str, raw: &[u8]) -> Event {
    let outcome = match line.get("statusCode").int() {
        Some(0) => Outcome::Success,
        Some(7 | 16) => Outcome::Deny,
        Some(_) => Outcome::Failure,
        None => Outcome::Unknown,
    };
    let mut draft = draft(line, call, raw, "access", Identity::new("cerbos", IdentityType::System), outcome);
    draft.event.action = own(line.get("method").text());
    draft.label("entry", Some("access"));
    draft.finish()
}

fn checks(line: &Value<'_>, call: &str, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let check = line.get("checkResources");
    let outputs = check.get("outputs").items();
    let mut number = 0;
    for (n, input) in check.get("inputs").items().iter().enumerate() {
        let output = outputs.get(n);
        for action in input.get("actions").items().iter().filter_map(Value::text) {
            let answer = output.map(|output| output.get("actions").get(action));
            emit(one(line, input, answer, action, &format!("{number}"), (call, raw)));
            number += 1;
        }
    }
    if number == 0 {
        return Err(Unmapped::new(Reason::Missing, "checkResources.inputs", "hold no action; expected at least one"));
    }
    Ok(())
}

fn one(
    line: &Value<'_>,
    input: &Value<'_>,
    answer: Option<&Value<'_>>,
    action: &str,
    part: &str,
    (call, raw): (&str, &[u8]),
) -> Event {
    let effect = answer.and_then(|answer| answer.get("effect").text());
    let mut draft = draft(line, call, raw, part, principal(input.get("principal")), outcome(effect));
    draft.label("roles", Some(&roles(input)));
    draft.event.action = own(Some(action));
    draft.event.resource = filled(resource(input.get("resource")));
    draft.event.policy = filled(Policy {
        id: own(answer.and_then(|answer| answer.get("policy").text())),
        version: own(input.at("resource.policyVersion").text()),
        decision_point: own(Some("cerbos")),
        ..Policy::default()
    });
    if let Some(request) = input.get("requestId").text() {
        draft.event.correlation.get_or_insert_default().trace = own(Some(request));
    }
    draft.finish()
}

/// A query plan: which resources a principal may act on, as a filter.
fn plan(line: &Value<'_>, call: &str, raw: &[u8]) -> Event {
    let (input, output) = (line.at("planResources.input"), line.at("planResources.output"));
    let filter = output.at("filter.kind").text();
    let outcome = match filter {
        Some("KIND_ALWAYS_ALLOWED") => Outcome::Allow,
        Some("KIND_ALWAYS_DENIED") => Outcome::Deny,
        _ => Outcome::Unknown,
    };
    let mut draft = draft(line, call, raw, "plan", principal(input.get("principal")), outcome);
    draft.label("filter", filter);
    draft.event.action = own(input.get("action").text());
    draft.event.resource = filled(resource(input.get("resource")));
    draft.finish()
}

fn principal(principal: &Value<'_>) -> Identity {
    let Some(id) = principal.get("id").text() else {
        return nobody();
    };
    recognise(id).unwrap_or_else(|| Identity::new(id, IdentityType::Unknown))
}

fn roles(input: &Value<'_>) -> String {
    let roles = input.at("principal.roles").items();
    roles.iter().filter_map(Value::text).collect::<Vec<_>>().join(",")
}

fn resource(resource: &Value<'_>) -> Resource {
    Resource {
        id: own(resource.get("id").text()),
        kind: own(resource.get("kind").text()),
        account: own(resource.get("scope").text()),
        ..Resource::default()
    }
}

fn outcome(effect: Option<&str>) -> Outcome {
    match effect {
        Some("EFFECT_ALLOW") => Outcome::Allow,
        Some("EFFECT_DENY") => Outcome::Deny,
        _ => Outcome::Unknown,
    }
}
