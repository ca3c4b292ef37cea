//! Events of producers that follow no format of their own: attributes of log records, data of cloud events.
//!
//! The usual names of who, what, on what and with which outcome are known; the name of the event says the kind.

use sealbook_core::event::{
    Context, Correlation, CredentialType, ElevationVerb, Event, ExceptionVerb, Identity, IdentityType, LifecycleVerb,
    Outcome, Policy, Resource,
};

use crate::draft::{Draft, filled};
use crate::identity::recognise;
use crate::meaning::Meaning::{self, Decision, Elevation, Exception, Issuance, Lifecycle, Revocation, Rotation};

const SUBJECTS: &[&str] = &[
    "subject.id",
    "subject",
    "client.spiffe_id",
    "principal.id",
    "principal",
    "enduser.id",
    "user.id",
    "user.email",
    "user.name",
    "user",
    "identity.id",
    "identity",
    "actor.id",
    "actor",
    "client.id",
    "client_id",
    "spiffe.id",
];
const ACTIONS: &[&str] =
    &["action.name", "action.id", "action", "authz.action", "rpc.method", "http.request.method", "operation"];
const RESOURCES: &[&str] =
    &["resource.id", "resource.name", "resource", "authz.resource.id", "url.path", "http.route", "target", "object"];
const POLICIES: &[&str] = &["policy.id", "authz.policy.id", "policy"];
const VERSIONS: &[&str] = &["policy.version", "authz.policy.version"];
const REQUESTS: &[&str] = &["request.id", "request_id", "http.request.header.x-request-id", "x-request-id"];
const SESSIONS: &[&str] = &["session.id", "session"];
const ADDRESSES: &[&str] = &["client.address", "source.address", "source_ip", "net.peer.ip", "http.client_ip"];
const AGENTS: &[&str] = &["user_agent.original", "http.user_agent", "user_agent"];
const REASONS: &[&str] = &["reason", "authz.reason", "response_code_details", "error.message", "exception.message"];
/// Where the outcome is said in a word.
const OUTCOMES: &[&str] = &["authz.decision", "decision", "outcome", "event.outcome", "result", "effect", "status"];
/// Where it is said by the status of an answer (HTTP).
const STATUSES: &[&str] = &["http.response.status_code", "http.status_code", "response_code", "status_code"];

/// Words in the name of an event, and the kind that they stand for. The first row with a word of the name holds.
const WORDS: &[(&[&str], Meaning)] = &[
    (&["decision", "decisions"], Decision),
    (&["policy", "policies"], Meaning::Policy),
    (&["ownership", "owner"], Meaning::Ownership),
    (&["review", "reviewed", "certification"], Meaning::Review),
    (&["exception", "waiver"], Exception(ExceptionVerb::Opened)),
    (&["elevation", "elevated", "breakglass"], Elevation(ElevationVerb::Started)),
    (&["approval", "approved", "rejected"], Meaning::Approval),
    (&["rotation", "rotated", "renewed"], Rotation(CredentialType::Secret)),
    (&["revocation", "revoked", "withdrawn"], Revocation(CredentialType::Token)),
    (&["issuance", "issued", "minted"], Issuance(CredentialType::Token)),
    (&["provisioned", "created", "registered"], Lifecycle(LifecycleVerb::Provisioned)),
    (&["disabled", "suspended"], Lifecycle(LifecycleVerb::Disabled)),
    (&["offboarded", "deleted", "removed"], Lifecycle(LifecycleVerb::Offboarded)),
    (&["lifecycle", "changed", "updated"], Lifecycle(LifecycleVerb::Changed)),
    (&["authz", "authorization", "access", "login", "signin"], Decision),
];

/// What a producer says, by name.
pub(crate) struct Facts<'f> {
    /// The value of a name, as text.
    pub value: &'f dyn Fn(&str) -> Option<String>,
    /// Name of the event, or its type.
    pub name: Option<&'f str>,
    /// Who speaks, where nobody else is named.
    pub speaker: Option<Identity>,
    /// What the carrier itself says it is about.
    pub about: Option<&'f str>,
}

impl Facts<'_> {
    fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.value)(name)).filter(|text| !text.is_empty())
    }

    /// The event; `None` where nobody is named, or nothing says what happened.
    pub fn event(&self, id: Option<String>, raw: &[u8]) -> Option<Event> {
        let said = self.first(SUBJECTS);
        let declared = self.first(&["subject.type", "principal.type", "identity.type"]);
        let subject = said.map(|id| identity(id, declared.as_deref())).or_else(|| self.speaker.clone())?;
        let word = self.outcome();
        let status = self.first(STATUSES).and_then(|code| code.parse::<u16>().ok());
        let known = self.name.and_then(meaning);
        // An outcome alone is that of a decision; neither a kind nor an outcome is no event.
        let meaning = known.or_else(|| (word.is_some() || status.is_some()).then_some(Decision))?;
        let outcome = word.or_else(|| status.map(by_status)).unwrap_or(Outcome::Unknown);
        let outcome = if meaning == Decision { outcome } else { of_act(outcome) };
        let actor = self.first(&["actor.id", "actor"]).map(|id| identity(id, None)).filter(|a| a.id != subject.id);
        let mut draft = Draft::new(id, raw, meaning.kind(), subject, outcome);
        draft.label("event", self.name);
        draft.label("status", status.map(|code| code.to_string()).as_deref());
        let event = &mut draft.event;
        event.actor = actor;
        event.action = self.first(ACTIONS);
        event.reason = self.first(REASONS);
        event.resource = filled(Resource {
            id: self.first(RESOURCES).or_else(|| self.about.map(str::to_owned)),
            kind: self.first(&["resource.type"]),
            environment: self.first(&["deployment.environment.name", "deployment.environment"]),
            account: self.first(&["cloud.account.id"]),
        });
        event.policy = filled(Policy {
            id: self.first(POLICIES),
            version: self.first(VERSIONS),
            enforcement_point: self.speaker.as_ref().map(|speaker| speaker.id.clone()),
            ..Policy::default()
        });
        event.context =
            filled(Context { source_ip: self.first(ADDRESSES), user_agent: self.first(AGENTS), ..Context::default() });
        event.correlation =
            filled(Correlation { request: self.first(REQUESTS), session: self.first(SESSIONS), trace: None });
        meaning.apply(event);
        Some(draft.finish())
    }

    fn outcome(&self) -> Option<Outcome> {
        let word = self.first(OUTCOMES)?.to_lowercase();
        Some(match word.as_str() {
            "allow" | "allowed" | "permit" | "permitted" | "granted" | "true" => Outcome::Allow,
            "deny" | "denied" | "refused" | "forbidden" | "false" | "blocked" => Outcome::Deny,
            "success" | "succeeded" | "ok" | "approved" => Outcome::Success,
            "failure" | "failed" => Outcome::Failure,
            "error" => Outcome::Error,
            _ => return None,
        })
    }
}

fn identity(id: String, declared: Option<&str>) -> Identity {
    recognise(&id).unwrap_or_else(|| {
        let kind = declared.and_then(IdentityType::parse).unwrap_or(IdentityType::Unknown);
        Identity::new(id, kind)
    })
}

/// The kind for which a word in the name of an event stands.
fn meaning(name: &str) -> Option<Meaning> {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    WORDS.iter().find(|(known, _)| words.iter().any(|word| known.contains(word))).map(|(_, kind)| *kind)
}

fn by_status(code: u16) -> Outcome {
    match code {
        401 | 403 => Outcome::Deny,
        500.. => Outcome::Failure,
        _ => Outcome::Allow,
    }
}

/// An act that is no decision succeeds or fails.
fn of_act(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Allow => Outcome::Success,
        Outcome::Deny => Outcome::Failure,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealbook_core::event::Kind;

    #[test]
    fn words_in_the_name_say_the_kind() {
        let kind = |name: &str| meaning(name).map(Meaning::kind);
        assert_eq!(kind("com.example.credential.rotated.v1"), Some(Kind::Rotation));
        assert_eq!(kind("authz.decision"), Some(Kind::Decision));
        assert_eq!(kind("policy.updated"), Some(Kind::Policy));
        assert_eq!(kind("access.review.completed"), Some(Kind::Review));
        assert_eq!(kind("something.else"), None);
    }

    #[test]
    fn nobody_named_and_nobody_speaking_is_no_event() {
        let facts = Facts { value: &|_| None, name: Some("x"), speaker: None, about: None };
        assert_eq!(facts.event(None, b"raw"), None);
        let named = Facts { value: &|name| (name == "user.id").then(|| "u7".to_owned()), ..facts };
        assert_eq!(named.event(None, b"raw"), None, "nothing says what happened");
        let event = Facts { name: Some("key.revoked"), ..named }.event(None, b"raw").unwrap();
        assert_eq!((event.subject.id.as_str(), event.kind), ("u7", Kind::Revocation));
    }
}
