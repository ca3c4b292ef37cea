//! What stands at a time follows from what was done until then, in whatever order it was recorded.

mod support;

use sealbook_core::event::{
    Credential, CredentialType, Elevation, ElevationVerb, Event, Exception, ExceptionVerb, Kind, Lifecycle,
    LifecycleVerb, Outcome, Ownership, OwnershipRole,
};
use sealbook_replay::{Basis, History, Standing, difference};
use support::{at, entries, event};

fn history(basis: Basis, events: Vec<Event>) -> History {
    let mut history = History::new(basis);
    entries(events).iter().for_each(|entry| history.add(entry));
    history
}

fn standing(events: &[Event], minutes: i64) -> Standing {
    let mut backwards = events.to_vec();
    backwards.reverse();
    let standing = history(Basis::Happened, events.to_vec()).standing(at(minutes));
    // Recorded the other way round it is the same but for the indexes, so the ids are compared.
    let other = history(Basis::Happened, backwards).standing(at(minutes));
    assert_eq!(ids(&standing), ids(&other), "depends on the order of recording");
    standing
}

fn ids(standing: &Standing) -> [Vec<String>; 5] {
    [
        standing.credentials.iter().map(|c| format!("{} {} {:?}", c.id, c.subject, c.expires_at)).collect(),
        standing.exceptions.iter().map(|e| format!("{} {} {:?}", e.id, e.expired, e.owner)).collect(),
        standing.elevations.iter().map(|e| format!("{} {}", e.id, e.break_glass)).collect(),
        standing.owners.iter().map(|o| format!("{} {} {}", o.owned, o.role, o.owner)).collect(),
        standing.disabled.iter().map(|d| format!("{} {} {}", d.id, d.verb, d.since)).collect(),
    ]
}

fn credential(kind: Kind, id: &str, minutes: i64) -> Event {
    let mut event = event(kind, "billing", minutes);
    event.credential =
        Some(Credential { id: Some(id.into()), kind: Some(CredentialType::ApiKey), ..Credential::default() });
    event
}

fn live(events: &[Event], minutes: i64) -> Vec<String> {
    standing(events, minutes).credentials.into_iter().map(|c| c.id).collect()
}

#[test]
fn a_credential_lives_from_its_issuance_to_its_revocation() {
    let events = [credential(Kind::Issuance, "k1", 10), credential(Kind::Revocation, "k1", 20)];
    assert_eq!(
        (live(&events, 9), live(&events, 10), live(&events, 19), live(&events, 20)),
        (vec![], vec!["k1".to_owned()], vec!["k1".to_owned()], vec![])
    );
}

#[test]
fn a_credential_ends_when_it_expires_or_is_replaced() {
    let mut first = credential(Kind::Issuance, "k1", 0);
    first.credential.as_mut().unwrap().expires_at = Some(at(50));
    let mut second = credential(Kind::Rotation, "k2", 30);
    second.credential.as_mut().unwrap().replaces = Some("k1".into());
    assert_eq!(live(std::slice::from_ref(&first), 49), ["k1"]);
    assert!(live(std::slice::from_ref(&first), 50).is_empty());
    assert_eq!(live(&[first.clone(), second.clone()], 29), ["k1"]);
    assert_eq!(live(&[first, second], 30), ["k2"]);
}

#[test]
fn what_was_refused_or_failed_changes_nothing() {
    let mut refused = credential(Kind::Revocation, "k1", 20);
    refused.outcome = Outcome::Deny;
    assert_eq!(live(&[credential(Kind::Issuance, "k1", 10), refused], 30), ["k1"]);
    let mut failed = elevation(ElevationVerb::Started, 5);
    failed.outcome = Outcome::Failure;
    assert!(standing(&[failed], 10).elevations.is_empty());
}

#[test]
fn a_credential_that_nobody_minted_is_known_from_its_use() {
    let found = standing(&[credential(Kind::Decision, "k9", 3)], 10).credentials;
    assert_eq!((found.len(), found[0].issued_index, found[0].since.0), (1, None, at(3)));
}

fn exception(verb: ExceptionVerb, minutes: i64, expires: Option<i64>) -> Event {
    let mut event = event(Kind::Exception, "legacy", minutes);
    event.exception = Some(Exception {
        id: Some("x1".into()),
        verb: Some(verb),
        owner: (verb == ExceptionVerb::Opened).then(|| "ada".into()),
        expires_at: expires.map(at),
        ..Exception::default()
    });
    event
}

#[test]
fn an_exception_is_open_until_it_is_closed_even_when_it_has_expired() {
    let events = [
        exception(ExceptionVerb::Opened, 0, Some(10)),
        exception(ExceptionVerb::Renewed, 8, Some(40)),
        exception(ExceptionVerb::Used, 9, None),
        exception(ExceptionVerb::Closed, 60, None),
    ];
    let open = |minutes| standing(&events, minutes).exceptions;
    assert_eq!((open(5)[0].renewals, open(5)[0].expired), (0, false));
    assert_eq!((open(20)[0].renewals, open(20)[0].expired), (1, false));
    assert_eq!((open(50)[0].expired, open(50)[0].owner.as_deref()), (true, Some("ada")));
    assert!(open(60).is_empty());
}

#[test]
fn an_exception_that_is_opened_again_begins_anew() {
    let events = [
        exception(ExceptionVerb::Opened, 0, Some(10)),
        exception(ExceptionVerb::Closed, 20, None),
        exception(ExceptionVerb::Opened, 30, None),
    ];
    let open = standing(&events, 40).exceptions;
    assert_eq!((open[0].opened_at.0, open[0].expires_at, open[0].expired), (at(30), None, false));
    assert!(standing(&events, 25).exceptions.is_empty());
}

fn elevation(verb: ElevationVerb, minutes: i64) -> Event {
    let mut event = event(Kind::Elevation, "grace", minutes);
    event.elevation = Some(Elevation {
        id: Some("up1".into()),
        verb: Some(verb),
        break_glass: Some(true),
        ends_at: (verb == ElevationVerb::Started).then(|| at(60)),
        ..Elevation::default()
    });
    event
}

#[test]
fn an_elevation_runs_until_it_ends_or_runs_out() {
    let started = elevation(ElevationVerb::Started, 10);
    let running = |events: &[Event], minutes| standing(events, minutes).elevations.len();
    let requested = elevation(ElevationVerb::Requested, 5);
    assert_eq!(running(std::slice::from_ref(&requested), 7), 0);
    assert_eq!((running(std::slice::from_ref(&started), 59), running(std::slice::from_ref(&started), 60)), (1, 0));
    let events = [requested, started, elevation(ElevationVerb::Ended, 30)];
    assert_eq!((running(&events, 9), running(&events, 29), running(&events, 30)), (0, 1, 0));
}

fn lifecycle(verb: LifecycleVerb, minutes: i64, owner: Option<&str>) -> Event {
    let mut event = event(Kind::Lifecycle, "bot", minutes);
    event.lifecycle = Some(Lifecycle { verb: Some(verb), owner: owner.map(Into::into) });
    event
}

#[test]
fn the_newest_statement_says_who_owns_and_who_is_disabled() {
    let mut domain = event(Kind::Ownership, "bot", 3);
    domain.ownership = Some(Ownership {
        domain: Some("payments".into()),
        role: Some(OwnershipRole::PolicyOwner),
        owner: Some("lin".into()),
        team: None,
    });
    let events = [
        lifecycle(LifecycleVerb::Provisioned, 0, Some("ada")),
        domain,
        lifecycle(LifecycleVerb::Transferred, 10, Some("grace")),
        lifecycle(LifecycleVerb::Disabled, 20, None),
        lifecycle(LifecycleVerb::Offboarded, 30, None),
        lifecycle(LifecycleVerb::Provisioned, 40, None),
    ];
    let owners = |minutes| ids(&standing(&events, minutes))[3].clone();
    assert_eq!(owners(5), ["bot lifecycle-owner ada", "payments policy-owner lin"]);
    assert_eq!(owners(15), ["bot lifecycle-owner grace", "payments policy-owner lin"]);
    let disabled = |minutes| standing(&events, minutes).disabled;
    assert!(disabled(19).is_empty() && disabled(40).is_empty());
    let gone = &disabled(35)[0];
    assert_eq!((gone.verb, gone.since.0), ("offboarded", at(20)));
}

#[test]
fn what_could_be_known_at_a_time_is_what_was_recorded_until_then() {
    // The revocation happened at 20, and was recorded after something that happened at 40.
    let events = || {
        vec![
            credential(Kind::Issuance, "k1", 10),
            event(Kind::Decision, "billing", 40),
            credential(Kind::Revocation, "k1", 20),
        ]
    };
    let live = |basis, minutes| history(basis, events()).standing(at(minutes)).credentials.len();
    assert_eq!((live(Basis::Happened, 30), live(Basis::Recorded, 30)), (0, 1));
    assert_eq!((live(Basis::Happened, 50), live(Basis::Recorded, 50)), (0, 0));
}

#[test]
fn a_difference_names_what_began_ended_and_changed() {
    let events = vec![
        credential(Kind::Issuance, "k1", 0),
        exception(ExceptionVerb::Opened, 5, Some(10)),
        credential(Kind::Issuance, "k2", 20),
        credential(Kind::Revocation, "k1", 25),
        exception(ExceptionVerb::Renewed, 26, Some(90)),
        elevation(ElevationVerb::Started, 27),
    ];
    let history = history(Basis::Happened, events);
    let (before, after) = (history.standing(at(15)), history.standing(at(30)));
    let found = difference(&before, &after);
    assert_eq!(found.credentials.began.iter().map(|c| &*c.id).collect::<Vec<_>>(), ["k2"]);
    assert_eq!(found.credentials.ended.iter().map(|c| &*c.id).collect::<Vec<_>>(), ["k1"]);
    let changed = &found.exceptions.changed[0];
    assert_eq!((changed.before.expired, changed.after.expired, changed.after.renewals), (true, false, 1));
    assert_eq!((found.elevations.began.len(), found.owners.is_empty()), (1, true));
    assert!(difference(&after, &after).is_empty() && !found.is_empty());
    let text = serde_json::to_value(&found).unwrap();
    assert_eq!(text["after"], "2026-03-01T00:30:00Z");
    assert_eq!(text["credentials"]["began"][0]["type"], "api-key");
}
