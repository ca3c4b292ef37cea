//! Okta System Log: events by polling, log streaming or event hook.

use sealbook_core::event::CredentialType::{ApiKey, OidcToken, Password, Secret, Token};
use sealbook_core::event::ElevationVerb::{Ended, Started};
use sealbook_core::event::LifecycleVerb::{Changed, Disabled, Offboarded, Provisioned};
use sealbook_core::event::{
    Approval, Context, Correlation, Credential, CredentialType, Event, Identity, IdentityType, Outcome, Policy,
    Resource,
};

use crate::draft::{Draft, filled, nobody, own, unnamed};
use crate::identity::mail;
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning::{self, Decision, Elevation, Issuance, Lifecycle, Review, Revocation, Rotation};
use crate::meaning::{Words, find};
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `okta`.
pub(crate) static SOURCE: JsonSource =
    JsonSource { name: "okta", version: 2, envelopes: &[&["data", "events"]], recognises, map };

const EVENTS: &Words = &[
    ("policy.evaluate_*", Decision),
    ("user.session.impersonation.end user.session.impersonation.revoke", Elevation(Ended)),
    ("user.session.impersonation.*", Elevation(Started)),
    ("user.account.privilege.revoke group.privilege.revoke", Elevation(Ended)),
    ("user.account.privilege.* group.privilege.* iam.role*", Elevation(Started)),
    ("system.api_token.create", Issuance(ApiKey)),
    ("app.oauth2.token.grant.* app.oauth2.as.token.grant.*", Issuance(OidcToken)),
    ("app.oauth2.as.*.create", Issuance(Token)),
    ("*.key.rotate* *.credentials.*.update", Rotation(Secret)),
    ("user.account.update_password user.account.reset_password", Rotation(Password)),
    ("system.api_token.revoke", Revocation(ApiKey)),
    ("app.oauth2.token.revoke* app.oauth2.as.token.revoke*", Revocation(OidcToken)),
    ("user.session.end user.session.clear user.mfa.factor.deactivate", Revocation(Token)),
    ("*.lifecycle.create* user.lifecycle.activate", Lifecycle(Provisioned)),
    ("*.lifecycle.delete*", Lifecycle(Offboarded)),
    ("policy.* zone.* security.*config* security.authenticator.*", Meaning::Policy),
    ("*.lifecycle.deactivate* *.lifecycle.suspend*", Lifecycle(Disabled)),
    (
        "*.lifecycle.* group.user_membership.* application.user_membership.add application.user_membership.remove",
        Lifecycle(Changed),
    ),
    ("user.account.lock", Lifecycle(Disabled)),
    ("user.account.unlock* system.agent.*.agent_instance_*", Lifecycle(Changed)),
    ("device.enrollment.create", Lifecycle(Provisioned)),
    ("system.mfa.factor.* system.agent.*.config_change_detected", Meaning::Policy),
    (
        "user.session.* user.authentication.* user.mfa.* security.threat.* application.user_membership.show_password",
        Decision,
    ),
    ("access.request.* governance.access.request.*", Meaning::Approval),
    ("certification.* governance.certification.*", Review),
];

fn recognises(event: &Value<'_>) -> bool {
    event.get("eventType").text().is_some_and(|name| name.contains('.'))
        && (event.get("published").text().is_some() || event.get("legacyEventType").text().is_some())
        && (event.get("actor").is_map() || event.get("client").is_map())
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let name = event.get("eventType").text().ok_or_else(|| Unmapped::missing("eventType"))?;
    // `policy.lifecycle.create` is about a policy, not an identity.
    let known = if name.starts_with("policy.lifecycle.") { Some(Meaning::Policy) } else { find(EVENTS, name) };
    let meaning = known.unwrap_or(Decision);
    let (subject, actor) = people(event, meaning);
    let mut draft = Draft::new(own(event.get("uuid").text()), raw, meaning.kind(), subject, outcome(event, meaning));
    labels(&mut draft, event);
    if known.is_none() {
        draft.unmapped(name);
    }

    let to = &mut draft.event;
    to.actor = actor;
    to.occurred_at = rfc3339(event.get("published").text());
    to.action = own(Some(name));
    to.reason = own(event.at("outcome.reason").text().or_else(|| event.get("displayMessage").text()));
    to.resource = filled(resource(event));
    to.policy = filled(policy(event));
    to.credential = filled(credential(event, meaning));
    to.context = filled(context(event));
    to.correlation = filled(Correlation {
        request: own(event.at("transaction.id").text()),
        session: own(event.at("authenticationContext.externalSessionId").text()),
        trace: own(event.at("debugContext.debugData.requestId").text()),
    });
    meaning.apply(to);
    if meaning == Meaning::Approval {
        to.approval = Some(Approval {
            request: target(event, &["AccessRequest"]).and_then(|t| own(t.get("id").text())),
            approver: to.actor.as_ref().map(|actor| actor.id.clone()),
            ..Approval::default()
        });
    }
    emit(draft.finish());
    Ok(())
}

fn outcome(event: &Value<'_>, meaning: Meaning) -> Outcome {
    match event.at("outcome.result").text() {
        Some("SUCCESS" | "ALLOW") => meaning.went_well(),
        Some("DENY") => Outcome::Deny,
        Some("FAILURE" | "RATE_LIMIT") => Outcome::Failure,
        _ => Outcome::Unknown,
    }
}

fn labels(draft: &mut Draft, event: &Value<'_>) {
    if let Some(result @ ("CHALLENGE" | "DEFERRED" | "SCHEDULED")) = event.at("outcome.result").text() {
        draft.label("pending", Some(result));
    }
    draft.label("severity", event.get("severity").text());
    draft.label("login_credential", event.at("authenticationContext.credentialType").text());
    draft.label("rule", target(event, &["Rule", "PolicyRule"]).and_then(|rule| rule.get("displayName").text()));
    draft.label("scopes", event.at("debugContext.debugData.grantedScopes").text());
}

/// The first target of one of these types.
fn target<'v, 'a>(event: &'v Value<'a>, kinds: &[&str]) -> Option<&'v Value<'a>> {
    let is_kind = |t: &&Value<'_>| t.get("type").text().is_some_and(|kind| kinds.contains(&kind));
    event.get("target").items().iter().find(is_kind)
}

/// An actor or target under its canonical id: people by their address, everything else by Okta's own id.
fn identity(party: &Value<'_>) -> Option<Identity> {
    let kind = party.get("type").text().unwrap_or_default();
    let own_id = party.get("id").text().filter(|id| *id != "unknown");
    let address = party.get("alternateId").text().and_then(mail);
    let mut identity = match kind {
        "User" | "AppUser" | "NewUser" => {
            // A login that failed has only the name that was typed.
            let typed = || party.get("alternateId").text().filter(|name| *name != "unknown");
            address
                .or_else(|| own_id.or_else(typed).map(|id| Identity::new(format!("okta:{id}"), IdentityType::Human)))?
        }
        "SystemPrincipal" => Identity::new("okta:system", IdentityType::System),
        _ => {
            let sort = match kind {
                "UserGroup" | "GroupEntity" => IdentityType::Group,
                _ if kind.contains("App") => IdentityType::ServiceAccount,
                _ => IdentityType::Unknown,
            };
            address.or_else(|| own_id.map(|id| Identity::new(format!("okta:{id}"), sort)))?
        }
    };
    identity.name = own(party.get("displayName").text());
    Some(identity)
}

/// Acts upon somebody are about that person, group or application; all others are about the actor.
fn people(event: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let actor = identity(event.get("actor")).unwrap_or_else(nobody);
    let kinds: &[&str] = match meaning {
        Elevation(_) | Rotation(_) | Lifecycle(_) | Revocation(Token) | Meaning::Approval | Review => {
            &["User", "NewUser", "AppUser", "UserGroup", "AppInstance", "PublicClientApp"]
        }
        _ => &[],
    };
    match target(event, kinds).and_then(identity) {
        Some(subject) if subject.id != actor.id => (subject, Some(actor)),
        None if matches!(meaning, Lifecycle(_)) => unnamed(actor),
        _ => (actor, None),
    }
}

fn resource(event: &Value<'_>) -> Resource {
    let application = target(event, &["AppInstance"]).or_else(|| event.get("target").items().first());
    Resource {
        id: application.and_then(|t| own(t.get("id").text())),
        kind: application.and_then(|t| own(t.get("type").text())),
        ..Resource::default()
    }
}

fn policy(event: &Value<'_>) -> Policy {
    let rule = target(event, &["Rule", "PolicyRule"]);
    let id = target(event, &["PolicyEntity"])
        .and_then(|policy| policy.get("id").text())
        .or_else(|| rule?.at("detailEntry.policyId").text());
    Policy { id: own(id), decision_point: id.map(|_| "okta".to_owned()), ..Policy::default() }
}

fn credential(event: &Value<'_>, meaning: Meaning) -> Credential {
    if !matches!(meaning, Issuance(_) | Rotation(_) | Revocation(_)) {
        return Credential::default();
    }
    let token = target(event, &["Token", "access_token", "refresh_token", "id_token"]);
    Credential {
        id: token.and_then(|token| own(token.get("id").text())),
        kind: None::<CredentialType>,
        expires_at: token.and_then(|token| rfc3339(token.at("detailEntry.expires").text())),
        ..Credential::default()
    }
}

fn context(event: &Value<'_>) -> Context {
    let client = event.get("client");
    let risk = event.at("debugContext.debugData.risk").text().and_then(|risk| {
        // A map written as text: `{reasons=…, level=LOW}`.
        let (_, rest) = risk.split_once("level=")?;
        rest.split([',', '}', ' ']).next()
    });
    Context {
        source_ip: own(client.get("ipAddress").text()),
        user_agent: own(client.at("userAgent.rawUserAgent").text()),
        device: own(client.get("device").text()),
        risk: own(risk),
        location: own(client.at("geographicalContext.country").text()),
        ..Context::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_golden_event() {
        crate::meaning::assert_rows_are_shown(EVENTS, "okta", |event| own(event.get("eventType").text()));
    }
}
