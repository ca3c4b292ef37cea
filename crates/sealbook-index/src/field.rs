//! What can be looked up: the fields, and which terms an entry has for each of them.

use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;

/// A field that can be looked up. Sealed values are in no entry, so they are in no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Field {
    /// Identity whose access is concerned.
    Subject = 1,
    /// Identity that acted, where the entry names one besides the subject.
    Actor = 2,
    /// Any other identity that is named: requester, approver, grantor, owner.
    Party = 3,
    /// Resource id.
    Resource = 4,
    /// Credential id, and the id of the credential that it replaces.
    Credential = 5,
    /// Id of an approval or of its request, also where an elevation refers to it.
    Approval = 6,
    /// Id of an exception.
    Exception = 7,
    /// Id of an elevation.
    Elevation = 8,
    /// Session id, that of an AI agent included.
    Session = 9,
    /// Trace id.
    Trace = 10,
    /// Request id.
    Request = 11,
    /// Source id.
    Source = 12,
    /// The word of the kind.
    Kind = 13,
    /// The word of the outcome.
    Outcome = 14,
    /// Team of the subject, or team that became accountable.
    Team = 15,
    /// Environment of the resource.
    Environment = 16,
    /// Source and event id together, as [`event_key`] joins them: the idempotency key.
    Event = 17,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 17] = [
        Self::Subject,
        Self::Actor,
        Self::Party,
        Self::Resource,
        Self::Credential,
        Self::Approval,
        Self::Exception,
        Self::Elevation,
        Self::Session,
        Self::Trace,
        Self::Request,
        Self::Source,
        Self::Kind,
        Self::Outcome,
        Self::Team,
        Self::Environment,
        Self::Event,
    ];

    /// Number of the field in block files.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// Place of the field in [`Field::ALL`].
    pub(crate) fn place(self) -> usize {
        usize::from(self.code()) - 1
    }
}

/// The term of [`Field::Event`]: both ids with a zero byte between them.
#[must_use]
pub fn event_key(source: &str, event_id: &str) -> String {
    format!("{source}\0{event_id}")
}

/// When an entry's event happened: by its producer, or else when it was recorded.
#[must_use]
pub fn event_time(entry: &Entry) -> Micros {
    entry.event.occurred_at.unwrap_or(entry.recorded_at)
}

/// Calls `f` for every term of an entry. Indexing and checking an answer both go through here, so that they agree.
pub fn for_each_term<'e>(entry: &'e Entry, f: &mut dyn FnMut(Field, &'e str)) {
    let event = &entry.event;
    f(Field::Subject, &event.subject.id);
    f(Field::Source, &entry.source.id);
    f(Field::Kind, event.kind.word());
    f(Field::Outcome, event.outcome.word());
    let mut put = |field: Field, value: &'e Option<String>| {
        if let Some(value) = value {
            f(field, value);
        }
    };
    put(Field::Party, &event.subject.owner);
    put(Field::Team, &event.subject.team);
    if let Some(resource) = &event.resource {
        put(Field::Resource, &resource.id);
        put(Field::Environment, &resource.environment);
    }
    if let Some(credential) = &event.credential {
        put(Field::Credential, &credential.id);
        put(Field::Credential, &credential.replaces);
    }
    if let Some(correlation) = &event.correlation {
        put(Field::Request, &correlation.request);
        put(Field::Session, &correlation.session);
        put(Field::Trace, &correlation.trace);
    }
    if let Some(agent) = event.context.as_ref().and_then(|c| c.agent.as_ref()) {
        put(Field::Session, &agent.session);
    }
    if let Some(actor) = &event.actor {
        f(Field::Actor, &actor.id);
    }
    governance_terms(entry, f);
}

/// The terms of the rarer parts of an event: approvals, exceptions, elevations, owners.
fn governance_terms<'e>(entry: &'e Entry, f: &mut dyn FnMut(Field, &'e str)) {
    let event = &entry.event;
    let mut put = |field: Field, value: &'e Option<String>| {
        if let Some(value) = value {
            f(field, value);
        }
    };
    if let Some(approval) = &event.approval {
        put(Field::Approval, &approval.id);
        put(Field::Approval, &approval.request);
        put(Field::Party, &approval.requester);
        put(Field::Party, &approval.approver);
    }
    if let Some(exception) = &event.exception {
        put(Field::Exception, &exception.id);
        put(Field::Party, &exception.owner);
        put(Field::Party, &exception.granted_by);
    }
    if let Some(elevation) = &event.elevation {
        put(Field::Elevation, &elevation.id);
        put(Field::Approval, &elevation.approval);
    }
    if let Some(lifecycle) = &event.lifecycle {
        put(Field::Party, &lifecycle.owner);
    }
    if let Some(ownership) = &event.ownership {
        put(Field::Party, &ownership.owner);
        put(Field::Team, &ownership.team);
    }
    if let Some(policy) = &event.policy {
        put(Field::Party, &policy.owner);
    }
}

/// Whether an entry has this term.
pub(crate) fn has_term(entry: &Entry, field: Field, value: &str) -> bool {
    if field == Field::Event {
        let rest = value.strip_prefix(entry.source.id.as_str());
        return rest.and_then(|rest| rest.strip_prefix('\0')) == Some(&entry.event.id);
    }
    let mut found = false;
    for_each_term(entry, &mut |f, v| found |= f == field && v == value);
    found
}

/// Bits of a lookup key. Of the keys of a full block, one in 2^24 lookups meets another's: that costs a read, no more.
pub(crate) const KEY_BITS: u32 = 40;

/// The first bits of a value's BLAKE3: enough to find candidates, which are then read and compared.
pub(crate) fn lookup_key(value: &str) -> u64 {
    let digest = blake3::hash(value.as_bytes());
    let first = digest.as_bytes().first_chunk::<8>();
    first.map_or(0, |first| u64::from_be_bytes(*first)) >> (u64::BITS - KEY_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_lies_at_its_own_place() {
        for (place, field) in Field::ALL.iter().enumerate() {
            assert_eq!(field.place(), place);
        }
    }
}
