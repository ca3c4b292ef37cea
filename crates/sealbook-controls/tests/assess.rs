//! From a few entries to an assessment: parameters, results, covered deviations, void, attestations, statuses.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests stop a test that cannot go on")]

use sealbook_controls::outcome::{Assessment, ControlStatus, Origin, TestOutcome, TestResult};
use sealbook_controls::{AssessError, Limits, Position, Request, VerifiedRange, assess};
use sealbook_frameworks::{Catalogue, Policy};
use sealbook_projection::Sample;

/// Fails for every denied decision.
const DENIED: &str = "SELECT subject_id AS subject, CASE outcome WHEN 'deny' THEN 'fail' ELSE 'pass' END AS outcome,
    'limit ' || CAST($limit AS VARCHAR) AS reason, entry AS entries, event_at AS at
    FROM decisions WHERE event_at >= $from AND event_at < $to ORDER BY entry DESC";

/// Passes where inclusion was verified.
const VERIFIED: &str = "SELECT 'the tree' AS subject, CASE ok WHEN 1 THEN 'pass' ELSE 'fail' END AS outcome,
    'as verified' AS reason, NULL AS entries, NULL AS at FROM verified_ranges WHERE check_id = 'inclusion'";

/// Passes for every team of the policy.
const TEAMS: &str = "SELECT t.team AS subject, 'pass' AS outcome, t.role || ' ' || COALESCE(m.member, '') AS reason,
    NULL AS entries, NULL AS at FROM policy_teams t LEFT JOIN policy_team_members m ON m.team = t.team";

fn catalogue(tests: &[(&str, &str)], controls: &[(&str, &str, &str)]) -> Catalogue {
    let mut framework = r#"
        id = "fw"
        version = "1"
        title = "t"
        short = "s"
        publisher = "p"
        publication = "p"
        source = "https://example.org"
        published = "2025"
        control_word = "control"
        group_titles = "own"
        control_titles = "own"
        [[group]]
        id = "G"
        display = "G"
        oscal_id = "g"
        kind = "list"
        title = "t"
        statement = "s"
        "#
    .to_owned();
    let mut mapping = "framework = \"fw\"\n".to_owned();
    for (id, ceiling, tests) in controls {
        let oscal = id.to_lowercase();
        framework += &format!(
            "[[group.control]]\nid = {id:?}\ndisplay = {id:?}\noscal_id = {oscal:?}\ntitle = \"t\"\nstatement = \"s\"\naliases = [\"alias {id}\"]\n"
        );
        mapping +=
            &format!("[[control]]\nid = {id:?}\nceiling = {ceiling:?}\ntests = [{tests}]\nnot_shown = \"the rest\"\n");
    }
    let mut files = vec![
        ("fw/framework.toml".to_owned(), framework.into_bytes()),
        ("fw/mapping.toml".to_owned(), mapping.into_bytes()),
    ];
    for (id, sql) in tests {
        let integrity = id.starts_with("CT-INT");
        let parameters = if sql.contains("$limit") {
            "[parameters.limit]\ndefault = 5\nunit = \"days\"\nmeaning = \"m\"\n"
        } else {
            ""
        };
        let head = format!(
            "id = {id:?}\ntitle = \"t\"\nquestion = \"q\"\npopulation = \"p\"\nseverity = \"low\"\nintegrity = {integrity}\nfail_entries = []\n{parameters}"
        );
        for (name, text) in [("test.toml", head.as_str()), ("test.sql", sql), ("pass.ndjson", ""), ("fail.ndjson", "")]
        {
            files.push((format!("tests/{id}/{name}"), text.as_bytes().to_vec()));
        }
    }
    Catalogue::from_files(files).unwrap()
}

/// Event lines: day of January 2026, kind, subject, outcome, rest of the event.
fn events(events: &[(u8, &str, &str, &str, &str)]) -> String {
    let line = |(n, (day, kind, subject, outcome, rest)): (usize, &(u8, &str, &str, &str, &str))| {
        format!(
            r#"{{"event":{{"id":"{n}","kind":"{kind}","occurred_at":"2026-01-{day:02}T00:00:00Z","subject":{{"id":"{subject}","type":"human"}},"outcome":"{outcome}"{rest}}}}}"#
        )
    };
    events.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

fn run(catalogue: &Catalogue, policy: &str, text: &str) -> Assessment {
    let sample = Sample::parse(text).unwrap();
    let verified =
        |ok| VerifiedRange { check: "inclusion".to_owned(), first_index: 0, end_index: 1, ok, detail: String::new() };
    let request = Request {
        catalogue,
        policy: &Policy::parse("p.toml", policy).unwrap(),
        frameworks: &[],
        period: sample.period(),
        position: Position { origin: "o".to_owned(), size: 9, root: "r".to_owned() },
        verified: vec![verified(!policy.contains("refuted"))],
        limits: Limits::default(),
    };
    assess(&mut sample.project().unwrap(), &request).unwrap()
}

fn only(assessment: &Assessment) -> &TestOutcome {
    assessment.tests.last().unwrap()
}

#[test]
fn values_are_bound_with_their_origin_and_findings_are_in_one_order() {
    let catalogue = catalogue(&[("CT-A", DENIED)], &[("C1", "full", "\"CT-A\"")]);
    let text = events(&[
        (1, "decision", "b", "deny", ""),
        (2, "decision", "a", "deny", ""),
        (3, "decision", "a", "allow", ""),
    ]);
    let assessment = run(&catalogue, "", &text);
    let test = only(&assessment);
    assert_eq!((test.result, test.population, test.pass, test.fail), (TestResult::Fail, 3, 1, 2));
    let subjects: Vec<_> =
        test.findings.iter().map(|f| (f.subject.as_str(), f.entries.clone(), f.reason.as_str())).collect();
    assert_eq!(subjects, [("a", vec![1], "limit 5"), ("b", vec![0], "limit 5")]);
    let origins: Vec<_> = test.parameters.iter().map(|(name, p)| (name.as_str(), p.origin)).collect();
    assert_eq!(origins, [("from", Origin::Period), ("limit", Origin::Default), ("to", Origin::Period)]);
    let decided = run(&catalogue, "[thresholds]\nlimit = 5\n", &text);
    assert_eq!(only(&decided).parameters["limit"].origin, Origin::Policy);
    assert_ne!(decided.policy_sha256, assessment.policy_sha256);
    assert_eq!((assessment.first_index, assessment.end_index, assessment.sources[0].entries), (0, 3, 3));
    assert_eq!(run(&catalogue, "", &text), assessment);
}

#[test]
fn half_an_answer_is_none() {
    let late =
        "SELECT subject_id AS subject, CASE entry WHEN 0 THEN 'pass' ELSE 'perhaps' END AS outcome, 'r' AS reason,
        entry AS entries, event_at AS at FROM entries ORDER BY entry";
    let text = events(&[(1, "decision", "a", "allow", ""), (2, "decision", "a", "allow", "")]);
    for (sql, problem) in [
        (late, "\"perhaps\""),
        ("SELECT 1 AS subject", "no column outcome"),
        ("SELECT nothing FROM entries", "line 1, column 8"),
        ("SELECT random() FROM entries", "the function random is not allowed"),
        (
            "SELECT $other AS subject, 'pass' AS outcome, 'r' AS reason, entry AS entries, 0 AS at FROM entries",
            "mentions $other",
        ),
    ] {
        let assessment = run(&catalogue(&[("CT-A", sql)], &[("C1", "full", "\"CT-A\"")]), "", &text);
        let test = only(&assessment);
        assert_eq!((test.result, test.population, test.pass), (TestResult::Error, 0, 0), "{sql}");
        assert!(test.error.as_ref().unwrap().contains(problem), "{:?}", test.error);
        assert_eq!(assessment.frameworks[0].controls[0].status, ControlStatus::NoEvidence);
    }
}

/// An exception about `a`, open from the 5th to the 10th of January, renewed nowhere.
fn excepted(rest: &str, denied_on: u8, denied: &str) -> TestOutcome {
    let exception = format!(
        r#","exception":{{"id":"x","verb":"opened","owner":"ann","granted_by":"bob","expires_at":"2026-01-10T00:00:00Z"}}{rest}"#
    );
    let text = events(&[
        (5, "exception", "a", "success", &exception),
        (denied_on, "decision", denied, "deny", r#","resource":{"id":"db"},"credential":{"id":"k"}"#),
    ]);
    let assessment = run(&catalogue(&[("CT-A", DENIED)], &[("C1", "full", "\"CT-A\"")]), "", &text);
    assert_eq!(assessment.frameworks[0].controls[0].status, ControlStatus::NotSatisfied);
    only(&assessment).clone()
}

#[test]
fn a_failure_is_covered_only_while_the_exception_is_open_and_in_scope() {
    for (rest, day, subject, covered) in [
        ("", 5, "a", true),
        ("", 9, "a", true),
        ("", 4, "a", false),
        ("", 10, "a", false),
        ("", 6, "b", false),
        (r#","labels":{"scope":"CT-Z CT-A"}"#, 6, "a", true),
        (r#","labels":{"scope":"CT-Z"}"#, 6, "a", false),
        (r#","resource":{"id":"db"}"#, 6, "a", true),
        (r#","resource":{"id":"other"}"#, 6, "a", false),
        (r#","credential":{"id":"k"}"#, 6, "a", true),
        (r#","credential":{"id":"other"}"#, 6, "a", false),
    ] {
        let test = excepted(rest, day, subject);
        assert_eq!(
            (test.result, test.fail, test.covered),
            (TestResult::Fail, 1, u64::from(covered)),
            "{rest} {day} {subject}"
        );
        let cover = test.findings[0].covered_by.as_ref().map(|c| (c.exception.as_str(), c.owner.as_deref(), c.entry));
        // Entries are numbered in the order of the lines, so the exception is entry 0.
        assert_eq!(cover, covered.then_some(("x", Some("ann"), 0)));
    }
}

#[test]
fn a_failed_integrity_test_voids_the_assessment() {
    let tests = [("CT-INT-01", VERIFIED), ("CT-A", DENIED)];
    let catalogue = catalogue(&tests, &[("C1", "full", "\"CT-A\""), ("C2", "partial", "\"CT-INT-01\"")]);
    let text = events(&[(1, "decision", "a", "allow", "")]);
    let good = run(&catalogue, "", &text);
    let statuses = |a: &Assessment| a.frameworks[0].controls.iter().map(|c| c.status).collect::<Vec<_>>();
    assert_eq!((good.void, statuses(&good)), (false, vec![ControlStatus::Satisfied, ControlStatus::Supported]));
    assert_eq!(good.tests[0].id, "CT-INT-01");
    let bad = run(&catalogue, "organisation = \"refuted\"", &text);
    assert_eq!((bad.void, statuses(&bad)), (true, vec![ControlStatus::NoEvidence, ControlStatus::NotSatisfied]));
}

#[test]
fn attestations_by_any_name_and_exclusions_count_per_status() {
    let controls = [("C1", "none", ""), ("C2", "none", ""), ("C3", "full", "\"CT-A\""), ("C4", "full", "\"CT-A\"")];
    let catalogue = catalogue(&[("CT-A", DENIED)], &controls);
    let attest = |control: &str| format!(r#","attestation":{{"framework":"fw","control":"{control}"}}"#);
    let text = events(&[
        (1, "attestation", "ann", "success", &attest("alias C1")),
        (2, "attestation", "ann", "failure", &attest("C2")),
        (3, "attestation", "ann", "success", &attest("C4")),
    ]);
    let policy = "[[scope.out]]\nframework = \"fw\"\ncontrol = \"C4\"\nreason = \"none here\"\n";
    let framework = &run(&catalogue, policy, &text).frameworks[0];
    let statuses: Vec<_> = framework.controls.iter().map(|c| (c.id.as_str(), c.status)).collect();
    use ControlStatus::{Attested, NoEvidence, OutOfScope};
    assert_eq!(statuses, [("C1", Attested), ("C2", OutOfScope), ("C3", NoEvidence), ("C4", OutOfScope)]);
    assert_eq!(framework.summary.len(), 6);
    assert_eq!((framework.summary[&OutOfScope], framework.summary[&ControlStatus::Satisfied]), (2, 0));
}

#[test]
fn tests_read_what_the_policy_says() {
    let policy = "[[teams]]\nname = \"red\"\nroles = [\"decides\"]\nmembers = [\"ann\"]\n";
    let catalogue = catalogue(&[("CT-A", TEAMS)], &[("C1", "full", "\"CT-A\"")]);
    assert_eq!(only(&run(&catalogue, policy, "")).result, TestResult::Pass);
    assert_eq!(only(&run(&catalogue, "", "")).result, TestResult::NoPopulation);
}

#[test]
fn an_unknown_framework_is_named_with_those_that_are_known() {
    let catalogue = catalogue(&[("CT-A", TEAMS)], &[("C1", "full", "\"CT-A\"")]);
    let sample = Sample::parse("").unwrap();
    let request = Request {
        catalogue: &catalogue,
        policy: &Policy::parse("p", "").unwrap(),
        frameworks: &["nope".to_owned()],
        period: sample.period(),
        position: Position::default(),
        verified: Vec::new(),
        limits: Limits::default(),
    };
    let error = assess(&mut sample.project().unwrap(), &request).err().unwrap();
    assert!(matches!(error, AssessError::Framework { .. }));
    assert_eq!(error.to_string(), "no framework has the id \"nope\"; known: fw");
}
