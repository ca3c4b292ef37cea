//! Kubernetes audit events (`audit.k8s.io/v1` and the older shapes): webhook bodies (`EventList`) and log lines.

mod people;
mod rules;

use sealbook_core::event::{
    Approval, ApprovalDecision, Context, Correlation, Credential, CredentialType, Event, Outcome, Ownership,
    OwnershipRole, Policy, Resource, Runtime,
};

use self::people::{people, user};
use self::rules::{meaning, owner};
use crate::draft::{Draft, filled, nobody, own};
use crate::identity::SERVICE_ACCOUNT;
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning;
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `kubernetes`.
pub(crate) static SOURCE: JsonSource =
    JsonSource { name: "kubernetes", version: 1, envelopes: &[&["items"]], recognises, map };

const DECISION: &str = "authorization.k8s.io/decision";
const REASON: &str = "authorization.k8s.io/reason";
const TRUNCATED: &str = "audit.k8s.io/truncated";
const ISSUED: &str = "authentication.kubernetes.io/issued-credential-id";
const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";
const POD: &str = "authentication.kubernetes.io/pod-name";
const NODE: &str = "authentication.kubernetes.io/node-name";

fn recognises(event: &Value<'_>) -> bool {
    let has = |name: &str| event.get(name).text().is_some();
    let api = event.get("apiVersion").text().unwrap_or_default();
    api.starts_with("audit.k8s.io/")
        || (has("auditID") && has("verb"))
        || (event.get("kind").text() == Some("Event") && has("verb"))
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let verb = event.get("verb").text().ok_or_else(|| Unmapped::missing("verb"))?;
    let audit_id = event.get("auditID").text();
    let stage = event.get("stage").text();
    let id = match (audit_id, stage) {
        (Some(id), Some(stage)) => Some(format!("{id}/{stage}")),
        (id, _) => own(id),
    };
    let meaning = meaning(event);
    let mut draft = Draft::new(id, raw, meaning.kind(), nobody(), outcome(event, meaning));
    let (subject, actor) = people(event, meaning);
    labels(&mut draft, event);

    let to = &mut draft.event;
    to.subject = subject;
    to.actor = actor;
    to.occurred_at = ["stageTimestamp", "requestReceivedTimestamp", "timestamp"]
        .iter()
        .find_map(|name| rfc3339(event.get(name).text()));
    to.resource = filled(resource(event));
    to.action = Some(match to.resource.as_ref().and_then(|r| r.kind.as_deref()) {
        Some(kind) => format!("{verb} {kind}"),
        None => verb.to_owned(),
    });
    to.reason = own(event.get("annotations").get(REASON).text().or_else(|| event.at("responseStatus.message").text()));
    to.policy = filled(policy(event, meaning));
    to.credential = filled(credential(event, meaning, to.actor.is_none()));
    to.context = filled(context(event));
    to.correlation = filled(Correlation {
        request: own(audit_id),
        session: own(people::extra(event.get("user"), "sessionName")),
        trace: None,
    });
    meaning.apply(to);
    details(to, event, meaning);
    emit(draft.finish());
    Ok(())
}

fn outcome(event: &Value<'_>, meaning: Meaning) -> Outcome {
    let code = event.at("responseStatus.code").int();
    if event.get("stage").text() == Some("Panic") {
        return Outcome::Error;
    }
    let denied = event.get("annotations").get(DECISION).text() == Some("forbid");
    match code {
        _ if denied => return Outcome::Deny,
        Some(401 | 403) => return Outcome::Deny,
        Some(400..) => return Outcome::Failure,
        None if event.get("annotations").get(DECISION).is_null() => return Outcome::Unknown,
        _ => {}
    }
    if asks(event) {
        // The call went well; what matters is the answer, which is in the log only with the response's body.
        let status = event.at("responseObject.status");
        return match status.get("allowed").flag().or_else(|| status.get("authenticated").flag()) {
            Some(true) => Outcome::Allow,
            Some(false) => Outcome::Deny,
            None => Outcome::Unknown,
        };
    }
    if is_pending(event) {
        return Outcome::Unknown;
    }
    meaning.went_well()
}

fn resource_name<'v>(event: &'v Value<'_>) -> &'v str {
    event.at("objectRef.resource").text().unwrap_or_default()
}

/// Whether the call asks what somebody may do, or who somebody is.
fn asks(event: &Value<'_>) -> bool {
    let name = resource_name(event);
    name.ends_with("accessreviews") || name == "tokenreviews"
}

/// A certificate that is asked for, not yet approved.
fn is_pending(event: &Value<'_>) -> bool {
    resource_name(event) == "certificatesigningrequests"
        && event.at("objectRef.subresource").is_null()
        && event.get("verb").text() == Some("create")
}

fn labels(draft: &mut Draft, event: &Value<'_>) {
    draft.label("stage", event.get("stage").text());
    let code = event.at("responseStatus.code").int().map(|c| c.to_string());
    draft.label("code", code.as_deref());
    draft.label("truncated", event.get("annotations").get(TRUNCATED).text());
    if is_pending(event) {
        draft.label("pending", Some("true"));
    }
    let reason = event.get("annotations").get(REASON).text();
    draft.label("role", reason.and_then(|text| quoted(text, " of ")).as_deref());
}

fn resource(event: &Value<'_>) -> Resource {
    let object = event.get("objectRef");
    let part = |name: &str| object.get(name).text();
    let Some(name) = part("resource") else {
        let path = event.get("requestURI").text().map(|uri| uri.split('?').next().unwrap_or(uri));
        return Resource { id: own(path), ..Resource::default() };
    };
    let mut kind = name.to_owned();
    if let Some(subresource) = part("subresource") {
        kind = format!("{kind}/{subresource}");
    }
    if let Some(group) = part("apiGroup") {
        kind = format!("{kind}.{group}");
    }
    let id = match (part("namespace"), part("name")) {
        (Some(namespace), Some(name)) => Some(format!("{namespace}/{name}")),
        (namespace, name) => own(name.or(namespace)),
    };
    Resource { id, kind: Some(kind), ..Resource::default() }
}

/// What stands behind `before`, as `Kind/name`: the authorizer writes
/// `RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "u"`.
fn quoted(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    let (kind, rest) = rest.split_once(" \"")?;
    let (name, _) = rest.split_once('"')?;
    Some(format!("{kind}/{name}"))
}

fn policy(event: &Value<'_>, meaning: Meaning) -> Policy {
    let object = event.get("objectRef");
    match meaning {
        Meaning::Policy | Meaning::Elevation(_) if rule_like(resource_name(event)) => Policy {
            id: event.at("requestObject.roleRef.name").text().or_else(|| object.get("name").text()).map(str::to_owned),
            version: own(object.get("resourceVersion").text()),
            ..Policy::default()
        },
        Meaning::Policy => Policy {
            id: own(object.get("name").text()),
            version: own(object.get("resourceVersion").text()),
            ..Policy::default()
        },
        _ => {
            let reason = event.get("annotations").get(REASON).text();
            Policy {
                id: reason.and_then(|text| quoted(text, "allowed by ")),
                decision_point: event.get("annotations").get(DECISION).text().map(|_| "kube-apiserver".to_owned()),
                ..Policy::default()
            }
        }
    }
}

fn rule_like(resource: &str) -> bool {
    resource.ends_with("roles") || resource.ends_with("rolebindings")
}

fn credential(event: &Value<'_>, meaning: Meaning, own_act: bool) -> Credential {
    let response = event.get("responseObject");
    let object = event.get("objectRef");
    match meaning {
        Meaning::Issuance(CredentialType::Token) if resource_name(event) == "serviceaccounts" => Credential {
            id: own(event.get("annotations").get(ISSUED).text().map(bare)),
            expires_at: rfc3339(response.at("status.expirationTimestamp").text()),
            ..Credential::default()
        },
        Meaning::Issuance(_) | Meaning::Rotation(_) | Meaning::Revocation(_) => {
            Credential { id: resource(event).id, ..Credential::default() }
        }
        Meaning::Approval => Credential {
            id: own(object.get("name").text()),
            kind: Some(CredentialType::Certificate),
            ..Credential::default()
        },
        _ => match people::extra(event.get("user"), CREDENTIAL) {
            // The caller's credential is the subject's only where both are the same.
            Some(shown) if own_act => Credential {
                id: Some(bare(shown).to_owned()),
                kind: Some(if shown.starts_with("X509") { CredentialType::Certificate } else { CredentialType::Token }),
                ..Credential::default()
            },
            _ => Credential::default(),
        },
    }
}

/// The id behind `JTI=` or `X509SHA256=`.
fn bare(id: &str) -> &str {
    id.split_once('=').map_or(id, |(_, bare)| bare)
}

fn context(event: &Value<'_>) -> Context {
    let user = event.get("user");
    let namespace = user
        .get("username")
        .text()
        .and_then(|name| name.strip_prefix(SERVICE_ACCOUNT))
        .and_then(|rest| rest.split_once(':'))
        .map(|(namespace, _)| namespace);
    Context {
        source_ip: own(event.get("sourceIPs").items().first().and_then(Value::text)),
        user_agent: own(event.get("userAgent").text()),
        runtime: filled(Runtime {
            cluster: None,
            namespace: own(namespace),
            workload: own(people::extra(user, POD)),
            node: own(people::extra(user, NODE)),
        }),
        ..Context::default()
    }
}

/// What the kind's own record can say beyond its verb.
fn details(to: &mut Event, event: &Value<'_>, meaning: Meaning) {
    let name = event.at("objectRef.name").text();
    match meaning {
        Meaning::Approval => {
            let conditions = |side: &str| event.get(side).at("status.conditions").items();
            let answer = |word: &str| {
                conditions("requestObject")
                    .iter()
                    .chain(conditions("responseObject"))
                    .any(|c| c.get("type").text() == Some(word))
            };
            to.approval = Some(Approval {
                id: own(name),
                request: own(name),
                decision: match (answer("Denied"), answer("Approved")) {
                    (true, _) => Some(ApprovalDecision::Refused),
                    (false, true) => Some(ApprovalDecision::Granted),
                    (false, false) => None,
                },
                requester: own(event.at("responseObject.spec.username").text()),
                approver: Some(user(event.get("user")).id),
                valid_until: None,
            });
        }
        Meaning::Exception(_) => {
            to.exception.get_or_insert_default().id = resource(event).id;
        }
        Meaning::Ownership => {
            let owner = own(owner(event.get("requestObject")));
            let domain = match (&to.resource, &to.subject) {
                (_, subject) if subject.id.starts_with(SERVICE_ACCOUNT) && to.actor.is_some() => {
                    Some(subject.id.clone())
                }
                (Some(resource), _) => resource.id.clone(),
                (None, _) => None,
            };
            to.ownership = Some(Ownership { domain, role: Some(OwnershipRole::LifecycleOwner), owner, team: None });
        }
        _ => {}
    }
}
