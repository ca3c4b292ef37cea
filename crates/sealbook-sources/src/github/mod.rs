//! GitHub: audit log events, and repository or organisation webhooks.

use sealbook_core::event::CredentialType::{ApiKey, SshKey, Token};
use sealbook_core::event::ElevationVerb::Started;
use sealbook_core::event::ExceptionVerb::{Opened, Used};
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};
use sealbook_core::event::{
    Approval, ApprovalDecision, Context, Correlation, Credential, Event, Identity, IdentityType, Outcome, Ownership,
    OwnershipRole, Resource,
};
use sealbook_core::time::Micros;

use crate::draft::{Draft, filled, nobody, own, unnamed};
use crate::identity::mail;
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning::{self, Decision, Elevation, Exception, Issuance, Lifecycle, Revocation};
use crate::meaning::{Words, find};
use crate::source::JsonSource;
use crate::when::{epoch_millis, rfc3339};

/// The source `github`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "github", version: 2, envelopes: &[], recognises, map };

const ACTIONS: &Words = &[
    ("*.request_created *.request_approved *.request_denied *.approved *.denied", Meaning::Approval),
    (
        "protected_branch.policy_override repository_ruleset.bypass* secret_scanning_push_protection.bypass*",
        Exception(Used),
    ),
    ("public_key.create public_key.add", Issuance(SshKey)),
    ("personal_access_token.create personal_access_token.access_granted", Issuance(ApiKey)),
    ("oauth_access.create integration_installation.create org_credential_authorization.grant", Issuance(Token)),
    ("public_key.delete public_key.unverify*", Revocation(SshKey)),
    ("*_credential_authorization.revoke *_credential_authorization.deauthorize", Revocation(Token)),
    (
        "personal_access_token.* oauth_access.destroy oauth_access.revoke oauth_authorization.destroy integration_installation.destroy",
        Revocation(ApiKey),
    ),
    ("repo.transfer*", Meaning::Ownership),
    (
        "protected_branch.* repository_ruleset.* org.update_member_* *.disable *.disabled *_disabled *.enable *.enabled *_enabled",
        Meaning::Policy,
    ),
    ("repo.update_member repo.add_member org.update_member", Lifecycle(Changed)),
    (
        "org.update_* org.*_two_factor_requirement org.*_oauth_app_restrictions enterprise.config.* repo.access",
        Meaning::Policy,
    ),
    ("org.add_member organization_moderators.add_user", Lifecycle(Provisioned)),
    ("org.remove_member repo.remove_member organization_moderators.remove_user", Lifecycle(Offboarded)),
    ("*.revoke hook.destroy", Revocation(Token)),
    ("hook.create", Issuance(Token)),
    ("org.invite_member team.create", Lifecycle(Provisioned)),
    ("team.destroy", Lifecycle(Offboarded)),
    ("*repository_vulnerability_alert.dismiss", Exception(Opened)),
    ("git.* repo.* workflow_run.* workflow_job.* pull_request.* issue.* pages.*", Decision),
];

fn recognises(event: &Value<'_>) -> bool {
    let has = |name: &str| event.get(name).text().is_some();
    let audit = has("action") && (has("actor") || has("_document_id") || has("org"));
    let hook = event.at("repository.full_name").text().is_some() || event.at("sender.login").text().is_some();
    audit || hook
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let action = action(event).ok_or_else(|| Unmapped::missing("action"))?;
    let known = find(ACTIONS, &action);
    let meaning = match known {
        Some(Lifecycle(Changed)) if raises(event) => Elevation(Started),
        Some(found) => found,
        None => Decision,
    };
    let (subject, actor) = people(event, meaning);
    let text = |name: &str| event.get(name).text();
    let mut draft = Draft::new(own(text("_document_id")), raw, meaning.kind(), subject, meaning.went_well());
    if text("conclusion").is_some_and(|end| end == "failure") {
        draft.event.outcome = Outcome::Failure;
    }
    if known.is_none() {
        draft.unmapped(&action);
    }
    draft.label("operation", text("operation_type"));
    draft.label("access", text("programmatic_access_type"));
    draft.label("scopes", text("token_scopes"));
    draft.label("permission", text("permission"));
    draft.label("country", event.at("actor_location.country_code").text());

    let to = &mut draft.event;
    to.actor = actor;
    to.occurred_at = time(event);
    to.reason = own(text("reason"));
    to.resource = filled(resource(event));
    to.action = Some(action);
    to.credential = filled(Credential {
        id: own(text("hashed_token")).or_else(|| event.get("token_id").int().map(|id| id.to_string())),
        ..Credential::default()
    });
    to.context =
        filled(Context { source_ip: own(text("actor_ip")), user_agent: own(text("user_agent")), ..Context::default() });
    to.correlation = filled(Correlation { request: own(text("request_id")), ..Correlation::default() });
    meaning.apply(to);
    if meaning == Meaning::Approval {
        let verb = to.action.as_deref().unwrap_or_default();
        to.approval = filled(Approval {
            decision: match verb {
                _ if verb.ends_with("denied") => Some(ApprovalDecision::Refused),
                _ if verb.ends_with("approved") => Some(ApprovalDecision::Granted),
                _ => None,
            },
            requester: to.actor.as_ref().map(|_| to.subject.id.clone()),
            approver: to.actor.as_ref().map(|actor| actor.id.clone()),
            ..Approval::default()
        });
    }
    if meaning == Meaning::Ownership {
        to.ownership = Some(Ownership {
            domain: to.resource.as_ref().and_then(|resource| resource.id.clone()),
            role: Some(OwnershipRole::LifecycleOwner),
            owner: own(text("new_owner").or_else(|| text("org"))),
            team: None,
        });
    }
    emit(draft.finish());
    Ok(())
}

/// The audit log's action. A webhook names its object by a member and says only what was done to it.
fn action(event: &Value<'_>) -> Option<String> {
    let done = event.get("action").text();
    if done.is_some_and(|done| done.contains('.')) || event.get("actor").text().is_some() {
        return own(done);
    }
    if event.get("pusher").is_map() || !event.get("commits").items().is_empty() || done == Some("push") {
        return own(Some("git.push"));
    }
    let object = event.pairs().iter().find(|(name, value)| {
        let speaks = value.is_map() || !value.items().is_empty();
        speaks && !["repository", "sender", "organization", "enterprise"].contains(&name.as_ref())
    });
    let object = object.map(|(name, _)| name.as_ref());
    match (object, done) {
        (Some("pages"), None) => own(Some("pages.edited")),
        (Some(object), Some(done)) => Some(format!("{object}.{done}")),
        (object, done) => own(done.or(object)),
    }
}

/// Milliseconds, or text; some pipelines rename the field.
fn time(event: &Value<'_>) -> Option<Micros> {
    ["created_at", "@timestamp"].iter().find_map(|name| {
        let value = event.get(name);
        epoch_millis(value.int()).or_else(|| rfc3339(value.text()))
    })
}

/// Whether a membership gives control over the repository or organisation.
fn raises(event: &Value<'_>) -> bool {
    ["permission", "new_repo_permission", "role", "new_role"]
        .iter()
        .any(|name| matches!(event.get(name).text(), Some("admin" | "owner" | "maintain")))
}

/// An account; known by its mail address where single sign-on tells it.
fn account(login: &str, robot: bool, nameid: Option<&str>) -> Identity {
    let mut identity = match nameid.and_then(mail) {
        Some(person) => person,
        None => {
            let kind =
                if robot || login.ends_with("[bot]") { IdentityType::ServiceAccount } else { IdentityType::Human };
            Identity::new(format!("github:{}", login.to_ascii_lowercase()), kind)
        }
    };
    identity.name = Some(login.to_owned());
    identity
}

/// Who opened what was opened now.
fn opener<'v>(event: &'v Value<'_>) -> Option<&'v str> {
    let opened = event.get("action").text() == Some("opened");
    let objects = ["pull_request", "issue"].iter().filter(|_| opened);
    objects.into_iter().find_map(|object| event.get(object).at("user.login").text())
}

/// A workflow that acts by itself.
fn workflow(event: &Value<'_>) -> Option<Identity> {
    let name = ["workflow_run.name", "workflow_job.workflow_name", "workflow_job.name"];
    let name = name.iter().find_map(|path| event.at(path).text())?;
    let repository = event.at("repository.full_name").text()?;
    Some(Identity::new(format!("github:workflow:{repository}/{name}"), IdentityType::Workload))
}

fn people(event: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let robot = event.get("actor_is_bot").flag() == Some(true) || event.at("sender.type").text() == Some("Bot");
    let login = ["actor", "sender.login", "pusher.name", "workflow_run.actor.login"];
    let login = login.iter().find_map(|path| event.at(path).text()).or_else(|| opener(event));
    let nameid = event.get("external_identity_nameid").text();
    let actor = login.map(|login| account(login, robot, nameid)).or_else(|| workflow(event)).unwrap_or_else(nobody);
    let upon = matches!(meaning, Elevation(_) | Lifecycle(_) | Revocation(_) | Meaning::Approval);
    match event.get("user").text().filter(|_| upon) {
        Some(user) if Some(user) != login => (account(user, false, None), Some(actor)),
        None if matches!(meaning, Lifecycle(_)) => unnamed(actor),
        _ => (actor, None),
    }
}

fn resource(event: &Value<'_>) -> Resource {
    let text = |path: &str| event.at(path).text();
    let (id, kind) = match (text("repo").or_else(|| text("repository.full_name")), text("org")) {
        (Some(repo), _) => (Some(repo), Some("repository")),
        (None, Some(org)) => (Some(org), Some("organization")),
        (None, None) => (text("business"), text("business").map(|_| "enterprise")),
    };
    let account = text("org").or_else(|| text("organization.login")).or_else(|| text("business"));
    Resource { id: own(id), kind: own(kind), environment: None, account: own(account) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_golden_event() {
        crate::meaning::assert_rows_are_shown(ACTIONS, "github", action);
    }
}
