//! Anomalies, leaks, incidents, and the upkeep of accountability.

use sealbook_core::event::{Attestation, Identity, Kind, OwnershipRole};

use super::access::nth;
use super::elevations::ids_since;
use crate::draft::{DAY, Draft, HOUR, MINUTE};
use crate::organisation::{Holder, Role, analyst, component, creator, enforcer, person, policy_owner};
use crate::plan::Plan;
use crate::policies::digest;
use crate::words::{DOMAIN_COUNT, ML, PLATFORM, SECURITY, Source};

/// Anomalies are raised, assigned and closed.
pub(crate) fn anomalies(plan: &mut Plan) {
    for k in 0..plan.scale.stories.max(2) {
        let Some(machine) = nth(plan, Role::Workload, k * 3) else {
            return;
        };
        let at = plan.sometime(1, 87);
        anomaly(plan, &machine.who, at, true);
    }
}

/// One anomaly. Gives the ids of its events.
pub(crate) fn anomaly(plan: &mut Plan, about: &Identity, at: i64, closed: bool) -> Vec<String> {
    let first = plan.drafts.len();
    let id = plan.id("ano");
    let raised = plan
        .draft(at, Source::SIEM, Kind::Lifecycle, "anomaly.raise", about)
        .by(&component("siem/correlator"))
        .about("anomaly", &id)
        .reason("more requests than usual")
        .label("anomaly", id.as_str())
        .label("severity", "medium");
    plan.push(raised);
    if closed {
        let assigned = plan
            .draft(at + 25 * MINUTE, Source::SIEM, Kind::Lifecycle, "anomaly.assign", about)
            .by(&analyst())
            .about("anomaly", &id)
            .label("anomaly", id.as_str());
        plan.push(assigned);
        let done = plan
            .draft(at + 5 * HOUR, Source::SIEM, Kind::Lifecycle, "anomaly.close", about)
            .by(&analyst())
            .about("anomaly", &id)
            .label("anomaly", id.as_str())
            .label("disposition", "benign");
        plan.push(done);
    }
    ids_since(plan, first)
}

/// An incident begins or ends.
pub(crate) fn incident(plan: &mut Plan, at: i64, action: &str, id: &str) -> String {
    let draft = plan
        .draft(at, Source::SIEM, Kind::Lifecycle, action, &analyst())
        .by(&analyst())
        .about("incident", id)
        .label("incident", id);
    plan.push(draft)
}

/// Leaks are reported; the credential is replaced and revoked within the hour.
pub(crate) fn leaks(plan: &mut Plan) {
    for k in 0..(plan.scale.stories / 20).max(1) {
        let at = plan.sometime(12, 84);
        let name = format!("export-feed-{k}");
        let d = k % DOMAIN_COUNT;
        let mut machine =
            Holder::named(&name, Role::Service, d, (2 * k, person(d + 2 * DOMAIN_COUNT)), (plan.start, i64::MAX));
        super::baseline::settle(plan, &mut machine);
        super::rotations::rotate_until(plan, &mut machine, at - 2 * DAY);
        leak(plan, &mut machine, at, 20 * MINUTE);
        plan.holders.push(machine);
    }
}

/// One leak: incident, report, rotation, revocation, end. Gives the ids of its events.
pub(crate) fn leak(plan: &mut Plan, machine: &mut Holder, at: i64, answer: i64) -> Vec<String> {
    let first = plan.drafts.len();
    let Some(old) = machine.credential_at(at).cloned() else {
        return Vec::new();
    };
    let id = plan.id("inc");
    incident(plan, at - MINUTE, "incident.open", &id);
    let report = plan
        .draft(at, Source::SIEM, Kind::Lifecycle, "credential.leak", &machine.who)
        .by(&analyst())
        .about("credential", &old.id)
        .credential(&old)
        .label("severity", "critical")
        .label("incident", id.as_str());
    plan.push(report);
    let contained = plan.drafts.len();
    super::rotations::rotate(plan, machine, at + answer, &old, Some(10 * MINUTE));
    for draft in plan.drafts.iter_mut().skip(contained) {
        *draft = draft.clone().by(&creator()).label("incident", id.as_str());
    }
    incident(plan, at + answer + 4 * HOUR, "incident.close", &id);
    ids_since(plan, first)
}

/// Renewals, changes of accountability, attestations, a planned stop of a source.
pub(crate) fn upkeep(plan: &mut Plan) {
    for k in 0..plan.scale.stories {
        if let Some(machine) = nth(plan, Role::Workload, k) {
            let at = plan.sometime(20, 80);
            let draft = renewal(plan, at, &machine, &creator());
            plan.push(draft);
        }
    }
    let at = plan.at(41, 9, 0);
    let heir = person(SECURITY + 2 * DOMAIN_COUNT);
    let draft = super::baseline::owner(plan, at, PLATFORM, OwnershipRole::Enforcement, &heir);
    plan.push(draft);
    let at = plan.at(44, 9, 0);
    let draft = super::baseline::owner(plan, at, ML, OwnershipRole::Enforcement, &enforcer(ML));
    plan.push(draft);
    attestations(plan);
    stop_and_start(plan);
}

/// A person renews a machine identity for another year.
pub(crate) fn renewal(plan: &mut Plan, at: i64, machine: &Holder, by: &Identity) -> Draft {
    plan.draft(at, Source::IAM, Kind::Lifecycle, "identity.renew", &machine.who)
        .itself()
        .by(by)
        .lifecycle(sealbook_core::event::LifecycleVerb::Changed, None)
}

fn attestations(plan: &mut Plan) {
    let statements = [
        ("nist-csf-2.0", "GV.RR-02", "Roles and their holders were confirmed by the board."),
        ("nist-csf-2.0", "PR.AT-01", "Everybody who joined was trained within thirty days."),
        ("nist-ai-rmf-1.0", "GOVERN 1.4", "The policy on AI agents is in force and published."),
    ];
    for ((framework, control, statement), d) in statements.into_iter().zip(SECURITY..) {
        let who = policy_owner(d);
        let day = i64::try_from(d).unwrap_or(0) * 10 + 18;
        let at = plan.at(day, 15, 0);
        let mut draft =
            plan.draft(at, Source::IAM, Kind::Attestation, "control.attest", &who).by(&who).about("control", control);
        draft.event.attestation = Some(Attestation {
            framework: Some(framework.to_owned()),
            control: Some(control.to_owned()),
            statement: Some(statement.to_owned()),
            document: Some(digest(plan.seed ^ 77 ^ d as u64)),
        });
        plan.push(draft);
    }
}

fn stop_and_start(plan: &mut Plan) {
    let at = plan.at(61, 3, 0);
    for (action, at) in [("source.stop", at), ("source.start", at + 14 * MINUTE)] {
        let draft = plan
            .draft(at, Source::STAGING, Kind::Lifecycle, action, &component("kubernetes/staging"))
            .itself()
            .by(&enforcer(crate::words::DATA))
            .reason("upgrade of the cluster")
            .label("ticket", "CHG-20611");
        plan.push(draft);
    }
}
