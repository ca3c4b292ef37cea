//! Cedar decisions as applications log them, and Amazon Verified Permissions through its CloudTrail records.

use sealbook_core::event::{Correlation, Event, Identity, IdentityType, Kind, Outcome, Policy, Resource};

use crate::cloudtrail;
use crate::draft::{Draft, filled, own};
use crate::identity::recognise;
use crate::item::{Reason, Unmapped};
use crate::json::Value;
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `cedar`.
pub(crate) static SOURCE: JsonSource =
    JsonSource { name: "cedar", version: 1, envelopes: &[&["Records"], &["detail"]], recognises, map };

fn recognises(line: &Value<'_>) -> bool {
    ["principal", "action", "resource", "decision"].iter().all(|name| line.get(name).text().is_some())
        && line.get("diagnostics").is_map()
}

fn map(line: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    if line.get("eventSource").text().is_some() {
        return (cloudtrail::SOURCE.map)(line, raw, emit);
    }
    let text = |name: &str| line.get(name).text().ok_or_else(|| Unmapped::missing(name));
    let (principal, decision) = (text("principal")?, text("decision")?);
    let outcome = match decision {
        "Allow" | "ALLOW" => Outcome::Allow,
        "Deny" | "DENY" => Outcome::Deny,
        _ => return Err(Unmapped::new(Reason::UnknownWord, "decision", "is neither Allow nor Deny")),
    };
    let id = ["id", "decision_id"].iter().find_map(|name| line.get(name).text());
    let mut draft = Draft::new(own(id), raw, Kind::Decision, identity(principal), outcome);
    let diagnostics = line.get("diagnostics");
    let reasons: Vec<&str> =
        ["reason", "reasons"].iter().flat_map(|name| diagnostics.get(name).items()).filter_map(Value::text).collect();
    if reasons.len() > 1 {
        draft.label("policies", Some(&reasons.join(",")));
    }
    let errors: Vec<&str> = diagnostics.get("errors").items().iter().filter_map(Value::text).collect();
    let event = &mut draft.event;
    event.occurred_at = rfc3339(line.get("time").text());
    event.action = own(line.get("action").text().map(|action| split(action).1));
    event.resource = line.get("resource").text().map(|resource| {
        let (kind, id) = split(resource);
        Resource { id: own(Some(id)), kind: own(kind), ..Resource::default() }
    });
    event.reason = own(Some(errors.join("; ").as_str()).filter(|text| !text.is_empty()));
    event.policy = filled(Policy {
        id: own(reasons.first().copied()),
        version: own(line.get("policy_version").text()),
        decision_point: own(Some("cedar")),
        ..Policy::default()
    });
    event.correlation =
        filled(Correlation { request: own(line.get("correlation_id").text()), ..Correlation::default() });
    emit(draft.finish());
    Ok(())
}

/// Type and id of an entity written as `Space::Type::"id"`.
fn split(entity: &str) -> (Option<&str>, &str) {
    match entity.split_once("::\"") {
        Some((kind, id)) => (Some(kind), id.strip_suffix('"').unwrap_or(id)),
        None => (None, entity),
    }
}

/// A principal written as `Space::Type::"id"`.
fn identity(entity: &str) -> Identity {
    let (kind, id) = split(entity);
    entity_identity(kind.unwrap_or_default(), id)
}

/// A principal by entity type and id. An id that is canonical by itself stands alone; others are unique only with their type.
pub(crate) fn entity_identity(kind: &str, id: &str) -> Identity {
    recognise(id).unwrap_or_else(|| {
        let name = kind.rsplit("::").next().unwrap_or(kind).to_ascii_lowercase();
        let sort = [
            ("workload", IdentityType::Workload),
            ("service", IdentityType::ServiceAccount),
            ("agent", IdentityType::Agent),
            ("role", IdentityType::Role),
            ("group", IdentityType::Group),
            ("user", IdentityType::Human),
        ]
        .into_iter()
        .find(|(word, _)| name.contains(word))
        .map_or(IdentityType::Unknown, |(_, sort)| sort);
        if kind.is_empty() { Identity::new(id, sort) } else { Identity::new(format!("{kind}::\"{id}\""), sort) }
    })
}
