//! AWS CloudTrail: log files (`Records`), single records, one record per line, and EventBridge envelopes.

mod caller;
pub mod digest;
mod rules;

use sealbook_core::event::{
    Context, Correlation, Credential, CredentialType, Event, Outcome, Ownership, OwnershipRole, Policy, Resource,
};

use self::caller::{Caller, account, caller, named};
use self::rules::{About, meaning, owner_tag, rule};
use crate::cedar::entity_identity;
use crate::draft::{Draft, filled, nobody, own};
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning;
use crate::source::JsonSource;
use crate::when::{aws_english, rfc3339};

/// The source `cloudtrail`.
pub(crate) static SOURCE: JsonSource =
    JsonSource { name: "cloudtrail", version: 1, envelopes: &[&["Records"], &["detail"]], recognises, map };

/// Amazon Verified Permissions: there the caller is the enforcement point, and the request names who asks.
const PERMISSIONS: &str = "verifiedpermissions";

/// Ending of most event sources.
const HOST: &str = ".amazonaws.com";

/// Where a request names what it is about, when `resources` does not; and what sort of thing that is.
const NAMED_RESOURCES: &[(&str, &str)] = &[
    ("secretId", "secret"),
    ("roleArn", "role"),
    ("policyArn", "policy"),
    ("keyId", "key"),
    ("trailName", "trail"),
    ("functionName", "function"),
    ("instanceId", "instance"),
    ("tableName", "table"),
    ("resourceArn", "resource"),
    ("resourceId", "resource"),
    ("groupId", "security-group"),
    ("certificateArn", "certificate"),
    ("dBInstanceIdentifier", "db-instance"),
    ("name", "name"),
];

/// Where the id of a minted, replaced or withdrawn credential stands, in the record.
const CREDENTIAL_IDS: &[&str] = &[
    "responseElements.credentials.accessKeyId",
    "responseElements.accessKey.accessKeyId",
    "responseElements.serviceSpecificCredential.serviceSpecificCredentialId",
    "responseElements.serverCertificateMetadata.serverCertificateId",
    "responseElements.certificate.certificateId",
    "responseElements.sSHPublicKey.sSHPublicKeyId",
    "responseElements.certificateArn",
    "responseElements.keyPairId",
    "responseElements.aRN",
    "requestParameters.accessKeyId",
    "requestParameters.serviceSpecificCredentialId",
    "requestParameters.serverCertificateName",
    "requestParameters.certificateId",
    "requestParameters.sSHPublicKeyId",
    "requestParameters.serialNumber",
    "requestParameters.certificateArn",
    "requestParameters.certificateSerial",
    "requestParameters.secretId",
    "requestParameters.keyId",
    "requestParameters.keyName",
    "additionalEventData.SecretId",
    "additionalEventData.ARN",
    "serviceEventDetails.keyId",
];

fn recognises(record: &Value<'_>) -> bool {
    let version = record.get("eventVersion").text().is_some();
    let named = record.get("eventName").text().is_some() && record.get("awsRegion").text().is_some();
    named || (version && record.get("insightDetails").is_map())
}

fn map(record: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let insight = record.get("insightDetails");
    let name = record
        .get("eventName")
        .text()
        .or_else(|| insight.get("eventName").text())
        .ok_or_else(|| Unmapped::missing("eventName"))?;
    let host = record.get("eventSource").text().or_else(|| insight.get("eventSource").text()).unwrap_or_default();
    let source = host.strip_suffix(HOST).unwrap_or(host);
    let request = record.get("requestParameters");
    let (meaning, about) = rule(source, name)
        .filter(|_| !insight.is_map())
        .map_or((Meaning::Decision, About::Caller), |rule| (meaning(rule, name, request), rule.3));
    let caller = caller(record);
    let id = own(record.get("eventID").text());
    let outcome = outcome(record, meaning);
    let mut draft = Draft::new(id, raw, meaning.kind(), nobody(), outcome);
    people(&mut draft, record, &caller, about);
    labels(&mut draft, record, &caller, meaning);

    let event = &mut draft.event;
    event.occurred_at = rfc3339(record.get("eventTime").text());
    event.action = Some(if source.is_empty() { name.to_owned() } else { format!("{source}:{name}") });
    event.reason = own(record.get("errorMessage").text());
    event.resource = filled(resource(record, about));
    event.policy = filled(policy(record, meaning, host));
    event.credential = filled(credential(record, meaning));
    event.context = filled(context(record));
    event.correlation = filled(Correlation {
        request: own(record.get("requestID").text()),
        session: caller.session.clone(),
        trace: None,
    });
    meaning.apply(event);
    details(event, meaning, owner_tag(request));
    if source == PERMISSIONS && request.get("principal").is_map() {
        verified(event, record);
    }
    emit(draft.finish());
    Ok(())
}

fn outcome(record: &Value<'_>, meaning: Meaning) -> Outcome {
    if let Some(login) = record.at("responseElements.ConsoleLogin").text() {
        return match login {
            "Success" => Outcome::Allow,
            "Failure" => Outcome::Failure,
            _ => Outcome::Unknown,
        };
    }
    if record.get("insightDetails").is_map() {
        return Outcome::Unknown;
    }
    match record.get("errorCode").text() {
        Some(code) if is_denial(code) => Outcome::Deny,
        Some(_) => Outcome::Failure,
        None if record.get("eventName").text() == Some("RotationFailed") => Outcome::Failure,
        None => meaning.went_well(),
    }
}

fn is_denial(code: &str) -> bool {
    ["AccessDenied", "Unauthorized", "NotAuthorized", "AuthorizationError", "Forbidden"]
        .iter()
        .any(|word| code.contains(word))
}

/// Subject and actor: the one whom the request names before the one behind the session before the caller.
fn people(draft: &mut Draft, record: &Value<'_>, caller: &Caller, about: About) {
    let by = caller.behind.as_ref().unwrap_or(&caller.identity);
    match named(record, about) {
        Some(subject) if subject.id != by.id => {
            draft.event.subject = subject;
            draft.event.actor = Some(by.clone());
            if caller.behind.is_some() {
                draft.label("acting_as", Some(&caller.identity.id));
            }
        }
        _ => {
            draft.event.subject = by.clone();
            draft.event.actor = caller.behind.as_ref().map(|_| caller.identity.clone());
        }
    }
}

fn labels(draft: &mut Draft, record: &Value<'_>, caller: &Caller, meaning: Meaning) {
    let text = |path: &str| record.at(path).text();
    draft.label("role_arn", caller.full_arn.as_deref());
    draft.label("error_code", text("errorCode"));
    draft.label("invoked_by", text("userIdentity.invokedBy"));
    draft.label("vpc_endpoint", text("vpcEndpointId"));
    draft.label("shared_event", text("sharedEventID"));
    draft.label("corrects", text("addendum.reason"));
    draft.label("event_type", text("eventType").filter(|t| *t != "AwsApiCall"));
    draft.label("event_category", text("eventCategory").filter(|c| *c != "Management"));
    draft.label("insight", text("insightDetails.insightType"));
    if record.get("readOnly").flag() == Some(true) {
        draft.label("read_only", Some("true"));
    }
    if !matches!(meaning, Meaning::Decision) {
        draft.label("used_key", text("userIdentity.accessKeyId"));
    }
}

fn resource(record: &Value<'_>, about: About) -> Resource {
    let listed = record.get("resources").items();
    let has_arn = |r: &&Value<'_>| r.get("ARN").text().is_some();
    let object = |r: &&Value<'_>| r.get("type").text().is_some_and(|t| t.ends_with("::Object"));
    let main = listed.iter().filter(has_arn).find(object).or_else(|| listed.iter().find(has_arn));
    if let Some(main) = main {
        return Resource {
            id: own(main.get("ARN").text()),
            kind: own(main.get("type").text()),
            environment: None,
            account: own(main.get("accountId").text().or_else(|| account(record))),
        };
    }
    let request = record.get("requestParameters");
    let target = named(record, about).filter(|_| request.get("policyArn").is_null());
    let (id, kind) = if let Some(target) = target {
        let sort = target.kind.word();
        (Some(target.id), Some(sort))
    } else if let Some(bucket) = request.get("bucketName").text() {
        match request.get("key").text() {
            Some(key) => (Some(format!("arn:aws:s3:::{bucket}/{key}")), Some("object")),
            None => (Some(format!("arn:aws:s3:::{bucket}")), Some("bucket")),
        }
    } else {
        NAMED_RESOURCES
            .iter()
            .find_map(|(field, kind)| Some((own(Some(request.get(field).text()?)), Some(*kind))))
            .unwrap_or_else(|| (own(record.at("additionalEventData.ARN").text()), None))
    };
    Resource { id, kind: own(kind), environment: None, account: own(account(record)) }
}

fn policy(record: &Value<'_>, meaning: Meaning, host: &str) -> Policy {
    let request = record.get("requestParameters");
    let changed = ["policyArn", "policyName", "policyId"].iter().find_map(|field| request.get(field).text());
    let made = record.at("responseElements.policy.arn").text();
    match meaning {
        // The service that answered is where AWS enforces.
        Meaning::Decision if !host.is_empty() => {
            Policy { enforcement_point: Some(host.to_owned()), ..Policy::default() }
        }
        Meaning::Policy | Meaning::Elevation(_) => {
            Policy { id: own(made.or(changed)), version: own(request.get("versionId").text()), ..Policy::default() }
        }
        _ => Policy::default(),
    }
}

fn credential(record: &Value<'_>, meaning: Meaning) -> Credential {
    let touched = matches!(meaning, Meaning::Issuance(_) | Meaning::Rotation(_) | Meaning::Revocation(_));
    if touched {
        let minted = record.at("responseElements.credentials.expiration");
        return Credential {
            id: own(CREDENTIAL_IDS.iter().find_map(|path| record.at(path).text())),
            expires_at: aws_english(minted.text()),
            ..Credential::default()
        };
    }
    match (meaning, record.at("userIdentity.accessKeyId").text()) {
        (Meaning::Decision, Some(key)) => {
            Credential { id: Some(key.to_owned()), kind: Some(CredentialType::CloudKey), ..Credential::default() }
        }
        _ => Credential::default(),
    }
}

fn context(record: &Value<'_>) -> Context {
    let attributes = record.at("userIdentity.sessionContext.attributes");
    let mfa = match record.at("additionalEventData.MFAUsed").text() {
        Some(used) => Some(used == "Yes"),
        None => attributes.get("mfaAuthenticated").flag(),
    };
    Context {
        source_ip: own(record.get("sourceIPAddress").text()),
        user_agent: own(record.get("userAgent").text()),
        mfa,
        location: own(record.get("awsRegion").text()),
        ..Context::default()
    }
}

/// What the kind's own record can say beyond its verb.
fn details(event: &mut Event, meaning: Meaning, owner: Option<&str>) {
    let resource = || event.resource.as_ref().and_then(|r| r.id.clone());
    match meaning {
        Meaning::Exception(_) => {
            let id = resource();
            event.exception.get_or_insert_default().id = id;
        }
        Meaning::Review => {
            let scope = resource();
            event.review = filled(sealbook_core::event::Review { scope, ..Default::default() });
        }
        Meaning::Ownership => {
            event.subject.owner = own(owner);
            event.ownership = Some(Ownership {
                domain: Some(event.subject.id.clone()),
                role: Some(OwnershipRole::LifecycleOwner),
                owner: own(owner),
                team: None,
            });
        }
        _ => {}
    }
}

/// A decision of Amazon Verified Permissions. It does not log which policies decided, only their store.
fn verified(event: &mut Event, record: &Value<'_>) {
    let request = record.get("requestParameters");
    let entity = |name: &str, field: &str| request.get(name).get(field).text();
    let kind = entity("principal", "entityType").unwrap_or_default();
    let id = entity("principal", "entityId").unwrap_or_default();
    event.actor = Some(core::mem::replace(&mut event.subject, entity_identity(kind, id)));
    event.credential = None;
    event.action = own(entity("action", "actionId"));
    event.resource = filled(Resource {
        id: own(entity("resource", "entityId")),
        kind: own(entity("resource", "entityType")),
        environment: None,
        account: own(account(record)),
    });
    event.policy = filled(Policy {
        id: own(request.get("policyStoreId").text()),
        decision_point: own(record.get("eventSource").text()),
        enforcement_point: event.actor.as_ref().map(|actor| actor.id.clone()),
        ..Policy::default()
    });
    event.outcome = match record.at("additionalEventData.decision").text() {
        Some("ALLOW") => Outcome::Allow,
        Some("DENY") => Outcome::Deny,
        _ if event.outcome == Outcome::Allow => Outcome::Unknown,
        _ => event.outcome,
    };
}
