//! Privilege for a time: just in time, and break-glass in an emergency.

use sealbook_core::event::{CredentialType, ElevationVerb, Kind, ReviewDecision};

use super::access::nth_person;
use crate::access::Act;
use crate::draft::{Answer, DAY, Draft, HOUR, MINUTE, Minted, SECOND};
use crate::organisation::{Grant, Holder, Role, analyst, component, creator, independent, person, policy_owner};
use crate::plan::{Ask, Plan, Terms};
use crate::words::{
    DOMAIN_COUNT, DOMAINS, PAYMENTS, PLATFORM, SECRET_STORE, SECURITY, SSH_ISSUER, SSH_STORE, Source, cycle,
};

/// How far an elevation strays from the rules; all false is a clean one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Flaws {
    pub(crate) unapproved: bool,
    pub(crate) late: bool,
}

/// Engineers take privilege for an hour.
pub(crate) fn just_in_time(plan: &mut Plan) {
    for k in 0..plan.scale.stories.max(2) {
        let at = plan.sometime(2, 88);
        let Some(holder) = nth_person(plan, k * 3 + 1) else {
            return;
        };
        elevate(plan, &holder, at, Flaws::default());
    }
}

/// One elevation: request, approval, start, certificate, two acts, end. Gives the ids of its events.
pub(crate) fn elevate(plan: &mut Plan, holder: &Holder, at: i64, flaws: Flaws) -> Vec<String> {
    let first = plan.drafts.len();
    let id = plan.id("elv");
    let approver = independent(holder.domain, &[holder.who.id.as_str()]);
    let mut answer = plan.answer(&holder.who, &approver);
    let ends = at + HOUR;
    answer.valid_until = Some(ends);
    let grant = privileged(plan, holder, at, &answer);
    step(plan, holder, at - 12 * MINUTE, (&id, ElevationVerb::Requested), &grant, None, ends);
    if !flaws.unapproved {
        let approval = plan.approval(at - 5 * MINUTE, "elevation.approve", &holder.who, &answer, &grant);
        plan.push(approval);
    }
    step(plan, holder, at, (&id, ElevationVerb::Started), &grant, Some(&answer), ends);
    // Without an approval of its own the certificate rests on that of the holder's everyday access.
    let everyday = holder.grants.first().map(|g| g.approval.clone());
    let rests_on = match everyday {
        Some(approval) if flaws.unapproved => approval,
        _ => answer.id.clone(),
    };
    let certificate = ssh_certificate(plan, holder, at + 2 * SECOND, &rests_on);
    for k in 1..3 {
        use_it(plan, holder, at + k * 9 * MINUTE, &id, &grant, &certificate);
    }
    let ended = if flaws.late { ends + 3 * HOUR } else { at + 41 * MINUTE };
    if flaws.late {
        use_it(plan, holder, ends + 2 * HOUR, &id, &grant, &certificate);
    }
    step(plan, holder, ended, (&id, ElevationVerb::Ended), &grant, Some(&answer), ends);
    ids_since(plan, first)
}

/// Ids of the events planned since there were `first`.
pub(crate) fn ids_since(plan: &Plan, first: usize) -> Vec<String> {
    plan.drafts.iter().skip(first).map(|d| d.event.id.clone()).collect()
}

/// The privileged action on a resource of the holder's domain, at the bastion; no grant stands behind it.
fn privileged(plan: &mut Plan, holder: &Holder, at: i64, answer: &Answer) -> Grant {
    let domain = cycle(&DOMAINS, holder.domain);
    let ask = Ask {
        domain: holder.domain,
        class: cycle(&domain.classes, holder.place),
        action: 2,
        environment: "production",
        place: holder.place,
    };
    let mut grant = plan.granted(holder, at, ask, answer, None);
    grant.id = String::new();
    grant.pep = Source::PAM;
    grant
}

fn step(
    plan: &mut Plan,
    holder: &Holder,
    at: i64,
    (id, verb): (&str, ElevationVerb),
    grant: &Grant,
    answer: Option<&Answer>,
    ends: i64,
) {
    let draft = plan
        .draft(at, Source::PAM, Kind::Elevation, &format!("elevation.{}", verb.word()), &holder.who)
        .on(&grant.resource)
        .elevation(id, Some(verb), false, answer.map(|a| a.id.as_str()), Some(ends))
        .label("permission", grant.action)
        .label("domain", cycle(&DOMAINS, grant.domain).name);
    plan.push(draft);
}

fn ssh_certificate(plan: &mut Plan, holder: &Holder, at: i64, approval: &str) -> Minted {
    let minted = Minted::new(&mut plan.pen.ids, CredentialType::SshKey, at, 8 * HOUR);
    let draft = plan
        .draft(at, Source::PAM, Kind::Issuance, "certificate.issue", &holder.who)
        .by(&component(SSH_ISSUER))
        .about("credential", &minted.id)
        .credential(&minted)
        .under(approval, None)
        .label("store", SSH_STORE)
        .label("binding", "mfa")
        .label("auth_method", "ssh-certificate")
        .label("assurance", "3")
        .label("assurance_min", "3");
    plan.push(draft);
    minted
}

/// A privileged act under an elevation: decision and access.
fn use_it(plan: &mut Plan, holder: &Holder, at: i64, elevation: &str, grant: &Grant, credential: &Minted) {
    let act = Act { holder, grant, at, credential: Some(credential), session: None, allowed: true, labels: &[] };
    let mut drafts: Vec<Draft> = Vec::new();
    plan.pen.act(&act, &mut drafts);
    let drafts = drafts.into_iter().map(|d| d.elevation(elevation, None, false, None, None));
    plan.drafts.extend(drafts);
}

/// What a use of break-glass lacks; all false is a clean one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gaps {
    pub(crate) unreviewed: bool,
    pub(crate) unrotated: bool,
}

/// Emergencies: somebody on duty goes round the usual path, and it is looked at afterwards.
pub(crate) fn break_glass(plan: &mut Plan) {
    for k in 0..(plan.scale.stories / 10).max(1) {
        let at = plan.sometime(10, 80);
        let n = cycle(&[PLATFORM, PAYMENTS], k) + 2 * DOMAIN_COUNT;
        emergency(plan, n, at, Gaps::default());
    }
}

/// One emergency, from the incident to the review. Gives the ids of its events.
pub(crate) fn emergency(plan: &mut Plan, n: usize, at: i64, gaps: Gaps) -> Vec<String> {
    let first = plan.drafts.len();
    let holder = Holder::person(n, plan.start, i64::MAX);
    let account = account(plan, &holder, at - DAY);
    let incident = plan.id("inc");
    let id = plan.id("elv");
    let answer = plan.answer(&holder.who, &holder.who);
    let grant = privileged(plan, &holder, at, &answer);
    super::response::incident(plan, at - 7 * MINUTE, "incident.open", &incident);
    let Some(credential) = account.credentials.last().cloned() else {
        return Vec::new();
    };
    let ends = at + HOUR;
    for (verb, at) in [(ElevationVerb::Started, at), (ElevationVerb::Ended, at + 35 * MINUTE)] {
        let draft = plan
            .draft(at, Source::PAM, Kind::Elevation, &format!("elevation.{}", verb.word()), &holder.who)
            .on(&grant.resource)
            .elevation(&id, Some(verb), true, None, Some(ends))
            .credential(&credential)
            .reason("production is down and the usual path takes too long")
            .label("incident", incident.as_str())
            .label("ticket", format!("INC-{}", n + 400))
            .label("permission", grant.action);
        plan.push(draft);
    }
    alert(plan, at + SECOND, &holder, &id, &incident);
    use_it(plan, &holder, at + 4 * MINUTE, &id, &grant, &credential);
    if !gaps.unrotated {
        let mut account = account.clone();
        let rotated = at + 3 * HOUR;
        super::rotations::rotate(plan, &mut account, rotated, &credential, Some(5 * MINUTE));
        if let Some(sealed) = account.credentials.last() {
            // The duty ends with the week.
            let draft = plan.withdraw(at + 5 * DAY, Source::OPENBAO, &holder.who, sealed, &creator());
            plan.push(draft);
        }
    }
    if !gaps.unreviewed {
        look_back(plan, at + 22 * HOUR, &holder, &id, &incident);
    }
    super::response::incident(plan, at + 23 * HOUR, "incident.close", &incident);
    ids_since(plan, first)
}

/// The secret for emergencies: its holder is the person on duty, it lies sealed in the store.
fn account(plan: &mut Plan, holder: &Holder, at: i64) -> Holder {
    let mut account = holder.clone();
    let ask = Ask { action: 2, ..Ask::of(holder, 0) };
    let terms = Terms { until: Some(at + 7 * DAY), privileged: true, baseline: false };
    let grant = plan.grant(holder, at, ask, terms);
    account.grants = vec![grant.clone()];
    let minted = Minted::new(&mut plan.pen.ids, CredentialType::Secret, at + HOUR, 30 * DAY);
    let draft =
        plan.minting(at + HOUR, Kind::Issuance, "credential.issue", &account, &minted).label("store", SECRET_STORE);
    plan.push(draft);
    plan.revoke(at + 7 * DAY, &holder.who, &grant, &component("iam-governance/automation"));
    account.credentials = vec![minted];
    account.role = Role::Person;
    plan.quiet.push(account.clone());
    account
}

fn alert(plan: &mut Plan, at: i64, holder: &Holder, elevation: &str, incident: &str) {
    let draft = plan
        .draft(at, Source::SIEM, Kind::Lifecycle, "alert.raise", &holder.who)
        .by(&component("siem/correlator"))
        .about("elevation", elevation)
        .elevation(elevation, None, false, None, None)
        .label("incident", incident);
    plan.push(draft);
}

fn look_back(plan: &mut Plan, at: i64, holder: &Holder, elevation: &str, incident: &str) {
    let by = if holder.who.id == analyst().id { person(SECURITY) } else { policy_owner(SECURITY) };
    let id = plan.id("rev");
    let draft = plan
        .draft(at, Source::IAM, Kind::Review, "elevation.review", &holder.who)
        .by(&by)
        .about("elevation", elevation)
        .elevation(elevation, None, false, None, None)
        .review(&id, elevation, Some(ReviewDecision::Keep), None)
        .reason("the acts were needed to restore service")
        .label("incident", incident);
    plan.push(draft);
}
