//! The plan: who there is and every event that belongs to a story, made before the first event is given out.

use sealbook_core::event::{ApprovalDecision, Identity, Kind, LifecycleVerb};

use crate::access::Pen;
use crate::draft::{Answer, DAY, Draft, HOUR, MINUTE, Minted};
use crate::organisation::{Grant, Holder, KEPT_LIFE, Role, component, domain, enforced_by, independent, resource};
use crate::policies::{Policies, digest};
use crate::rng::{Ids, Rng};
use crate::words::{Class, SECRET_ISSUER, SECRET_STORE, Source};
use crate::{Config, Fault};

/// How much of everything there is, for a number of entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) people: usize,
    pub(crate) machines: usize,
    pub(crate) grants: usize,
    /// Stories of a sort.
    pub(crate) stories: usize,
    /// Heartbeats of one enforcement point.
    pub(crate) heartbeats: i64,
}

impl Scale {
    fn of(entries: usize, days: i64) -> Self {
        Self {
            people: (entries / 450 / 7 * 7).clamp(21, 560),
            machines: (entries / 300).clamp(12, 900),
            grants: if entries < 5_000 { 1 } else { 2 },
            stories: (entries / 1_000).clamp(1, 300),
            heartbeats: i64::try_from(entries / 200).unwrap_or(0).clamp(4, 24 * days),
        }
    }

    /// Ranks of people in a team that own machines; the first two of a team decide instead.
    pub(crate) fn owner_ranks(&self) -> usize {
        self.people / crate::words::DOMAIN_COUNT - 2
    }
}

/// Everything that is planned.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) start: i64,
    pub(crate) days: i64,
    pub(crate) seed: u64,
    pub(crate) scale: Scale,
    pub(crate) pen: Pen,
    /// Events of the baseline so far.
    pub(crate) ticks: i64,
    pub(crate) rng: Rng,
    pub(crate) drafts: Vec<Draft>,
    /// Who makes the everyday traffic.
    pub(crate) holders: Vec<Holder>,
    /// Who acts in stories only.
    pub(crate) quiet: Vec<Holder>,
    pub(crate) faults: Vec<Fault>,
}

/// What is asked for: domain, class, number of the action, environment, place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) domain: usize,
    pub(crate) class: &'static Class,
    pub(crate) action: usize,
    pub(crate) environment: &'static str,
    pub(crate) place: usize,
}

impl Ask {
    /// The `k`-th thing that a holder needs for its work.
    pub(crate) fn of(holder: &Holder, k: usize) -> Self {
        let (domain, class, action) = holder.wants(k);
        Self { domain, class, action, environment: holder.environment, place: holder.place }
    }
}

/// How a grant comes about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Terms {
    pub(crate) baseline: bool,
    pub(crate) until: Option<i64>,
    pub(crate) privileged: bool,
}

impl Plan {
    pub(crate) fn new(config: &Config) -> Self {
        let days = i64::from(config.days);
        let interval = if config.entries < 5_000 { 400 } else { 30 };
        let policies = Policies { seed: config.seed, start: config.start.0, interval: interval * DAY };
        Self {
            start: config.start.0,
            days,
            seed: config.seed,
            scale: Scale::of(config.entries, days),
            pen: Pen::new(Ids::new(config.seed, 0), policies),
            ticks: 0,
            rng: Rng::new(config.seed, 1),
            drafts: Vec::new(),
            holders: Vec::new(),
            quiet: Vec::new(),
            faults: Vec::new(),
        }
    }

    pub(crate) fn end(&self) -> i64 {
        self.start + self.days * DAY
    }

    /// Day `day` of 90, spread over the days there are, at a time of day.
    pub(crate) fn at(&self, day: i64, hour: i64, minute: i64) -> i64 {
        self.start + day * self.days / 90 * DAY + hour * HOUR + minute * MINUTE
    }

    /// Some instant of the working hours between two days of 90.
    pub(crate) fn sometime(&mut self, from: i64, to: i64) -> i64 {
        let day = from + self.rng.below(to - from);
        self.at(day, 8, 0) + self.rng.below(9 * HOUR)
    }

    pub(crate) fn draft(&mut self, at: i64, source: Source, kind: Kind, action: &str, subject: &Identity) -> Draft {
        Draft::new(&mut self.pen.ids, at, source, kind, action, subject)
    }

    /// Takes an event into the plan and gives its id.
    pub(crate) fn push(&mut self, draft: Draft) -> String {
        let id = draft.event.id.clone();
        self.drafts.push(draft);
        id
    }

    pub(crate) fn id(&mut self, what: &str) -> String {
        self.pen.ids.named(what)
    }

    /// A request and its answer to come.
    pub(crate) fn answer(&mut self, requester: &Identity, approver: &Identity) -> Answer {
        let n = self.pen.ids.next();
        Answer {
            id: self.id("apr"),
            request: self.id("req"),
            requester: requester.clone(),
            approver: approver.clone(),
            digest: digest(n),
            ticket: format!("CHG-{}", 10_000 + n % 80_000),
            valid_until: None,
        }
    }

    /// Approves, and grants. The request comes before where it is not of the baseline.
    pub(crate) fn grant(&mut self, holder: &Holder, at: i64, ask: Ask, terms: Terms) -> Grant {
        let requester = match holder.role {
            Role::Person => &holder.who,
            _ => &holder.owner,
        };
        let approver = independent(ask.domain, &[requester.id.as_str(), holder.who.id.as_str()]);
        let mut answer = self.answer(requester, &approver);
        answer.valid_until = terms.until;
        let grant = self.granted(holder, at, ask, &answer, terms.until);
        let (asked, approved) = if terms.baseline { (at, at) } else { (at - 3 * HOUR, at - 40 * MINUTE) };
        if !terms.baseline {
            self.request(holder, asked, &grant, &answer);
        }
        let approval = self.approval(approved, "access.approve", &holder.who, &answer, &grant);
        self.push(baseline(approval, terms.baseline));
        let event = self.granting(holder, at + 1, &grant, &answer, terms);
        self.push(event);
        grant
    }

    /// The grant that an answer leads to, without any event.
    pub(crate) fn granted(&mut self, holder: &Holder, at: i64, ask: Ask, answer: &Answer, until: Option<i64>) -> Grant {
        let (pep, cloud) = enforced_by(holder.role, ask.class, ask.environment, ask.place);
        let [first, second, beyond] = ask.class.actions;
        Grant {
            id: self.id("grt"),
            domain: ask.domain,
            resource: resource(ask.class, ask.place, ask.environment, ask.place),
            action: match ask.action {
                0 => first,
                1 => second,
                _ => beyond,
            },
            beyond,
            approval: answer.id.clone(),
            approver: answer.approver.clone(),
            pep,
            cloud,
            from: at,
            to: until.unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn request(&mut self, holder: &Holder, at: i64, grant: &Grant, answer: &Answer) {
        let mut draft = self
            .draft(at, Source::IAM, Kind::Lifecycle, "access.request", &holder.who)
            .by(&answer.requester)
            .on(&grant.resource)
            .label("domain", domain(grant.domain).name)
            .label("permission", grant.action)
            .label("ticket", answer.ticket.as_str())
            .label("request_digest", answer.digest.as_str());
        draft.event.approval = Some(sealbook_core::event::Approval {
            request: Some(answer.request.clone()),
            requester: Some(answer.requester.id.clone()),
            ..Default::default()
        });
        self.push(draft);
    }

    pub(crate) fn approval(
        &mut self,
        at: i64,
        action: &str,
        subject: &Identity,
        answer: &Answer,
        grant: &Grant,
    ) -> Draft {
        self.draft(at, Source::IAM, Kind::Approval, action, subject)
            .by(&answer.approver)
            .on(&grant.resource)
            .answered(answer, ApprovalDecision::Granted)
            .reason("needed for the work of the team")
            .label("domain", domain(grant.domain).name)
            .label("permission", grant.action)
    }

    pub(crate) fn granting(&mut self, holder: &Holder, at: i64, grant: &Grant, answer: &Answer, terms: Terms) -> Draft {
        let mut draft = self
            .draft(at, Source::IAM, Kind::Lifecycle, "access.grant", &holder.who)
            .by(&component("iam-governance/automation"))
            .on(&grant.resource)
            .lifecycle(LifecycleVerb::Changed, None)
            .under(&answer.id, terms.until)
            .label("grant", grant.id.as_str())
            .label("domain", domain(grant.domain).name)
            .label("permission", grant.action)
            .label("request_digest", answer.digest.as_str());
        if terms.privileged {
            draft = draft.label("privileged", "true");
            if terms.until.is_none() {
                draft = draft.label("standing", "approved");
            }
        }
        baseline(draft, terms.baseline)
    }

    /// A grant is withdrawn.
    pub(crate) fn revoke(&mut self, at: i64, who: &Identity, grant: &Grant, by: &Identity) -> String {
        let draft = self
            .draft(at, Source::IAM, Kind::Revocation, "access.revoke", who)
            .by(by)
            .on(&grant.resource)
            .label("grant", grant.id.as_str())
            .label("domain", domain(grant.domain).name)
            .label("permission", grant.action);
        self.push(draft)
    }

    /// Mints a credential that is kept for long. `age`: how old it is already.
    pub(crate) fn keep(&mut self, holder: &mut Holder, at: i64, age: i64, terms: Terms) {
        let Some(kind) = holder.long_lived() else {
            return;
        };
        let minted = Minted::new(&mut self.pen.ids, kind, at - age, KEPT_LIFE);
        let draft = self.minting(at, Kind::Issuance, "credential.issue", holder, &minted);
        self.push(baseline(draft, terms.baseline));
        holder.credentials.push(minted);
    }

    /// Issuance or rotation of a credential that is kept for long.
    pub(crate) fn minting(&mut self, at: i64, kind: Kind, action: &str, holder: &Holder, minted: &Minted) -> Draft {
        let approval = holder.grants.first().map_or("", |g| g.approval.as_str());
        self.draft(at, Source::OPENBAO, kind, action, &holder.who)
            .by(&component(SECRET_ISSUER))
            .about("credential", &minted.id)
            .credential(minted)
            .under(approval, None)
            .label("store", SECRET_STORE)
            .label("binding", "key-proof")
    }

    /// A credential is withdrawn.
    pub(crate) fn withdraw(
        &mut self,
        at: i64,
        source: Source,
        who: &Identity,
        minted: &Minted,
        by: &Identity,
    ) -> Draft {
        self.draft(at, source, Kind::Revocation, "credential.revoke", who)
            .by(by)
            .about("credential", &minted.id)
            .credential(minted)
    }
}

/// Marks what the organisation already had.
pub(crate) fn baseline(draft: Draft, yes: bool) -> Draft {
    if yes { draft.label("inventory", "baseline") } else { draft }
}
