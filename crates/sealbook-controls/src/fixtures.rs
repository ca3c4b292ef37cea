//! Shows that a test can pass and can fail: runs it over its two small event files and over nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sealbook_frameworks::TestDefinition;
use sealbook_projection::{Limits, Sample};

use crate::outcome::{RowOutcome, TestOutcome, TestResult};
use crate::run::{defaults, run_test};

/// What a test does over a fixture that it must not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{test}, {file}: {problem}")]
pub struct FixtureFault {
    /// Id of the test.
    pub test: String,
    /// `pass.ndjson`, `fail.ndjson` or `empty ledger`.
    pub file: &'static str,
    /// What it should have done, and what it did.
    pub problem: String,
}

/// Runs a test over its fixtures and over an empty ledger, with default thresholds. An empty list: it can pass, it can
/// fail, it names the entries that it should, and silence is no pass.
#[must_use]
pub fn check_fixtures(test: &TestDefinition) -> Vec<FixtureFault> {
    let checks = [
        ("pass.ndjson", test.pass_events.as_str(), must_pass as fn(&_, &_) -> _),
        ("fail.ndjson", &test.fail_events, must_fail),
        ("empty ledger", "", must_not_pass),
    ];
    let mut faults = Vec::new();
    for (file, events, check) in checks {
        let judged = run_over(test, events).and_then(|outcome| check(test, &outcome));
        if let Err(problem) = judged {
            faults.push(FixtureFault { test: test.id.clone(), file, problem });
        }
    }
    faults
}

fn run_over(test: &TestDefinition, events: &str) -> Result<TestOutcome, String> {
    let sample = Sample::parse(events).map_err(|error| error.to_string())?;
    let projection = sample.project().map_err(|error| error.to_string())?;
    let limits = Limits::default();
    let outcome = run_test(&projection, test, &defaults(test), sample.period(), &limits);
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

fn must_pass(_: &TestDefinition, outcome: &TestOutcome) -> Result<(), String> {
    if outcome.result == TestResult::Pass {
        return Ok(());
    }
    Err(format!("must pass; {}", tell(outcome)))
}

fn must_fail(test: &TestDefinition, outcome: &TestOutcome) -> Result<(), String> {
    if outcome.result != TestResult::Fail {
        return Err(format!("must fail; {}", tell(outcome)));
    }
    let failing = outcome.findings.iter().filter(|finding| finding.outcome == RowOutcome::Fail);
    let named: BTreeSet<u64> = failing.flat_map(|finding| finding.entries.iter().copied()).collect();
    let expected: BTreeSet<u64> = test.fail_entries.iter().copied().collect();
    if named == expected {
        return Ok(());
    }
    Err(format!("failing rows must name the entries {expected:?} and name {named:?}; {}", tell(outcome)))
}

fn must_not_pass(_: &TestDefinition, outcome: &TestOutcome) -> Result<(), String> {
    match outcome.result {
        TestResult::NoPopulation | TestResult::InsufficientEvidence => Ok(()),
        _ => Err(format!("must give no-population or insufficient-evidence; {}", tell(outcome))),
    }
}

fn tell(outcome: &TestOutcome) -> String {
    let mut text = format!(
        "it gives {:?}: {} rows, {} pass, {} fail, {} insufficient",
        outcome.result, outcome.population, outcome.pass, outcome.fail, outcome.insufficient
    );
    for finding in &outcome.findings {
        let (subject, reason) = (&finding.subject, &finding.reason);
        let _ = write!(text, "\n    {:?} {subject} {:?}: {reason}", finding.outcome, finding.entries);
    }
    text
}
