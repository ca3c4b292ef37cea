//! A small ledger on the real disk, with events that share and repeat values.

use std::path::PathBuf;

use sealbook_core::entry::{Entry, Source};
use sealbook_core::event::{
    Approval, Correlation, Credential, Event, Exception, Identity, IdentityType, Kind, Outcome, Resource,
};
use sealbook_core::time::Micros;
use sealbook_disk::World;
use sealbook_log::{Ledger, Reader, Sealing, Submission, create};

/// 2026-03-01T00:00:00Z in µs.
pub const START: i64 = 1_772_323_200_000_000;
/// A minute in µs.
pub const MINUTE: i64 = 60_000_000;

pub struct TestLedger {
    pub ledger: Ledger,
    pub root: PathBuf,
    next: u64,
    _dir: tempfile::TempDir,
}

impl TestLedger {
    pub fn new(events: u64) -> Self {
        Self::named(events, "example.org/ledger")
    }

    pub fn named(events: u64, origin: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("ledger");
        let world = World::real();
        create(&world, &root, origin).unwrap();
        let ledger = Ledger::open(&world, &root, Sealing::default()).unwrap();
        let mut this = Self { ledger, root, next: 0, _dir: dir };
        this.grow(events);
        this
    }

    pub fn grow(&mut self, events: u64) {
        let submissions = (self.next..self.next + events).map(submission).collect();
        self.ledger.commit(submissions, true).unwrap();
        self.next += events;
    }

    pub fn reader(&self) -> &Reader {
        self.ledger.reader()
    }

    pub fn entries(&self) -> Vec<Entry> {
        let reader = self.reader();
        reader.entries(0, reader.size()).map(|stored| stored.unwrap().entry().unwrap()).collect()
    }
}

/// The `n`-th event: every value is a function of `n`, so that a failure can be repeated.
pub fn submission(n: u64) -> Submission {
    let mix = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let kinds = [Kind::Decision, Kind::Decision, Kind::Issuance, Kind::Approval, Kind::Exception];
    let outcomes = [Outcome::Allow, Outcome::Deny, Outcome::Success];
    let pick = |modulus: u64| mix % modulus;
    let kind = kinds[usize::try_from(pick(5)).unwrap()];
    let outcome = outcomes[usize::try_from(pick(3)).unwrap()];
    let subject = Identity::new(format!("workload-{}", pick(7)), IdentityType::Workload);
    let mut event = Event::new(format!("event-{n}"), kind, subject, outcome);
    if !n.is_multiple_of(4) {
        // Out of order by up to half an hour, as events of many producers are.
        event.occurred_at =
            Some(Micros(START + i64::try_from(n).unwrap() * MINUTE - i64::try_from(pick(30)).unwrap() * MINUTE));
    }
    if pick(2) == 0 {
        event.actor = Some(Identity::new(format!("person-{}", pick(3)), IdentityType::Human));
    }
    if pick(3) > 0 {
        event.resource = Some(Resource {
            id: Some(format!("bucket-{}", pick(11))),
            environment: Some(if pick(4) == 0 { "production" } else { "test" }.to_owned()),
            ..Resource::default()
        });
    }
    event.correlation = Some(Correlation { request: Some(format!("request-{}", n / 2)), ..Correlation::default() });
    if kind == Kind::Issuance {
        event.credential = Some(Credential {
            id: Some(format!("key-{n}")),
            replaces: n.checked_sub(9).map(|old| format!("key-{old}")),
            ..Credential::default()
        });
    }
    if kind == Kind::Approval {
        event.approval = Some(Approval {
            id: Some(format!("approval-{}", n / 5)),
            approver: Some(format!("person-{}", pick(3))),
            ..Approval::default()
        });
    }
    if kind == Kind::Exception {
        event.exception = Some(Exception { id: Some(format!("exception-{}", n / 10)), ..Exception::default() });
    }
    let source = Source { id: format!("source-{}", n % 3), format: "native".into(), version: 1, sequence: Some(n / 3) };
    Submission { source, event, raw: None }
}
