//! A made-up assessment of any size, with foreign and hostile names: the same seed gives the same assessment.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "made-up data: a panic here is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use sealbook_controls::outcome::{
    Assessment, ControlOutcome, ControlStatus, Cover, Finding, FrameworkOutcome, Origin, Parameter, RowOutcome,
    SourceCount, TestOutcome, TestResult,
};
use sealbook_frameworks::{Catalogue, Ceiling, MappingRow};
use sealbook_reports::{
    CredentialAgeRow, EntrySummary, ExceptionRow, MonthFindings, OwnerRow, ReportContext, Verification,
};

const DAY: i64 = 86_400_000_000;
/// 2026-07-01T00:00:00Z.
pub const FROM: i64 = 1_782_864_000_000_000;
pub const TO: i64 = FROM + 92 * DAY;

const SUBJECTS: [&str; 14] = [
    "svc-payments-reconciliation",
    "spiffe://example.org/ns/treasury/sa/fx-rates-loader",
    "agent:invoice-triage-7",
    "Zoë Müller-Ångström",
    "数据平台团队/批处理账户",
    "خدمة-المدفوعات",
    "שירות תשלומים (prod)",
    "Łukasz Nowak",
    "arn:aws:iam::123456789012:role/very/long/path/that/goes/on/and/on/and/never/seems/to/come/to/an/end",
    "ci-runner\u{202E}nimda",
    "bot 🤖 with\ta tab\nand a line",
    "Δημήτρης Παπαδόπουλος",
    "служебная-учётная-запись",
    "z\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}algo",
];

/// A small generator of numbers, so that samples need no dependency.
pub struct Numbers(u64);

impl Numbers {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn subject(&mut self) -> String {
        let at = usize::try_from(self.below(SUBJECTS.len() as u64)).unwrap();
        SUBJECTS[at].to_owned()
    }
}

/// A sample with about `findings` findings per failing test.
pub fn assessment(catalogue: &Catalogue, findings: u64) -> Assessment {
    let mut numbers = Numbers(42);
    let tests = tests(catalogue, findings, &mut numbers);
    let results: BTreeMap<&str, TestResult> = tests.iter().map(|test| (test.id.as_str(), test.result)).collect();
    let frameworks = catalogue.mappings().iter().map(|mapping| {
        let rows = mapping.rows.iter();
        let controls: Vec<ControlOutcome> = rows.map(|row| control(row, &results)).collect();
        let mut summary: BTreeMap<ControlStatus, u64> =
            ControlStatus::ALL.into_iter().map(|status| (status, 0)).collect();
        for control in &controls {
            *summary.get_mut(&control.status).unwrap() += 1;
        }
        let framework = catalogue.framework(&mapping.framework).unwrap();
        FrameworkOutcome {
            id: mapping.framework.clone(),
            catalogue_sha256: framework.sha256.clone(),
            mapping_sha256: mapping.sha256.clone(),
            controls,
            summary,
        }
    });
    Assessment {
        origin: "ledger.example.org/northwind".to_owned(),
        size: 1_204_331,
        root: "m0pQ5Vn3r1ZtB8yKx2cLw7HfJd9sGaE4uTiXoP6RkYg=".to_owned(),
        from: FROM,
        to: TO,
        first_index: 803_112,
        end_index: 1_204_331,
        policy_sha256: "5f".repeat(32),
        policy_is_default: false,
        void: false,
        sources: sources(),
        frameworks: frameworks.collect(),
        tests,
    }
}

fn sources() -> Vec<SourceCount> {
    let rows = [
        ("vault-eu-1", "vault", 120_441),
        ("keycloak", "keycloak", 88_120),
        ("aws-organisation", "cloudtrail", 171_000),
        ("envoy-mesh", "envoy", 21_658),
    ];
    rows.into_iter()
        .map(|(source, format, entries)| SourceCount {
            source: source.to_owned(),
            format: format.to_owned(),
            entries,
            first_at: FROM + 1_000_000,
            last_at: TO - 7_000_000,
        })
        .collect()
}

fn tests(catalogue: &Catalogue, findings: u64, numbers: &mut Numbers) -> Vec<TestOutcome> {
    let ids: BTreeSet<&str> =
        catalogue.mappings().iter().flat_map(|m| &m.rows).flat_map(|row| &row.tests).map(String::as_str).collect();
    let (integrity, others): (Vec<&str>, Vec<&str>) = ids.into_iter().partition(|id| id.starts_with("CT-INT-"));
    let integrity = integrity.into_iter().map(|id| (id, 0_u64));
    let others = others.into_iter().zip(0_u64..).map(|(id, number)| (id, number % 8));
    integrity.chain(others).map(|(id, kind)| test(catalogue, id, kind, findings, numbers)).collect()
}

fn test(catalogue: &Catalogue, id: &str, kind: u64, findings: u64, numbers: &mut Numbers) -> TestOutcome {
    let definition = catalogue.test(id);
    let population = if kind == 3 { 0 } else { 400 + numbers.below(9_000) };
    let result = match kind {
        1 | 5 => TestResult::Fail,
        3 => TestResult::NoPopulation,
        6 => TestResult::InsufficientEvidence,
        7 if id.ends_with('9') => TestResult::Error,
        _ => TestResult::Pass,
    };
    let rows = match result {
        TestResult::Fail => 1 + numbers.below(findings * 2),
        TestResult::InsufficientEvidence => 2,
        _ => 0,
    };
    let findings: Vec<Finding> = (0..rows).map(|_| finding(result, numbers)).collect();
    let fail = findings.iter().filter(|f| f.outcome == RowOutcome::Fail).count() as u64;
    let insufficient = findings.len() as u64 - fail;
    let parameters = [("max_age_days", "90", Origin::Policy), ("grace_minutes", "5", Origin::Default)];
    TestOutcome {
        id: id.to_owned(),
        title: definition.map_or_else(|| format!("Sample test {id}"), |d| d.title.clone()),
        question: definition
            .map_or_else(|| "Does every member of the population meet the rule?".to_owned(), |d| d.question.clone()),
        population_is: definition.map_or_else(
            || "Every credential that was live at some time in the period".to_owned(),
            |d| d.population.clone(),
        ),
        severity: ["critical", "high", "medium", "low"][usize::try_from(numbers.below(4)).unwrap()].to_owned(),
        integrity: definition.is_some_and(|d| d.integrity),
        result,
        population,
        pass: population.saturating_sub(fail + insufficient),
        fail,
        covered: findings.iter().filter(|f| f.covered_by.is_some()).count() as u64,
        insufficient,
        parameters: parameters
            .into_iter()
            .map(|(name, value, origin)| (name.to_owned(), Parameter { value: value.to_owned(), origin }))
            .chain([("from".to_owned(), Parameter { value: FROM.to_string(), origin: Origin::Period })])
            .collect(),
        sql_sha256: "a3".repeat(32),
        findings,
        error: (result == TestResult::Error).then(|| "the query was stopped after 30 seconds".to_owned()),
    }
}

fn finding(result: TestResult, numbers: &mut Numbers) -> Finding {
    let subject = numbers.subject();
    let age = 91 + numbers.below(300);
    let fails = result == TestResult::Fail;
    let covered = fails && numbers.below(4) == 0;
    Finding {
        reason: format!("Credential of {subject} was {age} days old when it was used; the limit is 90 days."),
        subject,
        outcome: if fails { RowOutcome::Fail } else { RowOutcome::Insufficient },
        entries: (0..1 + numbers.below(3)).map(|_| 803_112 + numbers.below(400)).collect(),
        at: Some(FROM + i64::try_from(numbers.below(90)).unwrap() * DAY),
        covered_by: covered.then(|| Cover {
            exception: format!("EX-2026-{:03}", numbers.below(12)),
            owner: Some("Zoë Müller-Ångström".to_owned()),
            granted_by: (numbers.below(3) > 0).then(|| "risk-committee".to_owned()),
            expires_at: Some(TO + 30 * DAY),
            entry: 803_100 + numbers.below(10),
        }),
    }
}

fn control(row: &MappingRow, results: &BTreeMap<&str, TestResult>) -> ControlOutcome {
    let of: Vec<TestResult> = row.tests.iter().filter_map(|id| results.get(id.as_str()).copied()).collect();
    let (status, why) = if row.ceiling == Ceiling::None {
        (ControlStatus::OutOfScope, "A ledger cannot show it.")
    } else if of.contains(&TestResult::Fail) {
        (ControlStatus::NotSatisfied, "At least one of its tests found a deviation.")
    } else if of.iter().any(|result| *result != TestResult::Pass) || of.is_empty() {
        (ControlStatus::NoEvidence, "At least one of its tests could not conclude.")
    } else if row.ceiling == Ceiling::Full {
        (ControlStatus::Satisfied, "All of its tests pass, and they can show the whole control.")
    } else {
        (ControlStatus::Supported, "All of its tests pass; they show a part of the control.")
    };
    ControlOutcome { id: row.control.clone(), status, tests: row.tests.clone(), why: why.to_owned() }
}

/// What a pack would add to [`assessment`].
pub fn context(assessment: &Assessment) -> ReportContext {
    let mut numbers = Numbers(7);
    let cited: BTreeSet<u64> =
        assessment.tests.iter().flat_map(|test| &test.findings).flat_map(|f| f.entries.iter().copied()).collect();
    let entries = cited.into_iter().map(|index| (index, entry(index, &mut numbers))).collect();
    ReportContext {
        number: "SB-2026-Q3-0007".to_owned(),
        organisation: "Northwind Example Bank AG".to_owned(),
        title: None,
        classification: Some("CONFIDENTIAL".to_owned()),
        generated_at: TO + 4 * DAY,
        product: "Sealbook 0.1.0".to_owned(),
        pack_file: "evidence-pack.zip".to_owned(),
        verifier_key: "ledger.example.org/northwind+5a1c02fe+AbCdEfGhIjKlMnOpQrStUvWxYz0123456789+/AbCdEfG=".to_owned(),
        key_fingerprint: "c4".repeat(32),
        checkpoint: format!(
            "{}\n{}\n{}\n\n— ledger.example.org/northwind WhwC/kJ2m0pQ5Vn3r1ZtB8yKx2cLw7HfJd9sGaE4uTiXoP6RkYgm0pQ5Vn3r1ZtB8yKx2cLw7HfJd9sGaE4uTiXoP6RkYg=",
            assessment.origin, assessment.size, assessment.root
        ),
        results_sha256: "1b".repeat(32),
        verification: Some(Verification {
            verdict: "VERIFIED".to_owned(),
            detail: "1,204,331 entries, every index from 0 present.".to_owned(),
        }),
        silent_sources: vec!["teleport-prod".to_owned()],
        entries,
        exceptions: exceptions(),
        owners: owners(&mut numbers),
        credential_ages: ages(&mut numbers),
        months: [("2026-07", 41, 6, 2), ("2026-08", 23, 9, 0), ("2026-09", 12, 11, 4)]
            .into_iter()
            .map(|(month, open, covered, undecided)| MonthFindings {
                month: month.to_owned(),
                open,
                covered,
                undecided,
            })
            .collect(),
    }
}

fn entry(index: u64, numbers: &mut Numbers) -> EntrySummary {
    EntrySummary {
        recorded_at: FROM + i64::try_from(index - 803_112).unwrap() * 1_000_000,
        kind: "credential.used".to_owned(),
        subject: numbers.subject(),
        actor: numbers.subject(),
        action: "use".to_owned(),
        outcome: "allowed".to_owned(),
        resource: "db/ledger-eu-1/payments".to_owned(),
        source: "vault-eu-1".to_owned(),
        leaf_hash: format!("{:064x}", index * 7_919),
    }
}

fn exceptions() -> Vec<ExceptionRow> {
    (0..12_u64)
        .map(|number| ExceptionRow {
            id: format!("EX-2026-{number:03}"),
            scope: "svc-payments-*: rotation interval".to_owned(),
            reason: "The card network's key ceremony is yearly; compensating review each week.".to_owned(),
            owner: Some("Zoë Müller-Ångström".to_owned()),
            granted_by: (number % 3 > 0).then(|| "risk-committee".to_owned()),
            opened_at: FROM - 10 * DAY,
            expires_at: (number % 5 > 0).then_some(TO + 30 * DAY - i64::try_from(number).unwrap() * 9 * DAY),
            closed_at: (number == 7).then_some(TO - DAY),
            entry: 803_100 + number,
        })
        .collect()
}

fn owners(numbers: &mut Numbers) -> Vec<OwnerRow> {
    (0..30)
        .map(|number| OwnerRow {
            identity: numbers.subject(),
            kind: "workload".to_owned(),
            lifecycle_owner: (number % 6 > 0).then(|| "Platform Security".to_owned()),
            policy_owner: Some("Identity Engineering".to_owned()),
            reviewed_at: (number % 4 > 0).then_some(FROM),
        })
        .collect()
}

fn ages(numbers: &mut Numbers) -> Vec<CredentialAgeRow> {
    (0..40_u64)
        .map(|number| {
            let age_days = 5 + numbers.below(200);
            CredentialAgeRow {
                credential: format!("cred-{number:05}"),
                identity: numbers.subject(),
                kind: "api-key".to_owned(),
                since: TO - i64::try_from(age_days).unwrap() * DAY,
                age_days,
                max_age_days: (number % 7 > 0).then_some(90),
            }
        })
        .collect()
}
