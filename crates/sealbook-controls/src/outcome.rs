//! What running control tests gives: outcomes per test, status per control, an assessment as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Result of one control test over its whole population.
///
/// Only [`TestResult::Pass`] is a pass: a test that found nothing to look at has not passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestResult {
    /// Every member of the population passed.
    Pass,
    /// At least one member failed (whether or not an exception covers it).
    Fail,
    /// There was nothing to look at.
    NoPopulation,
    /// A field, source or time range that the test needs is missing.
    InsufficientEvidence,
    /// The test could not be run.
    Error,
}

/// What a test says about one member of its population.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowOutcome {
    /// The member meets the rule.
    Pass,
    /// The member breaks the rule.
    Fail,
    /// The entries do not say enough to decide.
    Insufficient,
}

/// The policy exception that was open, and in scope, when a row failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// Exception id.
    pub exception: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who granted it.
    pub granted_by: Option<String>,
    /// When it ends, µs since the Unix epoch.
    pub expires_at: Option<i64>,
    /// Index of the entry that opened it.
    pub entry: u64,
}

/// One member of a population that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What the row is about.
    pub subject: String,
    /// `fail` or `insufficient`.
    pub outcome: RowOutcome,
    /// One sentence for a person, with the figures.
    pub reason: String,
    /// Indexes of the entries that show it.
    pub entries: Vec<u64>,
    /// When, µs since the Unix epoch.
    pub at: Option<i64>,
    /// The open exception that covers it: the row is then shown as a covered deviation, never as a pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub covered_by: Option<Cover>,
}

/// Where a parameter's value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The test's own default: nobody in the organisation has decided it.
    Default,
    /// The operator's policy file.
    Policy,
    /// The period that was asked for.
    Period,
}

/// A bound parameter of a test, as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// The value bound, as text.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// What one control test gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestOutcome {
    /// For example `CT-CRED-01`.
    pub id: String,
    /// Title of the test.
    pub title: String,
    /// The question it answers, in an auditor's words.
    pub question: String,
    /// What the population is, in words.
    pub population_is: String,
    /// `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// Whether it is one of the integrity tests: everything is void when one of them fails.
    pub integrity: bool,
    /// The result over the whole population.
    pub result: TestResult,
    /// Members of the population.
    pub population: u64,
    /// Members that passed.
    pub pass: u64,
    /// Members that failed, covered ones included.
    pub fail: u64,
    /// Of those that failed, members covered by an open exception.
    pub covered: u64,
    /// Members that could not be decided.
    pub insufficient: u64,
    /// Values bound to the SQL.
    pub parameters: BTreeMap<String, Parameter>,
    /// SHA-256 of the SQL text, lower-case hex.
    pub sql_sha256: String,
    /// Every member that did not pass, in the order of subject, time, outcome, entries and reason, so that every
    /// engine gives the same.
    pub findings: Vec<Finding>,
    /// Why the test could not be run, when `result` is `error`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// What the evidence says about one control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ControlStatus {
    /// Ceiling full, and every test of it passes.
    Satisfied,
    /// Every test of it passes, but a ledger cannot show the whole control.
    Supported,
    /// At least one test fails.
    NotSatisfied,
    /// No test had what it needs to say anything, or some did not and none failed.
    NoEvidence,
    /// Somebody states that it is met, in a signed attestation entry.
    Attested,
    /// A ledger cannot show it.
    OutOfScope,
}

impl ControlStatus {
    /// Every status, in the order in which reports print them.
    pub const ALL: [Self; 6] =
        [Self::Satisfied, Self::Supported, Self::NotSatisfied, Self::NoEvidence, Self::Attested, Self::OutOfScope];
}

/// One control with its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlOutcome {
    /// Official id.
    pub id: String,
    /// The status that its tests add up to.
    pub status: ControlStatus,
    /// Ids of the tests that speak to it and were run.
    pub tests: Vec<String>,
    /// One sentence: why this status.
    pub why: String,
}

/// One framework with its controls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkOutcome {
    /// For example `nist-csf-2.0`.
    pub id: String,
    /// SHA-256 of the catalogue as used, lower-case hex.
    pub catalogue_sha256: String,
    /// SHA-256 of the mapping as used, lower-case hex.
    pub mapping_sha256: String,
    /// Controls in catalogue order.
    pub controls: Vec<ControlOutcome>,
    /// Number of controls per status; every status is present.
    pub summary: BTreeMap<ControlStatus, u64>,
}

/// Which entries came from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCount {
    /// Source id.
    pub source: String,
    /// Source format.
    pub format: String,
    /// Entries of it in the period.
    pub entries: u64,
    /// First and last `recorded_at`, µs since the Unix epoch.
    pub first_at: i64,
    /// See `first_at`.
    pub last_at: i64,
}

/// Everything that coverage, packs and reports print: computed once, from verified entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Origin of the ledger.
    pub origin: String,
    /// Entries in the ledger when the assessment was made.
    pub size: u64,
    /// Merkle root at that size, standard base64.
    pub root: String,
    /// Start of the period, µs since the Unix epoch, inclusive.
    pub from: i64,
    /// End of the period, µs since the Unix epoch, exclusive.
    pub to: i64,
    /// First index whose time lies in the period, and one past the last.
    pub first_index: u64,
    /// See `first_index`.
    pub end_index: u64,
    /// SHA-256 of the operator's policy as used, lower-case hex.
    pub policy_sha256: String,
    /// Whether the policy is the built-in default.
    pub policy_is_default: bool,
    /// True when an integrity test (INT) failed: everything that follows is then void.
    pub void: bool,
    /// What came in, by source.
    pub sources: Vec<SourceCount>,
    /// Tests in id order, integrity tests first.
    pub tests: Vec<TestOutcome>,
    /// Frameworks in the order asked for.
    pub frameworks: Vec<FrameworkOutcome>,
}
