//! Events in the making: a thin builder over the event schema.

use sealbook_core::event::{
    Approval, ApprovalDecision, Correlation, Credential, CredentialType, Elevation, ElevationVerb, Event, Exception,
    ExceptionVerb, Identity, Kind, Lifecycle, LifecycleVerb, Outcome, Resource, Review, ReviewDecision,
};
use sealbook_core::time::Micros;

use crate::rng::Ids;
use crate::words::Source;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// An event, its source, and how many sequence numbers the source loses before it.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) at: i64,
    pub(crate) source: Source,
    pub(crate) lost: u64,
    pub(crate) event: Event,
}

/// A request and its answer, as several events refer to it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) request: String,
    pub(crate) requester: Identity,
    pub(crate) approver: Identity,
    pub(crate) digest: String,
    pub(crate) ticket: String,
    pub(crate) valid_until: Option<i64>,
}

/// A credential in use.
#[derive(Clone, Debug)]
pub(crate) struct Minted {
    pub(crate) id: String,
    pub(crate) kind: CredentialType,
    pub(crate) from: i64,
    pub(crate) expires: i64,
}

impl Minted {
    pub(crate) fn new(ids: &mut Ids, kind: CredentialType, from: i64, life: i64) -> Self {
        Self { id: ids.named(kind.word()), kind, from, expires: from + life }
    }

    pub(crate) fn field(&self) -> Credential {
        Credential {
            id: Some(self.id.clone()),
            kind: Some(self.kind),
            issued_at: Some(Micros(self.from)),
            expires_at: Some(Micros(self.expires)),
            replaces: None,
        }
    }
}

impl Draft {
    pub(crate) fn new(ids: &mut Ids, at: i64, source: Source, kind: Kind, action: &str, subject: &Identity) -> Self {
        let mut event = Event::new(ids.named(source.prefix()), kind, subject.clone(), Outcome::Success);
        event.occurred_at = Some(Micros(at));
        event.action = Some(action.to_owned());
        Self { at, source, lost: 0, event }
    }

    /// An act about the subject itself, which is then the object, too.
    pub(crate) fn itself(mut self) -> Self {
        let kind = match self.event.subject.kind {
            sealbook_core::event::IdentityType::System => "component",
            _ => "identity",
        };
        self.event.resource = Some(Resource {
            id: Some(self.event.subject.id.clone()),
            kind: Some(kind.to_owned()),
            ..Resource::default()
        });
        self
    }

    pub(crate) fn on(mut self, resource: &Resource) -> Self {
        self.event.resource = Some(resource.clone());
        self
    }

    /// An object of which only type and id are known.
    pub(crate) fn about(self, kind: &str, id: &str) -> Self {
        self.on(&Resource { id: Some(id.to_owned()), kind: Some(kind.to_owned()), ..Resource::default() })
    }

    pub(crate) fn by(mut self, actor: &Identity) -> Self {
        self.event.actor = Some(actor.clone());
        self
    }

    pub(crate) fn outcome(mut self, outcome: Outcome) -> Self {
        self.event.outcome = outcome;
        self
    }

    pub(crate) fn reason(mut self, reason: &str) -> Self {
        self.event.reason = Some(reason.to_owned());
        self
    }

    pub(crate) fn label(mut self, name: &str, value: impl Into<String>) -> Self {
        self.event.labels.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn lifecycle(mut self, verb: LifecycleVerb, owner: Option<&Identity>) -> Self {
        self.event.lifecycle = Some(Lifecycle { verb: Some(verb), owner: owner.map(|o| o.id.clone()) });
        self
    }

    pub(crate) fn credential(mut self, minted: &Minted) -> Self {
        self.event.credential = Some(minted.field());
        self
    }

    pub(crate) fn replacing(mut self, old: &Minted) -> Self {
        if let Some(credential) = &mut self.event.credential {
            credential.replaces = Some(old.id.clone());
        }
        self
    }

    /// Refers to an approval: its id and until when it holds.
    pub(crate) fn under(mut self, approval: &str, valid_until: Option<i64>) -> Self {
        self.event.approval = Some(Approval {
            id: Some(approval.to_owned()),
            valid_until: valid_until.map(Micros),
            ..Approval::default()
        });
        self
    }

    /// Refers to an approval with all that is known of it.
    pub(crate) fn answered(mut self, answer: &Answer, decision: ApprovalDecision) -> Self {
        self.event.approval = Some(Approval {
            id: Some(answer.id.clone()),
            request: Some(answer.request.clone()),
            decision: Some(decision),
            requester: Some(answer.requester.id.clone()),
            approver: Some(answer.approver.id.clone()),
            valid_until: answer.valid_until.map(Micros),
        });
        self.label("ticket", answer.ticket.as_str()).label("request_digest", answer.digest.as_str())
    }

    pub(crate) fn session(mut self, session: &str) -> Self {
        let correlation = self.event.correlation.get_or_insert_with(Correlation::default);
        correlation.session = Some(session.to_owned());
        self
    }

    pub(crate) fn elevation(
        mut self,
        id: &str,
        verb: Option<ElevationVerb>,
        break_glass: bool,
        approval: Option<&str>,
        ends_at: Option<i64>,
    ) -> Self {
        self.event.elevation = Some(Elevation {
            id: Some(id.to_owned()),
            verb,
            break_glass: verb.map(|_| break_glass),
            approval: approval.map(str::to_owned),
            ends_at: ends_at.map(Micros),
        });
        self
    }

    /// Cites or uses an exception.
    pub(crate) fn exception(mut self, id: &str, verb: Option<ExceptionVerb>) -> Self {
        self.event.exception = Some(Exception { id: Some(id.to_owned()), verb, ..Exception::default() });
        self
    }

    pub(crate) fn review(
        mut self,
        id: &str,
        scope: &str,
        decision: Option<ReviewDecision>,
        next_due: Option<i64>,
    ) -> Self {
        self.event.review = Some(Review {
            id: Some(id.to_owned()),
            scope: Some(scope.to_owned()),
            decision,
            next_due: next_due.map(Micros),
        });
        self
    }
}
