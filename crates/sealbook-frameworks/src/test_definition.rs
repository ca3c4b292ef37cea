//! One control test: what it asks, its SQL, its parameters, and the two small event files that show that it can fail.

use std::collections::BTreeMap;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{LoadError, parse_toml};

/// How bad a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// To be mended in the ordinary course.
    Medium,
    /// To be mended soon.
    High,
    /// To be mended now.
    Critical,
}

impl Severity {
    /// The word used in files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// The value of a parameter, as bound to the SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// A count, a number of days, …; the unit stands beside it.
    Integer(i64),
    /// A name or a list in the test's own notation.
    Text(String),
}

impl ParameterValue {
    /// The type's name, for messages.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Integer(_) => "an integer",
            Self::Text(_) => "a text",
        }
    }

    /// Whether two values have the same type.
    #[must_use]
    pub const fn same_type(&self, other: &Self) -> bool {
        matches!((self, other), (Self::Integer(_), Self::Integer(_)) | (Self::Text(_), Self::Text(_)))
    }
}

impl<'de> Deserialize<'de> for ParameterValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl Visitor<'_> for ValueVisitor {
    type Value = ParameterValue;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an integer or a text")
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<ParameterValue, E> {
        Ok(ParameterValue::Integer(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<ParameterValue, E> {
        Ok(ParameterValue::Text(text.to_owned()))
    }
}

impl std::fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// One threshold of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// The value that holds where the operator's policy says nothing; printed as a default.
    pub default: ParameterValue,
    /// Unit, for example `days`; `text` for a text.
    pub unit: String,
    /// What it means, in one sentence.
    pub meaning: String,
}

/// One control test, complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TestDefinition {
    /// Id, which is the folder's name, for example `CT-CRED-01`.
    pub id: String,
    /// Title.
    pub title: String,
    /// The question it answers, in an auditor's words.
    pub question: String,
    /// What its population is, in words.
    pub population: String,
    /// How bad a failure is.
    pub severity: Severity,
    /// Clauses elsewhere that ask for the same.
    pub references: Vec<String>,
    /// Whether it is one of the integrity tests, which run first and void what follows when they fail.
    pub integrity: bool,
    /// Thresholds by name; each is bound to the SQL as `$name`.
    pub parameters: BTreeMap<String, Parameter>,
    /// Kinds and fields of entries without which it can say nothing.
    pub needs: Vec<String>,
    /// Positions in `fail_events`, from 0, of the events that failing rows must name.
    pub fail_entries: Vec<u64>,
    /// The SQL.
    pub sql: String,
    /// SHA-256 of the SQL, lower-case hex.
    pub sql_sha256: String,
    /// Events, one JSON object a line, over which the test must pass.
    pub pass_events: String,
    /// Events, one JSON object a line, over which the test must fail.
    pub fail_events: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestFile {
    id: String,
    title: String,
    question: String,
    population: String,
    severity: Severity,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    integrity: bool,
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    needs: Vec<String>,
    fail_entries: Vec<u64>,
}

/// The four files of a test's folder, as text.
#[derive(Default)]
pub(crate) struct TestFiles<'a> {
    pub toml: Option<&'a str>,
    pub sql: Option<&'a str>,
    pub pass: Option<&'a str>,
    pub fail: Option<&'a str>,
}

impl TestDefinition {
    /// `folder` is `tests/<id>`.
    pub(crate) fn parse(folder: &str, files: &TestFiles<'_>) -> Result<Self, LoadError> {
        let need = |text: Option<&str>, missing| {
            text.map(str::to_owned).ok_or_else(|| LoadError::Missing { folder: folder.to_owned(), missing })
        };
        let toml = need(files.toml, "test.toml")?;
        let sql = need(files.sql, "test.sql")?;
        let pass_events = need(files.pass, "pass.ndjson")?;
        let fail_events = need(files.fail, "fail.ndjson")?;
        let file = format!("{folder}/test.toml");
        let head: TestFile = parse_toml(&file, &toml)?;
        let test = Self {
            id: head.id,
            title: head.title,
            question: head.question,
            population: head.population,
            severity: head.severity,
            references: head.references,
            integrity: head.integrity,
            parameters: head.parameters,
            needs: head.needs,
            fail_entries: head.fail_entries,
            sql_sha256: crate::files::sha256_hex(sql.as_bytes()),
            sql,
            pass_events,
            fail_events,
        };
        test.check_itself(folder).map_err(|message| LoadError::Invalid { file, message })?;
        Ok(test)
    }

    /// Whether the SQL mentions the parameter `$name`.
    #[must_use]
    pub fn uses_parameter(&self, name: &str) -> bool {
        let mark = format!("${name}");
        self.sql.match_indices(&mark).any(|(at, _)| {
            let next = self.sql.get(at + mark.len()..).and_then(|rest| rest.chars().next());
            !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    }

    fn check_itself(&self, folder: &str) -> Result<(), String> {
        if folder != format!("tests/{}", self.id) {
            return Err(format!("its id is {:?}, which is not the name of its folder", self.id));
        }
        if let Some(name) = self.parameters.keys().find(|name| !is_parameter_name(name)) {
            return Err(format!(
                "parameter {name:?}: a name has lower-case letters, digits and '_', and starts with a letter"
            ));
        }
        if let Some(name) = RESERVED_NAMES.iter().find(|name| self.parameters.contains_key(**name)) {
            return Err(format!("parameter {name:?}: this name is bound to the period asked for"));
        }
        let events = self.fail_events.lines().filter(|line| !line.trim().is_empty()).count();
        if let Some(position) =
            self.fail_entries.iter().find(|position| usize::try_from(**position).map_or(true, |p| p >= events))
        {
            return Err(format!(
                "fail_entries names event {position}, but fail.ndjson has {events} events, counted from 0"
            ));
        }
        Ok(())
    }
}

/// Bound by whoever runs the test: start (inclusive) and end (exclusive) of the period, in µs.
const RESERVED_NAMES: [&str; 2] = ["from", "to"];

fn is_parameter_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}
