//! The log on a disk that loses, tears, reorders, misdirects, flips and refuses, from seeds.
//!
//! `SEALBOOK_SCHEDULES=50000` sets how many schedules run, `SEALBOOK_FIRST_SEED` where they begin, and
//! `SEALBOOK_SEED=7 … one_seed -- --nocapture` shows every operation of one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test: it may stop, and it shows what happened"
)]

mod harness;

use harness::schedule::shown;
use harness::tally::Tally;
use harness::{Fleet, RULES, fleet};

/// Schedules of a plain `cargo test`.
const SCHEDULES: u64 = 2_000;
/// Schedules that run twice.
const TWICE: u64 = 200;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn nothing_answered_is_lost_nothing_is_unseen_and_no_crash_is_called_tampering() {
    let schedules = number("SEALBOOK_SCHEDULES").unwrap_or(SCHEDULES);
    let first_seed = number("SEALBOOK_FIRST_SEED").unwrap_or(0);
    let report = Fleet { first_seed, schedules, until_failure: false }.run();
    println!("seeds {first_seed} to {}\n{}", first_seed + schedules - 1, report.tally);
    for (seed, why) in &report.failures {
        println!(
            "seed {seed}: {why}\n  SEALBOOK_SEED={seed} cargo test -p sealbook-log --test crashes one_seed -- --nocapture"
        );
    }
    assert!(report.failures.is_empty(), "{} schedules failed, the first ones are above", report.failures.len());
    // A harness in which nothing happens proves nothing.
    if schedules >= SCHEDULES {
        for what in [
            "power cuts",
            "processes killed",
            "torn tails moved aside",
            "logs poisoned",
            "creations cut off",
            "closed ledgers verified",
            "crashed ledgers not refuted",
            "read beside the writer",
            "tiles rebuilt",
            "unsynced sectors with a flipped bit",
            "unsynced sectors misdirected",
            "unsynced names lost",
            "groups refused as conflicts",
            "corruption refused by opening",
        ] {
            assert!(report.tally.get(what) > 0, "never happened: {what}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..TWICE {
        let trace = || fleet::one(seed, &mut Tally::default());
        assert_eq!(trace(), trace(), "seed {seed}");
    }
}

#[test]
fn every_rule_holds() {
    for (name, rule) in RULES {
        assert_eq!(rule(), Ok(()), "{name}");
    }
}

#[test]
fn one_seed() {
    let Some(seed) = number("SEALBOOK_SEED") else { return };
    let mut tally = Tally::default();
    let result = shown(seed, &mut tally, Some(&mut |line| println!("{line}")));
    println!("{tally}");
    result.unwrap();
}
