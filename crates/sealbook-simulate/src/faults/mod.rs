//! What goes wrong on purpose, one control test after the other.

mod approvals;
mod credentials;
mod decisions;
mod governance;
mod identities;
mod privilege;
mod recording;

use crate::access::Act;
use crate::draft::{DAY, Draft, HOUR, Minted};
use crate::organisation::{Grant, Holder, Role, person};
use crate::plan::Plan;
use crate::stories::baseline::settle;
use crate::words::DOMAIN_COUNT;

/// A departure from the rules that was put in on purpose, for a control test to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Id of the control test that it makes fail, such as `CT-CRED-01`.
    pub test: &'static str,
    /// Ids of the identities, credentials, grants, exceptions and so on that it is about.
    pub concerns: Vec<String>,
    /// Ids of the events that show it.
    pub events: Vec<String>,
    /// What is wrong, in one sentence.
    pub sentence: &'static str,
    /// Id of the open exception that covers it, if any.
    pub covered_by: Option<String>,
}

/// A fault is planned by a function; in the order in which they are given up where there is no room.
const FAULTS: [fn(&mut Plan); 59] = [
    recording::gap,
    decisions::no_decision,
    credentials::used_after_revocation,
    credentials::never_rotated,
    credentials::never_rotated_by_exception,
    identities::no_owner,
    approvals::no_approval,
    approvals::own_request,
    approvals::one_team,
    governance::incomplete_exception,
    governance::exception_used_late,
    privilege::unapproved_elevation,
    privilege::unreviewed_break_glass,
    governance::open_anomaly,
    identities::unknown_subject,
    decisions::unpublished_policy,
    decisions::stale_posture,
    decisions::stale_posture_by_exception,
    decisions::session_without_end,
    decisions::use_after_session,
    decisions::fail_open,
    decisions::self_approved_policy,
    decisions::cloud_behind,
    approvals::no_authority,
    approvals::one_team_by_exception,
    approvals::uninformed,
    credentials::no_expiry,
    credentials::old_secret_stays,
    credentials::slow_answer_to_leak,
    credentials::unmanaged_store,
    credentials::weak_sign_on,
    credentials::weak_sign_on_by_exception,
    credentials::wildcard_trust,
    credentials::unbound,
    identities::late_handover,
    identities::half_removed,
    identities::dormant,
    identities::shared_by_workloads,
    identities::two_environments,
    identities::supplier_without_sponsor,
    identities::supplier_stays,
    identities::unused_grants,
    privilege::interactive_machine,
    privilege::nobody_behind,
    privilege::beyond_delegation,
    privilege::unasked_high_impact,
    privilege::agent_not_stopped,
    privilege::late_elevation,
    privilege::standing_privilege,
    governance::evergreen_exception,
    governance::unreviewed_grant,
    governance::review_without_effect,
    governance::review_of_oneself,
    governance::nobody_contained,
    recording::silent_enforcement_point,
    recording::insufficient_entry,
    recording::late_entry,
    recording::wrong_kind,
    decisions::other_answer,
];

/// Plans the faults, as many as `room` events hold.
pub(crate) fn plant(plan: &mut Plan, room: usize) {
    let before = plan.drafts.len();
    for fault in FAULTS {
        if plan.drafts.len() >= before + room {
            return;
        }
        fault(plan);
    }
}

impl Plan {
    pub(crate) fn fault(&mut self, test: &'static str, concerns: &[&str], events: Vec<String>, sentence: &'static str) {
        self.faults.push(Fault {
            test,
            concerns: concerns.iter().map(|c| (*c).to_owned()).collect(),
            events,
            sentence,
            covered_by: None,
        });
    }

    /// Says that an open exception covers the newest fault.
    pub(crate) fn covered(&mut self, exception: &str) {
        if let Some(fault) = self.faults.last_mut() {
            fault.covered_by = Some(exception.to_owned());
        }
    }

    /// A machine made for a fault: settled on the first day, with an ordinary life ahead.
    pub(crate) fn machine(&mut self, name: &str, role: Role, domain: usize, place: usize) -> Holder {
        let owner = person(domain + 2 * DOMAIN_COUNT);
        let span = (self.start, i64::MAX);
        let mut holder = Holder::named(name, role, domain, (place, owner), span);
        settle(self, &mut holder);
        holder
    }

    /// Both events of an access outside of sessions, changed by `change`. Gives their ids.
    pub(crate) fn act_with(
        &mut self,
        holder: &Holder,
        grant: &Grant,
        at: i64,
        credential: Option<&Minted>,
        change: impl Fn(&mut Draft),
    ) -> Vec<String> {
        let act = Act { holder, grant, at, credential, session: None, allowed: true, labels: &[] };
        let mut drafts = Vec::new();
        self.pen.act(&act, &mut drafts);
        drafts
            .into_iter()
            .map(|mut draft| {
                change(&mut draft);
                self.push(draft)
            })
            .collect()
    }

    /// The ordinary work of a machine that makes no everyday traffic: every grant, every week, with its own credential.
    pub(crate) fn work(&mut self, holder: &Holder) {
        let until = holder.to.min(self.end());
        let mut at = holder.from + DAY + 9 * HOUR;
        while at < until {
            for grant in &holder.grants {
                self.act_with(holder, grant, at, holder.credential_at(at), |_| ());
                at += HOUR / 4;
            }
            at += 9 * DAY + 2 * HOUR / 3;
            if (at - self.start).rem_euclid(DAY) < 5 * HOUR {
                at += 6 * HOUR;
            }
        }
    }
}
