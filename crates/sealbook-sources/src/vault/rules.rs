//! Vault and OpenBao paths and operations, and what they mean.

use sealbook_core::event::CredentialType::{Certificate, CloudKey, OidcToken, Password, Secret, SshKey, Token};
use sealbook_core::event::ElevationVerb::Started;
use sealbook_core::event::ExceptionVerb::Used;
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};

use crate::json::Value;
use crate::meaning::Meaning::{
    self, Approval, Decision, Elevation, Exception, Issuance, Lifecycle, Ownership, Policy, Revocation, Rotation,
};

const WRITE: &str = "create update patch delete";
const EDIT: &str = "create update patch";
const ANY: &str = "*";

/// Mount types (`auth`: any login method, `*`: any mount), paths below the mount, operations, meaning.
/// In a path `*` is one segment and `**` the rest, also none. Lists are separated by blanks.
pub(super) type Rule = (&'static str, &'static str, &'static str, Meaning);

/// The first rule that fits holds.
pub(super) const RULES: &[Rule] = &[
    // Tokens.
    ("token", "create-orphan", EDIT, Elevation(Started)),
    ("token", "create create/*", EDIT, Issuance(Token)),
    ("token", "renew/** renew-self renew-accessor", EDIT, Issuance(Token)),
    ("token", "revoke/** revoke-self revoke-accessor revoke-orphan", EDIT, Revocation(Token)),
    ("token", "roles/*", EDIT, Policy),
    // Login methods.
    ("auth", "login/** callback oidc/callback", "create update read", Issuance(Token)),
    ("auth", "role/*/secret-id role/*/custom-secret-id", EDIT, Issuance(Secret)),
    ("auth", "role/*/secret-id/destroy role/*/secret-id-accessor/destroy", WRITE, Revocation(Secret)),
    ("auth", "users/*/password", EDIT, Rotation(Password)),
    ("auth", "role/* users/*", "create", Lifecycle(Provisioned)),
    ("auth", "role/* users/*", "delete", Lifecycle(Offboarded)),
    ("auth", "role/** users/**", WRITE, Lifecycle(Changed)),
    ("auth", "config/**", WRITE, Policy),
    // Secret engines that mint.
    ("pki", "issue/* sign/* sign-verbatim/** issuer/*/issue/* issuer/*/sign/*", EDIT, Issuance(Certificate)),
    ("pki", "revoke revoke-with-key", EDIT, Revocation(Certificate)),
    ("ssh", "sign/* issue/*", EDIT, Issuance(SshKey)),
    ("identity", "oidc/token/*", "read", Issuance(OidcToken)),
    ("aws", "creds/* sts/*", "read update", Issuance(CloudKey)),
    ("*", "creds/*", "read update", Issuance(Secret)),
    // Keys are replaced.
    ("transit", "keys/*/rotate", EDIT, Rotation(Secret)),
    ("identity", "oidc/key/*/rotate", EDIT, Rotation(Secret)),
    ("database", "rotate-root/* rotate-role/*", EDIT, Rotation(Secret)),
    ("pki", "root/rotate/**", EDIT, Rotation(Certificate)),
    ("*", "root/rotate/** config/rotate-root", EDIT, Rotation(Secret)),
    ("system", "rotate/** rekey/**", EDIT, Rotation(Secret)),
    // Leases and the seal.
    ("system", "leases/renew/** renew/**", EDIT, Issuance(Secret)),
    ("system", "leases/revoke/** leases/revoke-prefix/** leases/revoke-force/** revoke/**", EDIT, Revocation(Secret)),
    ("system", "seal", EDIT, Revocation(Secret)),
    ("kv", "data/** destroy/** metadata/**", "delete", Revocation(Secret)),
    ("kv", "destroy/**", EDIT, Revocation(Secret)),
    // Power over the store itself.
    ("system", "generate-root/** decode-token", EDIT, Elevation(Started)),
    ("system", "control-group/authorize", EDIT, Approval),
    ("system", "audit/test", ANY, Decision),
    (
        "system",
        "policies/** policy/** auth/** mounts/** audit/** config/** remount quotas/** namespaces/**",
        WRITE,
        Policy,
    ),
    ("*", "roles/* role/*", WRITE, Policy),
    // Identities.
    ("identity", "entity group entity-alias group-alias", EDIT, Lifecycle(Provisioned)),
    ("identity", "entity/** group/** entity-alias/** group-alias/**", "delete", Lifecycle(Offboarded)),
    ("identity", "entity/** group/** entity-alias/** group-alias/**", EDIT, Lifecycle(Changed)),
];

/// What an entry means. Only the response entry says what was done: the request entry is the decision to let it happen.
pub(super) fn meaning(entry: &Value<'_>) -> Meaning {
    if entry.get("type").text() != Some("response") {
        return Decision;
    }
    let request = entry.get("request");
    let operation = request.get("operation").text().unwrap_or_default();
    let (mount, path) = place(request);
    match rule(request, mount, path, operation) {
        Some(Lifecycle(Changed)) if owner(request).is_some() => Ownership,
        Some(found) => found,
        None if replaces_secret(entry, operation) => Rotation(Secret),
        None if request.get("policy_override").flag() == Some(true) => Exception(Used),
        None if holds_root(entry) => Elevation(Started),
        None => Decision,
    }
}

fn rule(request: &Value<'_>, mount: &str, path: &str, operation: &str) -> Option<Meaning> {
    let is_login = request.get("mount_class").text() == Some("auth")
        || request.get("path").text().is_some_and(|path| path.starts_with("auth/"));
    RULES
        .iter()
        .find(|(mounts, paths, operations, _)| {
            let here = match *mounts {
                "*" => !is_login,
                "auth" => is_login && mount != "token",
                name => name == mount,
            };
            here && (*operations == ANY || operations.split(' ').any(|o| o == operation))
                && paths.split(' ').any(|pattern| fits(pattern, path))
        })
        .map(|(.., meaning)| *meaning)
}

/// Type of the mount and path below it; taken from the usual mount points where the entry does not say.
pub(super) fn place<'v>(request: &'v Value<'_>) -> (&'v str, &'v str) {
    let path = request.get("path").text().unwrap_or_default();
    if let (Some(sort), Some(point)) = (request.get("mount_type").text(), request.get("mount_point").text())
        && let Some(rest) = path.strip_prefix(point)
    {
        return (sort.strip_prefix("ns_").unwrap_or(sort), rest);
    }
    let inner = path.strip_prefix("auth/").unwrap_or(path);
    let (first, rest) = inner.split_once('/').unwrap_or((inner, ""));
    (if first == "sys" { "system" } else { first }, rest)
}

/// Whether a write to a versioned store made a version after the first.
fn replaces_secret(entry: &Value<'_>, operation: &str) -> bool {
    let data = entry.at("response.data");
    let version = data.get("version").int().or_else(|| data.at("metadata.version").int());
    EDIT.split(' ').any(|o| o == operation) && version.is_some_and(|v| v > 1)
}

/// Whether the root policy let this happen.
pub(super) fn holds_root(entry: &Value<'_>) -> bool {
    let root = |list: &Value<'_>| list.items().iter().any(|p| p.text() == Some("root"));
    root(entry.at("auth.policies")) || root(entry.at("auth.token_policies"))
}

/// The owner that a write puts into the metadata of an identity.
pub(super) fn owner<'v>(request: &'v Value<'_>) -> Option<&'v str> {
    request.at("data.metadata.owner").text()
}

fn fits(pattern: &str, path: &str) -> bool {
    let (fixed, open) = match pattern.strip_suffix("/**") {
        Some(fixed) => (fixed, true),
        None => (pattern, false),
    };
    let mut segments = path.trim_end_matches('/').split('/');
    for part in fixed.split('/') {
        match segments.next() {
            Some(segment) if part == segment || (part == "*" && !segment.is_empty()) => {}
            _ => return false,
        }
    }
    open || segments.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_matched_by_segments() {
        assert!(fits("issue/*", "issue/web"));
        assert!(!fits("issue/*", "issue/web/more"));
        assert!(!fits("issue/*", "issue/"));
        assert!(fits("revoke/**", "revoke") && fits("revoke/**", "revoke/a/b"));
        assert!(!fits("revoke/**", "revoke-self"));
        assert!(fits("role/*/secret-id", "role/api/secret-id"));
        assert!(!fits("login/**", "logins"));
    }

    #[test]
    fn every_rule_has_a_golden_entry() {
        let text =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/vault/golden/kinds.in.json")).unwrap();
        let entries: Vec<_> = text.lines().map(|l| crate::json::parse(l.as_bytes()).unwrap()).collect();
        for wanted in RULES {
            let shown = entries.iter().any(|entry| {
                let request = entry.get("request");
                let (mount, path) = place(request);
                let login = request.get("mount_class").text() == Some("auth");
                let here = match wanted.0 {
                    "*" => !login,
                    "auth" => login && mount != "token",
                    name => name == mount,
                };
                let operation = request.get("operation").text().unwrap();
                here && wanted.1.split(' ').any(|p| fits(p, path))
                    && (wanted.2 == ANY || wanted.2.split(' ').any(|o| o == operation))
            });
            assert!(shown, "no golden entry for {wanted:?}");
        }
    }
}
