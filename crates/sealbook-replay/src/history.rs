//! What the entries say, gathered by the thing that they are about. Entries may come in any order of event time.

use std::collections::BTreeMap;

use sealbook_core::entry::Entry;
use sealbook_core::event::{
    Credential, Elevation, ElevationVerb, Event, Exception, ExceptionVerb, Kind, LifecycleVerb, Outcome, OwnershipRole,
};
use sealbook_core::time::Micros;
use serde::Serialize;

/// Which time says what stood at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// When things happened: what was really so, as far as is known today.
    #[default]
    Happened,
    /// When the ledger recorded them: what could be known then.
    Recorded,
}

/// When something was done, and the entry that says so. Things done at the same time count in the order of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct At {
    pub(crate) time: Micros,
    pub(crate) index: u64,
}

/// What is known of a credential.
#[derive(Debug, Default)]
pub(crate) struct CredentialHistory {
    pub(crate) mints: Vec<(At, Mint)>,
    /// Replaced by this credential.
    pub(crate) replaced: Vec<(At, String)>,
    pub(crate) revoked: Vec<At>,
    /// The first entry that names it, its subject and type.
    pub(crate) first: Option<(At, Seen)>,
    /// Ends of validity that entries state; one that adds nothing to the last is left out.
    pub(crate) expiries: Vec<(At, Micros)>,
}

/// An issuance or rotation that gave a credential.
#[derive(Clone, Debug)]
pub(crate) struct Mint {
    pub(crate) seen: Seen,
    pub(crate) by: String,
    pub(crate) issued_at: Option<Micros>,
    pub(crate) expires_at: Option<Micros>,
}

/// Whose credential, and of what type.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) subject: String,
    pub(crate) kind: Option<&'static str>,
}

/// Something done to an exception.
#[derive(Clone, Debug)]
pub(crate) struct ExceptionAct {
    pub(crate) verb: ExceptionVerb,
    pub(crate) subject: String,
    pub(crate) resource: Option<String>,
    pub(crate) owner: Option<String>,
    pub(crate) granted_by: Option<String>,
    pub(crate) expires_at: Option<Micros>,
}

/// The start or end of an elevation.
#[derive(Clone, Debug)]
pub(crate) struct ElevationAct {
    pub(crate) started: bool,
    pub(crate) subject: String,
    pub(crate) resource: Option<String>,
    pub(crate) break_glass: bool,
    pub(crate) approval: Option<String>,
    pub(crate) ends_at: Option<Micros>,
}

/// What the entries say, by thing.
#[derive(Debug)]
pub struct History {
    pub(crate) basis: Basis,
    pub(crate) entries: u64,
    pub(crate) credentials: BTreeMap<String, CredentialHistory>,
    pub(crate) exceptions: BTreeMap<String, Vec<(At, ExceptionAct)>>,
    pub(crate) elevations: BTreeMap<String, Vec<(At, ElevationAct)>>,
    pub(crate) owners: BTreeMap<(String, &'static str), Vec<(At, String)>>,
    pub(crate) lifecycle: BTreeMap<String, Vec<(At, LifecycleVerb)>>,
}

impl History {
    /// A history without entries.
    #[must_use]
    pub fn new(basis: Basis) -> Self {
        Self {
            basis,
            entries: 0,
            credentials: BTreeMap::new(),
            exceptions: BTreeMap::new(),
            elevations: BTreeMap::new(),
            owners: BTreeMap::new(),
            lifecycle: BTreeMap::new(),
        }
    }

    /// Takes in an entry.
    pub fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        let event = &entry.event;
        let time = match self.basis {
            Basis::Happened => event.occurred_at.unwrap_or(entry.recorded_at),
            Basis::Recorded => entry.recorded_at,
        };
        let at = At { time, index: entry.index };
        if let Some(credential) = &event.credential {
            self.credential(at, event, credential);
        }
        // What was refused or failed changed nothing.
        if matches!(event.outcome, Outcome::Deny | Outcome::Failure | Outcome::Error) {
            return;
        }
        if let (Kind::Exception, Some(exception)) = (event.kind, &event.exception) {
            self.exception(at, event, exception);
        }
        if let (Kind::Elevation, Some(elevation)) = (event.kind, &event.elevation) {
            self.elevation(at, event, elevation);
        }
        self.accountability(at, event);
    }

    fn credential(&mut self, at: At, event: &Event, credential: &Credential) {
        let changed = !matches!(event.outcome, Outcome::Deny | Outcome::Failure | Outcome::Error);
        let minted = changed && matches!(event.kind, Kind::Issuance | Kind::Rotation);
        if let (true, Kind::Rotation, Some(old)) = (changed, event.kind, &credential.replaces) {
            let new = credential.id.clone().unwrap_or_default();
            self.credentials.entry(old.clone()).or_default().replaced.push((at, new));
        }
        let Some(id) = &credential.id else { return };
        let known = self.credentials.entry(id.clone()).or_default();
        let seen = Seen { subject: event.subject.id.clone(), kind: credential.kind.map(|kind| kind.word()) };
        if known.first.as_ref().is_none_or(|(first, _)| at < *first) {
            known.first = Some((at, seen.clone()));
        }
        let covered =
            |expires_at| known.expiries.last().is_some_and(|(last, stated)| *last <= at && *stated >= expires_at);
        if let Some(expires_at) = credential.expires_at.filter(|expires_at| !covered(*expires_at)) {
            known.expiries.push((at, expires_at));
        }
        if minted {
            let by = event.actor.as_ref().unwrap_or(&event.subject).id.clone();
            let mint = Mint { seen, by, issued_at: credential.issued_at, expires_at: credential.expires_at };
            known.mints.push((at, mint));
        }
        if changed && event.kind == Kind::Revocation {
            known.revoked.push(at);
        }
    }

    fn exception(&mut self, at: At, event: &Event, exception: &Exception) {
        let (Some(id), Some(verb)) = (&exception.id, exception.verb) else { return };
        if verb == ExceptionVerb::Used {
            return;
        }
        let act = ExceptionAct {
            verb,
            subject: event.subject.id.clone(),
            resource: event.resource.as_ref().and_then(|r| r.id.clone()),
            owner: exception.owner.clone(),
            granted_by: exception.granted_by.clone(),
            expires_at: exception.expires_at,
        };
        self.exceptions.entry(id.clone()).or_default().push((at, act));
    }

    fn elevation(&mut self, at: At, event: &Event, elevation: &Elevation) {
        let started = match elevation.verb {
            Some(ElevationVerb::Started) => true,
            Some(ElevationVerb::Ended) => false,
            _ => return,
        };
        // Without an id, a subject has one elevation at a time.
        let id = elevation.id.as_ref().unwrap_or(&event.subject.id);
        let act = ElevationAct {
            started,
            subject: event.subject.id.clone(),
            resource: event.resource.as_ref().and_then(|r| r.id.clone()),
            break_glass: elevation.break_glass.unwrap_or(false),
            approval: elevation.approval.clone(),
            ends_at: elevation.ends_at,
        };
        self.elevations.entry(id.clone()).or_default().push((at, act));
    }

    fn accountability(&mut self, at: At, event: &Event) {
        if let (Kind::Ownership, Some(said)) = (event.kind, &event.ownership)
            && let (Some(role), Some(owner)) = (said.role, &said.owner)
        {
            let owned = said.domain.as_ref().unwrap_or(&event.subject.id).clone();
            self.owners.entry((owned, role.word())).or_default().push((at, owner.clone()));
        }
        let (Kind::Lifecycle, Some(lifecycle)) = (event.kind, &event.lifecycle) else { return };
        let Some(verb) = lifecycle.verb else { return };
        let ended = matches!(verb, LifecycleVerb::Disabled | LifecycleVerb::Offboarded);
        if let (false, Some(owner)) = (ended, &lifecycle.owner) {
            let key = (event.subject.id.clone(), OwnershipRole::LifecycleOwner.word());
            self.owners.entry(key).or_default().push((at, owner.clone()));
        }
        if ended || verb == LifecycleVerb::Provisioned {
            self.lifecycle.entry(event.subject.id.clone()).or_default().push((at, verb));
        }
    }
}
