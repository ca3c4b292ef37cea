//! The operator's policy file: its keys and their types.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::test_definition::ParameterValue;

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    pub(crate) organisation: Option<String>,
    #[serde(default)]
    pub(crate) thresholds: Thresholds,
    #[serde(default)]
    pub(crate) tests: BTreeMap<Spanned<String>, Thresholds>,
    #[serde(default)]
    pub(crate) owners: Vec<Owner>,
    #[serde(default)]
    pub(crate) teams: Vec<Team>,
    #[serde(default)]
    pub(crate) sources: Vec<Source>,
    #[serde(default)]
    pub(crate) scope: Scope,
}

pub(crate) type Thresholds = BTreeMap<String, Spanned<ParameterValue>>;

/// Who answers for a domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The domain, in the words of the ledger's `ownership` entries.
    pub domain: String,
    /// What for.
    pub role: OwnerRole,
    /// Identity of the person.
    pub owner: String,
    /// Team of the person.
    pub team: Option<String>,
}

/// What an owner answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerRole {
    /// The access policy of the domain.
    PolicyOwner,
    /// The life of its machine identities.
    LifecycleOwner,
    /// A control.
    ControlOwner,
    /// The enforcement of its policy.
    Enforcement,
}

/// A team and what it does to access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Team {
    /// Name, as the ledger's identities carry it.
    pub name: String,
    /// What it does.
    pub roles: BTreeSet<TeamRole>,
    /// Identities of its members, where the ledger's entries do not say.
    #[serde(default)]
    pub members: BTreeSet<String>,
}

/// What a team does to access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TeamRole {
    /// Writes the policy.
    Decides,
    /// Runs the enforcement points.
    Enforces,
    /// Creates identities and credentials.
    Creates,
    /// Approves requests.
    Approves,
    /// Renews credentials and grants.
    Renews,
    /// Reviews access.
    Reviews,
}

/// A source that is expected to report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Id, as the ledger's entries carry it.
    pub id: String,
    /// It is silent when nothing came from it for longer than this, in seconds.
    pub heartbeat_seconds: u64,
    /// What it is, in words.
    pub description: Option<String>,
}

/// What an assessment covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Ids of the frameworks to assess where a command names none; empty means all.
    #[serde(default)]
    pub frameworks: Vec<String>,
    /// Controls that the organisation declares out of scope.
    #[serde(default)]
    pub out: Vec<Exclusion>,
}

/// A control declared out of scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// Id of the framework.
    pub framework: String,
    /// Id of the control.
    pub control: String,
    /// Why it does not apply.
    pub reason: String,
}
