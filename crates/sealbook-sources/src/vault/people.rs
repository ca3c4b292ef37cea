//! Who used Vault or OpenBao, under the canonical id.

use sealbook_core::event::{CredentialType, Identity, IdentityType};

use super::rules::place;
use crate::draft::{nobody, unnamed};
use crate::identity::{SERVICE_ACCOUNT, recognise};
use crate::json::Value;
use crate::meaning::Meaning;

/// Path of the entry that the server sends to itself when an audit device is made.
const PROBE: &str = "sys/audit/test";

/// The identity behind an `auth` object; nothing where it holds none.
fn holder(auth: &Value<'_>) -> Option<Identity> {
    let metadata = auth.get("metadata");
    let display = auth.get("display_name").text();
    if let Some(known) = elsewhere(metadata, display) {
        return Some(known);
    }
    let root = |list: &str| auth.get(list).items().iter().any(|p| p.text() == Some("root"));
    let mut identity = if let Some(entity) = auth.get("entity_id").text() {
        Identity::new(format!("vault:entity:{entity}"), login_type(display))
    } else if root("policies") || root("token_policies") {
        Identity::new("vault:root", IdentityType::Token)
    } else {
        match (display, auth.get("accessor").text()) {
            (Some("token") | None, Some(accessor)) => {
                Identity::new(format!("vault:token:{accessor}"), IdentityType::Token)
            }
            (Some(display), _) => Identity::new(format!("vault:{display}"), login_type(Some(display))),
            (None, None) => return None,
        }
    };
    let role = metadata
        .get("role_name")
        .text()
        .or_else(|| metadata.get("role").text())
        .or_else(|| metadata.get("username").text());
    identity.name = match (display, role) {
        (Some(display), Some(role)) if !display.ends_with(role) => Some(format!("{display}-{role}")),
        (display, _) => display.map(str::to_owned),
    };
    Some(identity)
}

/// An identity that other sources know too, by what its login left in the token.
fn elsewhere(metadata: &Value<'_>, display: Option<&str>) -> Option<Identity> {
    let account = (metadata.get("service_account_namespace").text(), metadata.get("service_account_name").text());
    if let (Some(namespace), Some(name)) = account {
        return recognise(&format!("{SERVICE_ACCOUNT}{namespace}:{name}"));
    }
    if let Some(arn) = metadata.get("canonical_arn").text() {
        return recognise(arn);
    }
    let display = display?;
    let shown = match display.find("spiffe://") {
        Some(at) => display.get(at..)?,
        None => display.split_once('-').map_or(display, |(_, name)| name),
    };
    recognise(shown)
}

/// The display name starts with the mount of the login method.
fn login_type(display: Option<&str>) -> IdentityType {
    match display.and_then(|d| d.split('-').next()) {
        Some("approle" | "kubernetes" | "aws" | "gcp" | "azure") => IdentityType::ServiceAccount,
        Some("userpass" | "ldap" | "oidc" | "okta" | "github" | "radius" | "kerberos" | "saml") => IdentityType::Human,
        Some("cert" | "jwt" | "spiffe") => IdentityType::Workload,
        Some("token" | "root") => IdentityType::Token,
        _ => IdentityType::Unknown,
    }
}

/// Who asked: the token's holder, else what a login without result shows, else the token itself.
pub(super) fn caller(entry: &Value<'_>) -> Identity {
    let request = entry.get("request");
    if let Some(identity) = holder(entry.get("auth")) {
        return identity;
    }
    if let Some(role) = request.at("data.role_id").text() {
        return Identity::new(format!("vault:role_id:{role}"), IdentityType::ServiceAccount);
    }
    let (_, path) = place(request);
    if let Some(user) = path.strip_prefix("login/") {
        return Identity::new(method_name(request, user), IdentityType::Human);
    }
    let token = entry.at("auth.client_token").text().or_else(|| request.get("client_token").text());
    if let Some(token) = token {
        return Identity::new(format!("vault:token:{token}"), IdentityType::Token);
    }
    if request.get("path").text() == Some(PROBE) {
        return Identity::new("vault:server", IdentityType::System);
    }
    nobody()
}

/// Name of a role or user of a login method: `vault:approle:api`.
fn method_name(request: &Value<'_>, name: &str) -> String {
    let mount = request
        .get("mount_point")
        .text()
        .map(|point| point.trim_matches('/'))
        .and_then(|point| point.strip_prefix("auth/"))
        .unwrap_or_else(|| place(request).0);
    format!("vault:{mount}:{name}")
}

/// Subject and actor.
pub(super) fn people(entry: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let caller = caller(entry);
    match target(entry, meaning) {
        Some(target) if target.id != caller.id => (target, Some(caller)),
        None if matches!(meaning, Meaning::Lifecycle(_)) => unnamed(caller),
        _ => (caller, None),
    }
}

/// The identity that is not the caller but the one whom the act concerns.
fn target(entry: &Value<'_>, meaning: Meaning) -> Option<Identity> {
    let request = entry.get("request");
    let (mount, path) = place(request);
    let mut parts = path.split('/');
    match meaning {
        Meaning::Issuance(CredentialType::Token) => holder(entry.at("response.auth")),
        Meaning::Issuance(CredentialType::Certificate) => spiffe_names(request.get("data")),
        Meaning::Lifecycle(_) | Meaning::Ownership if mount == "identity" => {
            let sort = parts.next()?;
            match (parts.next(), parts.next()) {
                (Some("id"), Some(id)) => Some(Identity::new(format!("vault:{sort}:{id}"), kind_of(sort))),
                (Some("name"), Some(name)) => Some(Identity::new(format!("vault:{sort}-name:{name}"), kind_of(sort))),
                _ => made(entry, sort),
            }
        }
        Meaning::Lifecycle(_)
        | Meaning::Ownership
        | Meaning::Rotation(CredentialType::Password)
        | Meaning::Issuance(CredentialType::Secret)
        | Meaning::Revocation(CredentialType::Secret) => {
            let (sort, name) = (parts.next()?, parts.next().filter(|name| !name.is_empty())?);
            let kind = match sort {
                "role" => IdentityType::ServiceAccount,
                "users" => IdentityType::Human,
                _ => return None,
            };
            Some(Identity::new(method_name(request, name), kind))
        }
        _ => None,
    }
}

fn kind_of(sort: &str) -> IdentityType {
    match sort {
        "group" => IdentityType::Group,
        _ => IdentityType::Unknown,
    }
}

/// An entity or group that this very request made; its name may be a keyed hash, which is still the same for the same name.
fn made(entry: &Value<'_>, sort: &str) -> Option<Identity> {
    let name = entry.at("request.data.name").text()?;
    Some(Identity::new(format!("vault:{sort}-name:{name}"), kind_of(sort)))
}

/// The SPIFFE ID for which a certificate is asked, where the mount logs it in clear.
fn spiffe_names(data: &Value<'_>) -> Option<Identity> {
    let names = data.get("uri_sans");
    let first = names.text().or_else(|| names.items().first()?.text())?;
    crate::identity::spiffe(first.split(',').next()?)
}
