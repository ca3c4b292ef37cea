//! Changes of tokens as entries of the ledger. The entry of a change has the same id and the same content whoever commits
//! it, so that command and service may both try: the ledger keeps one.

use sealbook_core::event::{Credential, CredentialType, Identity, IdentityType, Kind};
use sealbook_log::{Ledger, LogError, Placed, Reader, Submission, act};

use super::error::CredentialError;
use super::store::{Change, Token};

/// The act that makes a token.
const CREATED: &str = "token.created";
/// The act that withdraws one.
const REVOKED: &str = "token.revoked";
/// Changes that are committed together.
pub(crate) const TOGETHER: usize = 512;

/// Canonical id of a token as an identity.
pub(crate) fn token_identity(id: &str) -> Identity {
    Identity::new(format!("token:{id}"), IdentityType::Token)
}

/// The entry of a change in the ledger `origin`.
pub(crate) fn submission(origin: &str, change: &Change) -> Submission {
    let (action, id, at, by) = match change {
        Change::Created(token) => (CREATED, &token.id, token.created_at, &token.by),
        Change::Revoked { token, at, by, .. } => (REVOKED, token, *at, by),
    };
    let mut submission = act(origin, action, id, at, &labels(change));
    let event = &mut submission.event;
    event.subject = token_identity(id);
    event.subject.issuer = Some(origin.to_owned());
    event.actor = Some(by.identity());
    event.labels.insert("account".to_owned(), by.account.clone());
    match change {
        Change::Created(token) => {
            event.kind = Kind::Issuance;
            event.subject.owner.clone_from(&token.owner);
            event.credential = Some(Credential {
                id: Some(format!("sha256:{}", token.digest)),
                kind: Some(CredentialType::ApiKey),
                issued_at: Some(token.created_at),
                expires_at: token.expires_at,
                replaces: None,
            });
        }
        Change::Revoked { token, reason, .. } => {
            event.kind = Kind::Revocation;
            event.reason.clone_from(reason);
            let kind = Some(CredentialType::ApiKey);
            event.credential = Some(Credential { id: Some(format!("token:{token}")), kind, ..Credential::default() });
        }
    }
    submission
}

fn labels(change: &Change) -> Vec<(&'static str, String)> {
    match change {
        Change::Created(Token { name, scopes, .. }) => {
            let scopes: Vec<String> = scopes.iter().map(ToString::to_string).collect();
            vec![("name", name.clone()), ("scopes", scopes.join(" "))]
        }
        Change::Revoked { .. } => Vec::new(),
    }
}

/// Commits the entries of these changes to a ledger that this process has open; gives the index of each. A change that
/// differs from what the ledger recorded of it is an error.
///
/// # Errors
/// When they cannot be committed, or the store was changed by hand.
pub fn record(ledger: &Ledger, changes: &[Change]) -> Result<Vec<u64>, CredentialError> {
    let origin = ledger.reader().origin().to_owned();
    let mut indices = Vec::with_capacity(changes.len());
    for some in changes.chunks(TOGETHER) {
        let submissions = some.iter().map(|change| submission(&origin, change)).collect();
        let answer =
            ledger.commit(submissions, false).map_err(|error| CredentialError::NotRecorded(error.to_string()))?;
        for (change, placed) in some.iter().zip(&answer.placed) {
            indices.push(place(change, placed)?);
        }
    }
    Ok(indices)
}

/// Where a change is recorded.
pub(crate) fn place(change: &Change, placed: &Placed) -> Result<u64, CredentialError> {
    match placed {
        Placed::Conflict { index } => {
            let (Change::Created(Token { id, .. }) | Change::Revoked { token: id, .. }) = change;
            let detail = format!("what the store says of the token {id} is not what entry {index} recorded");
            Err(CredentialError::Refused(detail))
        }
        placed => Ok(placed.index()),
    }
}

/// Looks for the entry of a change among the entries from `from` on; gives its index.
///
/// # Errors
/// When the log cannot be read.
pub fn find_recorded(reader: &Reader, change: &Change, from: u64) -> Result<Option<u64>, LogError> {
    let wanted = submission(reader.origin(), change);
    for stored in reader.entries(from, reader.size()) {
        let stored = stored?;
        let entry = stored.entry().ok();
        if entry.is_some_and(|entry| entry.source.id == wanted.source.id && entry.event.id == wanted.event.id) {
            return Ok(Some(stored.index));
        }
    }
    Ok(None)
}
