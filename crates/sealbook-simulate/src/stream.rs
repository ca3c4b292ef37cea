//! The stream: plan and traffic of each day, in order, numbered as the sources number them.

use std::iter::Peekable;
use std::vec::IntoIter;

use sealbook_core::event::Event;
use sealbook_core::time::Micros;

use crate::draft::{DAY, Draft};
use crate::faults::{self, Fault};
use crate::plan::Plan;
use crate::queue::Queue;
use crate::rng::{Ids, Rng, mix};
use crate::stories;
use crate::traffic::Traffic;
use crate::words::SOURCE_COUNT;
use crate::{Config, ConfigError, DAYS_MAX, DAYS_MIN, ENTRIES_MIN};

/// Ids of traffic begin there, far from those of the plan.
const TRAFFIC_IDS: u64 = 1 << 48;
/// Share of the traffic of a working day and of a day of the weekend.
const WORKING_DAY: usize = 9;
const WEEKEND_DAY: usize = 4;
/// An event reaches the ledger after at least so many µs, and so many more at most.
const DELAY: i64 = 60_000;
const DELAY_MORE: u64 = 1_400_000;

/// An event as a ledger receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulated {
    /// Id of the source.
    pub source: &'static str,
    /// What it says.
    pub event: Event,
    /// The ledger's clock; never decreases.
    pub recorded_at: Micros,
    /// The source's own number of it, from 1.
    pub sequence: Option<u64>,
}

/// The events of the model organisation, in the order in which the ledger receives them.
#[derive(Clone, Debug)]
pub struct Simulation {
    start: i64,
    days: i64,
    day: i64,
    faults: Vec<Fault>,
    planned: Peekable<IntoIter<Draft>>,
    /// Events of visits that have begun.
    begun: Queue,
    /// Room for the events of one visit.
    visit: Vec<Draft>,
    traffic: Traffic,
    /// Events of traffic altogether.
    traffic_events: usize,
    recorded_at: i64,
    sequences: [u64; SOURCE_COUNT],
    /// Number of the last heartbeat of each source.
    heartbeats: [u64; SOURCE_COUNT],
    left: usize,
}

impl Simulation {
    /// Plans everything but the everyday traffic.
    ///
    /// # Errors
    /// Says what to ask for instead, where the number of entries or days is out of range.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        if !(DAYS_MIN..=DAYS_MAX).contains(&config.days) {
            return Err(ConfigError::Days { asked: config.days });
        }
        let too_few = |least: usize| ConfigError::TooFewEntries { asked: config.entries, least };
        if config.entries < ENTRIES_MIN {
            return Err(too_few(ENTRIES_MIN));
        }
        let mut plan = Plan::new(&config);
        stories::tell(&mut plan);
        if config.faults {
            // Half of what is left, so that a small simulation still has everyday traffic.
            let room = config.entries.saturating_sub(plan.drafts.len() + 90) / 2;
            faults::plant(&mut plan, room);
        }
        stories::round_up(&mut plan);
        let (start, end) = (plan.start, plan.end());
        plan.drafts.retain(|d| d.at < end);
        plan.drafts.sort_by_key(|d| d.at);
        let traffic_events = config.entries.checked_sub(plan.drafts.len()).ok_or_else(|| too_few(plan.drafts.len()))?;
        plan.pen.ids = Ids::new(config.seed, TRAFFIC_IDS);
        Ok(Self {
            start,
            days: plan.days,
            day: 0,
            faults: plan.faults,
            planned: plan.drafts.into_iter().peekable(),
            begun: Queue::default(),
            visit: Vec::new(),
            traffic: Traffic {
                pen: plan.pen,
                rng: Rng::new(config.seed, 2),
                holders: plan.holders.into(),
                start,
                turn: 0,
                today: Vec::new().into_iter().peekable(),
            },
            traffic_events,
            recorded_at: start,
            sequences: [0; SOURCE_COUNT],
            heartbeats: [0; SOURCE_COUNT],
            left: config.entries,
        })
    }

    /// What is wrong on purpose; empty where no faults were asked for.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Share of the traffic that lies before day `day`.
    fn traffic_before(&self, day: i64) -> usize {
        let weight = |days: i64| -> usize {
            (0..days)
                .map(|d| match (self.start.div_euclid(DAY) + d + 4).rem_euclid(7) {
                    0 | 6 => WEEKEND_DAY,
                    _ => WORKING_DAY,
                })
                .sum()
        };
        self.traffic_events * weight(day) / weight(self.days).max(1)
    }

    /// The next event; visits are made into events when they begin, so few events are held at a time.
    fn draft(&mut self) -> Option<Draft> {
        loop {
            let planned = self.planned.peek().map_or(i64::MAX, |d| d.at);
            let begun = self.begun.next_at().unwrap_or(i64::MAX);
            let visit = self.traffic.next_at().unwrap_or(i64::MAX);
            let tomorrow = self.start + self.day * DAY;
            if self.day < self.days && planned.min(begun).min(visit) >= tomorrow {
                let quota = self.traffic_before(self.day + 1) - self.traffic_before(self.day);
                self.traffic.schedule(self.day, quota);
                self.day += 1;
            } else if visit <= planned.min(begun) && visit < i64::MAX {
                self.traffic.next_visit(&mut self.visit);
                self.visit.drain(..).for_each(|draft| self.begun.push(draft));
            } else if planned <= begun {
                return self.planned.next();
            } else {
                return self.begun.pop();
            }
        }
    }

    fn number(&mut self, draft: &mut Draft) -> u64 {
        let Some(sequence) = self.sequences.get_mut(draft.source.0) else {
            return 0;
        };
        *sequence += 1 + draft.lost;
        let is_heartbeat = draft.event.action.as_deref() == Some("source.heartbeat");
        if let (true, Some(last)) = (is_heartbeat, self.heartbeats.get_mut(draft.source.0)) {
            let count = *sequence - *last - 1;
            *last = *sequence;
            draft.event.labels.insert("count".to_owned(), count.to_string());
        }
        *sequence
    }
}

impl Iterator for Simulation {
    type Item = Simulated;

    fn next(&mut self) -> Option<Simulated> {
        let mut draft = self.draft()?;
        let sequence = self.number(&mut draft);
        let more = mix(draft.at.unsigned_abs()) % DELAY_MORE;
        let arrived = draft.at + DELAY + i64::try_from(more).unwrap_or(0);
        self.recorded_at = self.recorded_at.max(arrived);
        self.left = self.left.saturating_sub(1);
        Some(Simulated {
            source: draft.source.id(),
            event: draft.event,
            recorded_at: Micros(self.recorded_at),
            sequence: Some(sequence),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
