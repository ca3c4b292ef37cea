//! Faults of identities and their owners (ID).

use crate::draft::{DAY, HOUR};
use crate::organisation::{Holder, Role, creator, person, resource};
use crate::plan::{Ask, Plan, Terms};
use crate::stories::access::nth;
use crate::stories::baseline::{equip, join, provision, settle, tick};
use crate::stories::people::{hand_over, leave, offboard, retire, supplier_end};
use crate::words::{DATA, DOMAIN_COUNT, ML, PARTNERS, PAYMENTS, PLATFORM, SECURITY};

/// The terms of what the first day finds.
const FROM_START: Terms = Terms { baseline: true, until: None, privileged: false };

/// Somebody made for a fault, who leaves; the number is beyond all others.
fn newcomer(plan: &mut Plan, k: usize, d: usize) -> Holder {
    let n = plan.scale.people + 60 * DOMAIN_COUNT + k * DOMAIN_COUNT + d;
    let n = n - n % DOMAIN_COUNT + d;
    let at = tick(plan);
    join(plan, at, n, true);
    let mut holder = Holder::person(n, plan.start, i64::MAX);
    equip(plan, &mut holder);
    holder
}

/// A machine that nobody answers for after its owner left.
pub(super) fn no_owner(plan: &mut Plan) {
    let mut owner = newcomer(plan, 0, DATA);
    let leaves = plan.at(62, 16, 0);
    owner.to = leaves - DAY;
    let mut machine =
        Holder::named("survey-loader", Role::Workload, DATA, (0, owner.who.clone()), (plan.start, i64::MAX));
    settle(plan, &mut machine);
    let event = leave(plan, leaves, &owner);
    let sentence = "The owner of a machine identity left; from then on nobody answered for it.";
    plan.fault("CT-ID-01", &[&machine.who.id, &owner.who.id], vec![event], sentence);
    plan.holders.extend([machine, owner]);
}

/// A machine handed over three weeks after its owner left.
pub(super) fn late_handover(plan: &mut Plan) {
    let mut owner = newcomer(plan, 1, ML);
    let leaves = plan.at(41, 15, 30);
    owner.to = leaves - DAY;
    let mut machine =
        Holder::named("notebook-runner", Role::Workload, ML, (10, owner.who.clone()), (plan.start, i64::MAX));
    settle(plan, &mut machine);
    let left = leave(plan, leaves, &owner);
    let heir = person(ML + 2 * DOMAIN_COUNT);
    let late = plan.at(63, 9, 0);
    let moved = hand_over(plan, late, &machine, &heir);
    let sentence = "A machine identity was handed over three weeks after its owner had left.";
    plan.fault("CT-ID-02", &[&machine.who.id, &owner.who.id], vec![left, moved], sentence);
    plan.holders.extend([machine, owner]);
}

/// Said to be removed, but the key still works.
pub(super) fn half_removed(plan: &mut Plan) {
    let mut machine = plan.machine("campaign-mailer", Role::Service, PARTNERS, 91);
    let at = plan.at(30, 17, 10);
    machine.to = at - DAY;
    for grant in &machine.grants {
        plan.revoke(at - HOUR, &machine.who, grant, &creator());
    }
    let mut events = vec![offboard(plan, at, &machine)];
    if let Some(grant) = machine.grants.first() {
        let late = at + 4 * DAY - 6 * HOUR;
        events.extend(plan.act_with(&machine, grant, late, machine.credential_at(at), |_| ()));
    }
    let key = machine.credential_at(at).map(|c| c.id.clone()).unwrap_or_default();
    let sentence = "An identity was removed, but its key was not; it was used four days later.";
    plan.fault("CT-ID-03", &[&machine.who.id, &key], events, sentence);
    plan.holders.push(machine);
}

/// Not used for months, and still active.
pub(super) fn dormant(plan: &mut Plan) {
    let owner = person(PLATFORM + 2 * DOMAIN_COUNT);
    let span = (plan.start, i64::MAX);
    let machine = Holder::named("y2-rollback", Role::Workload, PLATFORM, (0, owner), span);
    let at = tick(plan);
    let last = plan.start - 130 * DAY;
    let draft = provision(plan, at, &machine).label("inventory", "baseline").label("last_used_at", last.to_string());
    let events = vec![plan.push(draft)];
    let sentence = "An identity was last used 130 days before the period began, and was never disabled.";
    plan.fault("CT-ID-04", &[&machine.who.id], events, sentence);
    plan.quiet.push(machine);
}

/// Somebody nobody registered.
pub(super) fn unknown_subject(plan: &mut Plan) {
    let at = plan.at(48, 2, 14);
    let Some(known) = nth(plan, Role::Workload, 1) else { return };
    let Some(grant) = known.grants.first() else { return };
    let mut shadow = known.clone();
    shadow.who.id = "spiffe://production.corvane.example/ns/data/sa/shadow-sync".to_owned();
    if let Some(runtime) = &mut shadow.runtime {
        runtime.workload = Some("shadow-sync".to_owned());
    }
    let events = plan.act_with(&shadow, grant, at, None, |draft| {
        draft.event.labels.remove("grant");
    });
    let sentence = "An identity that nobody registered was let in.";
    plan.fault("CT-ID-05", &[&shadow.who.id], events, sentence);
}

/// One identity, two applications.
pub(super) fn shared_by_workloads(plan: &mut Plan) {
    let machine = plan.machine("thumbnailer", Role::Workload, DATA, 1);
    let mut events = Vec::new();
    if let Some(grant) = machine.grants.first() {
        for k in 0..2 {
            let at = plan.at(34, 10, 0) + k * 3 * DAY;
            events.extend(plan.act_with(&machine, grant, at, None, |draft| {
                let context = draft.event.context.as_mut();
                if let Some(runtime) = context.and_then(|c| c.runtime.as_mut()) {
                    runtime.workload = Some("ad-hoc-export".to_owned());
                }
            }));
        }
    }
    let sentence = "Two different applications acted as the same identity.";
    plan.fault("CT-ID-06", &[&machine.who.id], events, sentence);
    plan.holders.push(machine);
}

/// One identity, production and staging.
pub(super) fn two_environments(plan: &mut Plan) {
    let machine = plan.machine("schema-migrate", Role::Workload, PAYMENTS, 0);
    let at = plan.at(55, 9, 44);
    let mut events = Vec::new();
    if let Some(grant) = machine.grants.first() {
        let (_, class, _) = machine.wants(0);
        let mut grant = grant.clone();
        grant.resource = resource(class, machine.place, "staging", machine.place);
        events = plan.act_with(&machine, &grant, at, None, |draft| {
            draft.event.labels.remove("grant");
        });
    }
    let sentence = "An identity of production was used on a resource of staging.";
    plan.fault("CT-ID-07", &[&machine.who.id], events, sentence);
    plan.holders.push(machine);
}

/// A supplier without sponsor, purpose and end.
pub(super) fn supplier_without_sponsor(plan: &mut Plan) {
    let owner = person(PARTNERS + 2 * DOMAIN_COUNT);
    let span = (plan.start, i64::MAX);
    let mut machine = Holder::named("geo-lookup", Role::Supplier, PARTNERS, (2, owner), span);
    let at = tick(plan);
    let mut draft = provision(plan, at, &machine).label("inventory", "baseline");
    draft.event.labels.remove("sponsor");
    draft.event.labels.remove("purpose");
    draft.event.approval = None;
    let events = vec![plan.push(draft)];
    equip(plan, &mut machine);
    let at = tick(plan);
    plan.keep(&mut machine, at, 9 * DAY, FROM_START);
    let sentence = "The identity of a supplier has no sponsor, no purpose and no end.";
    plan.fault("CT-ID-08", &[&machine.who.id], events, sentence);
    plan.holders.push(machine);
}

/// A supplier whose access outlives the contract.
pub(super) fn supplier_stays(plan: &mut Plan) {
    let owner = person(PARTNERS + 2 * DOMAIN_COUNT);
    let span = (plan.start, i64::MAX);
    let mut machine =
        Holder::named("label-print", Role::Supplier, PARTNERS, (3, owner), span).of_supplier("etikettwerk");
    settle(plan, &mut machine);
    let ends = plan.at(38, 12, 0);
    let gone = plan.at(71, 12, 0);
    machine.to = gone - DAY;
    crate::stories::rotations::rotate_until(plan, &mut machine, gone - 3 * DAY);
    let mut events = vec![supplier_end(plan, ends, &machine)];
    events.extend(retire(plan, gone, &machine).pop());
    let sentence = "A supplier kept access for a month after the relation had ended.";
    plan.fault("CT-ID-08", &[&machine.who.id], events, sentence);
    plan.holders.push(machine);
}

/// Rights that nobody uses.
pub(super) fn unused_grants(plan: &mut Plan) {
    let mut machine = plan.machine("archive-reader", Role::Workload, SECURITY, 0);
    let mut events = Vec::new();
    let mut unused = Vec::new();
    for k in 1..4 {
        let at = tick(plan);
        let ask = Ask { action: k % 2, place: machine.place + k, ..Ask::of(&machine, k) };
        let grant = plan.grant(&machine, at, ask, FROM_START);
        events.extend(plan.drafts.last().map(|d| d.event.id.clone()));
        unused.push(grant);
    }
    plan.work(&machine);
    let names: Vec<&str> =
        std::iter::once(machine.who.id.as_str()).chain(unused.iter().map(|g| g.id.as_str())).collect();
    let sentence = "Three of the rights of an identity were never used in the period.";
    plan.fault("CT-ID-09", &names, events, sentence);
    machine.grants.extend(unused);
    plan.quiet.push(machine);
}
