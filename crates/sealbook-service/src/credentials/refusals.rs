//! Refused requests as entries: the first of its sort in a minute at once, the others of that minute together, and never
//! more sorts than a fixed number, so that nobody can fill the ledger by being refused.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sealbook_core::event::{Context, Identity, Kind, Outcome};
use sealbook_core::time::Micros;
use sealbook_log::{Group, Submission, act};
use tokio::sync::watch;

use super::access::Principal;
use crate::app::App;
use crate::log::{Field, Level};
use crate::problem::Problem;

/// The act that says who was refused what.
const REFUSED: &str = "access.refused";
/// Sorts of refusals that are told apart within a minute; the others are counted together.
const SORTS_MAX: usize = 64;
/// For how long refusals of a sort are counted before their number is an entry.
const WINDOW: Duration = Duration::from_secs(60);

/// What is counted together: who, why, from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sort {
    who: String,
    code: &'static str,
    address: Option<IpAddr>,
}

/// Refusals of one sort.
#[derive(Clone, Debug)]
struct Counted {
    who: Identity,
    /// The endpoint of the first.
    endpoint: String,
    first: Micros,
    last: Micros,
    /// Those that no entry speaks of yet.
    count: u64,
}

/// Refusals that are not entries yet, and how many there were by code.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    window: BTreeMap<Sort, Counted>,
    totals: BTreeMap<&'static str, u64>,
    /// Tells apart entries of one moment.
    entries: u64,
}

/// One refusal.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) who: Principal,
    pub(crate) code: &'static str,
    pub(crate) address: IpAddr,
    /// Method and route.
    pub(crate) endpoint: String,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since the start, by code.
    pub(crate) fn totals(&self) -> BTreeMap<&'static str, u64> {
        self.lock().totals.clone()
    }

    /// Counts one; gives its entry where it is the first of its sort.
    fn note(&self, refusal: &Refusal, now: Micros, origin: &str) -> Option<(Sort, Submission)> {
        let mut inner = self.lock();
        *inner.totals.entry(refusal.code).or_default() += 1;
        let mut who = refusal.who.identity().clone();
        let mut sort = Sort { who: who.id.clone(), code: refusal.code, address: Some(refusal.address) };
        let full = inner.window.len() >= SORTS_MAX && !inner.window.contains_key(&sort);
        if full {
            who = Principal::unidentified().identity().clone();
            sort = Sort { who: who.id.clone(), code: "several", address: None };
        }
        let endpoint = refusal.endpoint.clone();
        let new = Counted { who, endpoint, first: now, last: now, count: 0 };
        let known = inner.window.contains_key(&sort);
        let counted = inner.window.entry(sort.clone()).or_insert(new);
        counted.last = now;
        counted.count += 1;
        if known || full {
            return None;
        }
        counted.count = 0;
        let once = Counted { count: 1, ..counted.clone() };
        inner.entries += 1;
        let submission = entry(origin, &sort, &once, inner.entries);
        Some((sort, submission))
    }

    /// Its entry could not be committed: it is counted with those of its minute.
    fn again(&self, sort: &Sort) {
        if let Some(counted) = self.lock().window.get_mut(sort) {
            counted.count += 1;
        }
    }

    /// Ends the minute: the entries of everything that none speaks of yet.
    fn take(&self, origin: &str) -> (Vec<(Sort, Counted)>, Vec<Submission>) {
        let mut inner = self.lock();
        let window = std::mem::take(&mut inner.window);
        let open: Vec<(Sort, Counted)> = window.into_iter().filter(|(_, counted)| counted.count > 0).collect();
        let submissions = open
            .iter()
            .map(|(sort, counted)| {
                inner.entries += 1;
                entry(origin, sort, counted, inner.entries)
            })
            .collect();
        (open, submissions)
    }

    /// Their entries could not be committed: they wait for the end of the next minute.
    fn put_back(&self, open: Vec<(Sort, Counted)>) {
        let mut inner = self.lock();
        for (sort, counted) in open {
            let there = inner.window.entry(sort).or_insert(Counted { count: 0, ..counted.clone() });
            there.count += counted.count;
            there.first = there.first.min(counted.first);
        }
    }
}

fn entry(origin: &str, sort: &Sort, counted: &Counted, number: u64) -> Submission {
    let Counted { who, endpoint, first, last, count } = counted;
    let mut labels = vec![("code", sort.code.to_owned()), ("count", count.to_string()), ("endpoint", endpoint.clone())];
    if count > &1 {
        labels.extend([("from", first.to_string()), ("until", last.to_string())]);
    }
    let mut submission = act(origin, REFUSED, &format!("{}-{number}", first.0), *last, &labels);
    let event = &mut submission.event;
    (event.kind, event.outcome, event.subject) = (Kind::Decision, Outcome::Deny, who.clone());
    let source_ip = sort.address.map(|address| address.to_string());
    event.context = source_ip.map(|source_ip| Context { source_ip: Some(source_ip), ..Context::default() });
    submission
}

async fn commit(app: &Arc<App>, submissions: Vec<Submission>) -> Result<(), Problem> {
    let entries: Result<_, _> = submissions.into_iter().map(|submission| app.prepare(submission)).collect();
    app.commit(Group { entries: entries?, all_or_nothing: false }).await.map(|_| ())
}

/// Counts a refusal, and waits until the first of its sort is durable.
pub(crate) async fn note(app: &Arc<App>, refusal: Refusal) {
    let now = Micros(app.world.clock.now());
    let Some((sort, submission)) = app.refusals.note(&refusal, now, app.reader.origin()) else { return };
    let Refusal { who, code, address, endpoint } = &refusal;
    let fields: [Field<'_>; 4] =
        [("who", &who.identity().id), ("code", code), ("endpoint", endpoint), ("address", address)];
    app.log.event(Level::Warn, REFUSED, &fields);
    if commit(app, vec![submission]).await.is_err() {
        app.refusals.again(&sort);
    }
}

/// Makes entries of what was counted; what cannot be committed is kept for the next time.
pub(crate) async fn flush_now(app: &Arc<App>) {
    let (open, submissions) = app.refusals.take(app.reader.origin());
    if !open.is_empty() && commit(app, submissions).await.is_err() {
        app.refusals.put_back(open);
    }
}

/// Ends minutes until the service stops, and the last one then.
pub(crate) async fn flush(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    loop {
        let stop = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => true,
            () = tokio::time::sleep(WINDOW) => false,
        };
        flush_now(&app).await;
        if stop {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn refusal(n: u32) -> Refusal {
        let address = IpAddr::V4(Ipv4Addr::from(n));
        let endpoint = "POST /v1/events".to_owned();
        Refusal { who: Principal::unidentified(), code: "unknown-token", address, endpoint }
    }

    #[test]
    fn the_first_of_a_sort_is_told_at_once_and_the_others_by_number() {
        let refusals = Refusals::default();
        let (_, first) = refusals.note(&refusal(1), Micros(5), "o").unwrap();
        assert_eq!(first.event.labels["count"], "1");
        assert_eq!(first.event.context.unwrap().source_ip.as_deref(), Some("0.0.0.1"));
        for n in 0..99 {
            assert!(refusals.note(&refusal(1), Micros(6 + n), "o").is_none());
        }
        let (open, entries) = refusals.take("o");
        assert_eq!((open.len(), entries[0].event.labels["count"].as_str()), (1, "99"));
        assert_ne!(entries[0].event.id, first.event.id);
        // What is committed is not told again; a new minute begins.
        assert!(refusals.take("o").0.is_empty());
        assert!(refusals.note(&refusal(1), Micros(200), "o").is_some());
        // One that only its first entry speaks of needs no second.
        assert!(refusals.take("o").0.is_empty());
    }

    #[test]
    fn whoever_is_refused_from_everywhere_makes_a_bounded_number_of_entries() {
        let refusals = Refusals::default();
        let many = 100_000;
        let at_once = (0..many).filter(|n| refusals.note(&refusal(*n), Micros(0), "o").is_some()).count();
        let (open, entries) = refusals.take("o");
        assert_eq!((at_once, entries.len()), (SORTS_MAX, 1));
        assert_eq!(open[0].1.count, u64::from(many) - SORTS_MAX as u64);
        assert_eq!(refusals.totals()["unknown-token"], u64::from(many));
    }

    #[test]
    fn what_could_not_be_committed_is_told_the_next_time() {
        let refusals = Refusals::default();
        let (sort, _) = refusals.note(&refusal(1), Micros(0), "o").unwrap();
        refusals.again(&sort);
        let (open, _) = refusals.take("o");
        refusals.put_back(open);
        assert!(refusals.note(&refusal(1), Micros(9), "o").is_none());
        let (_, entries) = refusals.take("o");
        assert_eq!(entries[0].event.labels["count"], "2");
    }
}
