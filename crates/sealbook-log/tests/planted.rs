//! Every planted bug is found: by a rule that is checked by itself, or by schedules of crashes.
//!
//! `cargo test -p sealbook-log --features planted-bugs --test planted -- --nocapture` prints bug, finder and effort;
//! `SEALBOOK_BUG=SyncForgotten` looks for one only.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test: it may stop, and it shows what happened"
)]

mod harness;

use std::panic::{AssertUnwindSafe, catch_unwind};

use harness::{Fleet, RULES};
use sealbook_core::planted::{Bug, choose};

/// Schedules after which a bug counts as not found.
const SCHEDULES_MAX: u64 = 20_000;
/// Schedules that must pass without a bug: else what follows says nothing.
const SCHEDULES_SOUND: u64 = 300;

/// The first rule that does not hold.
fn broken_rule() -> Option<(&'static str, String)> {
    RULES.iter().find_map(|(name, rule)| {
        let result = catch_unwind(AssertUnwindSafe(rule)).unwrap_or_else(|_| Err("it panicked".to_owned()));
        result.err().map(|why| (*name, why))
    })
}

fn fleet(schedules: u64) -> harness::fleet::Report {
    Fleet { first_seed: 0, schedules, until_failure: true }.run()
}

#[test]
fn every_planted_bug_is_found() {
    choose(None);
    assert_eq!(broken_rule(), None);
    let sound = fleet(SCHEDULES_SOUND);
    assert!(sound.failures.is_empty(), "without a bug: {:?}", sound.failures);
    let mut missed = Vec::new();
    let only = std::env::var("SEALBOOK_BUG").ok();
    let chosen = |bug: &Bug| only.as_ref().is_none_or(|name| *name == format!("{bug:?}"));
    for bug in Bug::ALL.into_iter().filter(chosen) {
        choose(Some(bug));
        let report = if let Some((rule, why)) = broken_rule() {
            println!("{bug:?} | the rule {rule} | | {why}");
            continue;
        } else {
            fleet(SCHEDULES_MAX)
        };
        match report.failures.first() {
            Some((_, why)) => println!("{bug:?} | schedules | {} | {why}", report.tally.get("schedules")),
            None => missed.push(bug),
        }
    }
    choose(None);
    assert!(missed.is_empty(), "not found in {SCHEDULES_MAX} schedules: {missed:?}");
}
