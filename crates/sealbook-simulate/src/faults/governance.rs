//! Faults of exceptions, reviews and response (EXC, REV).

use sealbook_core::event::{ExceptionVerb, Kind};

use crate::draft::{DAY, HOUR, MINUTE};
use crate::organisation::{Role, creator};
use crate::plan::{Ask, Plan, Terms};
use crate::stories::access::{nth, nth_person};
use crate::stories::baseline::tick;
use crate::stories::exceptions::{Departure, changed, opened, statement, used};
use crate::stories::response::{anomaly, incident};
use crate::words::{DATA, ML, PAYMENTS, Source};

/// An exception that somebody gave to themselves, with nothing to make up for it.
pub(super) fn incomplete_exception(plan: &mut Plan) {
    let at = plan.at(35, 16, 50);
    let Some(holder) = nth_person(plan, 18) else { return };
    let it = Departure::new(plan, &holder.who, PAYMENTS, "CT-DEC-05", at + 200 * DAY);
    let owner = it.owner();
    let answer = plan.answer(&owner, &owner);
    let mut draft = statement(plan, at, &it, ExceptionVerb::Opened, &answer);
    if let Some(exception) = &mut draft.event.exception {
        exception.compensating_control = None;
        exception.owner = None;
    }
    let events = vec![plan.push(draft)];
    let sentence = "An exception has no owner and nothing that makes up for it, and was granted by the one who asked, for 200 days.";
    plan.fault("CT-EXC-01", &[&it.id, &holder.who.id], events, sentence);
}

/// An exception used after its end.
pub(super) fn exception_used_late(plan: &mut Plan) {
    let at = plan.at(30, 9, 15);
    let Some(holder) = nth_person(plan, 2) else { return };
    let it = Departure::new(plan, &holder.who, holder.domain, "CT-DEC-04", at + 10 * DAY);
    opened(plan, at, &it);
    used(plan, at + 4 * DAY, &holder, &it);
    let events = used(plan, at + 15 * DAY, &holder, &it);
    let sentence = "An exception was used five days after its end.";
    plan.fault("CT-EXC-02", &[&it.id, &holder.who.id], events, sentence);
}

/// An exception renewed again and again.
pub(super) fn evergreen_exception(plan: &mut Plan) {
    let at = plan.at(5, 10, 30);
    let term = plan.at(23, 10, 30) - at;
    let Some(machine) = nth(plan, Role::Service, 0) else { return };
    let mut it = Departure::new(plan, &machine.who, DATA, "CT-CRED-05", at + term);
    let mut events = opened(plan, at, &it);
    for k in 1..5 {
        it.expires = at + (k + 1) * term;
        events.extend(changed(plan, at + k * term - DAY, &it, ExceptionVerb::Renewed));
    }
    let sentence = "An exception was renewed four times in a row.";
    plan.fault("CT-EXC-03", &[&it.id, &machine.who.id], events, sentence);
}

/// A right that no campaign looked at.
pub(super) fn unreviewed_grant(plan: &mut Plan) {
    let machine = plan.machine("pdf-render", Role::Workload, DATA, 2);
    let at = tick(plan);
    let ask = Ask { action: 1, place: machine.place + 3, ..Ask::of(&machine, 1) };
    let terms = Terms { baseline: true, ..Terms::default() };
    let grant = plan.grant(&machine, at, ask, terms);
    let events = plan.drafts.last().map(|d| d.event.id.clone()).into_iter().collect();
    for day in [12, 47, 80] {
        let at = plan.at(day, 12, 1);
        plan.act_with(&machine, &grant, at, None, |_| ());
    }
    let sentence = "A right that was in force was not part of the review of its quarter.";
    plan.fault("CT-REV-01", &[&machine.who.id, &grant.id], events, sentence);
    // Reviews go by what a holder is known to hold; this right is not known.
    plan.holders.push(machine);
}

/// A machine with a right that the review will treat in a wrong way; the review adds the event.
fn for_review(plan: &mut Plan, name: &str, test: &'static str, sentence: &'static str) {
    let machine = plan.machine(name, Role::Workload, ML, 2);
    if let Some(grant) = machine.grants.first() {
        plan.fault(test, &[&machine.who.id, &grant.id], Vec::new(), sentence);
    }
    plan.holders.push(machine);
}

pub(super) fn review_without_effect(plan: &mut Plan) {
    let sentence = "A review decided that a right must go; it stayed, and was used.";
    for_review(plan, "eval-harness", "CT-REV-02", sentence);
}

pub(super) fn review_of_oneself(plan: &mut Plan) {
    let sentence = "A right was reviewed by the person who had granted it.";
    for_review(plan, "prompt-cache", "CT-REV-03", sentence);
}

/// An anomaly that nobody looked at.
pub(super) fn open_anomaly(plan: &mut Plan) {
    let at = plan.at(65, 1, 13);
    let Some(machine) = nth(plan, Role::Workload, 6) else { return };
    let events = anomaly(plan, &machine.who, at, false);
    let id = plan.drafts.last().and_then(|d| d.event.labels.get("anomaly").cloned());
    let sentence = "An anomaly was raised and neither assigned nor closed.";
    plan.fault("CT-REV-04", &[&id.unwrap_or_default(), &machine.who.id], events, sentence);
}

/// A step of containment that nobody put their name to.
pub(super) fn nobody_contained(plan: &mut Plan) {
    let at = plan.at(69, 11, 30);
    let Some(machine) = nth(plan, Role::Workload, 9) else { return };
    let id = plan.id("inc");
    incident(plan, at, "incident.open", &id);
    let by = creator();
    let draft = plan
        .draft(at + 10 * MINUTE, Source::IAM, Kind::Revocation, "session.revoke-all", &machine.who)
        .by(&by)
        .itself()
        .label("incident", id.as_str());
    plan.push(draft);
    let mut draft = plan
        .draft(at + 25 * MINUTE, Source::IAM, Kind::Revocation, "token.revoke-all", &machine.who)
        .itself()
        .label("incident", id.as_str());
    draft.event.actor = None;
    let events = vec![plan.push(draft)];
    incident(plan, at + 5 * HOUR, "incident.close", &id);
    let sentence = "During an incident tokens were revoked, and no entry says by whom.";
    plan.fault("CT-REV-05", &[&id, &machine.who.id], events, sentence);
}
