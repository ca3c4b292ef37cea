//! The operator's policy: thresholds, owners, teams, expected sources and scope, from one TOML file.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use file::PolicyFile;
pub use file::{Exclusion, Owner, OwnerRole, Scope, Source, Team, TeamRole};

use crate::catalogue::Catalogue;
use crate::error::{LoadError, Place, parse_toml};
use crate::files::{self, sha256_hex};
use crate::shape::DEFAULT_POLICY_FILE;
use crate::test_definition::{ParameterValue, TestDefinition};

/// Largest policy file, in bytes. Ten thousand owners and as many exclusions fit.
pub const POLICY_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What the operator has decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    file: String,
    text: String,
    is_default: bool,
    content: PolicyFile,
}

/// Where a bound value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueOrigin {
    /// The test's own default: nobody in the organisation has decided it.
    Default,
    /// The operator's policy file.
    Policy,
}

/// The value that a test runs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoundValue {
    /// The value.
    pub value: ParameterValue,
    /// Where it came from.
    pub origin: ValueOrigin,
    /// Its unit.
    pub unit: String,
}

impl Policy {
    /// The commented policy that the binary carries. It decides nothing.
    ///
    /// # Errors
    /// When the embedded file is wrong, which the tests of this crate rule out for a release.
    pub fn default_documented() -> Result<Self, LoadError> {
        let text = files::embedded()
            .remove(DEFAULT_POLICY_FILE)
            .ok_or_else(|| LoadError::Missing { folder: "frameworks".to_owned(), missing: DEFAULT_POLICY_FILE })?;
        Ok(Self { is_default: true, ..Self::parse(DEFAULT_POLICY_FILE, &text)? })
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// When it cannot be read, is too large, is not text, or is not a policy.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |cause| LoadError::ReadPolicy { path: path.to_path_buf(), cause };
        let file = path.display().to_string();
        let bytes = fs::metadata(path).map_err(unreadable)?.len();
        if bytes > POLICY_BYTES_MAX {
            return Err(LoadError::TooLarge { file, bytes, max: POLICY_BYTES_MAX });
        }
        let content = fs::read(path).map_err(unreadable)?;
        Self::parse(&file, &files::text(&file, content)?)
    }

    /// Parses a policy; `file` is its name in messages.
    ///
    /// # Errors
    /// With file, line and key: an unknown key, a value of the wrong type, a negative threshold, a team, source or
    /// owner named twice, or an empty reason.
    pub fn parse(file: &str, text: &str) -> Result<Self, LoadError> {
        let content: PolicyFile = parse_toml(file, text)?;
        let policy = Self { file: file.to_owned(), text: text.to_owned(), is_default: false, content };
        policy.check_itself()?;
        Ok(policy)
    }

    /// Name of the organisation, where the policy gives it.
    #[must_use]
    pub fn organisation(&self) -> Option<&str> {
        self.content.organisation.as_deref()
    }

    /// Whether this is the built-in policy.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.is_default
    }

    /// The file's text, for packs.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of the file, lower-case hex.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(self.text.as_bytes())
    }

    /// Who answers for what.
    #[must_use]
    pub fn owners(&self) -> &[Owner] {
        &self.content.owners
    }

    /// Teams and what they do.
    #[must_use]
    pub fn teams(&self) -> &[Team] {
        &self.content.teams
    }

    /// Sources that are expected to report.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.content.sources
    }

    /// What an assessment covers.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.content.scope
    }

    /// Why a control is declared out of scope, where it is.
    #[must_use]
    pub fn excluded(&self, framework_id: &str, control_id: &str) -> Option<&str> {
        let mut exclusions = self.content.scope.out.iter();
        let found = exclusions.find(|out| out.framework == framework_id && out.control == control_id)?;
        Some(&found.reason)
    }

    /// The values that a test runs with, by parameter name: the policy's word for this test, else its word for every
    /// test, else the test's default.
    #[must_use]
    pub fn bind(&self, test: &TestDefinition) -> BTreeMap<String, BoundValue> {
        let of_test = self.content.tests.get(test.id.as_str());
        let bound = test.parameters.iter().map(|(name, parameter)| {
            let decided = of_test.and_then(|t| t.get(name)).or_else(|| self.content.thresholds.get(name));
            let (value, origin) = match decided {
                Some(value) => (value.get_ref().clone(), ValueOrigin::Policy),
                None => (parameter.default.clone(), ValueOrigin::Default),
            };
            (name.clone(), BoundValue { value, origin, unit: parameter.unit.clone() })
        });
        bound.collect()
    }

    /// Whether everything it names exists: a threshold with a misspelt name would otherwise leave a default in force.
    ///
    /// # Errors
    /// The first name that the catalogue does not know, or value of another type than the test's default, with line.
    pub fn check(&self, catalogue: &Catalogue) -> Result<(), LoadError> {
        for (name, value) in &self.content.thresholds {
            let users: Vec<_> = catalogue.tests().iter().filter(|test| test.parameters.contains_key(name)).collect();
            if users.is_empty() {
                return Err(self.wrong(value.span().start, format!("{name}: no test has a parameter of this name")));
            }
            users.into_iter().try_for_each(|test| self.check_type(test, name, value))?;
        }
        for (id, thresholds) in &self.content.tests {
            let unknown = || self.wrong(id.span().start, format!("tests.{}: no test has this id", id.get_ref()));
            let test = catalogue.test(id.get_ref()).ok_or_else(unknown)?;
            for (name, value) in thresholds {
                if !test.parameters.contains_key(name) {
                    let known = test.parameters.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                    let message = format!("{name}: {} has no parameter of this name; it has: {known}", test.id);
                    return Err(self.wrong(value.span().start, message));
                }
                self.check_type(test, name, value)?;
            }
        }
        let unknown = |id: &str| catalogue.framework(id).is_none();
        if let Some(id) = self.content.scope.frameworks.iter().find(|id| unknown(id)) {
            return Err(self.invalid(format!("scope.frameworks: no framework has the id {id:?}")));
        }
        for out in &self.content.scope.out {
            let framework = catalogue.framework(&out.framework);
            if framework.and_then(|framework| framework.control(&out.control)).is_none() {
                let message =
                    format!("scope.out: {} {} is not a control of a known framework", out.framework, out.control);
                return Err(self.invalid(message));
            }
        }
        Ok(())
    }

    fn check_type(&self, test: &TestDefinition, name: &str, value: &Spanned<ParameterValue>) -> Result<(), LoadError> {
        match test.parameters.get(name) {
            Some(parameter) if !parameter.default.same_type(value.get_ref()) => {
                let (given, wanted) = (value.get_ref().type_name(), parameter.default.type_name());
                Err(self.wrong(value.span().start, format!("{name}: {} takes {wanted} here, not {given}", test.id)))
            }
            _ => Ok(()),
        }
    }

    fn check_itself(&self) -> Result<(), LoadError> {
        let PolicyFile { thresholds, tests, owners, teams, sources, scope, .. } = &self.content;
        for (name, value) in thresholds.iter().chain(tests.values().flatten()) {
            if matches!(value.get_ref(), ParameterValue::Integer(number) if *number < 0) {
                return Err(self.wrong(value.span().start, format!("{name}: a threshold cannot be negative")));
            }
        }
        self.unique("teams: the name", teams.iter().map(|team| team.name.clone()))?;
        self.unique("sources: the id", sources.iter().map(|source| source.id.clone()))?;
        // One owner per domain and role is what the organisation promises; a second one is a contradiction.
        self.unique("owners: the domain and role", owners.iter().map(|o| format!("{} {:?}", o.domain, o.role)))?;
        self.unique(
            "scope.out: the control",
            scope.out.iter().map(|out| format!("{} {}", out.framework, out.control)),
        )?;
        if let Some(out) = scope.out.iter().find(|out| out.reason.trim().is_empty()) {
            return Err(
                self.invalid(format!("scope.out: {} {} is out of scope without a reason", out.framework, out.control))
            );
        }
        if let Some(source) = sources.iter().find(|source| source.heartbeat_seconds == 0) {
            return Err(
                self.invalid(format!("sources: {} has heartbeat_seconds = 0; it must be at least 1", source.id))
            );
        }
        Ok(())
    }

    fn unique(&self, what: &str, names: impl Iterator<Item = String>) -> Result<(), LoadError> {
        let mut seen = BTreeSet::new();
        for name in names {
            if seen.contains(&name) {
                return Err(self.invalid(format!("{what} {name:?} is given twice")));
            }
            seen.insert(name);
        }
        Ok(())
    }

    fn wrong(&self, offset: usize, message: String) -> LoadError {
        LoadError::Toml { file: self.file.clone(), place: Place::of(&self.text, offset), message }
    }

    fn invalid(&self, message: String) -> LoadError {
        LoadError::Invalid { file: self.file.clone(), message }
    }
}

#[cfg(test)]
mod tests;
