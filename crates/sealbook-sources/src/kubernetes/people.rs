//! Who a Kubernetes audit event is about, and who did it.

use sealbook_core::event::{Identity, IdentityType};

use crate::draft::{nobody, unnamed};
use crate::identity::{SERVICE_ACCOUNT, recognise};
use crate::json::Value;
use crate::meaning::Meaning;

/// First value of `user.extra[name]`.
pub(super) fn extra<'v>(user: &'v Value<'_>, name: &str) -> Option<&'v str> {
    user.get("extra").get(name).items().first()?.text()
}

/// A user as the API server knows it, under its canonical id.
pub(super) fn user(user: &Value<'_>) -> Identity {
    let Some(name) = user.get("username").text() else {
        return nobody();
    };
    if name.starts_with("system:") || name.starts_with("eks:") {
        return named(name);
    }
    // A cloud identity that was mapped to a free user name is known by its own id.
    let cloud = ["canonicalArn", "arn"].iter().find_map(|field| recognise(extra(user, field)?));
    match cloud {
        Some(mut identity) => {
            identity.name = Some(name.to_owned());
            identity
        }
        None => named(name),
    }
}

/// A user by its name alone.
fn named(name: &str) -> Identity {
    if let Some(identity) = recognise(name) {
        return identity;
    }
    let kind = match name {
        "system:anonymous" => IdentityType::Unknown,
        _ if name.starts_with("system:") || name.starts_with("eks:") => IdentityType::System,
        // Everybody who is neither service account nor component is a "normal user": a person.
        _ => IdentityType::Human,
    };
    Identity::new(name, kind)
}

/// Subject and actor. Without another subject, an impersonated user is the subject and the real one the actor.
pub(super) fn people(event: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let real = user(event.get("user"));
    let acting = event.get("impersonatedUser");
    let (caller, behind) = if acting.is_map() { (user(acting), Some(real)) } else { (real, None) };
    match target(event, meaning) {
        Some(target) if target.id != caller.id => (target, Some(behind.unwrap_or(caller))),
        None if matches!(meaning, Meaning::Lifecycle(_)) => unnamed(behind.unwrap_or(caller)),
        _ => (caller, behind),
    }
}

/// The identity that the object itself stands for or speaks of.
fn target(event: &Value<'_>, meaning: Meaning) -> Option<Identity> {
    let object = event.get("objectRef");
    let (sent, answer) = (event.get("requestObject"), event.get("responseObject"));
    match (object.get("resource").text()?, meaning) {
        ("serviceaccounts", Meaning::Decision) => None,
        ("serviceaccounts", _) => {
            let namespace = object.get("namespace").text()?;
            let name = object.get("name").text().or_else(|| answer.at("metadata.name").text())?;
            Some(named(&format!("{SERVICE_ACCOUNT}{namespace}:{name}")))
        }
        ("certificatesigningrequests", _) => answer.at("spec.username").text().map(named),
        ("rolebindings" | "clusterrolebindings", _) => bound(sent.get("subjects").items().first()?),
        ("subjectaccessreviews" | "localsubjectaccessreviews", _) => sent.at("spec.user").text().map(named),
        ("tokenreviews", _) => Some(user(answer.at("status.user"))).filter(|u| *u != nobody()),
        _ => None,
    }
}

/// A subject of a role binding.
fn bound(subject: &Value<'_>) -> Option<Identity> {
    let name = subject.get("name").text()?;
    match subject.get("kind").text()? {
        "ServiceAccount" => {
            let namespace = subject.get("namespace").text()?;
            Some(named(&format!("{SERVICE_ACCOUNT}{namespace}:{name}")))
        }
        "Group" => Some(Identity::new(name, IdentityType::Group)),
        _ => Some(named(name)),
    }
}
