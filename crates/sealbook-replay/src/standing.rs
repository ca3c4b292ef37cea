//! What stood at a time, by what was done until then.

use sealbook_core::event::{ExceptionVerb, LifecycleVerb};
use sealbook_core::time::Micros;
use serde::Serialize;

use crate::history::{At, Basis, CredentialHistory, ElevationAct, ExceptionAct, History};
use crate::when::When;

/// What stood at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// The time.
    pub at: When,
    /// Which time of an entry counts.
    pub basis: Basis,
    /// Entries that were read for it.
    pub entries: u64,
    /// Credentials neither expired, replaced nor revoked.
    pub credentials: Vec<LiveCredential>,
    /// Exceptions that nobody has closed, the expired among them.
    pub exceptions: Vec<OpenException>,
    /// Elevations that have started and neither ended nor run out.
    pub elevations: Vec<RunningElevation>,
    /// Who answers for what.
    pub owners: Vec<Ownership>,
    /// Identities that are switched off or gone.
    pub disabled: Vec<DisabledIdentity>,
}

/// A credential that could be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveCredential {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<&'static str>,
    /// Whose it is.
    pub subject: String,
    /// When it became valid; of one that no entry mints, the first time it was seen.
    pub since: When,
    /// Who minted it.
    pub issued_by: Option<String>,
    /// Index of the entry that minted it; without one the ledger only knows it from its use.
    pub issued_index: Option<u64>,
    /// When it ceases to be valid, as far as an entry says.
    pub expires_at: Option<When>,
    /// Index of the first entry that names it.
    pub first_index: u64,
}

/// An exception that nobody has closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenException {
    /// Its id.
    pub id: String,
    /// Whom it is for.
    pub subject: String,
    /// What it is about.
    pub resource: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who granted it.
    pub granted_by: Option<String>,
    /// When it was opened.
    pub opened_at: When,
    /// Index of the entry that opened it or, of one whose opening is not there, first renewed it.
    pub opened_index: u64,
    /// How often its term was extended since.
    pub renewals: usize,
    /// When it ends.
    pub expires_at: Option<When>,
    /// Whether that has passed.
    pub expired: bool,
}

/// An elevation that is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunningElevation {
    /// Its id; of one without, that of the subject.
    pub id: String,
    /// Who is elevated.
    pub subject: String,
    /// For what.
    pub resource: Option<String>,
    /// Whether it went round the usual path in an emergency.
    pub break_glass: bool,
    /// The approval that allows it.
    pub approval: Option<String>,
    /// When it began.
    pub started_at: When,
    /// Index of the entry that says so.
    pub started_index: u64,
    /// When it ends by itself.
    pub ends_at: Option<When>,
}

/// Somebody who answers for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ownership {
    /// What for.
    pub owned: String,
    /// In which role.
    pub role: &'static str,
    /// Who.
    pub owner: String,
    /// Since when.
    pub since: When,
    /// Index of the entry that says so.
    pub index: u64,
}

/// An identity that is switched off or gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DisabledIdentity {
    /// Its id.
    pub id: String,
    /// `disabled` or `offboarded`: the newest that was said.
    pub verb: &'static str,
    /// Since when it is not active.
    pub since: When,
    /// Index of the entry that says so.
    pub index: u64,
}

impl History {
    /// What stood at a time. A history that was gathered only up to an earlier time knows nothing after it.
    #[must_use]
    pub fn standing(&self, at: Micros) -> Standing {
        Standing {
            at: When(at),
            basis: self.basis,
            entries: self.entries,
            credentials: self.credentials.iter().filter_map(|(id, known)| live(id, known, at)).collect(),
            exceptions: self.exceptions.iter().filter_map(|(id, acts)| open(id, &until(acts, at), at)).collect(),
            elevations: self.elevations.iter().filter_map(|(id, acts)| running(id, &until(acts, at), at)).collect(),
            owners: self.owners.iter().filter_map(|(key, said)| owner(key, &until(said, at))).collect(),
            disabled: self.lifecycle.iter().filter_map(|(id, acts)| disabled(id, &until(acts, at))).collect(),
        }
    }
}

/// What was done until a time, in order.
fn until<T>(acts: &[(At, T)], time: Micros) -> Vec<(At, &T)> {
    let mut done: Vec<_> = acts.iter().filter(|(at, _)| at.time <= time).map(|(at, act)| (*at, act)).collect();
    done.sort_by_key(|(at, _)| *at);
    done
}

fn live(id: &str, known: &CredentialHistory, time: Micros) -> Option<LiveCredential> {
    let ended = known.revoked.iter().any(|at| at.time <= time);
    if ended || known.replaced.iter().any(|(at, _)| at.time <= time) {
        return None;
    }
    let (first, seen) = known.first.as_ref().filter(|(at, _)| at.time <= time)?;
    let mints = until(&known.mints, time);
    let mint = mints.first();
    let stated = until(&known.expiries, time).iter().map(|(_, expires_at)| **expires_at).max();
    let expires_at = mint.and_then(|(_, mint)| mint.expires_at).or(stated);
    if expires_at.is_some_and(|expires_at| expires_at <= time) {
        return None;
    }
    let seen = mint.map_or(seen, |(_, mint)| &mint.seen);
    let since = mint.map_or(first.time, |(at, mint)| mint.issued_at.unwrap_or(at.time));
    Some(LiveCredential {
        id: id.to_owned(),
        kind: seen.kind,
        subject: seen.subject.clone(),
        since: When(since),
        issued_by: mint.map(|(_, mint)| mint.by.clone()),
        issued_index: mint.map(|(at, _)| at.index),
        expires_at: expires_at.map(When),
        first_index: first.index,
    })
}

fn open(id: &str, acts: &[(At, &ExceptionAct)], time: Micros) -> Option<OpenException> {
    // What came before the newest opening, or before the newest closing, is over.
    let begins = acts
        .iter()
        .rposition(|(_, act)| act.verb == ExceptionVerb::Opened)
        .max(acts.iter().rposition(|(_, act)| act.verb == ExceptionVerb::Closed).map(|closed| closed + 1))
        .unwrap_or(0);
    let term = acts.get(begins..)?;
    let (opened, act) = term.first()?;
    let newest = |field: fn(&ExceptionAct) -> Option<String>| term.iter().rev().find_map(|(_, act)| field(act));
    let expires_at = term.iter().rev().find_map(|(_, act)| act.expires_at);
    Some(OpenException {
        id: id.to_owned(),
        subject: act.subject.clone(),
        resource: newest(|act| act.resource.clone()),
        owner: newest(|act| act.owner.clone()),
        granted_by: newest(|act| act.granted_by.clone()),
        opened_at: When(opened.time),
        opened_index: opened.index,
        renewals: term.iter().filter(|(_, act)| act.verb == ExceptionVerb::Renewed).count(),
        expires_at: expires_at.map(When),
        expired: expires_at.is_some_and(|expires_at| expires_at <= time),
    })
}

fn running(id: &str, acts: &[(At, &ElevationAct)], time: Micros) -> Option<RunningElevation> {
    let (at, act) = acts.last().filter(|(_, act)| act.started)?;
    if act.ends_at.is_some_and(|ends_at| ends_at <= time) {
        return None;
    }
    Some(RunningElevation {
        id: id.to_owned(),
        subject: act.subject.clone(),
        resource: act.resource.clone(),
        break_glass: act.break_glass,
        approval: act.approval.clone(),
        started_at: When(at.time),
        started_index: at.index,
        ends_at: act.ends_at.map(When),
    })
}

fn owner((owned, role): &(String, &'static str), said: &[(At, &String)]) -> Option<Ownership> {
    let (at, owner) = said.last()?;
    Some(Ownership { owned: owned.clone(), role, owner: (*owner).clone(), since: When(at.time), index: at.index })
}

fn disabled(id: &str, acts: &[(At, &LifecycleVerb)]) -> Option<DisabledIdentity> {
    let active = |verb: &LifecycleVerb| *verb == LifecycleVerb::Provisioned;
    let (_, newest) = acts.last().filter(|(_, verb)| !active(verb))?;
    let begins = acts.iter().rposition(|(_, verb)| active(verb)).map_or(0, |at| at + 1);
    let (since, _) = acts.get(begins)?;
    Some(DisabledIdentity { id: id.to_owned(), verb: newest.word(), since: When(since.time), index: since.index })
}
