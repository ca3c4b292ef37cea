//! Microsoft Entra ID and Azure: diagnostic records (`records`), Graph objects, activity log events, Log Analytics columns.
//!
//! Pipelines change the case of names, and some write objects as text: names are matched in any case, texts are opened.

mod rules;

use std::borrow::Cow;

use sealbook_core::event::{
    Approval, ApprovalDecision, Context, Correlation, Credential, CredentialType, Event, Identity, IdentityType,
    Outcome, Ownership, OwnershipRole, Policy, Resource,
};

use self::rules::meaning;
use crate::address::host;
use crate::draft::{Draft, filled, nobody, own, unnamed};
use crate::identity::mail;
use crate::item::{Reason, Unmapped};
use crate::json::{self, Value};
use crate::kubernetes;
use crate::meaning::Meaning;
use crate::source::JsonSource;
use crate::when::rfc3339;

/// The source `entra`.
pub(crate) static SOURCE: JsonSource =
    JsonSource { name: "entra", version: 2, envelopes: &[&["records"]], recognises, map };

/// Error codes of a sign-in that a policy refused; all of 530xx are too.
const REFUSED: &[i64] = &[50_053, 50_105];
const REFUSED_BY_POLICY: std::ops::RangeInclusive<i64> = 53_000..=53_099;

/// Error codes of a sign-in that waits for the user: consent or a second factor.
const PENDING: &[i64] = &[65_001, 50_074, 50_076];

/// Claims of the activity log that name the caller.
const CLAIM_UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";
const CLAIM_OBJECT: &str = "http://schemas.microsoft.com/identity/claims/objectidentifier";

fn recognises(record: &Value<'_>) -> bool {
    let has = |name: &str| !record.any_case(name).is_null();
    (has("operationName") && (has("category") || has("resourceId")))
        || (has("activityDisplayName") && has("initiatedBy"))
        || (has("createdDateTime") && has("conditionalAccessStatus"))
}

/// A record and its properties, searched together.
struct Record<'v> {
    outer: &'v Value<'v>,
    inner: Cow<'v, Value<'v>>,
}

/// A value that some pipelines write as JSON inside a text.
fn opened<'v>(value: &'v Value<'_>) -> Cow<'v, Value<'v>> {
    match value {
        Value::Text(text) if text.starts_with(['{', '[']) => {
            json::parse(text.as_bytes()).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        other => Cow::Borrowed(other),
    }
}

impl<'v> Record<'v> {
    fn of(outer: &'v Value<'v>) -> Self {
        Self { outer, inner: opened(outer.any_case("properties")) }
    }

    fn value(&self, name: &str) -> &Value<'_> {
        let inner = self.inner.any_case(name);
        if inner.is_null() { self.outer.any_case(name) } else { inner }
    }

    /// A text, also where it is the `value` of a named one.
    fn text(&self, name: &str) -> Option<&str> {
        let value = self.value(name);
        value.text().or_else(|| value.any_case("value").text()).filter(|text| *text != "<null>")
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.text(name))
    }

    fn open(&self, name: &str) -> Cow<'_, Value<'_>> {
        opened(self.value(name))
    }
}

fn map(value: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let record = Record::of(value);
    if record.text("category") == Some("kube-audit")
        && let Some(log) = record.text("log")
    {
        let event =
            json::parse(log.as_bytes()).map_err(|e| Unmapped::new(Reason::Inner, "properties.log", e.problem))?;
        return (kubernetes::SOURCE.map)(&event, raw, emit);
    }
    let sign_in = is_sign_in(&record);
    // An operation of the envelope says more than the category of the object.
    let activity = record.first(&["activityDisplayName"]).or_else(|| value.any_case("operationName").text());
    let activity = activity.or_else(|| record.text("operationName"));
    if activity.is_none() && !sign_in {
        return Err(Unmapped::missing("operationName"));
    }
    let category = value.any_case("category").text().or_else(|| record.text("category"));
    let known =
        if sign_in { Some(Meaning::Decision) } else { meaning(category, activity, record.text("loggedByService")) };
    let meaning = known.unwrap_or(Meaning::Decision);
    let (subject, actor) = people(&record, meaning);
    let id = record.first(&["id", "eventDataId", "requestId"]).filter(|id| !id.contains('/'));
    let mut draft = Draft::new(own(id), raw, meaning.kind(), subject, outcome(&record, meaning, sign_in));
    draft.label("category", category);
    if known.is_none() {
        draft.unmapped(activity.unwrap_or_default());
    }
    draft.label("error_code", error_code(&record).filter(|code| *code != 0).map(|code| code.to_string()).as_deref());
    draft.label("risk_state", record.text("riskState"));
    draft.label("application", record.first(&["appDisplayName", "appId"]));
    let (policy, all) = policies(&record);
    draft.label("policies", all.as_deref());

    let event = &mut draft.event;
    event.actor = actor;
    event.occurred_at = ["time", "createdDateTime", "activityDateTime", "eventTimestamp", "TimeGenerated"]
        .iter()
        .find_map(|name| rfc3339(record.text(name)));
    event.action = own(activity.or(category).or(sign_in.then_some("Sign-in")));
    event.reason = own(record
        .value("status")
        .any_case("failureReason")
        .text()
        .or_else(|| record.first(&["resultReason", "resultDescription"])));
    event.resource = filled(resource(&record, meaning));
    event.policy = match meaning {
        Meaning::Policy => filled(Policy { id: event.resource.as_ref().and_then(|r| r.id.clone()), ..policy }),
        _ => filled(policy),
    };
    event.credential = filled(credential(&record, meaning));
    event.context = filled(context(&record));
    event.correlation = filled(Correlation {
        request: own(record.text("correlationId")),
        session: own(record.text("sessionId")),
        trace: own(record.text("uniqueTokenIdentifier")),
    });
    meaning.apply(event);
    details(event, meaning, activity);
    emit(draft.finish());
    Ok(())
}

fn is_sign_in(record: &Record<'_>) -> bool {
    record.outer.any_case("category").text().is_some_and(|category| category.ends_with("SignInLogs"))
        || (!record.value("conditionalAccessStatus").is_null() && !record.value("createdDateTime").is_null())
}

fn error_code(record: &Record<'_>) -> Option<i64> {
    let number = |value: &Value<'_>| value.int().or_else(|| value.text()?.parse().ok());
    number(record.value("status").any_case("errorCode")).or_else(|| number(record.value("resultType")))
}

fn outcome(record: &Record<'_>, meaning: Meaning, sign_in: bool) -> Outcome {
    if sign_in {
        return match (error_code(record), record.text("conditionalAccessStatus")) {
            (_, Some("failure")) => Outcome::Deny,
            (Some(0), _) => Outcome::Allow,
            (Some(code), _) if REFUSED.contains(&code) || REFUSED_BY_POLICY.contains(&code) => Outcome::Deny,
            (Some(code), _) if PENDING.contains(&code) => Outcome::Unknown,
            (Some(_), _) => Outcome::Failure,
            (None, _) => Outcome::Unknown,
        };
    }
    let status = record.value("responseStatusCode").int();
    let signature = record.text("resultSignature").and_then(|text| text.rsplit('.').next()).unwrap_or_default();
    if matches!(status, Some(401 | 403)) || matches!(signature, "401" | "403" | "Forbidden" | "Unauthorized") {
        return Outcome::Deny;
    }
    let result = record.first(&["result", "resultType", "status"]).unwrap_or_default().to_lowercase();
    match result.as_str() {
        _ if status.is_some_and(|status| status >= 400) => Outcome::Failure,
        "failure" | "failed" | "timeout" => Outcome::Failure,
        "start" | "started" | "accept" | "accepted" | "active" => Outcome::Unknown,
        _ => meaning.went_well(),
    }
}

/// A user, by the principal name where it is one, else by the object id.
fn user(name: Option<&str>, object: Option<&str>) -> Option<Identity> {
    name.and_then(mail).or_else(|| {
        let id = object.or(name)?;
        Some(Identity::new(format!("entra:{id}"), IdentityType::Human))
    })
}

fn program(object: Option<&str>, name: Option<&str>) -> Option<Identity> {
    let mut identity = Identity::new(format!("entra:{}", object.or(name)?), IdentityType::ServiceAccount);
    identity.name = own(name);
    Some(identity)
}

fn caller(record: &Record<'_>) -> Identity {
    let by = record.open("initiatedBy");
    let (person, app) = (by.any_case("user"), by.any_case("app"));
    let text = |value: &'_ Value<'_>, name: &str| own(value.any_case(name).text());
    let initiated = user(text(person, "userPrincipalName").as_deref(), text(person, "id").as_deref())
        .or_else(|| program(text(app, "servicePrincipalId").as_deref(), text(app, "displayName").as_deref()));
    let signed_in = || {
        user(record.text("userPrincipalName"), record.text("userId"))
            .or_else(|| program(record.text("servicePrincipalId"), record.text("servicePrincipalName")))
    };
    let claims = || {
        let claims = record.open("claims");
        let identity = record.open("identity");
        let nested = opened(identity.any_case("claims"));
        let vault = opened(identity.any_case("claim"));
        [claims.as_ref(), nested.as_ref(), vault.as_ref()].into_iter().find_map(|claims| {
            let name = claims.get(CLAIM_UPN).text().or_else(|| claims.get("upn").text());
            user(name, claims.get(CLAIM_OBJECT).text()).or_else(|| program(claims.get("appid").text(), None))
        })
    };
    let named = || record.first(&["caller", "initiatingUserOrApp", "upn"]).and_then(|name| user(Some(name), None));
    let by_app = || program(record.text("appId"), record.text("appDisplayName"));
    initiated.or_else(signed_in).or_else(claims).or_else(named).or_else(by_app).unwrap_or_else(nobody)
}

/// The first target that is an identity.
fn target(record: &Record<'_>) -> Option<Identity> {
    let targets = record.open("targetResources");
    targets.items().iter().find_map(|target| {
        let (id, name) = (target.any_case("id").text(), target.any_case("displayName").text());
        match target.any_case("type").text()? {
            "User" => user(target.any_case("userPrincipalName").text(), id),
            "ServicePrincipal" | "Application" => program(id, name),
            "Group" => Some(Identity::new(format!("entra:{}", id.or(name)?), IdentityType::Group)),
            "Device" => Some(Identity::new(format!("entra:{}", id.or(name)?), IdentityType::Workload)),
            _ => None,
        }
    })
}

fn people(record: &Record<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let caller = caller(record);
    let about = match meaning {
        Meaning::Decision | Meaning::Policy | Meaning::Review | Meaning::Exception(_) => None,
        _ => target(record),
    };
    match about {
        Some(subject) if subject.id != caller.id => (subject, Some(caller)),
        None if matches!(meaning, Meaning::Lifecycle(_)) => unnamed(caller),
        _ => (caller, None),
    }
}

fn resource(record: &Record<'_>, meaning: Meaning) -> Resource {
    let targets = record.open("targetResources");
    let first = targets.items().first();
    let of_target = |name: &str| first.and_then(|target| own(target.any_case(name).text()));
    let signed_into = record.first(&["resourceDisplayName", "requestUri"]).filter(|_| meaning == Meaning::Decision);
    Resource {
        id: of_target("id").or_else(|| own(signed_into)).or_else(|| own(record.text("resourceId"))),
        kind: of_target("type").or_else(|| own(record.text("resourceType"))),
        environment: None,
        account: own(record.first(&["tenantId", "subscriptionId"])),
    }
}

/// The conditional access policy that decided, and all that applied.
fn policies(record: &Record<'_>) -> (Policy, Option<String>) {
    let applied = record.open("appliedConditionalAccessPolicies");
    let with = |wanted: &str| {
        let of_result = move |p: &&Value<'_>| p.any_case("result").text() == Some(wanted);
        applied.items().iter().filter(of_result).filter_map(|p| p.any_case("id").text()).collect::<Vec<_>>()
    };
    let (failed, passed) = (with("failure"), with("success"));
    let main = failed.first().or_else(|| passed.first()).copied();
    let all: Vec<&str> = failed.iter().chain(&passed).copied().collect();
    let policy = Policy { id: own(main), decision_point: main.map(|_| "entra".to_owned()), ..Policy::default() };
    (policy, (all.len() > 1).then(|| all.join(",")))
}

fn credential(record: &Record<'_>, meaning: Meaning) -> Credential {
    let used = record.first(&[
        "servicePrincipalCredentialThumbprint",
        "servicePrincipalCredentialKeyId",
        "federatedCredentialId",
    ]);
    match (meaning, used) {
        (Meaning::Decision, Some(key)) => {
            let certificate = record.text("servicePrincipalCredentialThumbprint").is_some();
            let kind = if certificate { CredentialType::Certificate } else { CredentialType::Secret };
            Credential { id: own(Some(key)), kind: Some(kind), ..Credential::default() }
        }
        _ => Credential::default(),
    }
}

fn context(record: &Record<'_>) -> Context {
    let place = record.value("location");
    let country = place.any_case("countryOrRegion").text().or_else(|| place.text());
    let requirement = record.text("authenticationRequirement");
    let device = record.open("deviceDetail");
    Context {
        source_ip: own(record.first(&["ipAddress", "callerIpAddress"]).map(host)),
        user_agent: own(record.text("userAgent")),
        device: own(device.any_case("deviceId").text().or_else(|| device.any_case("operatingSystem").text())),
        mfa: requirement.map(|requirement| requirement == "multiFactorAuthentication"),
        risk: own(record.first(&["riskLevelDuringSignIn", "riskLevel"])),
        location: own(country),
        ..Context::default()
    }
}

/// What the kind's own record can say beyond its verb.
fn details(event: &mut Event, meaning: Meaning, activity: Option<&str>) {
    let resource = event.resource.as_ref().and_then(|resource| resource.id.clone());
    let by = event.actor.as_ref().unwrap_or(&event.subject).id.clone();
    match meaning {
        Meaning::Approval => {
            let refused = activity.is_some_and(|activity| activity.to_lowercase().contains("denied"));
            event.approval = Some(Approval {
                request: resource,
                decision: Some(if refused { ApprovalDecision::Refused } else { ApprovalDecision::Granted }),
                approver: Some(by),
                ..Approval::default()
            });
        }
        Meaning::Exception(_) => event.exception.get_or_insert_default().id = resource,
        Meaning::Ownership => {
            event.ownership = Some(Ownership {
                domain: resource,
                role: Some(OwnershipRole::LifecycleOwner),
                owner: Some(event.subject.id.clone()),
                team: None,
            });
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::rules::{ACTIVITIES, plain};

    #[test]
    fn every_row_has_a_golden_record() {
        crate::meaning::assert_rows_are_shown(ACTIVITIES, "entra", |record| {
            record
                .any_case("properties")
                .any_case("activityDisplayName")
                .text()
                .or_else(|| record.any_case("operationName").text())
                .map(plain)
        });
    }
}
