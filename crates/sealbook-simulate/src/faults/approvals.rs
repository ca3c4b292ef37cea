//! Faults of requests and approvals (APR).

use sealbook_core::event::Identity;

use crate::draft::{DAY, HOUR, MINUTE};
use crate::organisation::{Holder, Role, component, independent, person, policy_owner};
use crate::plan::{Ask, Plan, Terms};
use crate::stories::access::{nth, nth_person};
use crate::stories::baseline::provision;
use crate::stories::exceptions::{Departure, opened};
use crate::stories::response::renewal;
use crate::words::{DATA, DOMAIN_COUNT, ML, PAYMENTS, PLATFORM, Source};

/// Access without approval.
pub(super) fn no_approval(plan: &mut Plan) {
    let at = plan.at(50, 10, 26);
    let Some(machine) = nth(plan, Role::Workload, 4) else { return };
    let approver = independent(machine.domain, &[machine.owner.id.as_str()]);
    let answer = plan.answer(&machine.owner, &approver);
    let ask = Ask { action: 1, place: machine.place + 1, ..Ask::of(&machine, 0) };
    let grant = plan.granted(&machine, at, ask, &answer, None);
    let draft = plan.granting(&machine, at, &grant, &answer, Terms::default());
    let id = plan.push(draft);
    plan.act_with(&machine, &grant, at + HOUR, None, |_| ());
    let sentence = "Access was granted on an approval that does not exist.";
    plan.fault("CT-APR-01", &[&machine.who.id, &grant.id], vec![id], sentence);
}

/// A grant whose answer was given by `approver`; gives the ids of approval and grant.
fn granted_by(plan: &mut Plan, holder: &Holder, at: i64, approver: &Identity, informed: bool) -> Vec<String> {
    let mut answer = plan.answer(&holder.who, approver);
    let until = at + 14 * DAY;
    answer.valid_until = Some(until);
    let ask = Ask { action: 1, environment: "staging", ..Ask::of(holder, 0) };
    let grant = plan.granted(holder, at, ask, &answer, Some(until));
    let mut approval = plan.approval(at - 20 * MINUTE, "access.approve", &holder.who, &answer, &grant);
    if !informed {
        approval.event.reason = None;
        approval.event.labels.remove("ticket");
        approval.event.labels.remove("request_digest");
    }
    if informed {
        plan.request(holder, at - HOUR, &grant, &answer);
    }
    let terms = Terms { until: Some(until), ..Terms::default() };
    let ids = vec![plan.push(approval)];
    let granting = plan.granting(holder, at, &grant, &answer, terms);
    plan.push(granting);
    plan.revoke(until, &holder.who, &grant, &component("iam-governance/automation"));
    ids
}

/// Somebody approves the own request.
pub(super) fn own_request(plan: &mut Plan) {
    let at = plan.at(46, 9, 51);
    let holder = Holder::person(PLATFORM + DOMAIN_COUNT, plan.start, i64::MAX);
    let by = holder.who.clone();
    let events = granted_by(plan, &holder, at, &by, true);
    let sentence = "The person who asked for access approved it, too.";
    plan.fault("CT-APR-02", &[&holder.who.id], events, sentence);
}

/// Somebody approves who may not.
pub(super) fn no_authority(plan: &mut Plan) {
    let at = plan.at(53, 14, 2);
    let Some(holder) = nth_person(plan, 10) else { return };
    let by = person((holder.domain + 1) % DOMAIN_COUNT + 2 * DOMAIN_COUNT);
    let events = granted_by(plan, &holder, at, &by, true);
    let sentence = "Access was approved by somebody of another team who owns nothing there.";
    plan.fault("CT-APR-03", &[&by.id, &holder.who.id], events, sentence);
}

/// Approved without ticket, reason or the digest of what was asked.
pub(super) fn uninformed(plan: &mut Plan) {
    let at = plan.at(54, 17, 8);
    let Some(holder) = nth_person(plan, 12) else { return };
    let by = independent(holder.domain, &[holder.who.id.as_str()]);
    let events = granted_by(plan, &holder, at, &by, false);
    let sentence = "An approval says neither why, nor which request it answers.";
    plan.fault("CT-APR-05", &[&holder.who.id, &by.id], events, sentence);
}

/// One team creates, approves and renews. Gives the identity and the ids of the three acts.
fn same_team(plan: &mut Plan, name: &str, d: usize) -> (Holder, Vec<String>) {
    let at = plan.at(9, 10, 0);
    let owner = person(d + 2 * DOMAIN_COUNT);
    let mut machine = Holder::named(name, Role::Workload, d, (0, owner), (at + DAY, i64::MAX));
    let draft = provision(plan, at, &machine).by(&policy_owner(d));
    let mut events = vec![plan.push(draft)];
    let first = plan.drafts.len();
    let ask = Ask::of(&machine, 0);
    let grant = plan.grant(&machine, at + 6 * HOUR, ask, Terms::default());
    let approval = plan
        .drafts
        .iter()
        .skip(first)
        .find(|d| d.source == Source::IAM && d.event.actor == Some(grant.approver.clone()));
    events.extend(approval.map(|d| d.event.id.clone()));
    machine.grants.push(grant);
    let again = plan.at(70, 11, 0);
    let owner = machine.owner.clone();
    let draft = renewal(plan, again, &machine, &owner);
    events.push(plan.push(draft));
    (machine, events)
}

pub(super) fn one_team(plan: &mut Plan) {
    let (machine, events) = same_team(plan, "cash-bridge", PAYMENTS);
    let sentence = "People of one team created a machine identity, approved its access and renewed it.";
    plan.fault("CT-APR-04", &[&machine.who.id], events, sentence);
    plan.holders.push(machine);
}

pub(super) fn one_team_by_exception(plan: &mut Plan) {
    let (machine, events) = same_team(plan, "ml-sandbox", ML);
    let ends = plan.at(88, 12, 0);
    let it = Departure::new(plan, &machine.who, DATA, "CT-APR-04", ends);
    let at = plan.at(9, 10, 45);
    opened(plan, at, &it);
    let sentence =
        "People of one team created a machine identity, approved its access and renewed it; an exception was open.";
    plan.fault("CT-APR-04", &[&machine.who.id, &it.id], events, sentence);
    plan.covered(&it.id);
    plan.holders.push(machine);
}
