//! Review campaigns: every grant that is active, of people and of machines, on one cadence.

use sealbook_core::event::{Correlation, Identity, Kind, ReviewDecision};

use crate::Fault;
use crate::draft::{DAY, Draft, HOUR, SECOND};
use crate::organisation::{Grant, Holder, Role, component, domain, policy_owner, reviewer};
use crate::plan::Plan;
use crate::words::{IDENTITY, SECURITY, Source};

/// Time between two items of a campaign.
const PER_ITEM: i64 = 23 * SECOND;
/// One in so many holders with more than one grant loses one.
const REVOKED_EVERY: usize = 23;

/// Both campaigns of the quarter.
pub(crate) fn reviews(plan: &mut Plan) {
    campaign(plan, 24, "people");
    campaign(plan, 26, "machines");
}

fn campaign(plan: &mut Plan, day: i64, scope: &str) {
    let at = plan.at(day, 7, 0);
    let id = plan.id("rev");
    let due = at + 90 * DAY;
    let of = |h: &Holder| (scope == "people") == (h.role == Role::Person);
    bracket(plan, at, "review.start", &id, (scope, due));
    let mut item_at = at + HOUR;
    let mut holders = std::mem::take(&mut plan.holders);
    for (n, holder) in holders.iter_mut().filter(|h| of(h)).enumerate() {
        let loses = holder.grants.len() > 1 && n % REVOKED_EVERY == 9 && holder.to == i64::MAX;
        let last = holder.grants.len().saturating_sub(1);
        let (who, owner) = (holder.who.clone(), holder.owner.clone());
        for (k, grant) in holder.grants.iter_mut().enumerate() {
            if grant.from <= at && at < grant.to {
                if spoiled(plan, item_at, (&id, scope, due), (&who, &owner), grant) {
                    item_at += PER_ITEM;
                    continue;
                }
                let decision = if loses && k == last {
                    grant.to = item_at;
                    plan.revoke(item_at + 26 * HOUR, &who, grant, &component("iam-governance/automation"));
                    ReviewDecision::Revoke
                } else {
                    ReviewDecision::Keep
                };
                item(plan, item_at, (&id, scope, due), (&who, &owner), grant, decision);
                item_at += PER_ITEM;
            }
        }
    }
    plan.holders = holders;
    let quiet = std::mem::take(&mut plan.quiet);
    for holder in quiet.iter().filter(|h| of(h)) {
        for grant in holder.grants.iter().filter(|g| g.from <= at && at < g.to) {
            let whom = (&holder.who, &holder.owner);
            item(plan, item_at, (&id, scope, due), whom, grant, ReviewDecision::Keep);
            item_at += PER_ITEM;
        }
    }
    plan.quiet = quiet;
    bracket(plan, item_at + HOUR, "review.close", &id, (scope, due));
}

fn bracket(plan: &mut Plan, at: i64, action: &str, id: &str, (scope, due): (&str, i64)) {
    let who = policy_owner(IDENTITY);
    let draft = plan.draft(at, Source::IAM, Kind::Review, action, &who).by(&who).about("review", id).review(
        id,
        scope,
        None,
        Some(due),
    );
    plan.push(draft);
}

/// One grant is looked at.
pub(crate) fn item(
    plan: &mut Plan,
    at: i64,
    (id, scope, due): (&str, &str, i64),
    (who, owner): (&Identity, &Identity),
    grant: &Grant,
    decision: ReviewDecision,
) -> String {
    let not = [who.id.as_str(), owner.id.as_str(), grant.approver.id.as_str()];
    let draft = plan
        .draft(at, Source::IAM, Kind::Review, "review.item", who)
        .by(&reviewer(grant.domain, &not))
        .on(&grant.resource)
        .review(id, scope, Some(decision), Some(due))
        .label("grant", grant.id.as_str())
        .label("permission", grant.action)
        .label("domain", domain(grant.domain).name);
    plan.push(draft)
}

/// One in so many of the decisions in stories is made again by an auditor.
const AGAIN_EVERY: usize = 3;

/// A sample of decisions is made again, by the same policy on the same inputs.
pub(crate) fn decisions_made_again(plan: &mut Plan) {
    let is_decision = |d: &&Draft| {
        let policy = d.event.policy.as_ref();
        d.event.kind == Kind::Decision && policy.is_some_and(|p| p.decision_point.is_some())
    };
    let sample: Vec<Draft> = plan.drafts.iter().filter(is_decision).step_by(AGAIN_EVERY).cloned().collect();
    let id = plan.id("rev");
    for made in sample {
        let mut draft = plan
            .draft(made.at + 2 * DAY, Source::IAM, Kind::Review, "decision.reperform", &made.event.subject)
            .by(&policy_owner(SECURITY))
            .outcome(made.event.outcome)
            .review(&id, "decisions", None, None);
        draft.event.resource = made.event.resource;
        draft.event.policy = made.event.policy;
        draft.event.correlation = made.event.correlation.map(|c| Correlation { session: None, ..c });
        plan.push(draft);
    }
}

/// Where a fault is about the review of this grant: reviews it in the wrong way, and notes the event.
fn spoiled(plan: &mut Plan, at: i64, campaign: (&str, &str, i64), whom: (&Identity, &Identity), grant: &Grant) -> bool {
    let about = |f: &Fault| f.test.starts_with("CT-REV-0") && f.concerns.contains(&grant.id);
    let Some(n) = plan.faults.iter().position(|f| about(f) && f.events.is_empty()) else {
        return false;
    };
    let by_grantor = plan.faults.get(n).is_some_and(|f| f.test == "CT-REV-03");
    let decision = if by_grantor { ReviewDecision::Keep } else { ReviewDecision::Revoke };
    let id = item(plan, at, campaign, whom, grant, decision);
    if let (true, Some(draft)) = (by_grantor, plan.drafts.last_mut()) {
        draft.event.actor = Some(grant.approver.clone());
    }
    if let Some(fault) = plan.faults.get_mut(n) {
        fault.events.push(id);
    }
    true
}
