//! Teleport audit events, as its event handler pushes them one by one.

use sealbook_core::event::CredentialType::{Certificate, Token, X509Svid};
use sealbook_core::event::ElevationVerb::Requested;
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};
use sealbook_core::event::{
    Approval, ApprovalDecision, Context, Correlation, Credential, Elevation as ElevationRecord, Event, Identity,
    IdentityType, Outcome, Policy, Resource, Review as ReviewRecord, ReviewDecision,
};

use crate::address::host;
use crate::draft::{Draft, filled, nobody, own, unnamed};
use crate::identity::{mail, spiffe};
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning::{self, Decision, Elevation, Issuance, Lifecycle, Review, Revocation};
use crate::meaning::{Words, find};
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `teleport`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "teleport", version: 2, envelopes: &[], recognises, map };

const EVENTS: &Words = &[
    ("access_request.create", Elevation(Requested)),
    ("access_request.review access_request.update", Meaning::Approval),
    ("access_request.expire access_request.delete", Revocation(Certificate)),
    ("cert.create", Issuance(Certificate)),
    ("spiffe.svid.issued", Issuance(X509Svid)),
    ("bot.join join_token.create instance.join", Issuance(Token)),
    ("lock.created session.end recovery_token.create", Revocation(Token)),
    ("access_list.review", Review),
    ("role.* auth_preference.* access_list.* saml.* oidc.* github.* cluster_networking_config.*", Meaning::Policy),
    ("user.create bot.create device.create device.enroll", Lifecycle(Provisioned)),
    ("user.delete bot.delete device.delete", Lifecycle(Offboarded)),
    ("user.update user.password_change bot.* device.* lock.deleted", Lifecycle(Changed)),
    ("auth user.login session.* *.session.* db.* kube.request", Decision),
];

/// Who acts, best first.
const ACTORS: &[&str] = &["user", "identity.user", "user_name", "reviewer", "updated_by", "login"];

/// Teleport writes the first instant of year 1 for "never".
const NEVER: &str = "0001-01-01T00:00:00Z";

fn recognises(event: &Value<'_>) -> bool {
    let has = |name: &str| event.get(name).text().is_some();
    has("event") && has("code") && has("uid") && has("time")
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let name = event.get("event").text().ok_or_else(|| Unmapped::missing("event"))?;
    let text = |field: &str| event.get(field).text();
    let known = find(EVENTS, name);
    let meaning = known.unwrap_or(Decision);
    let (subject, actor) = people(event, meaning);
    let mut draft = Draft::new(own(text("uid")), raw, meaning.kind(), subject, outcome(event, meaning));
    if known.is_none() {
        draft.unmapped(name);
    }
    draft.label("code", text("code"));
    draft.label("cluster", text("cluster_name"));
    draft.label("method", text("method").or_else(|| text("join_method")));
    let roles = [event.get("roles"), event.at("identity.roles")];
    let roles: Vec<&str> = roles.iter().flat_map(|list| list.items()).filter_map(Value::text).collect();
    draft.label("roles", Some(&roles.join(",")));
    if meaning == Elevation(Requested) {
        draft.label("pending", Some("true"));
    }

    let to = &mut draft.event;
    to.actor = actor;
    to.occurred_at = rfc3339(text("time"));
    to.action = own(Some(name));
    to.reason = own(text("reason").or_else(|| text("error")).or_else(|| text("message")));
    to.resource = filled(resource(event));
    to.policy = filled(Policy {
        id: own(text("name").or_else(|| text("access_list_name")).filter(|_| meaning == Meaning::Policy)),
        enforcement_point: own(text("server_id")),
        ..Policy::default()
    });
    to.credential = filled(credential(event, meaning));
    to.context = filled(Context {
        source_ip: own(text("addr.remote").map(host)),
        user_agent: own(text("user_agent")),
        mfa: event.get("mfa_device").is_map().then_some(true),
        ..Context::default()
    });
    to.correlation = filled(Correlation {
        request: own(event.at("identity.access_requests").items().first().and_then(Value::text)),
        session: own(text("sid")),
        trace: None,
    });
    meaning.apply(to);
    details(to, event, meaning);
    emit(draft.finish());
    Ok(())
}

/// `I` at the end of the code is information, `W` a refusal or failure, `E` an error.
fn outcome(event: &Value<'_>, meaning: Meaning) -> Outcome {
    if meaning == Elevation(Requested) {
        return Outcome::Unknown;
    }
    let bad = event.get("success").flag() == Some(false)
        || event.get("code").text().is_some_and(|code| code.ends_with(['W', 'E']));
    match (bad, meaning) {
        (false, _) => meaning.went_well(),
        (true, Decision) => Outcome::Deny,
        (true, _) => Outcome::Failure,
    }
}

fn user(name: &str) -> Identity {
    mail(name).unwrap_or_else(|| {
        let kind = if name.starts_with("bot-") { IdentityType::ServiceAccount } else { IdentityType::Human };
        Identity::new(format!("teleport:{name}"), kind)
    })
}

fn people(event: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let actor = ACTORS.iter().find_map(|path| event.at(path).text()).map(user);
    let text = |path: &str| event.at(path).text();
    let about = match meaning {
        Issuance(X509Svid) => text("spiffe_id").and_then(spiffe),
        Lifecycle(_) => text("name").map(user),
        Revocation(Token) => text("target.user").map(user),
        _ => None,
    };
    match (about, actor) {
        (Some(subject), Some(actor)) if subject.id != actor.id => (subject, Some(actor)),
        (Some(subject), _) => (subject, None),
        (None, Some(actor)) if matches!(meaning, Lifecycle(_)) => unnamed(actor),
        (None, Some(actor)) => (actor, None),
        // An expiry is the cluster's own act.
        (None, None) => match text("cluster_name") {
            Some(cluster) => (Identity::new(format!("teleport:cluster:{cluster}"), IdentityType::System), None),
            None => (nobody(), None),
        },
    }
}

fn resource(event: &Value<'_>) -> Resource {
    let text = |path: &str| event.at(path).text();
    let fields = [
        ("db_service", "database"),
        ("kubernetes_cluster", "kubernetes"),
        ("app_name", "application"),
        ("server_id", "server"),
        ("access_list_name", "access-list"),
        ("name", "name"),
    ];
    let first = event.get("resource_ids").items().first();
    let found = fields
        .iter()
        .find_map(|(field, kind)| Some((text(field)?, *kind)))
        .or_else(|| Some((first?.get("name").text()?, first?.get("kind").text().unwrap_or("resource"))));
    Resource {
        id: own(found.map(|(id, _)| id)),
        kind: own(found.map(|(_, kind)| kind)),
        environment: None,
        account: own(text("cluster_name")),
    }
}

fn credential(event: &Value<'_>, meaning: Meaning) -> Credential {
    let text = |path: &str| event.at(path).text().filter(|time| *time != NEVER);
    match meaning {
        Issuance(_) => Credential {
            id: own(text("serial_number").or_else(|| text("token_name")).or_else(|| text("name"))),
            expires_at: rfc3339(text("identity.expires").or_else(|| text("expires"))),
            ..Credential::default()
        },
        _ => Credential::default(),
    }
}

/// What the kind's own record can say beyond its verb. All steps of one elevation carry the id of the request.
fn details(to: &mut Event, event: &Value<'_>, meaning: Meaning) {
    let text = |field: &str| event.get(field).text().filter(|time| *time != NEVER);
    let answer = match text("proposed_state").or_else(|| text("state")) {
        Some("APPROVED") => Some(ApprovalDecision::Granted),
        Some("DENIED") => Some(ApprovalDecision::Refused),
        _ => None,
    };
    match meaning {
        Elevation(_) => {
            let record = to.elevation.get_or_insert_default();
            record.id = own(text("id"));
            record.ends_at = rfc3339(text("max_duration").or_else(|| text("expires")));
        }
        Meaning::Approval => {
            to.approval = Some(Approval {
                id: own(text("id")),
                request: own(text("id")),
                decision: answer,
                requester: text("user").map(|name| user(name).id),
                approver: text("reviewer").or_else(|| text("updated_by")).map(|name| user(name).id),
                valid_until: rfc3339(text("expires")),
            });
        }
        Revocation(Certificate) => {
            to.elevation = filled(ElevationRecord { id: own(text("id")), ..ElevationRecord::default() });
        }
        Issuance(_) => {
            let request = event.at("identity.access_requests").items().first().and_then(Value::text);
            to.approval = filled(Approval { id: own(request), request: own(request), ..Approval::default() });
        }
        Review => {
            let removed = !event.get("removed_members").items().is_empty();
            to.review = Some(ReviewRecord {
                id: own(text("review_id")),
                scope: own(text("access_list_name")),
                decision: Some(if removed { ReviewDecision::Revoke } else { ReviewDecision::Keep }),
                next_due: None,
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_golden_event() {
        crate::meaning::assert_rows_are_shown(EVENTS, "teleport", |event| own(event.get("event").text()));
    }
}
