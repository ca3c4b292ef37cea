//! People who join and leave, machines that come and go, and the drill of stopping an agent.

use sealbook_core::event::{Kind, LifecycleVerb};

use super::baseline::{equip, join, provision, settle, tick};
use crate::draft::{DAY, HOUR, MINUTE, SECOND};
use crate::organisation::{Holder, Role, component, creator, person, policy_owner};
use crate::plan::{Ask, Plan, Terms};
use crate::words::{DATA, DOMAIN_COUNT, ML, PARTNERS, SECURITY, Source};

/// Some join, some leave; what leavers own is handed over the day before.
pub(crate) fn joiners_and_leavers(plan: &mut Plan) {
    let count = (plan.scale.people / 14).max(1);
    for k in 0..count {
        joiner(plan, plan.scale.people + k);
        leaver(plan, plan.scale.people + count + k);
    }
}

fn joiner(plan: &mut Plan, n: usize) {
    let at = plan.sometime(3, 70);
    join(plan, at, n, false);
    let mut holder = Holder::person(n, at + DAY, i64::MAX);
    let ask = Ask::of(&holder, 0);
    let grant = plan.grant(&holder, at + 20 * HOUR, ask, Terms::default());
    holder.grants.push(grant);
    plan.holders.push(holder);
}

fn leaver(plan: &mut Plan, n: usize) {
    let at = tick(plan);
    join(plan, at, n, true);
    let leaves = plan.sometime(40, 80);
    let mut who = Holder::person(n, plan.start, leaves - DAY);
    equip(plan, &mut who);
    let heir = person(n % DOMAIN_COUNT + 2 * DOMAIN_COUNT);
    let mut machine = Holder::named(
        &format!("tally-{n}"),
        Role::Workload,
        n % DOMAIN_COUNT,
        (n, who.who.clone()),
        (plan.start, i64::MAX),
    );
    settle(plan, &mut machine);
    hand_over(plan, leaves - 20 * HOUR, &machine, &heir);
    plan.holders.push(machine);
    leave(plan, leaves, &who);
    plan.holders.push(who);
}

/// A machine gets a new owner.
pub(crate) fn hand_over(plan: &mut Plan, at: i64, machine: &Holder, heir: &sealbook_core::event::Identity) -> String {
    let draft = plan
        .draft(at, Source::IAM, Kind::Lifecycle, "identity.transfer", &machine.who)
        .itself()
        .by(&policy_owner(machine.domain))
        .lifecycle(LifecycleVerb::Transferred, Some(heir));
    plan.push(draft)
}

/// A person leaves: access goes, then the identity.
pub(crate) fn leave(plan: &mut Plan, at: i64, who: &Holder) -> String {
    for grant in &who.grants {
        plan.revoke(at, &who.who, grant, &component("iam-governance/automation"));
    }
    let draft = plan
        .draft(at + MINUTE, Source::HR, Kind::Lifecycle, "identity.offboard", &who.who)
        .itself()
        .by(&component("hr/feed"))
        .lifecycle(LifecycleVerb::Offboarded, None);
    plan.push(draft)
}

/// A machine is removed: credentials, grants, identity. Gives the ids of the events.
pub(crate) fn retire(plan: &mut Plan, at: i64, machine: &Holder) -> Vec<String> {
    let by = creator();
    let mut events = Vec::new();
    if let Some(credential) = machine.credential_at(at) {
        let draft = plan.withdraw(at, Source::OPENBAO, &machine.who, credential, &by);
        events.push(plan.push(draft));
    }
    for grant in &machine.grants {
        events.push(plan.revoke(at + SECOND, &machine.who, grant, &by));
    }
    events.push(offboard(plan, at + 2 * SECOND, machine));
    events
}

/// A machine is said to be removed.
pub(crate) fn offboard(plan: &mut Plan, at: i64, machine: &Holder) -> String {
    let draft = plan
        .draft(at, Source::IAM, Kind::Lifecycle, "identity.offboard", &machine.who)
        .itself()
        .by(&creator())
        .lifecycle(LifecycleVerb::Offboarded, None);
    plan.push(draft)
}

/// Machines are created, retired, disabled for lack of use; a supplier relation ends.
pub(crate) fn machines_come_and_go(plan: &mut Plan) {
    let count = (plan.scale.stories / 8).max(1);
    for k in 0..count {
        newcomer(plan, k);
        goer(plan, k);
    }
    if plan.scale.grants > 1 {
        dormant(plan);
        supplier_leaves(plan);
    }
}

fn newcomer(plan: &mut Plan, k: usize) {
    let at = plan.sometime(8, 60);
    let d = k % DOMAIN_COUNT;
    let owner = person(d + 2 * DOMAIN_COUNT);
    let mut machine = Holder::named(&format!("intake-{k}"), Role::Workload, d, (k, owner), (at + DAY, i64::MAX));
    let draft = provision(plan, at, &machine);
    plan.push(draft);
    let ask = Ask::of(&machine, 0);
    let grant = plan.grant(&machine, at + 5 * HOUR, ask, Terms::default());
    machine.grants.push(grant);
    plan.holders.push(machine);
}

fn goer(plan: &mut Plan, k: usize) {
    let at = plan.sometime(45, 85);
    let d = (k + 3) % DOMAIN_COUNT;
    let mut machine = Holder::named(
        &format!("legacy-sync-{k}"),
        Role::Service,
        d,
        (2 * k, person(d + 2 * DOMAIN_COUNT)),
        (plan.start, at - DAY),
    );
    settle(plan, &mut machine);
    // Rotated while it lives; what is left is revoked when it goes.
    super::rotations::rotate_until(plan, &mut machine, at - 2 * DAY);
    retire(plan, at, &machine);
    plan.holders.push(machine);
}

fn dormant(plan: &mut Plan) {
    let machine = Holder::named(
        "q2-migration",
        Role::Workload,
        DATA,
        (3, person(DATA + 2 * DOMAIN_COUNT)),
        (plan.start, plan.start),
    );
    let at = tick(plan);
    let last = plan.start - 80 * DAY;
    let draft = provision(plan, at, &machine).label("inventory", "baseline").label("last_used_at", last.to_string());
    plan.push(draft);
    let at = plan.at(4, 9, 30);
    let draft = plan
        .draft(at, Source::IAM, Kind::Lifecycle, "identity.disable", &machine.who)
        .itself()
        .by(&creator())
        .lifecycle(LifecycleVerb::Disabled, None)
        .reason("not used for 80 days");
    plan.push(draft);
}

fn supplier_leaves(plan: &mut Plan) {
    let ends = plan.at(52, 10, 0);
    let mut machine = Holder::named(
        "rate-feed",
        Role::Supplier,
        PARTNERS,
        (1, person(PARTNERS + 2 * DOMAIN_COUNT)),
        (plan.start, ends - DAY),
    )
    .of_supplier("kvant-kurs");
    settle(plan, &mut machine);
    super::rotations::rotate_until(plan, &mut machine, ends - 2 * DAY);
    supplier_end(plan, ends, &machine);
    retire(plan, ends + 2 * HOUR, &machine);
    plan.holders.push(machine);
}

/// The relation with the supplier of a machine ends.
pub(crate) fn supplier_end(plan: &mut Plan, at: i64, machine: &Holder) -> String {
    let supplier = machine.supplier.unwrap_or("supplier");
    let draft = plan
        .draft(at, Source::HR, Kind::Lifecycle, "supplier.end", &machine.owner)
        .about("supplier", supplier)
        .label("supplier", supplier);
    plan.push(draft)
}

/// An agent made for the purpose is stopped, to show that stopping works.
pub(crate) fn agent_drill(plan: &mut Plan) {
    let at = plan.at(33, 10, 0);
    let mut agent = Holder::named("canary", Role::Agent, ML, (4, person(ML + 2 * DOMAIN_COUNT)), (plan.start, at));
    settle(plan, &mut agent);
    let person = person(SECURITY + 2 * DOMAIN_COUNT);
    let session = super::access::agent_session(plan, &agent, at - 4 * MINUTE, &person, 2);
    stop(plan, at, &agent, true);
    super::access::close(plan, at + 2 * SECOND, &agent.who, &session, "revoked");
    retire(plan, at + HOUR, &agent);
    plan.quiet.push(agent);
}

/// Somebody orders an agent to stop.
pub(crate) fn stop(plan: &mut Plan, at: i64, agent: &Holder, drill: bool) -> String {
    let mut draft = plan
        .draft(at, Source::IAM, Kind::Lifecycle, "agent.stop", &agent.who)
        .itself()
        .by(&policy_owner(SECURITY))
        .lifecycle(LifecycleVerb::Disabled, None);
    if drill {
        draft = draft.label("drill", "true");
    }
    plan.push(draft)
}
