//! Faults of machine sessions, agents and elevations (SES, ELEV).

use crate::access::Act;
use crate::draft::{DAY, HOUR, MINUTE, SECOND};
use crate::organisation::{Role, person};
use crate::plan::{Ask, Plan, Terms};
use crate::stories::access::{agent_session, close, delegate, high_impact, nth, nth_person, open};
use crate::stories::elevations::{Flaws, Gaps, elevate, emergency};
use crate::stories::people::{retire, stop};
use crate::words::{DOMAIN_COUNT, ML, PLATFORM, SECURITY};

/// A person sits behind a service account.
pub(super) fn interactive_machine(plan: &mut Plan) {
    let at = plan.at(45, 20, 37);
    let Some(machine) = nth(plan, Role::Service, 1) else { return };
    let first = plan.drafts.len();
    let session = open(plan, &machine, at, "interactive");
    let mut events = Vec::new();
    if let Some(draft) = plan.drafts.get_mut(first + 1) {
        if let Some(context) = &mut draft.event.context {
            context.user_agent = Some("Mozilla/5.0 (unmanaged)".to_owned());
            context.mfa = Some(true);
            context.device = Some("unknown-laptop".to_owned());
        }
        events.push(draft.event.id.clone());
    }
    close(plan, at + 50 * MINUTE, &machine.who, &session, "closed");
    let sentence = "Somebody worked in a browser as a service account.";
    plan.fault("CT-SES-01", &[&machine.who.id, &session.id], events, sentence);
}

/// An act of an agent under a delegation, with the labels given; the ids of its events.
fn delegated(
    plan: &mut Plan,
    at: i64,
    n: usize,
    labels: &[(&str, &str)],
    beyond: bool,
) -> Option<(String, String, Vec<String>)> {
    let agent = nth(plan, Role::Agent, n)?;
    let person = nth_person(plan, n + 1)?;
    let (token, issue) = delegate(&mut plan.pen, &agent, at - MINUTE, &person.who);
    plan.push(issue);
    let mut grant = agent.grants.first()?.clone();
    if beyond {
        grant.action = grant.beyond;
    }
    let mut all = vec![("delegation", token.id.as_str()), ("on_behalf_of", person.who.id.as_str())];
    all.extend(labels);
    let act =
        Act { holder: &agent, grant: &grant, at, credential: Some(&token), session: None, allowed: true, labels: &all };
    let mut drafts = Vec::new();
    plan.pen.act(&act, &mut drafts);
    let events = drafts.into_iter().map(|d| plan.push(d)).collect();
    Some((agent.who.id, token.id, events))
}

/// Nobody can be found behind an act.
pub(super) fn nobody_behind(plan: &mut Plan) {
    let at = plan.at(52, 13, 5);
    let labels = [("on_behalf_of", "agent:ml/unknown-planner")];
    if let Some((agent, _, events)) = delegated(plan, at, 0, &labels, false) {
        let sentence =
            "An agent acted on behalf of another agent that nobody registered; no person can be found behind it.";
        plan.fault("CT-SES-02", &[&agent], events, sentence);
    }
}

/// An act outside of what was delegated.
pub(super) fn beyond_delegation(plan: &mut Plan) {
    let at = plan.at(59, 11, 48);
    if let Some((agent, token, events)) = delegated(plan, at, 1, &[], true) {
        let sentence = "An agent did what its delegation does not allow.";
        plan.fault("CT-SES-03", &[&agent, &token], events, sentence);
    }
}

/// A high-impact act that nobody was asked about.
pub(super) fn unasked_high_impact(plan: &mut Plan) {
    let at = plan.at(64, 15, 19);
    if let (Some(agent), Some(person)) = (nth(plan, Role::Agent, 2), nth_person(plan, 7)) {
        let mut events = Vec::new();
        // The approval comes first, and is left out.
        for (n, mut draft) in high_impact(plan, &agent, &person.who, at).into_iter().enumerate().skip(1) {
            if n > 1 {
                draft.event.approval = None;
                events.push(draft.event.id.clone());
            }
            plan.push(draft);
        }
        let sentence = "An agent did something of high impact without the approval of a person.";
        plan.fault("CT-SES-04", &[&agent.who.id], events, sentence);
    }
}

/// An agent that went on for a while after it was told to stop.
pub(super) fn agent_not_stopped(plan: &mut Plan) {
    let at = plan.at(68, 14, 30);
    let mut agent = plan.machine("bulk-labeller", Role::Agent, ML, 5);
    agent.to = at;
    plan.work(&agent);
    let who = person(SECURITY + 2 * DOMAIN_COUNT);
    let began = plan.drafts.len();
    let session = agent_session(plan, &agent, at - 5 * MINUTE, &who, 1);
    let issued = plan.drafts.get(began).and_then(|d| d.event.credential.clone());
    let mut events = vec![stop(plan, at, &agent, false)];
    for grant in agent.grants.iter().take(1) {
        let late = at + 24 * MINUTE;
        events.extend(plan.act_with(&agent, grant, late, None, |draft| {
            draft.event.credential.clone_from(&issued);
            let token = issued.as_ref().and_then(|c| c.id.clone()).unwrap_or_default();
            *draft =
                draft.clone().session(&session.id).label("delegation", token).label("on_behalf_of", who.id.as_str());
        }));
    }
    close(plan, at + 26 * MINUTE, &agent.who, &session, "revoked");
    retire(plan, at + DAY, &agent);
    let sentence = "An agent was still allowed to act 24 minutes after the order to stop it.";
    plan.fault("CT-SES-05", &[&agent.who.id], events, sentence);
    plan.quiet.push(agent);
}

/// Privilege that nobody approved.
pub(super) fn unapproved_elevation(plan: &mut Plan) {
    let at = plan.at(57, 18, 5);
    let Some(holder) = nth_person(plan, 14) else { return };
    let flaws = Flaws { unapproved: true, ..Flaws::default() };
    let events = elevate(plan, &holder, at, flaws);
    let sentence = "Somebody took privilege that nobody approved.";
    plan.fault("CT-ELEV-01", &[&holder.who.id], events, sentence);
}

/// Privilege that outlived its end.
pub(super) fn late_elevation(plan: &mut Plan) {
    let at = plan.at(60, 10, 11);
    let Some(holder) = nth_person(plan, 16) else { return };
    let flaws = Flaws { late: true, ..Flaws::default() };
    let events = elevate(plan, &holder, at, flaws);
    let sentence = "Privilege was used two hours after its end, and ended three hours late.";
    plan.fault("CT-ELEV-02", &[&holder.who.id], events, sentence);
}

/// Privilege without end that is on no list.
pub(super) fn standing_privilege(plan: &mut Plan) {
    let at = plan.at(54, 9, 33);
    let Some(holder) = nth_person(plan, 17) else { return };
    let ask = Ask { action: 2, ..Ask::of(&holder, 1) };
    let terms = Terms { privileged: true, ..Terms::default() };
    let grant = plan.grant(&holder, at, ask, terms);
    let mut events = Vec::new();
    if let Some(draft) = plan.drafts.last_mut() {
        draft.event.labels.remove("standing");
        events.push(draft.event.id.clone());
    }
    let session = open(plan, &holder, at + HOUR, "interactive");
    let act = Act {
        holder: &holder,
        grant: &grant,
        at: at + HOUR + 30 * SECOND,
        credential: Some(&session.token),
        session: Some(&session.id),
        allowed: true,
        labels: &[],
    };
    plan.pen.act(&act, &mut plan.drafts);
    close(plan, at + HOUR + 8 * MINUTE, &holder.who, &session, "closed");
    let sentence = "A privileged right was granted without an end and is not on the list of standing ones.";
    plan.fault("CT-ELEV-03", &[&holder.who.id, &grant.id], events, sentence);
}

/// An emergency that nobody looked back at.
pub(super) fn unreviewed_break_glass(plan: &mut Plan) {
    let at = plan.at(61, 21, 9);
    let n = PLATFORM + 2 * DOMAIN_COUNT;
    let gaps = Gaps { unreviewed: true, unrotated: true };
    let first = plan.drafts.len();
    emergency(plan, n, at, gaps);
    let events =
        plan.drafts.iter().skip(first).filter(|d| d.event.elevation.is_some()).map(|d| d.event.id.clone()).collect();
    let who = person(n).id;
    let sentence = "Break-glass access was never reviewed, and its secret was not exchanged afterwards.";
    plan.fault("CT-ELEV-04", &[&who], events, sentence);
}
