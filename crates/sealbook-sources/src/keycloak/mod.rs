//! Keycloak: user and admin events as its REST interface gives them, and its JSON log, whose message holds the event.

use std::borrow::Cow;

use sealbook_core::event::CredentialType::{OidcToken, Password, Secret, Token};
use sealbook_core::event::ElevationVerb::Started;
use sealbook_core::event::LifecycleVerb::{Changed, Disabled, Offboarded, Provisioned};
use sealbook_core::event::{
    Approval, ApprovalDecision, Context, Correlation, Credential, Event, Identity, IdentityType, Outcome, Resource,
};

use crate::draft::{Draft, filled, nobody, own};
use crate::identity::mail;
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning::{self, Decision, Elevation, Issuance, Lifecycle, Revocation, Rotation};
use crate::meaning::{Words, find};
use crate::source::JsonSource;
use crate::when::{epoch_millis, rfc3339};

/// The source `keycloak`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "keycloak", version: 2, envelopes: &[], recognises, map };

/// User events by type, without `_ERROR`; admin events as `resourceType/operationType`.
const WORDS: &Words = &[
    ("CODE_TO_TOKEN CLIENT_LOGIN TOKEN_EXCHANGE REFRESH_TOKEN", Issuance(OidcToken)),
    ("LOGOUT REVOKE_GRANT", Revocation(Token)),
    ("UPDATE_PASSWORD RESET_PASSWORD", Rotation(Password)),
    ("UPDATE_CREDENTIAL UPDATE_TOTP", Rotation(Secret)),
    ("REMOVE_CREDENTIAL REMOVE_TOTP", Revocation(Secret)),
    ("IMPERSONATE", Elevation(Started)),
    ("GRANT_CONSENT", Meaning::Approval),
    ("REGISTER", Lifecycle(Provisioned)),
    ("DELETE_ACCOUNT", Lifecycle(Offboarded)),
    ("USER_DISABLED_BY_*", Lifecycle(Disabled)),
    ("UPDATE_PROFILE UPDATE_EMAIL", Lifecycle(Changed)),
    ("LOGIN PERMISSION_TOKEN USER_INFO_REQUEST INTROSPECT_TOKEN VALIDATE_ACCESS_TOKEN", Decision),
    ("client-secret/ACTION", Rotation(Secret)),
    ("*_ROLE_MAPPING/*", Elevation(Started)),
    ("USER/CREATE CLIENT/CREATE", Lifecycle(Provisioned)),
    ("USER/DELETE CLIENT/DELETE", Lifecycle(Offboarded)),
    ("USER/* CLIENT/*", Lifecycle(Changed)),
    ("AUTHORIZATION_*/* REALM/* CLIENT_SCOPE/* AUTH_*/*", Meaning::Policy),
];

/// Loggers of the events, in the JSON log.
const LOGGER: &str = "org.keycloak.events";

fn recognises(event: &Value<'_>) -> bool {
    let has = |name: &str| event.get(name).text().is_some();
    (has("realmId") && (has("type") || has("operationType"))) || event.get("log.logger").text() == Some(LOGGER)
}

/// An event in either form: a JSON object, or the pairs of a log message.
struct Fields<'v, 'a> {
    event: &'v Value<'a>,
    pairs: Vec<(&'v str, Cow<'v, str>)>,
}

impl Fields<'_, '_> {
    /// A field; Keycloak writes the word `null` for what is absent.
    fn text(&self, name: &str) -> Option<&str> {
        let logged = self.pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_ref());
        let found = logged
            .or_else(|| self.event.get(name).text())
            .or_else(|| self.event.get("details").get(name).text())
            .or_else(|| self.event.get("authDetails").get(name).text());
        found.filter(|text| !text.is_empty() && *text != "null")
    }
}

fn map(event: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let message = event.get("message").text().filter(|_| event.get("log.logger").text().is_some());
    let fields = Fields { event, pairs: message.map(pairs).unwrap_or_default() };
    let (word, failed) = word(&fields).ok_or_else(|| Unmapped::missing("type"))?;
    let known = find(WORDS, &word);
    let meaning = known.unwrap_or(Decision);
    let outcome = match (failed, fields.text("error")) {
        (_, Some("access_denied" | "not_allowed" | "forbidden")) => Outcome::Deny,
        (true, _) | (_, Some(_)) => Outcome::Failure,
        (false, None) => meaning.went_well(),
    };
    let (subject, actor) = people(&fields, meaning);
    let mut draft = Draft::new(own(event.get("id").text()), raw, meaning.kind(), subject, outcome);
    if known.is_none() {
        draft.unmapped(&word);
    }
    for name in ["realmName", "clientId", "grant_type", "client_auth_method", "scope", "audience"] {
        draft.label(name, fields.text(name));
    }
    let to = &mut draft.event;
    to.actor = actor;
    to.occurred_at = epoch_millis(event.get("time").int()).or_else(|| rfc3339(event.get("@timestamp").text()));
    to.action = own(fields.text("type")).or(Some(word));
    to.reason = own(fields.text("error"));
    to.resource = filled(Resource {
        id: own(fields.text("resourcePath").or_else(|| fields.text("redirect_uri"))),
        kind: own(fields.text("resourceType")),
        environment: None,
        account: own(fields.text("realmId")),
    });
    to.credential = filled(Credential { id: own(fields.text("token_id")), ..Credential::default() });
    to.context = filled(Context { source_ip: own(fields.text("ipAddress")), ..Context::default() });
    to.correlation = filled(Correlation {
        request: own(fields.text("code_id")),
        session: own(fields.text("sessionId").or_else(|| fields.text("session_id"))),
        trace: None,
    });
    meaning.apply(to);
    if meaning == Meaning::Approval {
        let decision = if outcome == Outcome::Success { ApprovalDecision::Granted } else { ApprovalDecision::Refused };
        to.approval = Some(Approval {
            decision: Some(decision),
            requester: fields.text("clientId").map(|client| self::client(&fields, client).id),
            approver: Some(to.subject.id.clone()),
            ..Approval::default()
        });
    }
    emit(draft.finish());
    Ok(())
}

/// The word for the table, and whether the event is an error.
fn word(fields: &Fields<'_, '_>) -> Option<(String, bool)> {
    if let Some(operation) = fields.text("operationType") {
        let path = fields.text("resourcePath").unwrap_or_default();
        let sort = if path.ends_with("/client-secret") {
            "client-secret"
        } else {
            fields.text("resourceType").unwrap_or_default()
        };
        return Some((format!("{sort}/{operation}"), false));
    }
    let kind = fields.text("type")?;
    Some(match kind.strip_suffix("_ERROR") {
        Some(bare) => (bare.to_owned(), true),
        None => (kind.to_owned(), false),
    })
}

fn client(fields: &Fields<'_, '_>, id: &str) -> Identity {
    let realm = fields.text("realmId").unwrap_or_default();
    Identity::new(format!("keycloak:{realm}:client:{id}"), IdentityType::ServiceAccount)
}

fn user(fields: &Fields<'_, '_>, id: &str) -> Identity {
    let realm = fields.text("realmId").unwrap_or_default();
    let name = fields.text("username");
    let robot = name.is_some_and(|name| name.starts_with("service-account-"));
    let kind = if robot { IdentityType::ServiceAccount } else { IdentityType::Human };
    let mut identity = name.and_then(mail).unwrap_or_else(|| Identity::new(format!("keycloak:{realm}:{id}"), kind));
    identity.name = own(name);
    identity
}

/// A login of a client is about the client; an admin event about the object in its path; all others about the user.
fn people(fields: &Fields<'_, '_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let person = fields.text("userId").map(|id| user(fields, id));
    let program = fields.text("clientId").map(|id| client(fields, id));
    if fields.text("operationType").is_some() {
        let actor = person.or(program).unwrap_or_else(nobody);
        let mut path = fields.text("resourcePath").unwrap_or_default().split('/');
        let realm = fields.event.get("realmId").text().unwrap_or_default();
        let target = match (path.next(), path.next()) {
            (Some("users"), Some(id)) => Some(Identity::new(format!("keycloak:{realm}:{id}"), IdentityType::Human)),
            (Some("clients"), Some(id)) => {
                Some(Identity::new(format!("keycloak:{realm}:client:{id}"), IdentityType::ServiceAccount))
            }
            _ => None,
        };
        return match target.filter(|_| meaning != Meaning::Policy) {
            Some(target) => (target, Some(actor)),
            None => (actor, None),
        };
    }
    let by_client = fields.text("type").is_some_and(|kind| kind.starts_with("CLIENT_LOGIN"));
    match (by_client, person, program) {
        (true, _, Some(program)) | (false, None, Some(program)) => (program, None),
        (_, Some(person), _) => (person, None),
        _ => (nobody(), None),
    }
}

/// Pairs `name="value"` separated by commas; before version 21 without quotes.
fn pairs(message: &str) -> Vec<(&str, Cow<'_, str>)> {
    let mut found = Vec::new();
    let mut rest = message;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted),
            None => {
                let (value, next) = after.split_once(", ").unwrap_or((after, ""));
                (Cow::Borrowed(value), next)
            }
        };
        found.push((name.trim_start_matches([',', ' ']), value));
        rest = next;
    }
    found
}

fn quoted_value(text: &str) -> (Cow<'_, str>, &str) {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let (value, rest) = text.split_at(at);
                let value =
                    if value.contains('\\') { Cow::Owned(value.replace("\\\"", "\"")) } else { Cow::Borrowed(value) };
                return (value, rest.get(1..).unwrap_or_default());
            }
            _ => {}
        }
    }
    (Cow::Borrowed(text), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_with_and_without_quotes() {
        let found = pairs(r#"type="LOGIN", realmId="r=1", note="a \"b\", c", last="x""#);
        let expected = [("type", "LOGIN"), ("realmId", "r=1"), ("note", "a \"b\", c"), ("last", "x")];
        assert_eq!(found, expected.map(|(name, value)| (name, Cow::Borrowed(value))));
        let found = pairs("type=LOGIN, userId=null, ip=1.2.3.4");
        assert_eq!(found.last(), Some(&("ip", Cow::Borrowed("1.2.3.4"))));
        assert!(pairs("no pairs").is_empty() && pairs("a=\"open").len() == 1);
    }

    #[test]
    fn every_row_has_a_golden_event() {
        crate::meaning::assert_rows_are_shown(WORDS, "keycloak", |event| {
            word(&Fields { event, pairs: Vec::new() }).map(|(word, _)| word)
        });
    }
}
