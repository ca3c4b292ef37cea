//! Requests for access, sessions, acts of agents, and what happens while the decision service is away.

use sealbook_core::event::{ApprovalDecision, CredentialType, Identity, Kind, Outcome};

use crate::access::Act;
use crate::draft::{DAY, Draft, HOUR, MINUTE, Minted, SECOND};
use crate::organisation::{Holder, Role, component, independent};
use crate::plan::{Ask, Plan, Terms};
use crate::policies::FAILSAFE;
use crate::words::{FAILSAFE_PDP, Source, TOKEN_ISSUER, TOKEN_STORE};

/// People ask for more; most get it for a time, some are refused.
pub(crate) fn requests(plan: &mut Plan) {
    for k in 0..plan.scale.stories {
        let Some(holder) = nth_person(plan, k * 5 + 2) else {
            return;
        };
        let at = plan.sometime(4, 58);
        let mut ask = Ask::of(&holder, k);
        ask.action = k % 3;
        ask.environment = if k % 2 == 0 { "production" } else { "staging" };
        if k % 5 == 4 {
            refused(plan, &holder, at, ask);
        } else {
            for_a_time(plan, holder, at, ask);
        }
    }
}

/// Person `n` of those who make traffic all the time.
pub(crate) fn nth_person(plan: &Plan, n: usize) -> Option<Holder> {
    let people: Vec<&Holder> = lasting(plan, Role::Person);
    people.get(n % people.len().max(1)).map(|h| (*h).clone())
}

/// Machine `n` of a role, of those who make traffic all the time.
pub(crate) fn nth(plan: &Plan, role: Role, n: usize) -> Option<Holder> {
    let machines = lasting(plan, role);
    machines.get(n % machines.len().max(1)).map(|h| (*h).clone())
}

fn lasting(plan: &Plan, role: Role) -> Vec<&Holder> {
    plan.holders.iter().filter(|h| h.role == role && h.to == i64::MAX && h.from == plan.start).collect()
}

fn refused(plan: &mut Plan, holder: &Holder, at: i64, ask: Ask) {
    let approver = independent(ask.domain, &[holder.who.id.as_str()]);
    let answer = plan.answer(&holder.who, &approver);
    let wanted = plan.granted(holder, at, ask, &answer, None);
    plan.request(holder, at - 2 * HOUR, &wanted, &answer);
    let mut draft = plan
        .approval(at, "access.approve", &holder.who, &answer, &wanted)
        .answered(&answer, ApprovalDecision::Refused)
        .reason("not needed for the role");
    draft.event.outcome = Outcome::Failure;
    plan.push(draft);
}

fn for_a_time(plan: &mut Plan, holder: Holder, at: i64, ask: Ask) {
    let until = at + 20 * DAY;
    let terms = Terms { until: Some(until), privileged: ask.action == 2, baseline: false };
    let grant = plan.grant(&holder, at, ask, terms);
    let by = component("iam-governance/automation");
    plan.revoke(until, &holder.who, &grant, &by);
    let mut own = holder;
    own.grants = vec![grant];
    let session = open(plan, &own, at + HOUR, "interactive");
    visit(plan, &own, at + HOUR + MINUTE, &session);
    close(plan, at + HOUR + 9 * MINUTE, &own.who, &session, "closed");
    // Only the review needs to know of it from here on.
    plan.quiet.push(own);
}

/// A session: its id and its token.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) token: Minted,
}

/// Signs on: token, then session. The token's event and the session's come out in this order.
pub(crate) fn sign_on(
    pen: &mut crate::access::Pen,
    holder: &Holder,
    at: i64,
    kind: &str,
    out: &mut Vec<Draft>,
) -> Session {
    let token = Minted::new(&mut pen.ids, CredentialType::OidcToken, at, 8 * HOUR);
    let approval = holder.grants.first().map_or("", |g| g.approval.as_str());
    let binding = if holder.role == Role::Person { "mfa" } else { "attestation" };
    out.push(
        Draft::new(&mut pen.ids, at, Source::IDP, Kind::Issuance, "token.issue", &holder.who)
            .by(&component(TOKEN_ISSUER))
            .about("credential", &token.id)
            .credential(&token)
            .under(approval, None)
            .label("store", TOKEN_STORE)
            .label("binding", binding),
    );
    let id = pen.ids.named("ses");
    out.push(opening(pen, holder, at + 40_000, kind, &id).credential(&token));
    Session { id, token }
}

/// The decision that opens a session.
pub(crate) fn opening(pen: &mut crate::access::Pen, holder: &Holder, at: i64, kind: &str, session: &str) -> Draft {
    let (method, assurance, least) = match holder.role {
        Role::Person => ("passkey", "3", "2"),
        _ => ("mtls-svid", "2", "2"),
    };
    let request = pen.ids.named("req");
    let mut draft = Draft::new(&mut pen.ids, at, Source::IDP, Kind::Decision, "session.open", &holder.who)
        .outcome(Outcome::Allow)
        .about("sign-on", "idp/main")
        .session(session)
        .label("domain", "identity")
        .label("session_type", kind)
        .label("auth_method", method)
        .label("assurance", assurance)
        .label("assurance_min", least);
    draft = crate::access::observed(draft, holder.role, at - 20 * SECOND);
    let mut policy = pen.policy(crate::policies::SIGN_ON, at);
    policy.decision_point = Some(crate::words::SIGN_ON_PDP.to_owned());
    draft.event.policy = Some(policy);
    draft.event.context = Some(crate::access::context(holder, Some(session), "session"));
    if let Some(correlation) = &mut draft.event.correlation {
        correlation.request = Some(request);
    }
    draft
}

/// The end of a session.
pub(crate) fn closing(pen: &mut crate::access::Pen, at: i64, who: &Identity, session: &Session, how: &str) -> Draft {
    Draft::new(&mut pen.ids, at, Source::IDP, Kind::Revocation, "session.close", who)
        .by(&component(TOKEN_ISSUER))
        .about("session", &session.id)
        .session(&session.id)
        .label("session_end", how)
}

/// Opens a session within a story.
pub(crate) fn open(plan: &mut Plan, holder: &Holder, at: i64, kind: &str) -> Session {
    sign_on(&mut plan.pen, holder, at, kind, &mut plan.drafts)
}

/// Closes a session within a story.
pub(crate) fn close(plan: &mut Plan, at: i64, who: &Identity, session: &Session, how: &str) -> String {
    let draft = closing(&mut plan.pen, at, who, session, how);
    plan.push(draft)
}

/// Uses every grant once, within a session.
pub(crate) fn visit(plan: &mut Plan, holder: &Holder, at: i64, session: &Session) {
    for (grant, at) in holder.grants.iter().zip((0..).map(|k| at + k * 7 * SECOND)) {
        let act = Act {
            holder,
            grant,
            at,
            credential: Some(&session.token),
            session: Some(&session.id),
            allowed: true,
            labels: &[],
        };
        plan.pen.act(&act, &mut plan.drafts);
    }
}

/// A delegation to an agent: the token that carries it.
pub(crate) fn delegate(pen: &mut crate::access::Pen, agent: &Holder, at: i64, from: &Identity) -> (Minted, Draft) {
    let token = Minted::new(&mut pen.ids, CredentialType::Token, at, HOUR);
    let mut scope: Vec<&str> = agent.grants.iter().map(|g| g.action).collect();
    scope.sort_unstable();
    scope.dedup();
    let approval = agent.grants.first().map_or("", |g| g.approval.as_str());
    let draft = Draft::new(&mut pen.ids, at, Source::IDP, Kind::Issuance, "delegation.issue", &agent.who)
        .by(from)
        .about("credential", &token.id)
        .credential(&token)
        .under(approval, None)
        .label("store", TOKEN_STORE)
        .label("binding", "consent")
        .label("delegation_scope", scope.join(" "))
        .label("delegation_resources", common_prefix(agent));
    (token, draft)
}

/// The longest beginning that the ids of all resources of a holder share.
fn common_prefix(holder: &Holder) -> String {
    let mut ids = holder.grants.iter().filter_map(|g| g.resource.id.as_deref());
    let first = ids.next().unwrap_or("none");
    let prefix = ids.fold(first, |prefix, id| {
        let same = prefix.char_indices().zip(id.chars()).take_while(|((_, a), b)| a == b).last();
        same.map_or("", |((at, c), _)| prefix.get(..at + c.len_utf8()).unwrap_or(prefix))
    });
    if prefix.is_empty() { "*".to_owned() } else { prefix.to_owned() }
}

/// A session of an agent with some acts under a delegation of `person`; it is left open.
pub(crate) fn agent_session(plan: &mut Plan, agent: &Holder, at: i64, person: &Identity, acts: i64) -> Session {
    let (token, draft) = delegate(&mut plan.pen, agent, at, person);
    plan.push(draft);
    let session = open(plan, agent, at + SECOND, "programmatic");
    for k in 0..acts {
        for grant in &agent.grants {
            let act = Act {
                holder: agent,
                grant,
                at: at + (k + 1) * 20 * SECOND,
                credential: Some(&token),
                session: Some(&session.id),
                allowed: true,
                labels: &[("delegation", &token.id), ("on_behalf_of", &person.id)],
            };
            plan.pen.act(&act, &mut plan.drafts);
        }
    }
    session
}

/// Agents do what has much effect only after a person said yes to exactly that.
pub(crate) fn agent_actions(plan: &mut Plan) {
    for k in 0..(plan.scale.stories / 2).max(1) {
        let at = plan.sometime(4, 86);
        if let (Some(agent), Some(person)) = (nth(plan, Role::Agent, k), nth_person(plan, k + 3)) {
            let drafts = high_impact(plan, &agent, &person.who, at);
            plan.drafts.extend(drafts);
        }
    }
}

/// One such action: approval, delegation, decision, access.
pub(crate) fn high_impact(plan: &mut Plan, agent: &Holder, person: &Identity, at: i64) -> Vec<Draft> {
    let Some(grant) = agent.grants.first() else {
        return Vec::new();
    };
    let approver = independent(grant.domain, &[person.id.as_str(), agent.owner.id.as_str()]);
    let answer = plan.answer(&agent.who, &approver);
    let approval = plan.approval(at - 6 * MINUTE, "agent-action.approve", &agent.who, &answer, grant);
    let (token, issue) = delegate(&mut plan.pen, agent, at - MINUTE, person);
    let act = Act {
        holder: agent,
        grant,
        at,
        credential: Some(&token),
        session: None,
        allowed: true,
        labels: &[
            ("delegation", &token.id),
            ("on_behalf_of", &person.id),
            ("impact", "high"),
            ("request_digest", &answer.digest),
        ],
    };
    let mut drafts = vec![approval, issue];
    let before = drafts.len();
    plan.pen.act(&act, &mut drafts);
    for draft in drafts.iter_mut().skip(before) {
        *draft = draft.clone().under(&answer.id, None);
    }
    drafts
}

/// The decision service cannot be reached for a moment: the edge denies by itself.
pub(crate) fn decision_service_away(plan: &mut Plan) {
    let at = plan.at(47, 14, 22);
    for k in 0..3 {
        let Some(person) = nth_person(plan, 4 + usize::try_from(k).unwrap_or(0)) else {
            return;
        };
        let drafts = failsafe(plan, &person, at + k * SECOND, false);
        plan.drafts.extend(drafts);
    }
}

/// What the edge does when it has to decide by itself: decision and access.
pub(crate) fn failsafe(plan: &mut Plan, holder: &Holder, at: i64, allowed: bool) -> Vec<Draft> {
    let Some(grant) = holder.grants.iter().find(|g| g.cloud.is_none()) else {
        return Vec::new();
    };
    let mut grant = grant.clone();
    grant.pep = Source::EDGE;
    let act = Act {
        holder,
        grant: &grant,
        at,
        credential: None,
        session: None,
        allowed,
        labels: &[("pdp_status", "unavailable")],
    };
    let mut drafts = Vec::new();
    plan.pen.act(&act, &mut drafts);
    for draft in &mut drafts {
        draft.source = Source::EDGE;
        let point = draft.event.policy.take().unwrap_or_default();
        let mut policy = plan.pen.policy(FAILSAFE, at);
        policy.enforcement_point = point.enforcement_point;
        if policy.enforcement_point.is_none() {
            policy.decision_point = Some(FAILSAFE_PDP.to_owned());
        }
        draft.event.policy = Some(policy);
    }
    drafts
}
