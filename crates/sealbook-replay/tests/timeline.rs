//! A timeline stands in the order in which things happened, and says where the ledger saw another.
#![expect(clippy::unwrap_used, reason = "a test helper fails its test")]

mod support;

use sealbook_core::entry::{Entry, Source};
use sealbook_core::event::{Approval, Event, Identity, IdentityType, Kind};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_index::Index;
use sealbook_log::{Ledger, Sealing, Submission, create};
use sealbook_replay::{Basis, Clock, Filter, Timeline, diff, state_as_of, steps, thread, timeline};
use support::{at, entries, event};

fn of(entries: Vec<Entry>) -> Timeline {
    steps(&Filter::Identity("a".into()), entries.into_iter().map(Ok)).unwrap()
}

#[test]
fn steps_stand_in_the_order_of_events_and_the_late_one_is_flagged() {
    let found = of(entries(vec![
        event(Kind::Decision, "a", 10),
        event(Kind::Decision, "a", 30),
        event(Kind::Revocation, "a", 28),
        event(Kind::Decision, "a", 31),
    ]));
    let order: Vec<_> = found.steps.iter().map(|step| (step.index, step.out_of_order)).collect();
    assert_eq!(order, [(0, false), (2, true), (1, false), (3, false)]);
    assert_eq!(found.disagreements, 1);
}

#[test]
fn a_disagreement_of_the_clocks_is_said_with_its_size() {
    let mut all = entries(vec![event(Kind::Decision, "a", 0); 5]);
    let delays = [Some(0), Some(14), Some(16), Some(-1), None];
    for (entry, delay) in all.iter_mut().zip(delays) {
        entry.recorded_at = at(100);
        entry.event.occurred_at = delay.map(|minutes| at(100 - minutes));
    }
    let mut found = of(all).steps;
    found.sort_by_key(|step| step.index);
    let minute = support::MINUTE;
    assert_eq!(
        found.iter().map(|step| step.clock).collect::<Vec<_>>(),
        [
            Clock::Agrees,
            Clock::Agrees,
            Clock::Late { by_micros: 16 * minute },
            Clock::Ahead { by_micros: minute },
            Clock::Unstated,
        ]
    );
    assert_eq!(
        (found[4].event_time, serde_json::to_value(&found[2]).unwrap()["clock"].as_str()),
        (found[4].ledger_time, Some("late"))
    );
}

fn submission(n: usize, mut event: Event) -> Submission {
    event.id = format!("event-{n}");
    let source = Source { id: "test".into(), format: "native".into(), version: 1, sequence: None };
    Submission { source, event, raw: None }
}

#[test]
fn a_ledger_is_replayed_from_its_index_and_its_threads_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    create(&World::real(), &root, "example.org/replay").unwrap();
    let ledger = Ledger::open(&World::real(), &root, Sealing::default()).unwrap();
    let mut events: Vec<Event> =
        (0..200).map(|n| event(Kind::Decision, if n % 5 == 0 { "a" } else { "b" }, n)).collect();
    let mut approval = event(Kind::Approval, "b", 77);
    approval.actor = Some(Identity::new("a", IdentityType::Human));
    approval.approval = Some(Approval { id: Some("ok-1".into()), approver: Some("a".into()), ..Approval::default() });
    events.insert(120, approval);
    let submissions = events.into_iter().enumerate().map(|(n, event)| submission(n, event)).collect();
    ledger.commit(submissions, true).unwrap();

    let reader = ledger.reader();
    let index = Index::open_sized(reader, 64).unwrap();
    index.catch_up(reader).unwrap();
    let a = Filter::Identity("a".into());
    let all = timeline(reader, &index, &a, None, None).unwrap();
    assert_eq!(all.steps.len(), 41);
    assert!(all.steps.is_sorted_by_key(|step| step.event_time));
    let window = timeline(reader, &index, &a, Some(at(75)), Some(at(80))).unwrap();
    let kinds: Vec<_> = window.steps.iter().map(|step| (step.kind, step.event_time.0)).collect();
    assert_eq!(kinds, [("decision", at(75)), ("approval", at(77))]);
    let approval = timeline(reader, &index, &Filter::Approval("ok-1".into()), None, None).unwrap();
    assert_eq!((approval.steps.len(), approval.steps[0].subject.id.as_str()), (1, "b"));

    let check = thread(reader, &index, "a").unwrap();
    assert_eq!((check.entries, check.is_whole()), (40, true));
    let now = state_as_of(reader, Micros(i64::MAX), Basis::Happened).unwrap();
    assert_eq!(now.entries, reader.size());
    assert!(diff(reader, at(0), at(500), Basis::Happened).unwrap().is_empty());
}
