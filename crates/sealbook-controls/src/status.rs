//! What the results of its tests add up to for a control: the truth table.
//!
//! The first row that fits gives the status:
//!
//! | | declared out of scope | ceiling | its tests | attested | status |
//! |---|---|---|---|---|---|
//! | 1 | yes | | | | out-of-scope |
//! | 2 | | none, or no mapping speaks of it | | yes | attested |
//! | 3 | | none | | no | out-of-scope |
//! | 4 | | no mapping speaks of it | | no | no-evidence |
//! | 5 | | full, partial | at least one fails | | not-satisfied |
//! | 6 | | full | all pass | | satisfied |
//! | 7 | | partial | all pass | | supported |
//! | 8 | | full, partial | some did not pass, none failed | yes | attested |
//! | 9 | | full, partial | some did not pass, none failed | no | no-evidence |
//!
//! "Did not pass" is: nothing to look at, insufficient evidence, an error, or a test that is mapped and not written.
//! A covered deviation is a failure. Where an integrity test failed everything is void: rows 2, 6, 7 and 8 then give
//! no-evidence, and row 5 stays, since bad news is not made better by it.

use std::fmt::Write as _;

use sealbook_frameworks::{Ceiling, MappingRow};

use crate::outcome::{ControlOutcome, ControlStatus, TestOutcome, TestResult};

/// What is known about a control beside the results of its tests.
pub(crate) struct Known<'a> {
    /// Official id.
    pub id: &'a str,
    /// Its row in the mapping.
    pub row: Option<&'a MappingRow>,
    /// Why the operator declares it out of scope.
    pub excluded: Option<&'a str>,
    /// Index of the newest entry that attests it in the period.
    pub attested: Option<u64>,
    /// The integrity test that failed.
    pub void: Option<&'a str>,
}

/// Works out the status of one control; `tests` are all that were run.
pub(crate) fn judge(known: &Known<'_>, tests: &[TestOutcome]) -> ControlOutcome {
    let mapped: &[String] = known.row.map_or(&[], |row| &row.tests);
    let ran: Vec<&TestOutcome> = mapped.iter().filter_map(|id| tests.iter().find(|test| test.id == *id)).collect();
    let (mut status, mut why) = by_table(known, &ran, mapped);
    if let Some(integrity) = known.void
        && matches!(status, ControlStatus::Satisfied | ControlStatus::Supported | ControlStatus::Attested)
    {
        status = ControlStatus::NoEvidence;
        why = format!("Void, because the integrity test {integrity} failed. Without that: {why}");
    }
    ControlOutcome { id: known.id.to_owned(), status, tests: ran.iter().map(|test| test.id.clone()).collect(), why }
}

fn by_table(known: &Known<'_>, ran: &[&TestOutcome], mapped: &[String]) -> (ControlStatus, String) {
    if let Some(reason) = known.excluded {
        return (ControlStatus::OutOfScope, format!("Declared out of scope: {reason}"));
    }
    let attested = known.attested.map(|entry| (ControlStatus::Attested, format!("Entry {entry} attests it.")));
    let Some(row) = known.row else {
        let silent = "No mapping says which tests speak to it.".to_owned();
        return attested.unwrap_or((ControlStatus::NoEvidence, silent));
    };
    if row.ceiling == Ceiling::None || mapped.is_empty() {
        return attested.unwrap_or_else(|| (ControlStatus::OutOfScope, row.not_shown.clone()));
    }
    let failing: Vec<_> = ran.iter().filter(|test| test.result == TestResult::Fail).collect();
    if !failing.is_empty() {
        return (ControlStatus::NotSatisfied, why_failing(&failing));
    }
    let passed = ran.iter().filter(|test| test.result == TestResult::Pass).count();
    if passed == mapped.len() {
        let all = format!("All {passed} tests pass");
        return match row.ceiling {
            Ceiling::Full => (ControlStatus::Satisfied, format!("{all}.")),
            _ => (ControlStatus::Supported, format!("{all}. Not shown by a ledger: {}", row.not_shown)),
        };
    }
    let missing = why_missing(ran, mapped, passed);
    match attested {
        Some((status, why)) => (status, format!("{why} {missing}")),
        None => (ControlStatus::NoEvidence, missing),
    }
}

fn why_failing(failing: &[&&TestOutcome]) -> String {
    let mut why = String::new();
    for test in failing {
        let _ = write!(why, "{} fails for {} of {}", test.id, test.fail, test.population);
        if test.covered > 0 {
            let _ = write!(why, ", {} of these covered by an open exception", test.covered);
        }
        why.push_str("; ");
    }
    format!("{}.", why.trim_end_matches("; "))
}

fn why_missing(ran: &[&TestOutcome], mapped: &[String], passed: usize) -> String {
    let mut why = format!("{passed} of {} tests pass", mapped.len());
    let of = |result: TestResult| ran.iter().filter(move |test| test.result == result).map(|test| test.id.as_str());
    let unwritten = mapped.iter().map(String::as_str).filter(|id| ran.iter().all(|test| test.id != *id));
    let groups: [(&str, Vec<&str>); 4] = [
        ("nothing to look at", of(TestResult::NoPopulation).collect()),
        ("evidence insufficient", of(TestResult::InsufficientEvidence).collect()),
        ("could not be run", of(TestResult::Error).collect()),
        ("not run", unwritten.collect()),
    ];
    for (what, ids) in groups {
        if !ids.is_empty() {
            let _ = write!(why, "; {what}: {}", ids.join(", "));
        }
    }
    why.push('.');
    why
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn test(id: &str, result: TestResult) -> TestOutcome {
        TestOutcome {
            id: id.to_owned(),
            title: String::new(),
            question: String::new(),
            population_is: String::new(),
            severity: "low".to_owned(),
            integrity: false,
            result,
            population: 3,
            pass: 0,
            fail: u64::from(result == TestResult::Fail),
            covered: 0,
            insufficient: 0,
            parameters: BTreeMap::new(),
            sql_sha256: String::new(),
            findings: Vec::new(),
            error: None,
        }
    }

    fn row(ceiling: Ceiling, tests: &[&str]) -> MappingRow {
        MappingRow {
            control: "c".to_owned(),
            ceiling,
            tests: tests.iter().map(|id| (*id).to_owned()).collect(),
            not_shown: "the rest".to_owned(),
        }
    }

    fn status(
        row: Option<&MappingRow>,
        attested: Option<u64>,
        void: Option<&str>,
        results: &[TestResult],
    ) -> ControlOutcome {
        let ids = ["a", "b"];
        let tests: Vec<_> = ids.iter().zip(results).map(|(id, result)| test(id, *result)).collect();
        judge(&Known { id: "c", row, excluded: None, attested, void }, &tests)
    }

    use ControlStatus::{Attested, NoEvidence, NotSatisfied, OutOfScope, Satisfied, Supported};
    use TestResult::{Error, Fail, InsufficientEvidence, NoPopulation, Pass};

    #[test]
    fn only_a_full_ceiling_and_all_passes_satisfy() {
        let full = row(Ceiling::Full, &["a", "b"]);
        let partial = row(Ceiling::Partial, &["a", "b"]);
        assert_eq!(status(Some(&full), None, None, &[Pass, Pass]).status, Satisfied);
        let supported = status(Some(&partial), Some(1), None, &[Pass, Pass]);
        assert_eq!(
            (supported.status, supported.why.as_str()),
            (Supported, "All 2 tests pass. Not shown by a ledger: the rest")
        );
        for other in [NoPopulation, InsufficientEvidence, Error] {
            for ceiling in [&full, &partial] {
                assert_eq!(status(Some(ceiling), None, None, &[Pass, other]).status, NoEvidence, "{other:?}");
                assert_eq!(status(Some(ceiling), Some(1), None, &[Pass, other]).status, Attested, "{other:?}");
            }
        }
    }

    #[test]
    fn a_mapped_test_that_was_not_run_is_no_pass() {
        let full = row(Ceiling::Full, &["a", "z"]);
        let outcome = status(Some(&full), None, None, &[Pass, Pass]);
        assert_eq!((outcome.status, outcome.why.as_str()), (NoEvidence, "1 of 2 tests pass; not run: z."));
        assert_eq!(outcome.tests, ["a"]);
    }

    #[test]
    fn one_failure_outweighs_everything_but_scope() {
        let full = row(Ceiling::Full, &["a", "b"]);
        for other in [Pass, NoPopulation, InsufficientEvidence, Error, Fail] {
            for void in [None, Some("CT-INT-01")] {
                assert_eq!(status(Some(&full), Some(1), void, &[Fail, other]).status, NotSatisfied);
            }
        }
        let tests = [test("a", Fail)];
        let known =
            Known { id: "c", row: Some(&full), excluded: Some("no such thing here"), attested: Some(1), void: None };
        let outcome = judge(&known, &tests);
        assert_eq!((outcome.status, outcome.why.as_str()), (OutOfScope, "Declared out of scope: no such thing here"));
    }

    #[test]
    fn what_no_ledger_shows_is_attested_or_out_of_scope() {
        let none = row(Ceiling::None, &[]);
        let out = status(Some(&none), None, None, &[]);
        assert_eq!((out.status, out.why.as_str()), (OutOfScope, "the rest"));
        assert_eq!(status(Some(&none), Some(7), None, &[]).why, "Entry 7 attests it.");
        assert_eq!(status(None, None, None, &[]).status, NoEvidence);
        assert_eq!(status(None, Some(7), None, &[]).status, Attested);
    }

    #[test]
    fn a_failed_integrity_test_voids_good_news() {
        let void = Some("CT-INT-01");
        let full = row(Ceiling::Full, &["a", "b"]);
        let outcome = status(Some(&full), None, void, &[Pass, Pass]);
        assert_eq!(outcome.status, NoEvidence);
        assert!(outcome.why.starts_with("Void, because the integrity test CT-INT-01 failed."), "{}", outcome.why);
        assert_eq!(status(Some(&row(Ceiling::None, &[])), Some(7), void, &[]).status, NoEvidence);
        assert_eq!(status(Some(&row(Ceiling::None, &[])), None, void, &[]).status, OutOfScope);
    }

    #[test]
    fn covered_failures_are_failures_and_are_counted() {
        let full = row(Ceiling::Full, &["a"]);
        let mut failing = test("a", Fail);
        failing.covered = 1;
        let known = Known { id: "c", row: Some(&full), excluded: None, attested: None, void: None };
        let outcome = judge(&known, &[failing]);
        assert_eq!(outcome.status, NotSatisfied);
        assert_eq!(outcome.why, "a fails for 1 of 3, 1 of these covered by an open exception.");
    }
}
