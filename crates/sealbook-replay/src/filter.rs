//! What a timeline is about.

use sealbook_index::{Field, Query};
use serde::Serialize;

/// The thing that a timeline follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", content = "id", rename_all = "kebab-case")]
pub enum Filter {
    /// An identity: as subject, as actor, or named as approver, requester, grantor or owner.
    Identity(String),
    /// A credential, and the one that it replaces or that replaces it.
    Credential(String),
    /// A resource.
    Resource(String),
    /// A session, that of an AI agent included.
    Session(String),
    /// An approval or its request, and what was done under it.
    Approval(String),
}

impl Filter {
    /// The entries that name it.
    #[must_use]
    pub fn query(&self) -> Query {
        match self {
            Self::Identity(id) => Query::identity(id),
            Self::Credential(id) => Query::is(Field::Credential, id),
            Self::Resource(id) => Query::is(Field::Resource, id),
            Self::Session(id) => Query::is(Field::Session, id),
            Self::Approval(id) => Query::is(Field::Approval, id),
        }
    }
}
