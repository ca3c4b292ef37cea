//! What an access leaves behind: the decision of the PDP, and what the PEP did.

use sealbook_core::event::{AgentContext, Context, Correlation, Kind, Outcome, Policy};

use crate::draft::{Draft, Minted};
use crate::organisation::{Grant, Holder, Role, domain};
use crate::policies::{CLOUD, POLICY_COUNT, Policies};
use crate::rng::{Ids, mix};
use crate::words::{AWS_PDP, GCP_PDP, MODELS, Source, cycle};

/// µs between a decision and the access.
const ENFORCED_AFTER: i64 = 3_700;
/// µs between the observation of an attribute and its use.
const OBSERVED_BEFORE: i64 = 41_000_000;

/// Writes events: ids, and the policies in force, those of the newest instant kept at hand.
#[derive(Clone, Debug)]
pub(crate) struct Pen {
    pub(crate) ids: Ids,
    pub(crate) policies: Policies,
    at_hand: [Option<(i64, Policy)>; POLICY_COUNT],
}

/// One access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    pub(crate) holder: &'a Holder,
    pub(crate) grant: &'a Grant,
    pub(crate) at: i64,
    pub(crate) credential: Option<&'a Minted>,
    pub(crate) session: Option<&'a str>,
    pub(crate) allowed: bool,
    /// Goes onto both events.
    pub(crate) labels: &'a [(&'a str, &'a str)],
}

impl Pen {
    pub(crate) fn new(ids: Ids, policies: Policies) -> Self {
        Self { ids, policies, at_hand: [const { None }; POLICY_COUNT] }
    }

    /// The policy in force, without decision and enforcement point.
    pub(crate) fn policy(&mut self, policy: usize, at: i64) -> Policy {
        let number = self.policies.number(policy, at);
        let Some(kept) = self.at_hand.get_mut(policy) else {
            return self.policies.version(policy, number);
        };
        match kept {
            Some((n, found)) if *n == number => found.clone(),
            _ => {
                let found = self.policies.version(policy, number);
                *kept = Some((number, found.clone()));
                found
            }
        }
    }

    /// Both events of an access; for what a cloud decides itself, the decision alone.
    pub(crate) fn act(&mut self, act: &Act<'_>, out: &mut Vec<Draft>) {
        let request = self.ids.next();
        out.push(self.decision(act, request));
        if act.grant.cloud.is_none() {
            out.push(self.access(act, request));
        }
    }

    pub(crate) fn decision(&mut self, act: &Act<'_>, request: u64) -> Draft {
        let (source, point, policy) = match act.grant.cloud {
            Some(Source::AWS) => (Source::AWS, AWS_PDP, CLOUD),
            Some(cloud) => (cloud, GCP_PDP, CLOUD),
            None => {
                let opa = Source::opa(act.grant.domain);
                (opa, opa.id(), act.grant.domain)
            }
        };
        let mut draft = self.common(act, source, act.at, request);
        let mut policy = self.policy(policy, act.at);
        policy.decision_point = Some(point.to_owned());
        draft.event.policy = Some(policy);
        if act.allowed {
            draft = observed(draft, act.holder.role, act.at - OBSERVED_BEFORE);
        }
        draft
    }

    pub(crate) fn access(&mut self, act: &Act<'_>, request: u64) -> Draft {
        let late = ENFORCED_AFTER + i64::from(u8::try_from(request % 200).unwrap_or(0)) * 100;
        let pep = act.grant.pep;
        let mut draft = self.common(act, pep, act.at + late, request);
        let mut policy = self.policy(act.grant.domain, act.at);
        let point = if pep == Source::PAM { crate::words::BASTION_PEP } else { pep.id() };
        policy.enforcement_point = Some(point.to_owned());
        policy.owner = None;
        draft.event.policy = Some(policy);
        draft
    }

    fn common(&mut self, act: &Act<'_>, source: Source, at: i64, request: u64) -> Draft {
        let (action, outcome) =
            if act.allowed { (act.grant.action, Outcome::Allow) } else { (act.grant.beyond, Outcome::Deny) };
        let mut draft = Draft::new(&mut self.ids, at, source, Kind::Decision, action, &act.holder.who)
            .outcome(outcome)
            .on(&act.grant.resource)
            .label("domain", domain(act.grant.domain).name);
        if act.allowed {
            // Under an elevation there is no grant.
            if !act.grant.id.is_empty() {
                draft = draft.label("grant", act.grant.id.as_str());
            }
        } else {
            draft = draft.reason("no grant for this action");
        }
        if let Some(credential) = act.credential {
            draft = draft.credential(credential);
        }
        for (name, value) in act.labels {
            draft = draft.label(name, *value);
        }
        draft.event.correlation = Some(Correlation {
            request: Some(format!("req-{request:016x}")),
            session: act.session.map(str::to_owned),
            trace: Some(format!("{:016x}{request:016x}", mix(request))),
        });
        draft.event.context = Some(context(act.holder, act.session, act.grant.action));
        draft
    }
}

/// What the decision looked at, and when that was observed.
pub(crate) fn observed(draft: Draft, role: Role, at: i64) -> Draft {
    let draft = match role {
        Role::Person => draft.label("attr.device_posture", "compliant"),
        _ => draft.label("attr.workload_attested", "true"),
    };
    draft.label("attr.observed_at", at.to_string())
}

/// Circumstances of what a holder does.
pub(crate) fn context(holder: &Holder, session: Option<&str>, tool: &str) -> Context {
    let n = mix(holder.place as u64);
    let mut context = Context::default();
    match holder.role {
        Role::Person => {
            context.source_ip = Some(format!("198.51.100.{}", n % 250 + 1));
            context.user_agent = Some("Mozilla/5.0 (managed workstation)".to_owned());
            context.device = Some(format!("laptop-{:04}", n % 9000));
            context.mfa = Some(true);
            context.location = Some((*cycle(&["Aarhus", "Lyon", "Gdańsk"], holder.place)).to_owned());
        }
        Role::Supplier => context.source_ip = Some(format!("203.0.113.{}", n % 250 + 1)),
        Role::Agent => {
            context.agent = Some(AgentContext {
                model: Some((*cycle(&MODELS, holder.place)).to_owned()),
                tool: Some(tool.to_owned()),
                session: session.map(str::to_owned),
            });
        }
        _ => context.source_ip = Some(format!("10.{}.{}.7", n % 60, n % 251)),
    }
    context.runtime.clone_from(&holder.runtime);
    context
}
