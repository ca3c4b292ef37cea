//! Timelines: steps in the order in which they happened, with the ledger's time beside, and where the two disagree.

use sealbook_core::entry::Entry;
use sealbook_core::event::{Event, Identity};
use sealbook_core::time::Micros;
use serde::Serialize;

use crate::error::ReplayError;
use crate::filter::Filter;
use crate::when::When;

/// Steps of one timeline: they are put in order in memory, at about a kilobyte each.
pub const STEPS_MAX: usize = 500_000;
/// µs that an event may lie after its recording before the clocks disagree: what NTP keeps within.
pub const AHEAD_MAX_MICROS: i64 = 5_000_000;
/// µs that an event may lie before its recording before it counts as late: the usual delay of a source's delivery.
pub const LATE_MAX_MICROS: i64 = 15 * 60 * 1_000_000;

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// What it is about.
    pub filter: Filter,
    /// By the time of the event, then by index.
    pub steps: Vec<Step>,
    /// Steps whose two times disagree, or whose order does.
    pub disagreements: usize,
}

/// How the producer's time of an event and the ledger's time of its recording agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "clock", rename_all = "kebab-case")]
pub enum Clock {
    /// Within the limits.
    Agrees,
    /// The producer gave no time: the step stands where it was recorded.
    Unstated,
    /// The event says that it happened after it was recorded.
    Ahead {
        /// By so many µs.
        by_micros: i64,
    },
    /// The event was recorded long after it happened.
    Late {
        /// By so many µs.
        by_micros: i64,
    },
}

/// An identity in a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Party {
    /// Its id.
    pub id: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// One entry in a timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Index of the entry.
    pub index: u64,
    /// When it happened: by the producer, or else when it was recorded.
    pub event_time: When,
    /// When it was recorded.
    pub ledger_time: When,
    /// How the two agree.
    #[serde(flatten)]
    pub clock: Clock,
    /// Whether something that happened later was recorded earlier.
    pub out_of_order: bool,
    /// Kind of the event.
    pub kind: &'static str,
    /// Outcome of the event.
    pub outcome: &'static str,
    /// What exactly was done, where the event says: the verb of its exception, elevation or lifecycle, the answer of its
    /// approval or review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verb: Option<&'static str>,
    /// Whether it went round the usual path in an emergency.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
    /// The identity concerned.
    pub subject: Party,
    /// Who did it, where that is somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Party>,
    /// The verb in the source's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// Approval that it is, or that it was done under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Source.
    pub source: String,
}

/// The timeline of entries that come in the order of the ledger.
///
/// # Errors
/// What reading the entries met, or more than [`STEPS_MAX`] of them.
pub fn steps(
    filter: &Filter,
    entries: impl Iterator<Item = Result<Entry, ReplayError>>,
) -> Result<Timeline, ReplayError> {
    let mut steps = Vec::new();
    let mut latest = None;
    for entry in entries {
        let entry = entry?;
        if steps.len() == STEPS_MAX {
            return Err(ReplayError::TooManySteps { limit: STEPS_MAX });
        }
        let mut step = step(&entry);
        step.out_of_order = latest.is_some_and(|latest| step.event_time < latest);
        latest = latest.max(Some(step.event_time));
        steps.push(step);
    }
    steps.sort_by_key(|step| (step.event_time, step.index));
    let disagrees = |step: &&Step| step.out_of_order || step.clock != Clock::Agrees;
    let disagreements = steps.iter().filter(disagrees).count();
    Ok(Timeline { filter: filter.clone(), steps, disagreements })
}

fn step(entry: &Entry) -> Step {
    let event = &entry.event;
    let session = |event: &Event| {
        let stated = event.correlation.as_ref().and_then(|c| c.session.clone());
        stated.or_else(|| event.context.as_ref()?.agent.as_ref()?.session.clone())
    };
    let approval = |event: &Event| {
        let own = event.approval.as_ref().and_then(|a| a.id.clone().or_else(|| a.request.clone()));
        own.or_else(|| event.elevation.as_ref()?.approval.clone())
    };
    Step {
        index: entry.index,
        event_time: When(event.occurred_at.unwrap_or(entry.recorded_at)),
        ledger_time: When(entry.recorded_at),
        clock: clock(event.occurred_at, entry.recorded_at),
        out_of_order: false,
        kind: event.kind.word(),
        outcome: event.outcome.word(),
        verb: verb(event),
        break_glass: event.elevation.as_ref().and_then(|e| e.break_glass).unwrap_or(false),
        subject: party(&event.subject),
        actor: event.actor.as_ref().map(party),
        action: event.action.clone(),
        resource: event.resource.as_ref().and_then(|r| r.id.clone()),
        credential: event.credential.as_ref().and_then(|c| c.id.clone()),
        approval: approval(event),
        exception: event.exception.as_ref().and_then(|e| e.id.clone()),
        session: session(event),
        source: entry.source.id.clone(),
    }
}

fn party(identity: &Identity) -> Party {
    Party { id: identity.id.clone(), kind: identity.kind.word() }
}

fn verb(event: &Event) -> Option<&'static str> {
    let exception = || Some(event.exception.as_ref()?.verb?.word());
    let elevation = || Some(event.elevation.as_ref()?.verb?.word());
    let lifecycle = || Some(event.lifecycle.as_ref()?.verb?.word());
    let approval = || Some(event.approval.as_ref()?.decision?.word());
    let review = || Some(event.review.as_ref()?.decision?.word());
    exception().or_else(elevation).or_else(lifecycle).or_else(approval).or_else(review)
}

fn clock(occurred_at: Option<Micros>, recorded_at: Micros) -> Clock {
    let Some(occurred_at) = occurred_at else { return Clock::Unstated };
    let delay = recorded_at.0.saturating_sub(occurred_at.0);
    if delay < -AHEAD_MAX_MICROS {
        Clock::Ahead { by_micros: delay.saturating_neg() }
    } else if delay > LATE_MAX_MICROS {
        Clock::Late { by_micros: delay }
    } else {
        Clock::Agrees
    }
}
