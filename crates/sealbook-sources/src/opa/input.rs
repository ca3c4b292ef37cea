//! The usual places in an OPA input: who, what, on what.

use sealbook_core::event::{Approval, Credential, CredentialType, Identity, IdentityType, Resource};
use sealbook_core::time::Micros;

use crate::draft::{nobody, own};
use crate::identity::{oidc, recognise};
use crate::json::Value;
use crate::when::rfc3339;

/// Who asks. After the first five come shapes of gateways and services.
const SUBJECTS: &[&str] = &[
    "subject.id",
    "user",
    "principal",
    "attributes.source.principal",
    "request.userInfo.username",
    "subject",
    "user.id",
    "user.name",
    "user.username",
    "principal.id",
    "identity",
    "caller",
    "client_id",
];

/// Claims of a token that the caller decoded.
const CLAIMS: &[&str] = &["token.payload", "token", "jwt.payload", "jwt", "claims"];

const ACTIONS: &[&str] = &[
    "action",
    "method",
    "attributes.request.http.method",
    "request.method",
    "request.operation",
    "action.id",
    "action.name",
    "operation",
    "verb",
];

const RESOURCES: &[&str] =
    &["resource.id", "path", "attributes.request.http.path", "resource", "request.path", "resource.name", "object"];

const REQUESTS: &[&str] = &["attributes.request.http.headers.x-request-id", "request.uid", "request_id", "request.id"];

const NANOS_PER_MICRO: i64 = 1_000;

/// Pointers in one of the event's lists of what was taken out.
pub(super) fn hidden<'v>(event: &'v Value<'_>, list: &str) -> impl Iterator<Item = &'v str> {
    event.get(list).items().iter().filter_map(Value::text)
}

/// The input of one decision, and what of it was taken out.
pub(super) struct Input<'v, 'a> {
    event: &'v Value<'a>,
    input: &'v Value<'a>,
}

impl<'v, 'a> Input<'v, 'a> {
    pub fn of(event: &'v Value<'a>) -> Self {
        Self { event, input: event.get("input") }
    }

    fn first(&self, paths: &[&str]) -> Option<&'v str> {
        paths.iter().filter(|path| !self.is_hidden(path)).find_map(|path| self.input.at(path).text())
    }

    /// A value that the agent masked is not the value: two masked subjects are not the same subject.
    fn is_hidden(&self, path: &str) -> bool {
        // A pointer to a whole object hides everything in it.
        let matches = |pointer: &str| {
            let mut names = path.split('.');
            pointer.strip_prefix("/input/").is_some_and(|rest| rest.split('/').all(|part| names.next() == Some(part)))
        };
        hidden(self.event, "masked").any(matches) || hidden(self.event, "erased").any(matches)
    }

    pub fn subject(&self) -> Identity {
        let declared = self.input.at("subject.type").text().and_then(kind);
        let named = self
            .first(SUBJECTS)
            .map(|id| recognise(id).unwrap_or_else(|| Identity::new(id, declared.unwrap_or(IdentityType::Unknown))));
        let mut identity = named.or_else(|| self.claimed()).unwrap_or_else(nobody);
        if let (Some(declared), true) = (declared, identity != nobody()) {
            identity.kind = declared;
        }
        let subject = self.input.get("subject");
        identity.team = own(subject.get("team").text());
        identity.owner = own(subject.get("owner").text());
        identity
    }

    fn claimed(&self) -> Option<Identity> {
        CLAIMS.iter().find_map(|path| {
            let claims = self.input.at(path);
            let subject = claims.get("sub").text()?;
            Some(match claims.get("iss").text() {
                Some(issuer) => oidc(issuer, subject),
                None => recognise(subject).unwrap_or_else(|| Identity::new(subject, IdentityType::Unknown)),
            })
        })
    }

    pub fn action(&self) -> Option<&'v str> {
        self.first(ACTIONS)
    }

    pub fn resource(&self) -> Resource {
        let resource = self.input.get("resource");
        let id = own(self.first(RESOURCES)).or_else(|| self.path()).or_else(|| self.admitted());
        Resource {
            id,
            kind: own(resource
                .get("type")
                .text()
                .or_else(|| self.input.at("request.kind.kind").text())
                .or_else(|| self.input.get("type").text())),
            environment: own(resource.get("environment").text()),
            account: own(resource.get("account").text().or_else(|| resource.get("tenant").text())),
        }
    }

    /// A path that was split into its parts before.
    fn path(&self) -> Option<String> {
        let parts = self.input.get("path").items();
        let texts: Vec<&str> = parts.iter().filter_map(Value::text).collect();
        (!texts.is_empty() && texts.len() == parts.len()).then(|| format!("/{}", texts.join("/")))
    }

    /// The object of a Kubernetes admission review.
    fn admitted(&self) -> Option<String> {
        let request = self.input.get("request");
        let name = request.get("name").text()?;
        Some(match request.get("namespace").text() {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        })
    }

    pub fn credential(&self) -> Credential {
        let credential = self.input.get("credential");
        Credential {
            id: own(self.first(&["credential.id", "credential.serial", "credential.fingerprint"])),
            kind: credential
                .get("type")
                .text()
                .or_else(|| credential.get("kind").text())
                .and_then(CredentialType::parse),
            expires_at: rfc3339(credential.get("expires_at").text()).or_else(|| nanos(credential.get("expires_ns"))),
            ..Credential::default()
        }
    }

    pub fn approval(&self) -> Approval {
        let approval = self.input.get("approval");
        Approval {
            id: own(self.first(&["approval.id", "approval"])),
            approver: own(approval.get("approver").text()),
            valid_until: rfc3339(approval.get("valid_until").text()).or_else(|| nanos(approval.get("expires_ns"))),
            ..Approval::default()
        }
    }

    pub fn mfa(&self) -> Option<bool> {
        self.input.at("subject.mfa").flag()
    }

    pub fn request_id(&self) -> Option<&'v str> {
        self.first(REQUESTS)
    }

    pub fn session(&self) -> Option<&'v str> {
        self.first(&["session.id", "session_id", "session"])
    }
}

fn nanos(value: &Value<'_>) -> Option<Micros> {
    value.int().map(|nanos| Micros(nanos.div_euclid(NANOS_PER_MICRO)))
}

fn kind(word: &str) -> Option<IdentityType> {
    match word {
        "user" | "person" => Some(IdentityType::Human),
        "service" | "service_account" | "machine" => Some(IdentityType::ServiceAccount),
        other => IdentityType::parse(other),
    }
}
