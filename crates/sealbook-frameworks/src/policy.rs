//! The operator's policy: thresholds, owners, teams, expected sources and scope, from one TOML file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::catalogue::{Catalogue, DEFAULT_POLICY_FILE};
use crate::error::{LoadError, Place, parse_toml};
use crate::files::{self, sha256_hex};
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

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    organisation: Option<String>,
    #[serde(default)]
    thresholds: Thresholds,
    #[serde(default)]
    tests: BTreeMap<Spanned<String>, Thresholds>,
    #[serde(default)]
    owners: Vec<Owner>,
    #[serde(default)]
    teams: Vec<Team>,
    #[serde(default)]
    sources: Vec<Source>,
    #[serde(default)]
    scope: Scope,
}

type Thresholds = BTreeMap<String, Spanned<ParameterValue>>;

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
            .ok_or_else(|| LoadError::Missing {
                folder: "frameworks".to_owned(),
                missing: DEFAULT_POLICY_FILE,
            })?;
        Ok(Self {
            is_default: true,
            ..Self::parse(DEFAULT_POLICY_FILE, &text)?
        })
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// When it cannot be read, is too large, is not text, or is not a policy.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |cause| LoadError::ReadPolicy {
            path: path.to_path_buf(),
            cause,
        };
        let file = path.display().to_string();
        let bytes = fs::metadata(path).map_err(unreadable)?.len();
        if bytes > POLICY_BYTES_MAX {
            return Err(LoadError::TooLarge {
                file,
                bytes,
                max: POLICY_BYTES_MAX,
            });
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
        let policy = Self {
            file: file.to_owned(),
            text: text.to_owned(),
            is_default: false,
            content,
        };
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
        let found =
            exclusions.find(|out| out.framework == framework_id && out.control == control_id)?;
        Some(&found.reason)
    }

    /// The values that a test runs with, by parameter name: the policy's word for this test, else its word for every
    /// test, else the test's default.
    #[must_use]
    pub fn bind(&self, test: &TestDefinition) -> BTreeMap<String, BoundValue> {
        let of_test = self.content.tests.get(test.id.as_str());
        let bound = test.parameters.iter().map(|(name, parameter)| {
            let decided = of_test
                .and_then(|t| t.get(name))
                .or_else(|| self.content.thresholds.get(name));
            let (value, origin) = match decided {
                Some(value) => (value.get_ref().clone(), ValueOrigin::Policy),
                None => (parameter.default.clone(), ValueOrigin::Default),
            };
            (
                name.clone(),
                BoundValue {
                    value,
                    origin,
                    unit: parameter.unit.clone(),
                },
            )
        });
        bound.collect()
    }

    /// Whether everything it names exists: a threshold with a misspelt name would otherwise leave a default in force.
    ///
    /// # Errors
    /// The first name that the catalogue does not know, or value of another type than the test's default, with line.
    pub fn check(&self, catalogue: &Catalogue) -> Result<(), LoadError> {
        for (name, value) in &self.content.thresholds {
            let users: Vec<_> = catalogue
                .tests()
                .iter()
                .filter(|test| test.parameters.contains_key(name))
                .collect();
            if users.is_empty() {
                return Err(self.wrong(
                    value.span().start,
                    format!("{name}: no test has a parameter of this name"),
                ));
            }
            users
                .into_iter()
                .try_for_each(|test| self.check_type(test, name, value))?;
        }
        for (id, thresholds) in &self.content.tests {
            let unknown = || {
                self.wrong(
                    id.span().start,
                    format!("tests.{}: no test has this id", id.get_ref()),
                )
            };
            let test = catalogue.test(id.get_ref()).ok_or_else(unknown)?;
            for (name, value) in thresholds {
                if !test.parameters.contains_key(name) {
                    let known = test
                        .parameters
                        .keys()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(", ");
                    let message = format!(
                        "{name}: {} has no parameter of this name; it has: {known}",
                        test.id
                    );
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
            if framework
                .and_then(|framework| framework.control(&out.control))
                .is_none()
            {
                let message = format!(
                    "scope.out: {} {} is not a control of a known framework",
                    out.framework, out.control
                );
                return Err(self.invalid(message));
            }
        }
        Ok(())
    }

    fn check_type(
        &self,
        test: &TestDefinition,
        name: &str,
        value: &Spanned<ParameterValue>,
    ) -> Result<(), LoadError> {
        match test.parameters.get(name) {
            Some(parameter) if !parameter.default.same_type(value.get_ref()) => {
                let (given, wanted) = (value.get_ref().type_name(), parameter.default.type_name());
                Err(self.wrong(
                    value.span().start,
                    format!("{name}: {} takes {wanted} here, not {given}", test.id),
                ))
            }
            _ => Ok(()),
        }
    }

    fn check_itself(&self) -> Result<(), LoadError> {
        let PolicyFile {
            thresholds,
            tests,
            owners,
            teams,
            sources,
            scope,
            ..
        } = &self.content;
        for (name, value) in thresholds.iter().chain(tests.values().flatten()) {
            if matches!(value.get_ref(), ParameterValue::Integer(number) if *number < 0) {
                return Err(self.wrong(
                    value.span().start,
                    format!("{name}: a threshold cannot be negative"),
                ));
            }
        }
        self.unique(
            "teams: the name",
            teams.iter().map(|team| team.name.clone()),
        )?;
        self.unique(
            "sources: the id",
            sources.iter().map(|source| source.id.clone()),
        )?;
        // One owner per domain and role is what the organisation promises; a second one is a contradiction.
        self.unique(
            "owners: the domain and role",
            owners.iter().map(|o| format!("{} {:?}", o.domain, o.role)),
        )?;
        self.unique(
            "scope.out: the control",
            scope
                .out
                .iter()
                .map(|out| format!("{} {}", out.framework, out.control)),
        )?;
        if let Some(out) = scope.out.iter().find(|out| out.reason.trim().is_empty()) {
            return Err(self.invalid(format!(
                "scope.out: {} {} is out of scope without a reason",
                out.framework, out.control
            )));
        }
        if let Some(source) = sources.iter().find(|source| source.heartbeat_seconds == 0) {
            return Err(self.invalid(format!(
                "sources: {} has heartbeat_seconds = 0; it must be at least 1",
                source.id
            )));
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
        LoadError::Toml {
            file: self.file.clone(),
            place: Place::of(&self.text, offset),
            message,
        }
    }

    fn invalid(&self, message: String) -> LoadError {
        LoadError::Invalid {
            file: self.file.clone(),
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Policy {
        Policy::parse("p.toml", text).unwrap()
    }

    fn refusal(text: &str) -> String {
        Policy::parse("p.toml", text).unwrap_err().to_string()
    }

    fn catalogue() -> Catalogue {
        let parameter =
            "[parameters.max_age_days]\ndefault = 90\nunit = \"days\"\nmeaning = \"m\"\n";
        let test = |id: &str| {
            let head = format!(
                "id = \"{id}\"\ntitle = \"t\"\nquestion = \"q\"\npopulation = \"p\"\nseverity = \"low\"\n"
            );
            let files = [
                ("test.toml", format!("{head}fail_entries = []\n{parameter}")),
                ("test.sql", "SELECT $max_age_days".to_owned()),
                ("pass.ndjson", String::new()),
                ("fail.ndjson", String::new()),
            ];
            files.map(|(name, text)| (format!("tests/{id}/{name}"), text.into_bytes()))
        };
        Catalogue::from_files(test("CT-A-01").into_iter().chain(test("CT-B-01"))).unwrap()
    }

    fn bound(policy: &Policy, test: &str) -> (i64, ValueOrigin) {
        let catalogue = catalogue();
        let values = policy.bind(catalogue.test(test).unwrap());
        match &values["max_age_days"] {
            BoundValue {
                value: ParameterValue::Integer(number),
                origin,
                ..
            } => (*number, *origin),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_value_comes_from_the_test_table_then_the_thresholds_then_the_default() {
        let both =
            policy("[thresholds]\nmax_age_days = 60\n[tests.\"CT-A-01\"]\nmax_age_days = 30\n");
        assert_eq!(bound(&both, "CT-A-01"), (30, ValueOrigin::Policy));
        assert_eq!(bound(&both, "CT-B-01"), (60, ValueOrigin::Policy));
        assert_eq!(bound(&policy(""), "CT-A-01"), (90, ValueOrigin::Default));
        // A policy that happens to agree with the default is still a decision.
        assert_eq!(
            bound(&policy("thresholds.max_age_days = 90"), "CT-A-01"),
            (90, ValueOrigin::Policy)
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_key() {
        let message = refusal("organisation = \"x\"\nthreshold = 1\n");
        assert!(
            message.starts_with("p.toml, line 2, column 1: unknown field `threshold`"),
            "{message}"
        );
    }

    #[test]
    fn a_wrong_type_is_refused_with_line_and_key() {
        let message = refusal("[thresholds]\n\nmax_age_days = 1.5\n");
        assert!(
            message.starts_with("p.toml, line 3, column 16: max_age_days: "),
            "{message}"
        );
        assert!(
            message.ends_with("expected an integer or a text"),
            "{message}"
        );
        assert!(refusal("[[teams]]\nname = \"a\"\nroles = [\"rules\"]\n").contains("line 3"));
    }

    #[test]
    fn contradictions_are_refused() {
        let team = "[[teams]]\nname = \"a\"\nroles = [\"decides\"]\n";
        assert_eq!(
            refusal(&team.repeat(2)),
            "p.toml: teams: the name \"a\" is given twice"
        );
        let source = "[[sources]]\nid = \"s\"\nheartbeat_seconds = 60\n";
        assert!(refusal(&source.repeat(2)).contains("sources: the id \"s\" is given twice"));
        assert!(refusal(&source.replace("60", "0")).contains("at least 1"));
        let owner = "[[owners]]\ndomain = \"d\"\nrole = \"policy-owner\"\nowner = \"o\"\n";
        assert!(refusal(&owner.repeat(2)).contains("given twice"));
        assert!(
            refusal("[[scope.out]]\nframework = \"f\"\ncontrol = \"c\"\nreason = \" \"\n")
                .contains("without a reason")
        );
        assert_eq!(
            refusal("[tests.\"CT-A-01\"]\nmax_age_days = -1\n"),
            "p.toml, line 2, column 16: max_age_days: a threshold cannot be negative"
        );
    }

    #[test]
    fn a_name_that_nothing_has_is_refused_with_its_line() {
        let check = |text| policy(text).check(&catalogue()).unwrap_err().to_string();
        assert_eq!(
            check("[thresholds]\nmax_age_dyas = 1"),
            "p.toml, line 2, column 16: max_age_dyas: no test has a parameter of this name"
        );
        assert!(
            check("[tests.\"CT-Z-09\"]\nmax_age_days = 1")
                .starts_with("p.toml, line 1, column 8: tests.CT-Z-09")
        );
        assert!(check("[tests.\"CT-A-01\"]\nage = 1").ends_with("it has: max_age_days"));
        assert!(
            check("[thresholds]\nmax_age_days = \"x\"")
                .contains("takes an integer here, not a text")
        );
        assert!(check("[scope]\nframeworks = [\"nope\"]").contains("\"nope\""));
        assert!(
            check("[[scope.out]]\nframework = \"f\"\ncontrol = \"c\"\nreason = \"r\"")
                .contains("f c is not a control")
        );
        policy("[thresholds]\nmax_age_days = 1")
            .check(&catalogue())
            .unwrap();
    }

    #[test]
    fn the_default_policy_decides_nothing_and_fits_the_catalogue() {
        let policy = Policy::default_documented().unwrap();
        assert!(policy.is_default() && policy.content == PolicyFile::default());
        policy.check(&Catalogue::builtin().unwrap()).unwrap();
        assert_eq!(policy.sha256().len(), 64);
    }

    #[test]
    fn the_examples_in_the_default_policy_are_a_policy_when_uncommented() {
        let text = Policy::default_documented().unwrap().text().to_owned();
        let examples: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("#: "))
            .collect();
        let policy = policy(&examples.join("\n"));
        assert!(
            !policy.owners().is_empty()
                && !policy.teams().is_empty()
                && !policy.sources().is_empty()
        );
        assert!(!policy.content.thresholds.is_empty() && !policy.content.tests.is_empty());
        let out = &policy.scope().out[0];
        assert_eq!(
            policy.excluded(&out.framework, &out.control),
            Some(out.reason.as_str())
        );
    }
}
