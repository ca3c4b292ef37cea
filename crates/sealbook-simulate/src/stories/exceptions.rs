//! Policy exceptions: asked for, granted, used, renewed, closed.

use sealbook_core::event::{ApprovalDecision, Exception, ExceptionVerb, Identity, Kind};
use sealbook_core::time::Micros;

use super::access::{close, nth_person, open};
use crate::access::Act;
use crate::draft::{Answer, DAY, Draft, HOUR, MINUTE};
use crate::organisation::{Holder, domain, person, policy_owner};
use crate::plan::Plan;
use crate::words::{DOMAIN_COUNT, SECURITY, Source};

/// An exception: what it covers, and who stands for it.
#[derive(Clone, Debug)]
pub(crate) struct Departure {
    pub(crate) id: String,
    pub(crate) subject: Identity,
    pub(crate) domain: usize,
    /// Ids of the control tests departed from, separated by spaces.
    pub(crate) scope: String,
    pub(crate) expires: i64,
}

impl Departure {
    pub(crate) fn new(plan: &mut Plan, subject: &Identity, domain: usize, scope: &str, expires: i64) -> Self {
        Self { id: plan.id("exc"), subject: subject.clone(), domain, scope: scope.to_owned(), expires }
    }

    /// Who answers for it: somebody of the team who decides nothing else.
    pub(crate) fn owner(&self) -> Identity {
        person(self.domain + 2 * DOMAIN_COUNT)
    }

    fn grantor(&self) -> Identity {
        policy_owner(if self.domain == SECURITY { crate::words::IDENTITY } else { SECURITY })
    }
}

/// Everyday exceptions.
pub(crate) fn exceptions(plan: &mut Plan) {
    for k in 0..(plan.scale.stories / 4).max(1) {
        let Some(holder) = nth_person(plan, k * 4 + 3) else {
            return;
        };
        let at = plan.sometime(3, 40);
        let mut it = Departure::new(plan, &holder.who, holder.domain, "CT-DEC-09", at + 20 * DAY);
        opened(plan, at, &it);
        used(plan, at + DAY, &holder, &it);
        if k % 2 == 0 {
            it.expires += 15 * DAY;
            changed(plan, at + 15 * DAY, &it, ExceptionVerb::Renewed);
        }
        let ends = it.expires - 2 * HOUR;
        changed(plan, ends, &it, ExceptionVerb::Closed);
    }
}

/// An exception is approved and opened. Gives the ids of both events.
pub(crate) fn opened(plan: &mut Plan, at: i64, it: &Departure) -> Vec<String> {
    changed(plan, at, it, ExceptionVerb::Opened)
}

/// Opened, renewed or closed; the first two after an approval. Gives the ids of the events.
pub(crate) fn changed(plan: &mut Plan, at: i64, it: &Departure, verb: ExceptionVerb) -> Vec<String> {
    let mut answer = plan.answer(&it.owner(), &it.grantor());
    answer.valid_until = Some(it.expires);
    let mut ids = Vec::new();
    if verb != ExceptionVerb::Closed {
        let approval = approval(plan, at - 30 * MINUTE, it, &answer);
        ids.push(plan.push(approval));
    }
    let draft = statement(plan, at, it, verb, &answer);
    ids.push(plan.push(draft));
    ids
}

fn approval(plan: &mut Plan, at: i64, it: &Departure, answer: &Answer) -> Draft {
    // Security answers for exceptions in every domain.
    let d = if it.domain == SECURITY { crate::words::IDENTITY } else { SECURITY };
    plan.draft(at, Source::IAM, Kind::Approval, "exception.approve", &it.subject)
        .by(&answer.approver)
        .about("exception", &it.id)
        .answered(answer, ApprovalDecision::Granted)
        .reason("risk accepted for the term, with the control named")
        .label("domain", domain(d).name)
}

/// The event that opens, renews or closes an exception.
pub(crate) fn statement(plan: &mut Plan, at: i64, it: &Departure, verb: ExceptionVerb, answer: &Answer) -> Draft {
    let mut draft = plan
        .draft(at, Source::IAM, Kind::Exception, &format!("exception.{}", verb.word()), &it.subject)
        .by(&answer.requester)
        .label("scope", it.scope.as_str())
        .label("domain", domain(it.domain).name);
    if verb != ExceptionVerb::Closed {
        draft = draft.answered(answer, ApprovalDecision::Granted);
    }
    if verb == ExceptionVerb::Renewed {
        draft = draft.label("risk_note", format!("RISK-{}", answer.ticket));
    }
    draft.event.exception = Some(Exception {
        id: Some(it.id.clone()),
        verb: Some(verb),
        owner: Some(it.owner().id),
        granted_by: Some(answer.approver.id.clone()),
        justification: Some("The replacement is not ready before the end of the term.".to_owned()),
        expires_at: Some(Micros(it.expires)),
        compensating_control: Some("Daily look at the log by the security team.".to_owned()),
    });
    draft
}

/// An access that relies on an exception: session, decision, access, and the use itself. Gives the ids of the last three.
pub(crate) fn used(plan: &mut Plan, at: i64, holder: &Holder, it: &Departure) -> Vec<String> {
    let Some(grant) = holder.grants.iter().find(|g| g.cloud.is_none()) else {
        return Vec::new();
    };
    let session = open(plan, holder, at, "interactive");
    let act = Act {
        holder,
        grant,
        at: at + 3 * MINUTE,
        credential: Some(&session.token),
        session: Some(&session.id),
        allowed: true,
        labels: &[],
    };
    let mut drafts = Vec::new();
    plan.pen.act(&act, &mut drafts);
    let request = drafts.first().and_then(|d: &Draft| d.event.correlation.clone());
    let mut ids = Vec::new();
    for draft in drafts {
        ids.push(plan.push(draft.exception(&it.id, None)));
    }
    let mut usage = plan
        .draft(at + 3 * MINUTE + 1, Source::opa(grant.domain), Kind::Exception, "exception.used", &holder.who)
        .on(&grant.resource)
        .exception(&it.id, Some(ExceptionVerb::Used))
        .label("domain", domain(grant.domain).name);
    usage.event.correlation = request;
    ids.push(plan.push(usage));
    close(plan, at + 8 * MINUTE, &holder.who, &session, "closed");
    ids
}
