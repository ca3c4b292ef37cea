//! Kubernetes resources and verbs, and what they mean.

use sealbook_core::event::CredentialType::{self, Certificate, Password, SshKey, Token};
use sealbook_core::event::ElevationVerb::Started;
use sealbook_core::event::ExceptionVerb::{Closed, Opened, Renewed};
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};

use crate::json::Value;
use crate::meaning::Meaning::{
    self, Approval, Decision, Elevation, Exception, Issuance, Lifecycle, Policy, Revocation, Rotation,
};

const WRITE: &str = "create update patch delete deletecollection";
const EDIT: &str = "update patch";
const ANY: &str = "*";

/// Resource (`*` before a dot: any of that API group), subresources, verbs, meaning. Lists are separated by blanks.
pub(super) type Rule = (&'static str, &'static str, &'static str, Meaning);

/// The first rule that fits holds; where none fits the event is a decision.
pub(super) const RULES: &[Rule] = &[
    ("serviceaccounts", "token", "create", Issuance(Token)),
    ("serviceaccounts", "", "create", Lifecycle(Provisioned)),
    ("serviceaccounts", "", EDIT, Lifecycle(Changed)),
    ("serviceaccounts", "", "delete deletecollection", Lifecycle(Offboarded)),
    ("certificatesigningrequests", "", "create", Issuance(Certificate)),
    ("certificatesigningrequests", "approval", EDIT, Approval),
    ("certificatesigningrequests", "status", EDIT, Issuance(Certificate)),
    ("rolebindings clusterrolebindings roles clusterroles", "", WRITE, Policy),
    ("validatingwebhookconfigurations mutatingwebhookconfigurations", "", WRITE, Policy),
    ("validatingadmissionpolicies validatingadmissionpolicybindings", "", WRITE, Policy),
    ("mutatingadmissionpolicies mutatingadmissionpolicybindings", "", WRITE, Policy),
    ("networkpolicies adminnetworkpolicies ciliumnetworkpolicies authorizationpolicies", "", WRITE, Policy),
    ("*.constraints.gatekeeper.sh *.templates.gatekeeper.sh", "", WRITE, Policy),
    ("policies.kyverno.io clusterpolicies.kyverno.io", "", WRITE, Policy),
    ("policyexceptions", "", "create", Exception(Opened)),
    ("policyexceptions", "", EDIT, Exception(Renewed)),
    ("policyexceptions", "", "delete deletecollection", Exception(Closed)),
    ("subjectaccessreviews localsubjectaccessreviews selfsubjectaccessreviews", "", "create", Decision),
    ("selfsubjectrulesreviews selfsubjectreviews tokenreviews", "", "create", Decision),
    ("pods", "exec attach portforward ephemeralcontainers", ANY, Elevation(Started)),
    ("nodes", "proxy", ANY, Elevation(Started)),
];

/// Verbs on roles that let their holder give itself more.
const SELF_RAISING: [&str; 3] = ["escalate", "bind", "impersonate"];

/// The role that may do everything.
const ADMIN_ROLE: &str = "cluster-admin";

/// What the event means: by resource and verb, by the object that was sent, by impersonation.
pub(super) fn meaning(event: &Value<'_>) -> Meaning {
    let object = event.get("objectRef");
    let part = |name: &str| object.get(name).text().unwrap_or_default();
    let verb = event.get("verb").text().unwrap_or_default();
    let resource = part("resource");
    let by_name = rule(resource, part("apiGroup"), part("subresource"), verb);
    let sent = event.get("requestObject");
    match by_name {
        Some(Policy) if !verb.starts_with("delete") && raises(resource, sent) => Elevation(Started),
        Some(Lifecycle(Changed)) if owner(sent).is_some() => Meaning::Ownership,
        Some(found) => found,
        None if resource == "secrets" && part("subresource").is_empty() => {
            secret(event, verb).unwrap_or_else(|| otherwise(event))
        }
        None => otherwise(event),
    }
}

fn otherwise(event: &Value<'_>) -> Meaning {
    if event.get("impersonatedUser").is_map() {
        return Elevation(Started);
    }
    if event.get("verb").text() == Some("patch") && owner(event.get("requestObject")).is_some() {
        return Meaning::Ownership;
    }
    Decision
}

fn rule(resource: &str, group: &str, subresource: &str, verb: &str) -> Option<Meaning> {
    let is_resource = |pattern: &str| match pattern.split_once('.') {
        Some(("*", of_group)) => group == of_group,
        Some((name, of_group)) => resource == name && group == of_group,
        None => resource == pattern,
    };
    RULES
        .iter()
        .find(|(resources, subresources, verbs, _)| {
            resources.split(' ').any(is_resource)
                && subresources.split(' ').any(|s| s == subresource)
                && (*verbs == ANY || verbs.split(' ').any(|v| v == verb))
        })
        .map(|(.., meaning)| *meaning)
}

/// A secret that is a credential by its declared type. At the level `Metadata` the type is not logged.
fn secret(event: &Value<'_>, verb: &str) -> Option<Meaning> {
    let declared = ["requestObject", "responseObject"].iter().find_map(|side| event.get(side).get("type").text())?;
    let kind = credential_type(declared)?;
    match verb {
        "create" => Some(Issuance(kind)),
        "update" | "patch" => Some(Rotation(kind)),
        "delete" => Some(Revocation(kind)),
        _ => None,
    }
}

fn credential_type(declared: &str) -> Option<CredentialType> {
    match declared {
        "kubernetes.io/service-account-token" | "bootstrap.kubernetes.io/token" => Some(Token),
        "kubernetes.io/tls" => Some(Certificate),
        "kubernetes.io/basic-auth" => Some(Password),
        "kubernetes.io/ssh-auth" => Some(SshKey),
        _ => None,
    }
}

/// Whether a role or binding gives everything, or the power to take more.
fn raises(resource: &str, sent: &Value<'_>) -> bool {
    if resource.ends_with("bindings") {
        return sent.at("roleRef.name").text() == Some(ADMIN_ROLE);
    }
    let has = |list: &Value<'_>, word: &str| list.items().iter().any(|w| w.text() == Some(word));
    sent.get("rules").items().iter().any(|rule| {
        let verbs = rule.get("verbs");
        SELF_RAISING.iter().any(|verb| has(verbs, verb)) || (has(verbs, "*") && has(rule.get("resources"), "*"))
    })
}

/// The owner that a patch writes into a label or annotation: merge patches and JSON patches.
/// `ownerReferences` are not meant: they say which object another belongs to, not who answers for it.
pub(super) fn owner<'v>(patch: &'v Value<'_>) -> Option<&'v str> {
    let names_owner = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        last == "owner" || last.ends_with("~1owner")
    };
    let merged = ["metadata.labels", "metadata.annotations"]
        .iter()
        .flat_map(|path| patch.at(path).pairs())
        .find(|(name, _)| names_owner(name))
        .and_then(|(_, value)| value.text());
    merged.or_else(|| {
        patch.items().iter().find_map(|step| {
            let path = step.get("path").text()?;
            let meta = path.starts_with("/metadata/labels/") || path.starts_with("/metadata/annotations/");
            (meta && names_owner(path)).then(|| step.get("value").text()).flatten()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_golden_event() {
        let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/kubernetes/golden/kinds.in.json"))
            .unwrap();
        let body = crate::json::parse(text.as_bytes()).unwrap();
        for (resources, subresources, verbs, _) in RULES {
            let shown = body.get("items").items().iter().any(|event| {
                let of = |name: &str| event.at("objectRef").get(name).text().unwrap_or_default();
                let verb = event.get("verb").text().unwrap_or_default();
                let named = resources
                    .split(' ')
                    .any(|r| r == of("resource") || r.split_once('.').is_some_and(|(_, g)| g == of("apiGroup")));
                named
                    && subresources.split(' ').any(|s| s == of("subresource"))
                    && (*verbs == ANY || verbs.split(' ').any(|v| v == verb))
            });
            assert!(shown, "no golden event for {resources} {subresources} {verbs}");
        }
    }

    #[test]
    fn owners_are_found_in_both_sorts_of_patch() {
        let of = |text: &str| owner(&crate::json::parse(text.as_bytes()).unwrap()).map(str::to_owned);
        assert_eq!(of(r#"{"metadata":{"labels":{"shop.dev/owner":"ann"}}}"#).as_deref(), Some("ann"));
        assert_eq!(
            of(r#"[{"op":"add","path":"/metadata/annotations/shop.dev~1owner","value":"bo"}]"#).as_deref(),
            Some("bo")
        );
        assert_eq!(of(r#"{"metadata":{"ownerReferences":[{"name":"x"}]}}"#), None);
        assert_eq!(of(r#"[{"op":"add","path":"/spec/owner","value":"bo"}]"#), None);
    }
}
