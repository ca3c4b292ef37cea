//! Faults of decisions, sessions and policies (DEC).

use sealbook_core::event::{ApprovalDecision, Kind, Outcome};
use sealbook_core::time::Micros;

use crate::access::Act;
use crate::draft::{DAY, Draft, HOUR, MINUTE};
use crate::organisation::{Role, component, person};
use crate::plan::Plan;
use crate::policies::{CLOUD, digest};
use crate::stories::access::{close, failsafe, nth, nth_person, open, visit};
use crate::stories::exceptions::{Departure, opened};
use crate::stories::rotations::rotate_until;
use crate::words::{PAYMENTS, Source};

/// An enforcement point let somebody in without asking.
pub(super) fn no_decision(plan: &mut Plan) {
    let machine = plan.machine("tax-report", Role::Workload, PAYMENTS, 0);
    let at = plan.at(37, 11, 4);
    if let Some(grant) = machine.grants.first() {
        let act = Act { holder: &machine, grant, at, credential: None, session: None, allowed: true, labels: &[] };
        let request = plan.pen.ids.next();
        let draft = plan.pen.access(&act, request);
        let id = plan.push(draft);
        let who = machine.who.id.clone();
        let sentence = "The mesh let an access through for which no decision was made.";
        plan.fault("CT-DEC-01", &[&who], vec![id], sentence);
    }
    plan.holders.push(machine);
}

/// Moves an access to a resource of a class that nothing else is of, so that other tests do not stumble over it.
fn of_class(draft: &mut Draft, class: &str) {
    draft.event.labels.remove("grant");
    if let Some(resource) = &mut draft.event.resource {
        resource.id = Some(format!("{class}/main.production.aws"));
        resource.kind = Some(class.to_owned());
    }
}

/// A decision by a version that was never published.
pub(super) fn unpublished_policy(plan: &mut Plan) {
    let at = plan.at(44, 13, 31);
    let Some(machine) = nth(plan, Role::Workload, 2) else { return };
    let Some(grant) = machine.grants.first() else { return };
    let other = digest(plan.seed ^ 4_411);
    let events = plan.act_with(&machine, grant, at, None, |draft| {
        if let Some(policy) = &mut draft.event.policy {
            policy.version = Some("9.0-rc1".to_owned());
            policy.digest = Some(other.clone());
        }
        of_class(draft, "report-share");
    });
    let sentence = "A decision names a version of its policy that was never published.";
    plan.fault("CT-DEC-02", &[&machine.who.id], events, sentence);
}

fn stale(plan: &mut Plan, at: i64, n: usize) -> Option<(String, usize, Vec<String>)> {
    let person = nth_person(plan, n)?;
    let grant = person.grants.iter().find(|g| g.cloud.is_none())?;
    let session = open(plan, &person, at, "interactive");
    let observed = (at - 6 * DAY).to_string();
    let events = plan.act_with(&person, grant, at + MINUTE, Some(&session.token), |draft| {
        if let Some(value) = draft.event.labels.get_mut("attr.observed_at") {
            value.clone_from(&observed);
        }
    });
    close(plan, at + 9 * MINUTE, &person.who, &session, "closed");
    let decision = events.into_iter().take(1).collect();
    Some((person.who.id, person.domain, decision))
}

/// A decision on a device posture of last week.
pub(super) fn stale_posture(plan: &mut Plan) {
    let at = plan.at(51, 9, 12);
    if let Some((who, _, events)) = stale(plan, at, 8) {
        let sentence = "Access was allowed on a device posture that was six days old.";
        plan.fault("CT-DEC-04", &[&who], events, sentence);
    }
}

/// The same, while an exception allows it.
pub(super) fn stale_posture_by_exception(plan: &mut Plan) {
    let at = plan.at(56, 9, 40);
    let Some(person) = nth_person(plan, 11) else { return };
    let it = Departure::new(plan, &person.who, person.domain, "CT-DEC-04", at + 15 * DAY);
    opened(plan, at - 2 * DAY, &it);
    if let Some((who, _, events)) = stale(plan, at, 11) {
        let sentence = "Access was allowed on a device posture that was six days old; an exception was open.";
        plan.fault("CT-DEC-04", &[&who, &it.id], events, sentence);
        plan.covered(&it.id);
    }
}

/// A session that nobody ended.
pub(super) fn session_without_end(plan: &mut Plan) {
    let at = plan.at(58, 15, 3);
    let Some(mut person) = nth_person(plan, 5) else { return };
    person.grants.truncate(1);
    let first = plan.drafts.len();
    let session = open(plan, &person, at, "interactive");
    let mut opened = Vec::new();
    if let Some(draft) = plan.drafts.get_mut(first + 1) {
        if let Some(token) = &mut draft.event.credential {
            token.expires_at = None;
        }
        opened.push(draft.event.id.clone());
    }
    visit(plan, &person, at + 2 * MINUTE, &session);
    let sentence = "A session has no end: it does not expire, and nobody closed it.";
    plan.fault("CT-DEC-05", &[&person.who.id, &session.id], opened, sentence);
}

/// A session that was used after its end.
pub(super) fn use_after_session(plan: &mut Plan) {
    let at = plan.at(63, 10, 55);
    let Some(mut person) = nth_person(plan, 9) else { return };
    person.grants.truncate(1);
    let session = open(plan, &person, at, "interactive");
    let closed = close(plan, at + 20 * MINUTE, &person.who, &session, "closed");
    let first = plan.drafts.len();
    visit(plan, &person, at + 3 * HOUR, &session);
    let mut events = vec![closed];
    events.extend(crate::stories::elevations::ids_since(plan, first));
    let sentence = "A session was used more than two hours after it was closed.";
    plan.fault("CT-DEC-05", &[&person.who.id, &session.id], events, sentence);
}

/// The edge lets somebody in while the decision service is away.
pub(super) fn fail_open(plan: &mut Plan) {
    let at = plan.at(47, 14, 24);
    let Some(person) = nth_person(plan, 6) else { return };
    let drafts = failsafe(plan, &person, at, true);
    let events = drafts
        .into_iter()
        .map(|mut draft| {
            of_class(&mut draft, "status-board");
            plan.push(draft)
        })
        .collect();
    let sentence = "While the decision service was away the edge allowed an access, and no exception allows that.";
    plan.fault("CT-DEC-07", &[&person.who.id], events, sentence);
}

/// A policy whose author approved it, after it was published.
pub(super) fn self_approved_policy(plan: &mut Plan) {
    let at = plan.at(39, 16, 20);
    let author = person(PAYMENTS);
    let answer = plan.answer(&author, &author);
    let mut policy = plan.pen.policies.version(PAYMENTS, 0);
    policy.id = Some("payments.limits".to_owned());
    policy.digest = Some(digest(plan.seed ^ 8_801));
    let mut published = plan
        .draft(at, Source::POLICIES, Kind::Policy, "policy.publish", &author)
        .by(&component("policy-registry/publisher"))
        .about("policy", "payments.limits")
        .answered(&answer, ApprovalDecision::Granted)
        .label("domain", "payments");
    published.event.policy = Some(policy);
    let events = vec![plan.push(published)];
    let sentence = "A policy was published that nobody but its author approved.";
    plan.fault("CT-DEC-08", &["payments.limits", &author.id], events, sentence);
}

/// One cloud still decides by the version before, which is retired days late.
pub(super) fn cloud_behind(plan: &mut Plan) {
    let mut machine = plan.machine("quota-sync", Role::Service, PAYMENTS, 1);
    let number = plan.pen.policies.number(CLOUD, plan.at(49, 12, 0)).max(1);
    let published = plan.pen.policies.published(CLOUD, number);
    rotate_until(plan, &mut machine, published - 3 * DAY);
    let old = plan.pen.policies.version(CLOUD, number - 1);
    let late = published + 3 * DAY;
    let retired =
        |d: &&mut Draft| d.event.policy.as_ref() == Some(&old) && d.event.action.as_deref() == Some("policy.retire");
    if let Some(draft) = plan.drafts.iter_mut().find(retired) {
        draft.at = late;
        draft.event.occurred_at = Some(Micros(late));
    }
    let Some(grant) = machine.grants.first() else { return };
    let mut events = Vec::new();
    for k in 0..3 {
        let at = published + 2 * DAY + (9 + k) * HOUR;
        let change = |draft: &mut Draft| {
            if let Some(policy) = &mut draft.event.policy {
                policy.version.clone_from(&old.version);
                policy.digest.clone_from(&old.digest);
            }
        };
        events.extend(plan.act_with(&machine, grant, at, machine.credential_at(at), change));
    }
    let sentence = "Two days after a new version was published one cloud still decided by the version before.";
    plan.fault("CT-DEC-09", &["platform.cloud", &machine.who.id], events, sentence);
    plan.holders.push(machine);
}

/// A decision that comes out differently when it is made again.
pub(super) fn other_answer(plan: &mut Plan) {
    let again = "decision.reperform";
    let found = plan.drafts.iter_mut().filter(|d| d.event.action.as_deref() == Some(again)).nth(1);
    let Some(draft) = found else { return };
    draft.event.outcome = Outcome::Deny;
    let (id, who) = (draft.event.id.clone(), draft.event.subject.id.clone());
    let sentence = "A decision was allowed, and is denied when the same policy decides again.";
    plan.fault("CT-DEC-03", &[&who], vec![id], sentence);
}
