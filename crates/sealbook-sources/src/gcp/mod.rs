//! Google Cloud audit logs: bare log entries, and Pub/Sub push messages that carry one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealbook_core::event::CredentialType::{ApiKey, CloudKey, Password, Secret, Token};
use sealbook_core::event::ElevationVerb::{Ended, Requested, Started};
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};
use sealbook_core::event::{
    Approval, ApprovalDecision, Context, Correlation, Credential, Event, Identity, IdentityType, Outcome, Policy,
    Resource,
};

use crate::draft::{Draft, filled, nobody, own, unnamed};
use crate::identity::{mail, recognise};
use crate::item::{Reason, Unmapped};
use crate::json::{self, Value};
use crate::meaning::Meaning::{self, Decision, Elevation, Issuance, Lifecycle, Revocation, Rotation};
use crate::meaning::{Words, find};
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `gcp`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "gcp", version: 2, envelopes: &[], recognises, map };

const METHODS: &Words = &[
    ("*GenerateAccessToken *GenerateIdToken *SignJwt *SignBlob *ExchangeToken", Issuance(Token)),
    ("*.CreateServiceAccountKey *.UploadServiceAccountKey", Issuance(CloudKey)),
    ("*ApiKeys.CreateKey", Issuance(ApiKey)),
    ("*.DeleteServiceAccountKey *.DisableServiceAccountKey *.DisableServiceAccount", Revocation(CloudKey)),
    ("*ApiKeys.DeleteKey", Revocation(ApiKey)),
    ("*DestroyCryptoKeyVersion", Revocation(Secret)),
    ("*CreateCryptoKeyVersion *UpdateCryptoKeyPrimaryVersion *AddSecretVersion", Rotation(Secret)),
    ("*LoginService.passwordEdit", Rotation(Password)),
    ("*.CreateServiceAccount", Lifecycle(Provisioned)),
    ("*.DeleteServiceAccount", Lifecycle(Offboarded)),
    (
        "*.EnableServiceAccount *.UndeleteServiceAccount *.PatchServiceAccount *.UpdateServiceAccount",
        Lifecycle(Changed),
    ),
    ("*PrivilegedAccessManager.CreateGrant", Elevation(Requested)),
    ("*PrivilegedAccessManager.RevokeGrant *PrivilegedAccessManager.WithdrawGrant", Elevation(Ended)),
    ("*.ApproveGrant *.DenyGrant *ApproveApprovalRequest *DismissApprovalRequest", Meaning::Approval),
    ("io.k8s.core.*.pods.exec.* io.k8s.core.*.pods.attach.* io.k8s.core.*.pods.portforward.*", Elevation(Started)),
    ("io.k8s.*roles.create io.k8s.*roles.update io.k8s.*roles.patch io.k8s.*roles.delete", Meaning::Policy),
    (
        "io.k8s.*rolebindings.create io.k8s.*rolebindings.update io.k8s.*rolebindings.patch io.k8s.*rolebindings.delete",
        Meaning::Policy,
    ),
    ("*SetIamPolicy *setIamPolicy *SetIAMPolicy *setIamPermissions", Meaning::Policy),
    ("*OrgPolicy.Create* *OrgPolicy.Update* *OrgPolicy.Delete* *.SetOrgPolicy *.ClearOrgPolicy", Meaning::Policy),
    ("*.CreateRole *.UpdateRole *.DeleteRole *.UndeleteRole", Meaning::Policy),
    ("*WorkloadIdentityPools.Create* *WorkloadIdentityPools.Update* *WorkloadIdentityPools.Delete*", Meaning::Policy),
    ("*firewalls.insert *firewalls.patch *firewalls.delete *.CreateIngressRule", Meaning::Policy),
];

/// Roles that let their holder take everything, or act as another.
const RAISING_ROLES: &[&str] =
    &["roles/owner", "*admin", "*Admin", "*serviceAccountTokenCreator", "*serviceAccountUser"];

/// Codes of google.rpc.Code for a refusal: PERMISSION_DENIED and UNAUTHENTICATED.
const REFUSED_CODES: [i64; 2] = [7, 16];

fn recognises(entry: &Value<'_>) -> bool {
    entry.get("protoPayload").is_map() || pushed(entry).is_some()
}

/// The data of a Pub/Sub push message.
fn pushed<'v>(entry: &'v Value<'_>) -> Option<&'v str> {
    entry.get("subscription").text().and(entry.at("message.data").text())
}

fn map(entry: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let Some(data) = pushed(entry) else {
        return log_entry(entry, raw, emit);
    };
    let inner = STANDARD
        .decode(data)
        .map_err(|e| Unmapped::new(Reason::Inner, "message.data", format!("is no base64: {e}")))?;
    let value = json::parse(&inner).map_err(|e| {
        Unmapped::new(Reason::Inner, "message.data", format!("holds no JSON: byte {}: {}", e.offset, e.problem))
    })?;
    log_entry(&value, raw, emit)
}

fn log_entry(entry: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let payload = entry.get("protoPayload");
    if !payload.is_map() {
        return Err(Unmapped::new(Reason::OtherFormat, "protoPayload", "is missing; only audit logs have one"));
    }
    let permission = payload.get("authorizationInfo").items().first().and_then(|a| a.get("permission").text());
    let method = payload.get("methodName").text().or(permission);
    let meaning = method.and_then(|method| find(METHODS, method)).unwrap_or(Decision);
    let delta = raising_delta(payload);
    let meaning = match (meaning, delta) {
        (Meaning::Policy, Some(_)) => Elevation(Started),
        (other, _) => other,
    };
    let stamp = entry.get("timestamp").text();
    let id = entry.get("insertId").text().map(|id| format!("{id}/{}", stamp.unwrap_or_default()));
    let (subject, actor) = people(payload, meaning, delta);
    let mut draft = Draft::new(id, raw, meaning.kind(), subject, outcome(payload, meaning));
    draft.label("permission", permission);
    draft.label("severity", entry.get("severity").text());
    draft.label("operation", entry.at("operation.id").text());
    draft.label("delegation", Some(&delegation(payload)));
    draft.label("role", delta.and_then(|delta| delta.get("role").text()));

    let event = &mut draft.event;
    event.actor = actor;
    event.occurred_at = rfc3339(stamp);
    event.action = own(method);
    event.reason = own(payload.at("status.message").text());
    event.resource = filled(Resource {
        id: own(payload.get("resourceName").text()),
        kind: own(entry.at("resource.type").text()),
        environment: None,
        account: own(entry.at("resource.labels.project_id").text()),
    });
    event.policy = filled(policy(payload, meaning, event.resource.as_ref()));
    event.credential = filled(credential(payload, meaning, event.actor.is_none()));
    event.context = filled(context(payload));
    event.correlation = filled(Correlation {
        request: own(entry.at("operation.id").text()),
        session: None,
        trace: own(entry.get("trace").text()),
    });
    meaning.apply(event);
    if let (Elevation(_), None) = (meaning, delta) {
        let grant = payload.at("response.name").text().or_else(|| payload.get("resourceName").text());
        event.elevation.get_or_insert_default().id = own(grant);
    }
    if meaning == Meaning::Approval {
        let refused = method.is_some_and(|m| m.contains("Deny") || m.contains("Dismiss"));
        event.approval = Some(Approval {
            request: own(payload.get("resourceName").text()),
            decision: Some(if refused { ApprovalDecision::Refused } else { ApprovalDecision::Granted }),
            approver: Some(caller(payload).id),
            ..Approval::default()
        });
    }
    emit(draft.finish());
    Ok(())
}

fn outcome(payload: &Value<'_>, meaning: Meaning) -> Outcome {
    let checks = payload.get("authorizationInfo").items();
    match payload.at("status.code").int() {
        Some(code) if REFUSED_CODES.contains(&code) => Outcome::Deny,
        _ if checks.iter().any(|check| check.get("granted").flag() == Some(false)) => Outcome::Deny,
        Some(1..) => Outcome::Failure,
        _ => meaning.went_well(),
    }
}

/// A principal as Google writes it: with or without its sort before a colon.
fn principal(text: &str) -> Identity {
    let bare = ["serviceAccount:", "user:"].iter().find_map(|sort| text.strip_prefix(sort)).unwrap_or(text);
    if let Some(name) = text.strip_prefix("group:") {
        return Identity::new(name.to_ascii_lowercase(), IdentityType::Group);
    }
    recognise(bare).unwrap_or_else(|| {
        let kind = match bare {
            _ if bare.starts_with("system:") => IdentityType::System,
            _ if bare.starts_with("principal://") => IdentityType::Workload,
            _ => IdentityType::Unknown,
        };
        Identity::new(bare, kind)
    })
}

fn caller(payload: &Value<'_>) -> Identity {
    let info = payload.get("authenticationInfo");
    let named = ["principalSubject", "principalEmail"].iter().find_map(|field| info.get(field).text());
    // Workspace logins name the account among the parameters of the event.
    let affected = || {
        let events = payload.at("metadata.event").items();
        events.iter().flat_map(|event| event.get("parameter").items()).find_map(|parameter| {
            let is_account = parameter.get("name").text() == Some("affected_email_address");
            is_account.then(|| parameter.get("value").text()).flatten()
        })
    };
    // A caller without an account has only the selector of the authority that let it in.
    let selected = || info.get("authoritySelector").text();
    named.or_else(affected).or_else(selected).map_or_else(nobody, principal)
}

/// Who lent their identity on the way, from the caller inwards.
fn delegation(payload: &Value<'_>) -> String {
    let chain = payload.at("authenticationInfo.serviceAccountDelegationInfo").items();
    let names = chain.iter().filter_map(|link| {
        let first = link.at("firstPartyPrincipal.principalEmail").text();
        first.or_else(|| link.get("principalSubject").text())
    });
    names.collect::<Vec<_>>().join(",")
}

/// The first binding that a policy change adds for a role that raises its holder.
fn raising_delta<'v, 'a>(payload: &'v Value<'a>) -> Option<&'v Value<'a>> {
    payload.at("serviceData.policyDelta.bindingDeltas").items().iter().find(|delta| {
        let role = delta.get("role").text().unwrap_or_default();
        delta.get("action").text() == Some("ADD")
            && RAISING_ROLES.iter().any(|pattern| crate::meaning::fits(pattern, role))
    })
}

fn people(payload: &Value<'_>, meaning: Meaning, delta: Option<&Value<'_>>) -> (Identity, Option<Identity>) {
    let caller = caller(payload);
    let about = match meaning {
        Elevation(Started) => delta.and_then(|delta| delta.get("member").text()),
        Issuance(_) | Revocation(CloudKey) | Lifecycle(_) => {
            payload.at("response.email").text().or_else(|| account_in(payload.get("resourceName").text()?))
        }
        _ => None,
    };
    let by_number = || service_account(payload).filter(|_| matches!(meaning, Revocation(CloudKey) | Lifecycle(_)));
    match about.map(principal).or_else(by_number) {
        Some(subject) if subject.id != caller.id => (subject, Some(caller)),
        None if matches!(meaning, Lifecycle(_)) => unnamed(caller),
        _ => (caller, None),
    }
}

/// The service account in `projects/p/serviceAccounts/a@p.iam.gserviceaccount.com/…`, where its address stands there.
fn account_in(resource: &str) -> Option<&str> {
    let (_, rest) = resource.split_once("serviceAccounts/")?;
    let account = rest.split('/').next()?;
    mail(account).is_some().then_some(account)
}

/// A service account of which the entry tells only the number.
fn service_account(payload: &Value<'_>) -> Option<Identity> {
    let (_, rest) = payload.get("resourceName").text()?.split_once("serviceAccounts/")?;
    let number = rest.split('/').next().filter(|number| !number.is_empty())?;
    Some(Identity::new(format!("gcp:serviceAccount:{number}"), IdentityType::ServiceAccount))
}

fn policy(payload: &Value<'_>, meaning: Meaning, resource: Option<&Resource>) -> Policy {
    match meaning {
        Meaning::Policy => Policy { id: resource.and_then(|r| r.id.clone()), ..Policy::default() },
        _ => Policy { enforcement_point: own(payload.get("serviceName").text()), ..Policy::default() },
    }
}

fn credential(payload: &Value<'_>, meaning: Meaning, own_act: bool) -> Credential {
    let touched = matches!(meaning, Issuance(_) | Rotation(_) | Revocation(_));
    let id = if touched {
        payload.at("response.name").text().or_else(|| payload.get("resourceName").text())
    } else if own_act {
        payload.at("authenticationInfo.serviceAccountKeyName").text()
    } else {
        None
    };
    Credential {
        id: own(id),
        kind: id.filter(|_| !touched).map(|_| CloudKey),
        expires_at: rfc3339(payload.at("response.valid_before_time.seconds").text()),
        ..Credential::default()
    }
}

fn context(payload: &Value<'_>) -> Context {
    let metadata = payload.get("requestMetadata");
    Context {
        source_ip: own(metadata.get("callerIp").text().or_else(|| metadata.get("callerIP").text())),
        user_agent: own(metadata.get("callerSuppliedUserAgent").text()),
        ..Context::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_golden_entry() {
        crate::meaning::assert_rows_are_shown(METHODS, "gcp", |entry| own(entry.at("protoPayload.methodName").text()));
    }
}
