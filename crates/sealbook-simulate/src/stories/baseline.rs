//! What the organisation already has on the first day, and the heartbeats and policies from then on.

use sealbook_core::event::{ApprovalDecision, Identity, Kind, LifecycleVerb, OwnershipRole};

use crate::draft::{DAY, Draft, HOUR, MINUTE, SECOND};
use crate::organisation::{
    Holder, KEPT_ROTATION, approver, component, creator, domain, enforcer, person, person_name, policy_owner,
};
use crate::plan::{Ask, Plan, Terms, baseline};
use crate::policies::{POLICY_COUNT, Policies};
use crate::words::{COMPONENTS, DOMAIN_COUNT, ORG, Source, TRUSTS};

/// Time between two events of the baseline, so that all of it lies before the first traffic.
const STEP: i64 = 700_000;
const BASELINE: Terms = Terms { baseline: true, until: None, privileged: false };

/// The time of the next event of the baseline.
pub(crate) fn tick(plan: &mut Plan) -> i64 {
    plan.ticks += 1;
    plan.start + plan.ticks * STEP
}

/// Registers what is no identity of its own: enforcement points, issuers, stores, trusts, schedules.
pub(crate) fn components(plan: &mut Plan) {
    let period = plan.days * DAY / plan.scale.heartbeats;
    let mut peps = Vec::new();
    for (role, id) in &COMPONENTS {
        let at = tick(plan);
        let mut draft = registration(plan, at, id).label("component", *role);
        if let Some(source) = Source::with_id(id) {
            draft = draft.label("kinds", source.kinds());
        }
        if *role == "pep" {
            draft = draft.label("heartbeat_s", longest_silence(period).to_string());
            peps.push(*id);
        }
        plan.push(draft);
    }
    for trust in &TRUSTS {
        let at = tick(plan);
        let draft = registration(plan, at, trust.id)
            .label("component", "trust")
            .label("issuer", trust.issuer)
            .label("audience", trust.audience)
            .label("subject_condition", trust.condition);
        plan.push(draft);
    }
    for (n, id) in peps.into_iter().enumerate() {
        heartbeats(plan, id, period, i64::try_from(n).unwrap_or(0));
    }
}

fn registration(plan: &mut Plan, at: i64, id: &str) -> Draft {
    let draft = plan
        .draft(at, Source::IAM, Kind::Lifecycle, "identity.provision", &component(id))
        .itself()
        .by(&component("iam-governance/automation"))
        .lifecycle(LifecycleVerb::Provisioned, None);
    baseline(draft, true)
}

/// Longest silence in seconds, rounded up to a full hour, for heartbeats of this period.
fn longest_silence(period: i64) -> i64 {
    ((period * 10 / 9 + HOUR - 1) / HOUR) * HOUR / SECOND
}

fn heartbeats(plan: &mut Plan, pep: &str, period: i64, n: i64) {
    // The bastion reports through the system that it belongs to.
    let source = Source::with_id(pep).unwrap_or(Source::PAM);
    // The first lies in the quiet hour after the baseline, so that no instant before it is unheard.
    for k in 0..plan.scale.heartbeats {
        let at = plan.start + 4 * HOUR + n * SECOND + k * period;
        if at >= plan.end() {
            break;
        }
        let draft = plan.draft(at, source, Kind::Lifecycle, "source.heartbeat", &component(pep)).itself();
        plan.push(draft);
    }
}

/// Registers the people.
pub(crate) fn people(plan: &mut Plan) {
    for n in 0..plan.scale.people {
        let at = tick(plan);
        join(plan, at, n, true);
    }
}

/// Gives the people what they need for their work.
pub(crate) fn access_of_people(plan: &mut Plan) {
    // In a small organisation only those who do not decide have grants.
    let first = if plan.scale.grants > 1 { 0 } else { 2 * DOMAIN_COUNT };
    for n in first..plan.scale.people {
        let mut holder = Holder::person(n, plan.start, i64::MAX);
        equip(plan, &mut holder);
        plan.holders.push(holder);
    }
}

/// A person is registered.
pub(crate) fn join(plan: &mut Plan, at: i64, n: usize, of_baseline: bool) {
    let mut who = person(n);
    who.name = Some(person_name(n).to_owned());
    who.issuer = Some(format!("https://id.{ORG}"));
    let draft = plan
        .draft(at, Source::HR, Kind::Lifecycle, "identity.provision", &who)
        .itself()
        .by(&component("hr/feed"))
        .lifecycle(LifecycleVerb::Provisioned, None);
    plan.push(baseline(draft, of_baseline));
}

pub(crate) fn equip(plan: &mut Plan, holder: &mut Holder) {
    for k in 0..plan.scale.grants {
        let at = tick(plan);
        let ask = Ask::of(holder, k);
        let grant = plan.grant(holder, at, ask, BASELINE);
        holder.grants.push(grant);
    }
}

/// Names who is accountable for each domain.
pub(crate) fn owners(plan: &mut Plan) {
    for d in 0..DOMAIN_COUNT {
        let roles = [
            (OwnershipRole::PolicyOwner, policy_owner(d)),
            (OwnershipRole::ControlOwner, approver(d)),
            (OwnershipRole::Enforcement, enforcer(d)),
        ];
        for (role, who) in roles {
            let at = tick(plan);
            let draft = owner(plan, at, d, role, &who);
            plan.push(baseline(draft, true));
        }
    }
}

/// Somebody becomes accountable for a domain.
pub(crate) fn owner(plan: &mut Plan, at: i64, d: usize, role: OwnershipRole, who: &Identity) -> Draft {
    let mut draft = plan
        .draft(at, Source::IAM, Kind::Ownership, "ownership.assign", who)
        .by(&policy_owner(crate::words::SECURITY))
        .about("policy-domain", domain(d).name);
    draft.event.ownership = Some(sealbook_core::event::Ownership {
        domain: Some(domain(d).name.to_owned()),
        role: Some(role),
        owner: Some(who.id.clone()),
        team: who.team.clone(),
    });
    draft
}

/// Publishes every policy, and its versions to come.
pub(crate) fn policies(plan: &mut Plan) {
    for policy in 0..POLICY_COUNT {
        let at = tick(plan);
        publish(plan, policy, 0, (at, at + 1), true);
        let mut number = 1;
        loop {
            let at = plan.pen.policies.published(policy, number);
            if at >= plan.end() - DAY {
                break;
            }
            publish(plan, policy, number, (at - 11 * HOUR, at), false);
            let old = plan.pen.policies.version(policy, number - 1);
            let retired = retire(plan, at + 12 * MINUTE, policy, &old);
            plan.push(retired);
            number += 1;
        }
    }
}

fn publish(plan: &mut Plan, policy: usize, number: i64, (approved, at): (i64, i64), first: bool) {
    let d = Policies::domain_of(policy);
    let author = person(d + 2 * DOMAIN_COUNT);
    let answer = plan.answer(&author, &policy_owner(d));
    let version = plan.pen.policies.version(policy, number);
    let id = version.id.clone().unwrap_or_default();
    let mut approval = plan
        .draft(approved, Source::IAM, Kind::Approval, "policy.approve", &author)
        .by(&answer.approver)
        .about("policy", &id)
        .answered(&answer, ApprovalDecision::Granted)
        .label("domain", domain(d).name);
    approval.event.policy = Some(version.clone());
    plan.push(baseline(approval, first));
    let mut published = plan
        .draft(at, Source::POLICIES, Kind::Policy, "policy.publish", &author)
        .by(&component("policy-registry/publisher"))
        .about("policy", &id)
        .answered(&answer, ApprovalDecision::Granted)
        .label("domain", domain(d).name);
    published.event.policy = Some(version);
    plan.push(baseline(published, first));
}

pub(crate) fn retire(plan: &mut Plan, at: i64, policy: usize, version: &sealbook_core::event::Policy) -> Draft {
    let d = Policies::domain_of(policy);
    let mut draft = plan
        .draft(at, Source::POLICIES, Kind::Policy, "policy.retire", &person(d + 2 * DOMAIN_COUNT))
        .by(&component("policy-registry/publisher"))
        .about("policy", version.id.as_deref().unwrap_or_default())
        .label("domain", domain(d).name);
    draft.event.policy = Some(version.clone());
    draft
}

/// Registers the machines with their grants and the credentials they keep.
pub(crate) fn machines(plan: &mut Plan) {
    for n in 0..plan.scale.machines {
        let mut holder = Holder::machine(n, plan.scale.owner_ranks(), plan.start, i64::MAX);
        settle(plan, &mut holder);
        plan.holders.push(holder);
    }
}

/// A machine that the first day finds.
pub(crate) fn settle(plan: &mut Plan, holder: &mut Holder) {
    let at = tick(plan);
    let draft = provision(plan, at, holder);
    plan.push(baseline(draft, true));
    equip(plan, holder);
    let age = (5 + i64::try_from(holder.place % 30).unwrap_or(0)) * DAY;
    debug_assert!(age < KEPT_ROTATION, "the baseline holds nothing overdue");
    let at = tick(plan);
    plan.keep(holder, at, age, BASELINE);
}

/// A machine is registered.
pub(crate) fn provision(plan: &mut Plan, at: i64, holder: &Holder) -> Draft {
    let mut who = holder.who.clone();
    who.name = Some(holder.name.clone());
    who.owner = Some(holder.owner.id.clone());
    let mut draft = plan
        .draft(at, Source::IAM, Kind::Lifecycle, "identity.provision", &who)
        .itself()
        .by(&creator())
        .lifecycle(LifecycleVerb::Provisioned, Some(&holder.owner))
        .label("environment", holder.environment);
    if let Some(supplier) = holder.supplier {
        draft = draft
            .label("supplier", supplier)
            .label("sponsor", holder.owner.id.as_str())
            .label("purpose", "exchange of orders and invoices");
        draft.event.approval = Some(sealbook_core::event::Approval {
            valid_until: Some(sealbook_core::time::Micros(plan.end() + 120 * DAY)),
            ..Default::default()
        });
    }
    draft
}
