//! Everyday traffic, one day at a time: sign-ons, credentials that last for an hour, and accesses.

use sealbook_core::event::{CredentialType, Kind, Outcome};

use crate::access::{Act, Pen};
use crate::draft::{DAY, Draft, HOUR, MINUTE, Minted, SECOND};
use crate::organisation::{Grant, Holder, Role, component, person};
use crate::rng::Rng;
use crate::stories::access::{closing, delegate, sign_on};
use crate::words::{DOMAIN_COUNT, SCHEDULE, SVID_ISSUER, SVID_STORE, Source, TOKEN_ISSUER, TOKEN_STORE, TRUSTS, cycle};

/// Accesses of one visit, at least and at most.
const ACTS_MIN: i64 = 2;
const ACTS_MAX: i64 = 4;
/// In so many of a hundred cases access is denied.
const DENIED_PERCENT: u64 = 4;
/// By how many places the beginning of a round moves on.
const ROUND_SHIFT: usize = 61;
/// Traffic pauses from 03:00 to 04:15, while policies and secrets are exchanged.
const MORNING: i64 = 4 * HOUR + 15 * MINUTE;

/// Makes the traffic of one day after the other.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) pen: Pen,
    pub(crate) rng: Rng,
    pub(crate) holders: Vec<Holder>,
    pub(crate) start: i64,
    /// Whose turn it is.
    pub(crate) turn: usize,
}

/// One visit: when, with what room, under which grants.
struct Visit<'a> {
    holder: &'a Holder,
    grants: Vec<&'a Grant>,
    at: i64,
    room: usize,
    turn: usize,
}

impl Traffic {
    /// Exactly `quota` events of day `day`, in no order.
    pub(crate) fn day(&mut self, day: i64, quota: usize) -> Vec<Draft> {
        let mut out = Vec::with_capacity(quota);
        let from = self.start + day * DAY;
        let holders = std::mem::take(&mut self.holders);
        let weekday = (from.div_euclid(DAY) + 4).rem_euclid(7);
        let mut passes = 0;
        while out.len() < quota && passes < holders.len() {
            let turn = self.turn;
            self.turn += 1;
            let before = out.len();
            let holder = holders.get(whose_turn(turn, holders.len()));
            if let Some(holder) = holder {
                let off = holder.role == Role::Person && (weekday == 0 || weekday == 6);
                let grants = usable(holder, from);
                if !off && !grants.is_empty() {
                    let at = from + self.time_of_day(holder.role, day);
                    let room = quota - out.len();
                    let visit = Visit { holder, grants, at, room, turn: turn / holders.len() };
                    self.visit(&visit, &mut out);
                }
            }
            passes = if out.len() == before { passes + 1 } else { 0 };
        }
        self.holders = holders;
        out
    }

    fn time_of_day(&mut self, role: Role, day: i64) -> i64 {
        match role {
            Role::Person => 7 * HOUR + self.rng.below(10 * HOUR),
            // The first night is the baseline's.
            _ if day > 0 && self.rng.chance(20) => 5 * MINUTE + self.rng.below(145 * MINUTE),
            _ => MORNING + self.rng.below(19 * HOUR),
        }
    }

    /// One visit, no larger than its room; nothing where the room is too small for it.
    fn visit(&mut self, visit: &Visit<'_>, out: &mut Vec<Draft>) {
        let around = match visit.holder.role {
            Role::Person => 3,
            Role::Agent => 4,
            Role::Workload | Role::Pipeline => 1,
            Role::Service | Role::Supplier => 0,
        };
        if visit.room <= around {
            return;
        }
        let room = visit.room - around;
        // Below this the room is filled by whoever leaves single events.
        let least = visit.grants.iter().map(|g| events_of(g)).min().unwrap_or(2);
        if room < least {
            return;
        }
        match visit.holder.role {
            Role::Person => self.person(visit, room, out),
            Role::Agent => self.agent(visit, room, out),
            Role::Workload => {
                let svid = self.svid(visit, out);
                self.acts(visit, (Some(&svid), None, &[]), room, out);
            }
            Role::Pipeline => {
                let token = self.exchange(visit, out);
                self.acts(visit, (Some(&token), None, &[]), room, out);
            }
            Role::Service | Role::Supplier => {
                let kept = visit.holder.credential_at(visit.at);
                self.acts(visit, (kept, None, &[]), room, out);
            }
        }
    }

    fn person(&mut self, visit: &Visit<'_>, room: usize, out: &mut Vec<Draft>) {
        let session = sign_on(&mut self.pen, visit.holder, visit.at, "interactive", out);
        let shown = (Some(&session.token), Some(session.id.as_str()), &[][..]);
        let end = self.acts(visit, shown, room, out);
        let done = closing(&mut self.pen, end + 40 * SECOND, &visit.holder.who, &session, "closed");
        out.push(done);
    }

    fn agent(&mut self, visit: &Visit<'_>, room: usize, out: &mut Vec<Draft>) {
        let from =
            if self.rng.chance(25) { component(SCHEDULE) } else { person(visit.holder.domain + DOMAIN_COUNT * 2) };
        let (token, issue) = delegate(&mut self.pen, visit.holder, visit.at, &from);
        out.push(issue);
        let session = sign_on(&mut self.pen, visit.holder, visit.at + SECOND, "programmatic", out);
        let labels = [("delegation", token.id.as_str()), ("on_behalf_of", from.id.as_str())];
        let shown = (Some(&token), Some(session.id.as_str()), &labels[..]);
        let end = self.acts(visit, shown, room, out);
        let done = closing(&mut self.pen, end + 5 * SECOND, &visit.holder.who, &session, "closed");
        out.push(done);
    }

    /// Accesses, as many as fit; gives the time of the last.
    fn acts(
        &mut self,
        visit: &Visit<'_>,
        (credential, session, labels): (Option<&Minted>, Option<&str>, &[(&str, &str)]),
        room: usize,
        out: &mut Vec<Draft>,
    ) -> i64 {
        let full = out.len() + room;
        let count = ACTS_MIN + self.rng.below(ACTS_MAX - ACTS_MIN + 1);
        let mut at = visit.at + 3 * SECOND;
        for k in 0..count {
            let turn = visit.turn * 5 + usize::try_from(k).unwrap_or(0);
            let fits = |g: &&&Grant| out.len() + events_of(g) <= full;
            let next = visit.grants.iter().cycle().skip(turn % visit.grants.len());
            let Some(grant) = next.take(visit.grants.len()).find(fits) else {
                return at;
            };
            at += 7 * SECOND + self.rng.below(100 * SECOND);
            let act = Act {
                holder: visit.holder,
                grant,
                at,
                credential,
                session,
                allowed: !self.rng.chance(DENIED_PERCENT),
                labels,
            };
            self.pen.act(&act, out);
        }
        at
    }

    /// An SVID for an hour of work.
    fn svid(&mut self, visit: &Visit<'_>, out: &mut Vec<Draft>) -> Minted {
        let svid = Minted::new(&mut self.pen.ids, CredentialType::X509Svid, visit.at, HOUR);
        out.push(
            self.short(visit, Source::SPIRE, "svid.issue", &svid, SVID_ISSUER)
                .label("store", SVID_STORE)
                .label("binding", "attestation"),
        );
        svid
    }

    /// The token of a pipeline against one of the cloud.
    fn exchange(&mut self, visit: &Visit<'_>, out: &mut Vec<Draft>) -> Minted {
        let token = Minted::new(&mut self.pen.ids, CredentialType::OidcToken, visit.at, HOUR);
        let in_gcp = visit.grants.iter().any(|g| g.cloud == Some(Source::GCP));
        let trust = cycle(&TRUSTS, usize::from(in_gcp));
        let source = if in_gcp { Source::GCP } else { Source::AWS };
        out.push(
            self.short(visit, source, "token.exchange", &token, TOKEN_ISSUER)
                .label("store", TOKEN_STORE)
                .label("binding", "oidc-claims")
                .label("auth_method", "oidc-federation")
                .label("assurance", "2")
                .label("assurance_min", "2")
                .label("trust", trust.id)
                .label("issuer", trust.issuer)
                .label("audience", trust.audience)
                .label("subject_condition", trust.condition),
        );
        token
    }

    fn short(&mut self, visit: &Visit<'_>, source: Source, action: &str, minted: &Minted, issuer: &str) -> Draft {
        let approval = visit.grants.first().map_or("", |g| g.approval.as_str());
        let ids = &mut self.pen.ids;
        Draft::new(ids, visit.at, source, Kind::Issuance, action, &visit.holder.who)
            .outcome(Outcome::Success)
            .by(&component(issuer))
            .about("credential", &minted.id)
            .credential(minted)
            .under(approval, None)
    }
}

/// Everybody has one turn in each round; where a round begins moves on, so that nobody's turn always falls on a weekend.
fn whose_turn(turn: usize, holders: usize) -> usize {
    let round = turn.checked_div(holders).unwrap_or(0);
    (turn + round * ROUND_SHIFT).checked_rem(holders).unwrap_or(0)
}

/// Events that one access leaves.
fn events_of(grant: &Grant) -> usize {
    if grant.cloud.is_some() { 1 } else { 2 }
}

/// The grants that hold for the whole day, of a holder who is there for the whole day.
fn usable(holder: &Holder, day: i64) -> Vec<&Grant> {
    let there = holder.from <= day && day + DAY <= holder.to;
    holder.grants.iter().filter(|g| there && g.from <= day + 3 * HOUR && day + DAY <= g.to).collect()
}
