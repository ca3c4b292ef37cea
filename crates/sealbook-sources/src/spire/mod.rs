//! SPIRE server and agent logs in JSON: the server's audit rows, its authority rotation, the agent's SVIDs.

use sealbook_core::event::CredentialType::{Certificate, JwtSvid, Token, X509Svid};
use sealbook_core::event::ElevationVerb::Started;
use sealbook_core::event::LifecycleVerb::{Changed, Offboarded, Provisioned};
use sealbook_core::event::{
    Context, Correlation, Credential, Event, Identity, IdentityType, Outcome, Policy, Resource,
};
use sealbook_core::time::Micros;

use crate::address::host;
use crate::draft::{Draft, filled, own};
use crate::identity::spiffe;
use crate::item::Unmapped;
use crate::json::Value;
use crate::meaning::Meaning::{self, Decision, Elevation, Issuance, Lifecycle, Revocation, Rotation};
use crate::meaning::{Words, find};
use crate::source::JsonSource;
use crate::when::{epoch_seconds, rfc3339};

/// The source `spire`.
pub(crate) static SOURCE: JsonSource = JsonSource { name: "spire", version: 2, envelopes: &[], recognises, map };

/// Methods of the server's API, and messages of server and agent (blanks as `_`).
const WORDS: &Words = &[
    ("MintX509SVID BatchNewX509SVID", Issuance(X509Svid)),
    ("MintJWTSVID NewJWTSVID", Issuance(JwtSvid)),
    ("NewDownstreamX509CA", Issuance(Certificate)),
    ("CreateJoinToken", Issuance(Token)),
    ("AttestAgent", Issuance(X509Svid)),
    ("RenewAgent", Rotation(X509Svid)),
    ("BanAgent DeleteAgent", Revocation(X509Svid)),
    ("BatchCreateEntry", Lifecycle(Provisioned)),
    ("BatchUpdateEntry", Lifecycle(Changed)),
    ("BatchDeleteEntry", Lifecycle(Offboarded)),
    (
        "BatchCreateFederationRelationship BatchUpdateFederationRelationship BatchDeleteFederationRelationship",
        Meaning::Policy,
    ),
    (
        "AppendBundle PublishJWTAuthority BatchSetFederatedBundle BatchUpdateFederatedBundle BatchDeleteFederatedBundle",
        Meaning::Policy,
    ),
    ("Prepare* Activate* X509_CA_* JWT_key_*", Rotation(Certificate)),
    ("Taint* Revoke* X.509_authority_revoked JWT_authority_revoked", Revocation(Certificate)),
    ("Creating_X509-SVID", Issuance(X509Svid)),
    ("Renewing_X509-SVID", Rotation(X509Svid)),
];

/// Messages of the agent that say no.
const REFUSALS: [&str; 2] = ["Workload attestation failed", "No identity issued"];

fn recognises(line: &Value<'_>) -> bool {
    let has = |name: &str| line.get(name).text().is_some();
    has("msg") && has("level") && has("time") && has("subsystem_name")
}

fn map(line: &Value<'_>, raw: &[u8], emit: &mut dyn FnMut(Event)) -> Result<(), Unmapped> {
    let text = |name: &str| line.get(name).text();
    let message = text("msg").ok_or_else(|| Unmapped::missing("msg"))?;
    let audit = text("type") == Some("audit");
    let refused = text("status_code") == Some("PermissionDenied") || REFUSALS.contains(&message);
    let word = text("method").filter(|_| audit).map_or_else(|| message.replace(' ', "_"), str::to_owned);
    let known = find(WORDS, &word);
    let meaning = match known {
        _ if refused => Decision,
        Some(Lifecycle(verb)) if verb != Offboarded && line.get("admin").flag() == Some(true) => Elevation(Started),
        Some(found) => found,
        None => Decision,
    };
    let outcome = match (refused, audit, text("status")) {
        (true, ..) => Outcome::Deny,
        (_, true, Some("success")) => meaning.went_well(),
        (_, true, _) => Outcome::Failure,
        (_, false, _) if text("level") == Some("error") => Outcome::Failure,
        // Other log lines tell what happened, not that somebody was let in.
        (_, false, _) if meaning == Decision => Outcome::Unknown,
        _ => meaning.went_well(),
    };
    let (subject, actor) = people(line, meaning);
    // All rows of one batch share `request_id`: only the bytes tell them apart.
    let mut draft = Draft::new(None, raw, meaning.kind(), subject, outcome);
    if known.is_none() && !refused {
        draft.unmapped(&word);
    }
    for name in ["service", "authorized_as", "selectors", "parent_id", "status_code", "slot"] {
        draft.label(name, text(name));
    }
    let event = &mut draft.event;
    event.actor = actor;
    event.occurred_at = rfc3339(text("time"));
    event.action = own(Some(if audit { text("method").unwrap_or(message) } else { message }));
    event.reason = own(text("status_message").or_else(|| text("error")));
    event.resource = filled(Resource {
        id: own(text("entry_id").or_else(|| text("local_authority_id"))),
        kind: own(text("service")),
        ..Resource::default()
    });
    event.policy = filled(Policy { decision_point: audit.then(|| "spire-server".to_owned()), ..Policy::default() });
    event.credential = filled(credential(line, meaning));
    event.context = filled(Context { source_ip: own(text("caller_addr").map(host)), ..Context::default() });
    event.correlation = filled(Correlation { request: own(text("request_id")), ..Correlation::default() });
    meaning.apply(event);
    emit(draft.finish());
    Ok(())
}

/// Subject: the SPIFFE ID the row speaks of. Actor: the caller, an agent or a local administrator.
fn people(line: &Value<'_>, meaning: Meaning) -> (Identity, Option<Identity>) {
    let id = |name: &str| line.get(name).text().and_then(spiffe);
    let local = || {
        let user = line.get("caller_uid");
        let user = user.text().map(str::to_owned).or_else(|| user.int().map(|uid| uid.to_string()))?;
        Some(Identity::new(format!("spire:uid:{user}"), IdentityType::System))
    };
    let caller = id("caller_id").or_else(local);
    let about = match meaning {
        Decision => None,
        _ => id("spiffe_id").or_else(|| id("agent_id")).or_else(|| {
            // Rows that end an entry name only the entry.
            let entry = line.get("entry_id").text().filter(|_| matches!(meaning, Lifecycle(_)))?;
            Some(Identity::new(format!("spire:entry:{entry}"), IdentityType::Workload))
        }),
    };
    match (about, caller) {
        (Some(subject), Some(caller)) if subject.id != caller.id => (subject, Some(caller)),
        (Some(subject), _) => (subject, None),
        (None, Some(caller)) => (caller, None),
        (None, None) => {
            let process = line.get("pid").int().map(|pid| format!("spire:pid:{pid}"));
            let kind = if process.is_some() { IdentityType::Unknown } else { IdentityType::System };
            (Identity::new(process.unwrap_or_else(|| "spire".to_owned()), kind), None)
        }
    }
}

fn credential(line: &Value<'_>, meaning: Meaning) -> Credential {
    if !matches!(meaning, Issuance(_) | Rotation(_) | Revocation(_)) {
        return Credential::default();
    }
    let text = |name: &str| line.get(name).text();
    let serial = line.get("serial_num");
    let expires: Option<Micros> = rfc3339(text("expiration").or_else(|| text("expires_at")))
        .or_else(|| epoch_seconds(line.get("expires_at").int().filter(|at| *at > 0)));
    Credential {
        id: serial
            .text()
            .map(str::to_owned)
            .or_else(|| serial.int().map(|number| number.to_string()))
            .or_else(|| own(text("local_authority_id").or_else(|| text("subject_key_id")).or_else(|| text("csr")))),
        issued_at: rfc3339(text("issued_at")),
        expires_at: expires,
        ..Credential::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_golden_line() {
        crate::meaning::assert_rows_are_shown(WORDS, "spire", |line| {
            let method = line.get("method").text().map(str::to_owned);
            method.or_else(|| Some(line.get("msg").text()?.replace(' ', "_")))
        });
    }
}
