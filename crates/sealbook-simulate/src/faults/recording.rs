//! Faults of the recording itself (INT).

use sealbook_core::event::{Attestation, Identity, IdentityType, Kind, Outcome};
use sealbook_core::time::Micros;

use crate::draft::{DAY, Draft, MINUTE};
use crate::organisation::{Role, component, policy_owner};
use crate::plan::Plan;
use crate::stories::access::nth;
use crate::words::{QUIET_PEP, SECURITY, Source};

/// Numbers that the source lost.
const LOST: u64 = 3;

/// The mesh loses three of its events.
pub(super) fn gap(plan: &mut Plan) {
    let at = plan.at(42, 0, 0);
    let after = plan.drafts.iter_mut().find(|d| d.source == Source::MESH && d.at >= at);
    if let Some(draft) = after {
        draft.lost = LOST;
        let id = draft.event.id.clone();
        let sentence = "Three numbers of a source are missing, and nothing explains the gap.";
        plan.fault("CT-INT-04", &[Source::MESH.id()], vec![id], sentence);
        let next = plan
            .drafts
            .iter()
            .filter(|d| is_heartbeat(d) && d.source == Source::MESH && d.at >= at)
            .min_by_key(|d| d.at);
        let events = next.map(|d| d.event.id.clone()).into_iter().collect();
        let sentence = "A source counted three events more than arrived.";
        plan.fault("CT-INT-05", &[Source::MESH.id()], events, sentence);
    }
}

fn is_heartbeat(draft: &Draft) -> bool {
    draft.event.action.as_deref() == Some("source.heartbeat")
}

/// An enforcement point falls silent for days.
pub(super) fn silent_enforcement_point(plan: &mut Plan) {
    let period = plan.days * DAY / plan.scale.heartbeats;
    let from = plan.at(49, 12, 0);
    let to = from + period * 7 / 2;
    let is_silent = |d: &Draft| d.source == Source::BRANCH && d.at >= from;
    plan.drafts.retain(|d| !is_silent(d) || d.at >= to);
    let of_it = || plan.drafts.iter().filter(|d| d.source == Source::BRANCH);
    let last = of_it().filter(|d| d.at < from).max_by_key(|d| d.at);
    let next = of_it().filter(|d| d.at >= to).min_by_key(|d| d.at);
    let events = last.into_iter().chain(next).map(|d| d.event.id.clone()).collect();
    let sentence = "An enforcement point sent no sign of life for several times its interval.";
    plan.fault("CT-INT-06", &[QUIET_PEP], events, sentence);
}

/// An entry that says next to nothing.
pub(super) fn insufficient_entry(plan: &mut Plan) {
    let at = plan.at(40, 7, 59);
    let who = Identity::new("unknown", IdentityType::Unknown);
    let mut draft = plan.draft(at, Source::EDGE, Kind::Decision, "", &who).outcome(Outcome::Unknown);
    draft.event.action = None;
    let events = vec![plan.push(draft)];
    let sentence = "An entry says neither who, nor what, nor on what, nor how it ended.";
    plan.fault("CT-INT-07", &["unknown"], events, sentence);
}

/// An event that arrives long after it happened.
pub(super) fn late_entry(plan: &mut Plan) {
    let at = plan.at(41, 12, 30);
    let Some(machine) = nth(plan, Role::Workload, 3) else { return };
    let mut draft = plan
        .draft(at, Source::SIEM, Kind::Lifecycle, "alert.raise", &machine.who)
        .itself()
        .by(&component("siem/correlator"));
    draft.event.occurred_at = Some(Micros(at - 9 * MINUTE));
    let events = vec![plan.push(draft)];
    let sentence = "An event reached the ledger nine minutes after it happened.";
    plan.fault("CT-INT-08", &[&machine.who.id], events, sentence);
}

/// A source says what it is not there to say.
pub(super) fn wrong_kind(plan: &mut Plan) {
    let at = plan.at(60, 9, 30);
    let who = policy_owner(SECURITY);
    let mut draft =
        plan.draft(at, Source::HR, Kind::Attestation, "control.attest", &who).by(&who).about("control", "PR.AT-02");
    draft.event.attestation = Some(Attestation {
        framework: Some("nist-csf-2.0".to_owned()),
        control: Some("PR.AT-02".to_owned()),
        statement: Some("Administrators were trained for their role.".to_owned()),
        document: None,
    });
    let events = vec![plan.push(draft)];
    let sentence = "The personnel system sent an attestation, which it is not registered to send.";
    plan.fault("CT-INT-09", &[Source::HR.id()], events, sentence);
}
