//! What a source's word means in Sealbook's vocabulary: the kind of event and the verb that goes with it.

use sealbook_core::event::{CredentialType, ElevationVerb, Event, ExceptionVerb, Kind, LifecycleVerb, Outcome};

/// A kind with its verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Decision,
    Approval,
    Issuance(CredentialType),
    Rotation(CredentialType),
    Revocation(CredentialType),
    Exception(ExceptionVerb),
    Elevation(ElevationVerb),
    Lifecycle(LifecycleVerb),
    Review,
    Policy,
    Ownership,
}

impl Meaning {
    pub fn kind(self) -> Kind {
        match self {
            Self::Decision => Kind::Decision,
            Self::Approval => Kind::Approval,
            Self::Issuance(_) => Kind::Issuance,
            Self::Rotation(_) => Kind::Rotation,
            Self::Revocation(_) => Kind::Revocation,
            Self::Exception(_) => Kind::Exception,
            Self::Elevation(_) => Kind::Elevation,
            Self::Lifecycle(_) => Kind::Lifecycle,
            Self::Review => Kind::Review,
            Self::Policy => Kind::Policy,
            Self::Ownership => Kind::Ownership,
        }
    }

    /// Writes the verb, and the type of the credential, into the event's own record for it.
    pub fn apply(self, event: &mut Event) {
        match self {
            Self::Issuance(kind) | Self::Rotation(kind) | Self::Revocation(kind) => {
                event.credential.get_or_insert_default().kind = Some(kind);
            }
            Self::Exception(verb) => event.exception.get_or_insert_default().verb = Some(verb),
            Self::Elevation(verb) => event.elevation.get_or_insert_default().verb = Some(verb),
            Self::Lifecycle(verb) => event.lifecycle.get_or_insert_default().verb = Some(verb),
            Self::Decision | Self::Approval | Self::Review | Self::Policy | Self::Ownership => {}
        }
    }

    /// What an act that went well is called: a decision allows, everything else succeeds.
    pub fn went_well(self) -> Outcome {
        match self {
            Self::Decision => Outcome::Allow,
            _ => Outcome::Success,
        }
    }
}
