//! What a report needs beside the assessment: who, when, keys, digests, and summaries of cited entries.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a pack adds to an assessment. Times are µs since the Unix epoch, digests lower-case hex.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReportContext {
    /// Report number, printed on each page.
    pub number: String,
    /// Organisation that the ledger belongs to.
    pub organisation: String,
    /// Title instead of the definition's own.
    pub title: Option<String>,
    /// Handling words such as `CONFIDENTIAL`.
    pub classification: Option<String>,
    /// When the report was made: the caller's clock, never this crate's.
    pub generated_at: i64,
    /// Name and version of the product, for example `Sealbook 0.1.0`.
    pub product: String,
    /// File name of the evidence pack, for the commands.
    pub pack_file: String,
    /// The verifier key (C2SP vkey) that signed the checkpoint.
    pub verifier_key: String,
    /// SHA-256 of the verifier key.
    pub key_fingerprint: String,
    /// The signed checkpoint, as text.
    pub checkpoint: String,
    /// SHA-256 of `results.json`.
    pub results_sha256: String,
    /// What verifying the ledger gave when the report was made.
    pub verification: Option<Verification>,
    /// Sources that are known and gave no entry in the period.
    pub silent_sources: Vec<String>,
    /// Cited entries by index.
    pub entries: BTreeMap<u64, EntrySummary>,
    /// Exceptions open at some time in the period.
    pub exceptions: Vec<ExceptionRow>,
    /// Who answers for which identity.
    pub owners: Vec<OwnerRow>,
    /// Ages of credentials at the end of the period.
    pub credential_ages: Vec<CredentialAgeRow>,
    /// Findings per month of the period.
    pub months: Vec<MonthFindings>,
}

/// The verdict on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// `VERIFIED`, `REFUTED` or `UNDECIDED`.
    pub verdict: String,
    /// What was checked, or what failed, in one sentence.
    pub detail: String,
}

/// One cited entry, in short.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EntrySummary {
    /// When the ledger recorded it.
    pub recorded_at: i64,
    /// Kind of the event.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// Who acted.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// How it ended.
    pub outcome: String,
    /// What it was done to.
    pub resource: String,
    /// Source it came from.
    pub source: String,
    /// Merkle leaf hash.
    pub leaf_hash: String,
}

/// One policy exception.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExceptionRow {
    /// Exception id.
    pub id: String,
    /// What it covers.
    pub scope: String,
    /// Why it was granted.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who granted it.
    pub granted_by: Option<String>,
    /// When it was opened.
    pub opened_at: i64,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// When it was closed.
    pub closed_at: Option<i64>,
    /// Index of the entry that opened it.
    pub entry: u64,
}

/// Who answers for an identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnerRow {
    /// The identity.
    pub identity: String,
    /// Its kind: person, workload, agent, …
    pub kind: String,
    /// Who owns its life cycle; none is a finding of its own.
    pub lifecycle_owner: Option<String>,
    /// Who owns the policy that governs it.
    pub policy_owner: Option<String>,
    /// When it was last reviewed.
    pub reviewed_at: Option<i64>,
}

/// Age of a credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialAgeRow {
    /// Credential id; never the secret.
    pub credential: String,
    /// Identity that holds it.
    pub identity: String,
    /// Its kind.
    pub kind: String,
    /// When it was issued or last rotated.
    pub since: i64,
    /// Full days from then to the end of the period.
    pub age_days: u64,
    /// Longest age that the policy allows.
    pub max_age_days: Option<u64>,
}

/// Findings of one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MonthFindings {
    /// Label, for example `2026-07`.
    pub month: String,
    /// Failing members that no exception covers.
    pub open: u64,
    /// Failing members that an exception covers.
    pub covered: u64,
    /// Members that could not be decided.
    pub undecided: u64,
}
