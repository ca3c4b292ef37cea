//! OCSF events: identity and access management, API activity, and, more coarsely, everything else.

use sealbook_core::event::CredentialType::{OidcToken, Password, Secret};
use sealbook_core::event::ElevationVerb::{Ended, Started};
use sealbook_core::event::LifecycleVerb::{Changed, Disabled, Offboarded, Provisioned};
use sealbook_core::event::{
    Context, Correlation, Credential, Event, Identity, IdentityType, Outcome, Policy, Resource,
};

use crate::draft::{Draft, filled, nobody, own, unnamed};
use crate::identity::recognise;
use crate::item::{Reason, Unmapped};
use crate::json::Value;
use crate::meaning::Meaning::{self, Decision, Elevation, Issuance, Lifecycle, Revocation, Rotation};
use crate::source::JsonSource;
use crate::when::{epoch_millis, rfc3339};

/// The source `ocsf`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "ocsf", version: 2, envelopes: &[], recognises, map };

const ACCOUNT_CHANGE: i64 = 3001;
const AUTHENTICATION: i64 = 3002;
const AUTHORIZE_SESSION: i64 = 3003;
const ENTITY_MANAGEMENT: i64 = 3004;
const USER_ACCESS: i64 = 3005;
const GROUP_MANAGEMENT: i64 = 3006;

const API_ACTIVITY: i64 = 6003;
/// Classes of network activity: a connection that was let through or not.
const NETWORK: std::ops::RangeInclusive<i64> = 4001..=4014;

/// Classes and activities, and what they mean.
const ACTIVITIES: &[(i64, &[i64], Meaning)] = &[
    (ACCOUNT_CHANGE, &[1], Lifecycle(Provisioned)),
    (ACCOUNT_CHANGE, &[2, 9], Lifecycle(Changed)),
    (ACCOUNT_CHANGE, &[3, 4], Rotation(Password)),
    (ACCOUNT_CHANGE, &[5], Lifecycle(Disabled)),
    (ACCOUNT_CHANGE, &[6], Lifecycle(Offboarded)),
    (ACCOUNT_CHANGE, &[7, 8], Meaning::Policy),
    (ACCOUNT_CHANGE, &[10, 11], Rotation(Secret)),
    (AUTHENTICATION, &[1, 99], Decision),
    (AUTHENTICATION, &[2], Revocation(OidcToken)),
    (AUTHENTICATION, &[3, 4], Issuance(OidcToken)),
    (AUTHORIZE_SESSION, &[1, 2], Elevation(Started)),
    (ENTITY_MANAGEMENT, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14], Meaning::Policy),
    (USER_ACCESS, &[1], Elevation(Started)),
    (USER_ACCESS, &[2], Elevation(Ended)),
    (GROUP_MANAGEMENT, &[1], Elevation(Started)),
    (GROUP_MANAGEMENT, &[2], Elevation(Ended)),
    (GROUP_MANAGEMENT, &[3, 4], Lifecycle(Changed)),
    (GROUP_MANAGEMENT, &[5], Lifecycle(Offboarded)),
    (GROUP_MANAGEMENT, &[6], Lifecycle(Provisioned)),
];

fn recognises(event: &Value<'_>) -> bool {
    event.get("class_uid").int().is_some()
        && (event.get("metadata").is_map() || event.get("category_uid").int().is_some())
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let class = event
        .get("class_uid")
        .int()
        .ok_or_else(|| Unmapped::new(Reason::Missing, "class_uid", "is missing or no integer"))?;
    let activity = event.get("activity_id").int();
    let known = meaning(class, activity);
    let meaning = known.unwrap_or(Decision);
    let (subject, actor) = people(event, meaning);
    let id = own(event.at("metadata.uid").text());
    let mut draft = Draft::new(id, raw, meaning.kind(), subject, outcome(event, meaning));
    draft.label("class", Some(&class.to_string()));
    if known.is_none() {
        draft.unmapped(&format!("{class}/{}", activity.unwrap_or_default()));
    }
    draft.label("product", event.at("metadata.product.name").text());
    draft.label("schema", event.at("metadata.version").text());
    draft.label("severity", event.get("severity").text());
    draft.label("issued_by", event.at("actor.invoked_by").text());

    let to = &mut draft.event;
    to.actor = actor;
    to.occurred_at = epoch_millis(event.get("time").int())
        .or_else(|| rfc3339(event.get("time_dt").text()))
        .or_else(|| rfc3339(event.at("metadata.original_time").text()));
    to.action = own(event.at("api.operation").text().or_else(|| event.get("activity_name").text()));
    to.reason = own(event.get("status_detail").text().or_else(|| event.get("message").text()));
    to.resource = filled(resource(event));
    to.policy = filled(policy(event));
    to.credential = filled(Credential {
        // The caller's credential is the subject's only where both are the same.
        id: own(event
            .at("user.credential_uid")
            .text()
            .or_else(|| event.at("actor.user.credential_uid").text().filter(|_| to.actor.is_none()))),
        ..Credential::default()
    });
    to.context = filled(Context {
        source_ip: own(event.at("src_endpoint.ip").text()),
        user_agent: own(event.at("http_request.user_agent").text()),
        device: own(event.at("device.uid").text()),
        mfa: event.get("is_mfa").flag().or_else(|| event.at("actor.session.is_mfa").flag()),
        location: own(event.at("cloud.region").text()),
        ..Context::default()
    });
    to.correlation = filled(Correlation {
        request: own(event.at("api.request.uid").text()),
        session: own(event.at("actor.session.uid").text().or_else(|| event.at("session.uid").text())),
        trace: own(event.at("metadata.correlation_uid").text()),
    });
    meaning.apply(to);
    emit(draft.finish());
    Ok(())
}

fn meaning(class: i64, activity: Option<i64>) -> Option<Meaning> {
    ACTIVITIES
        .iter()
        .find(|(of_class, activities, _)| *of_class == class && activity.is_some_and(|a| activities.contains(&a)))
        .map(|(.., meaning)| *meaning)
        .or_else(|| (class == API_ACTIVITY || NETWORK.contains(&class)).then_some(Decision))
}

fn outcome(event: &Value<'_>, meaning: Meaning) -> Outcome {
    let denied = |decision: &Value<'_>| {
        decision.get("decision").text().is_some_and(|word| word.to_lowercase().starts_with("den"))
    };
    if event.at("actor.authorizations").items().iter().any(denied) || event.get("action_id").int() == Some(2) {
        return Outcome::Deny;
    }
    let code = event.at("api.response.error").text().unwrap_or_default();
    match event.get("status_id").int() {
        _ if ["AccessDenied", "Unauthorized", "Forbidden"].iter().any(|word| code.contains(word)) => Outcome::Deny,
        Some(1) => meaning.went_well(),
        Some(2) => Outcome::Failure,
        _ if event.get("action_id").int() == Some(1) => meaning.went_well(),
        _ => Outcome::Unknown,
    }
}

/// A user, entity or group, by the most telling of its ids.
fn identity(party: &Value<'_>) -> Option<Identity> {
    let text = |name: &str| party.get(name).text();
    let ids = [text("uid"), text("email_addr"), text("uid_alt"), text("name")];
    let mut identity = ids.iter().flatten().find_map(|id| recognise(id)).or_else(|| {
        let id = ids.iter().flatten().next()?;
        let kind = match text("type").unwrap_or_default().to_lowercase().as_str() {
            "system" => IdentityType::System,
            "service" => IdentityType::ServiceAccount,
            "user" | "admin" => IdentityType::Human,
            _ => IdentityType::Unknown,
        };
        Some(Identity::new(*id, kind))
    })?;
    identity.name = own(text("name"));
    Some(identity)
}

fn people(event: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let users = ["actor.user", "actor.process.user", "process.user"];
    let actor = users.iter().find_map(|path| identity(event.at(path))).or_else(|| {
        let service = event.at("actor.invoked_by").text().or_else(|| event.at("actor.app_name").text())?;
        Some(Identity::new(service, IdentityType::System))
    });
    let of_group = event.get("class_uid").int() == Some(GROUP_MANAGEMENT) && matches!(meaning, Lifecycle(_));
    let fields = if of_group { ["group", "user", "entity"] } else { ["user", "entity", "group"] };
    let about = fields.iter().find_map(|name| identity(event.get(name)));
    match (about, actor) {
        (Some(subject), Some(actor)) if subject.id != actor.id => (subject, Some(actor)),
        (Some(subject), _) => (subject, None),
        (None, Some(actor)) if matches!(meaning, Lifecycle(_)) => unnamed(actor),
        (None, Some(actor)) => (actor, None),
        (None, None) => (machine(event).unwrap_or_else(nobody), None),
    }
}

/// Where no account is named: the machine that acted, or the resource that a finding is about.
fn machine(event: &Value<'_>) -> Option<Identity> {
    let places = ["device", "src_endpoint", "resource"].map(|name| event.get(name));
    let listed = event.get("resources").items().first();
    places.into_iter().chain(listed).find_map(|place| {
        let id = ["uid", "hostname", "name", "instance_uid"].iter().find_map(|name| place.get(name).text())?;
        Some(recognise(id).unwrap_or_else(|| Identity::new(id, IdentityType::System)))
    })
}

fn resource(event: &Value<'_>) -> Resource {
    let single = event.get("resource");
    let first = event.get("resources").items().first().unwrap_or(single);
    Resource {
        id: own(first.get("uid").text().or_else(|| first.get("name").text())),
        kind: own(first.get("type").text()),
        environment: None,
        account: own(event.at("cloud.account.uid").text()),
    }
}

fn policy(event: &Value<'_>) -> Policy {
    let granted = event.at("actor.authorizations").items().first().map(|a| a.get("policy"));
    let policy = granted.unwrap_or_else(|| event.get("policy"));
    Policy {
        id: own(policy.get("uid").text().or_else(|| policy.get("name").text())),
        version: own(policy.get("version").text()),
        enforcement_point: own(event.at("api.service.name").text()),
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_golden_event() {
        let text = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ocsf/golden/classes.in.json")).unwrap();
        let body = crate::json::parse(&text).unwrap();
        for (class, activities, _) in ACTIVITIES {
            let shown = body.items().iter().any(|event| {
                event.get("class_uid").int() == Some(*class)
                    && event.get("activity_id").int().is_some_and(|a| activities.contains(&a))
            });
            assert!(shown, "no golden event for class {class}, activities {activities:?}");
        }
    }
}
