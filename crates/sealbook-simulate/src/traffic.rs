//! Everyday traffic, one day at a time: sign-ons, credentials that last for an hour, and accesses.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use sealbook_core::event::{CredentialType, Kind, Outcome};

use crate::access::{Act, Pen};
use crate::draft::{DAY, Draft, HOUR, MINUTE, Minted, SECOND};
use crate::organisation::{Grant, Holder, Role, component, person};
use crate::rng::{Rng, mix};
use crate::stories::access::{closing, delegate, sign_on};
use crate::words::{DOMAIN_COUNT, SCHEDULE, SVID_ISSUER, SVID_STORE, Source, TOKEN_ISSUER, TOKEN_STORE, TRUSTS, cycle};

/// Accesses of one visit, at least and at most.
const ACTS_MIN: i64 = 2;
const ACTS_MAX: i64 = 4;
/// In so many of a hundred cases access is denied.
const DENIED_PERCENT: u64 = 4;
/// Traffic pauses from 03:00 to 04:15, while policies and secrets are exchanged.
const MORNING: i64 = 4 * HOUR + 15 * MINUTE;

/// Makes the traffic of one day after the other: first when who comes, then, visit by visit, the events.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    pub(crate) pen: Pen,
    pub(crate) rng: Rng,
    pub(crate) holders: Arc<[Holder]>,
    pub(crate) start: i64,
    /// Whose turn it is.
    pub(crate) turn: usize,
    /// The visits of the day that are still to come.
    pub(crate) today: Peekable<IntoIter<Visit>>,
}

/// A visit to come: when, whose, and the numbers of the grants that it uses.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    at: i64,
    holder: usize,
    grants: Vec<usize>,
}

/// A visit that takes place.
struct Present<'a> {
    holder: &'a Holder,
    at: i64,
    grants: &'a [usize],
}

impl<'a> Present<'a> {
    fn grants(&self) -> impl Iterator<Item = &'a Grant> {
        let of = self.holder;
        self.grants.iter().filter_map(|n| of.grants.get(*n))
    }
}

impl Traffic {
    /// Says who comes on day `day`, so that exactly `quota` events come of it.
    pub(crate) fn schedule(&mut self, day: i64, quota: usize) {
        let holders = Arc::clone(&self.holders);
        let from = self.start + day * DAY;
        let weekday = (from.div_euclid(DAY) + 4).rem_euclid(7);
        let mut visits = Vec::new();
        let mut room = quota;
        let mut in_vain = 0;
        while room > 0 && in_vain < holders.len() {
            let turn = self.turn;
            self.turn += 1;
            in_vain += 1;
            let n = whose_turn(turn, holders.len());
            let Some(holder) = holders.get(n) else { break };
            if holder.role == Role::Person && (weekday == 0 || weekday == 6) {
                continue;
            }
            let at = from + self.time_of_day(holder.role, day);
            let (grants, events) = self.choose(holder, (turn / holders.len()) * 5, from, room);
            if !grants.is_empty() {
                room -= events;
                in_vain = 0;
                visits.push(Visit { at, holder: n, grants });
            }
        }
        visits.sort_by_key(|v| v.at);
        self.today = visits.into_iter().peekable();
    }

    fn time_of_day(&mut self, role: Role, day: i64) -> i64 {
        match role {
            Role::Person => 7 * HOUR + self.rng.below(10 * HOUR),
            // The first night is the baseline's.
            _ if day > 0 && self.rng.chance(20) => 5 * MINUTE + self.rng.below(145 * MINUTE),
            _ => MORNING + self.rng.below(19 * HOUR),
        }
    }

    /// Grants for a visit, taking turns, and the events that come of it; none where the room is too small.
    fn choose(&mut self, holder: &Holder, first: usize, day: i64, room: usize) -> (Vec<usize>, usize) {
        let mut events = around(holder.role);
        let mut chosen = Vec::new();
        let usable = usable(holder, day);
        if usable.is_empty() {
            return (chosen, 0);
        }
        for k in 0..ACTS_MIN + self.rng.below(ACTS_MAX - ACTS_MIN + 1) {
            let from = (first + usize::try_from(k).unwrap_or(0)) % usable.len();
            let (before, after) = usable.split_at(from);
            let fits = |(_, grant): &&(usize, &Grant)| events + events_of(grant) <= room;
            let Some((n, grant)) = after.iter().chain(before).find(fits) else { break };
            chosen.push(*n);
            events += events_of(grant);
        }
        (chosen, events)
    }

    /// When the next visit of the day begins.
    pub(crate) fn next_at(&mut self) -> Option<i64> {
        self.today.peek().map(|v| v.at)
    }

    /// The events of the next visit, none of them earlier than its beginning.
    pub(crate) fn next_visit(&mut self, out: &mut Vec<Draft>) {
        let holders = Arc::clone(&self.holders);
        let Some(visit) = self.today.next() else { return };
        let Some(holder) = holders.get(visit.holder) else { return };
        let visit = Present { holder, at: visit.at, grants: &visit.grants };
        match holder.role {
            Role::Person => self.person(&visit, out),
            Role::Agent => self.agent(&visit, out),
            Role::Workload => {
                let svid = self.svid(&visit, out);
                self.acts(&visit, (Some(&svid), None, &[]), out);
            }
            Role::Pipeline => {
                let token = self.exchange(&visit, out);
                self.acts(&visit, (Some(&token), None, &[]), out);
            }
            Role::Service | Role::Supplier => {
                let kept = holder.credential_at(visit.at);
                self.acts(&visit, (kept, None, &[]), out);
            }
        }
    }

    fn person(&mut self, visit: &Present<'_>, out: &mut Vec<Draft>) {
        let session = sign_on(&mut self.pen, visit.holder, visit.at, "interactive", out);
        let shown = (Some(&session.token), Some(session.id.as_str()), &[][..]);
        let end = self.acts(visit, shown, out);
        let done = closing(&mut self.pen, end + 40 * SECOND, &visit.holder.who, &session, "closed");
        out.push(done);
    }

    fn agent(&mut self, visit: &Present<'_>, out: &mut Vec<Draft>) {
        let from =
            if self.rng.chance(25) { component(SCHEDULE) } else { person(visit.holder.domain + DOMAIN_COUNT * 2) };
        let (token, issue) = delegate(&mut self.pen, visit.holder, visit.at, &from);
        out.push(issue);
        let session = sign_on(&mut self.pen, visit.holder, visit.at + SECOND, "programmatic", out);
        let labels = [("delegation", token.id.as_str()), ("on_behalf_of", from.id.as_str())];
        let shown = (Some(&token), Some(session.id.as_str()), &labels[..]);
        let end = self.acts(visit, shown, out);
        let done = closing(&mut self.pen, end + 5 * SECOND, &visit.holder.who, &session, "closed");
        out.push(done);
    }

    /// The accesses of a visit; gives the time of the last.
    fn acts(
        &mut self,
        visit: &Present<'_>,
        (credential, session, labels): (Option<&Minted>, Option<&str>, &[(&str, &str)]),
        out: &mut Vec<Draft>,
    ) -> i64 {
        let mut at = visit.at + 3 * SECOND;
        for grant in visit.grants() {
            at += 7 * SECOND + self.rng.below(100 * SECOND);
            let allowed = !self.rng.chance(DENIED_PERCENT);
            let act = Act { holder: visit.holder, grant, at, credential, session, allowed, labels };
            self.pen.act(&act, out);
        }
        at
    }

    /// An SVID for an hour of work.
    fn svid(&mut self, visit: &Present<'_>, out: &mut Vec<Draft>) -> Minted {
        let svid = Minted::new(&mut self.pen.ids, CredentialType::X509Svid, visit.at, HOUR);
        out.push(
            self.short(visit, Source::SPIRE, "svid.issue", &svid, SVID_ISSUER)
                .label("store", SVID_STORE)
                .label("binding", "attestation"),
        );
        svid
    }

    /// The token of a pipeline against one of the cloud.
    fn exchange(&mut self, visit: &Present<'_>, out: &mut Vec<Draft>) -> Minted {
        let token = Minted::new(&mut self.pen.ids, CredentialType::OidcToken, visit.at, HOUR);
        let in_gcp = visit.grants().any(|g| g.cloud == Some(Source::GCP));
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

    fn short(&mut self, visit: &Present<'_>, source: Source, action: &str, minted: &Minted, issuer: &str) -> Draft {
        let approval = visit.grants().next().map_or("", |g| g.approval.as_str());
        let ids = &mut self.pen.ids;
        Draft::new(ids, visit.at, source, Kind::Issuance, action, &visit.holder.who)
            .outcome(Outcome::Success)
            .by(&component(issuer))
            .about("credential", &minted.id)
            .credential(minted)
            .under(approval, None)
    }
}

/// Everybody has one turn in each round. A round begins anywhere and goes on in wide steps, so that people and machines
/// mix on every day, and nobody's turns all fall on weekends.
fn whose_turn(turn: usize, holders: usize) -> usize {
    let step = (holders * 5 / 8..).find(|step| coprime(*step, holders)).unwrap_or(1);
    let round = turn.checked_div(holders).unwrap_or(0);
    let begins = usize::try_from(mix(round as u64) >> 40).unwrap_or(0);
    let place = turn.checked_rem(holders).unwrap_or(0);
    (place * step + begins).checked_rem(holders).unwrap_or(0)
}

/// Whether steps of this width reach everybody.
fn coprime(mut a: usize, mut b: usize) -> bool {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a == 1
}

/// Events that one access leaves.
fn events_of(grant: &Grant) -> usize {
    if grant.cloud.is_some() { 1 } else { 2 }
}

/// Events of a visit beside its accesses: credential, session.
fn around(role: Role) -> usize {
    match role {
        Role::Person => 3,
        Role::Agent => 4,
        Role::Workload | Role::Pipeline => 1,
        Role::Service | Role::Supplier => 0,
    }
}

/// The grants that hold for the whole day, with their numbers, of a holder who is there for the whole day.
fn usable(holder: &Holder, day: i64) -> Vec<(usize, &Grant)> {
    let there = holder.from <= day && day + DAY <= holder.to;
    let holds = |g: &Grant| there && g.from <= day + 3 * HOUR && day + DAY <= g.to;
    holder.grants.iter().enumerate().filter(|(_, g)| holds(g)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::whose_turn;

    #[test]
    fn everybody_has_one_turn_in_each_round() {
        for holders in [1, 2, 7, 100, 183, 620] {
            for round in 0..9 {
                let turns = round * holders..(round + 1) * holders;
                let whose: BTreeSet<usize> = turns.map(|turn| whose_turn(turn, holders)).collect();
                assert_eq!(whose, (0..holders).collect(), "{holders} holders, round {round}");
            }
        }
    }
}
