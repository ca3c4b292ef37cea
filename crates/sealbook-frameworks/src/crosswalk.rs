//! What became of the ids of an older version of a framework.

use serde::{Deserialize, Serialize};

use crate::error::{LoadError, parse_toml};

/// What the publisher did with an id of the older version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// It lives on under the same id.
    SameId,
    /// It was moved to another id.
    MovedTo,
    /// Its content was taken up by one or more others.
    IncorporatedInto,
    /// It was withdrawn, and the publisher names no successor.
    Withdrawn,
}

/// The ids of an older version and where they lead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crosswalk {
    /// Id of the framework that the rows lead to, which is the folder's name.
    pub framework: String,
    /// Name of the older version, for example `CSF 1.1`.
    pub from: String,
    /// Who says so, for example `NIST`.
    pub authority: String,
    /// Where it says so (URL).
    pub source: String,
    /// One row per id of the older version.
    #[serde(rename = "map")]
    pub rows: Vec<CrosswalkRow>,
    /// SHA-256 of the file, lower-case hex.
    #[serde(skip)]
    pub sha256: String,
}

/// What became of one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrosswalkRow {
    /// The id as the older version prints it.
    pub id: String,
    /// What was done with it.
    pub relation: Relation,
    /// Ids of controls or groups that it leads to; empty exactly when it was withdrawn.
    pub to: Vec<String>,
}

impl Crosswalk {
    pub(crate) fn parse(file: &str, text: &str, sha256: String) -> Result<Self, LoadError> {
        let mut crosswalk: Self = parse_toml(file, text)?;
        if file.split('/').next() != Some(crosswalk.framework.as_str()) {
            let message = format!("it is for {:?}, which is not the name of its folder", crosswalk.framework);
            return Err(LoadError::Invalid { file: file.to_owned(), message });
        }
        crosswalk.sha256 = sha256;
        Ok(crosswalk)
    }

    /// The row in words: `PR.AC-4 is a CSF 1.1 id; NIST moved it to PR.AA-05`.
    #[must_use]
    pub fn in_words(&self, row: &CrosswalkRow) -> String {
        let Self { from, authority, .. } = self;
        let CrosswalkRow { id, to, relation } = row;
        let targets = to.join(", ");
        match relation {
            Relation::SameId => format!("{id} is how {from} writes {targets}; {authority} kept it"),
            Relation::MovedTo => format!("{id} is a {from} id; {authority} moved it to {targets}"),
            Relation::IncorporatedInto => {
                format!("{id} is a {from} id; {authority} incorporated it into {targets}")
            }
            Relation::Withdrawn => {
                format!("{id} is a {from} id; {authority} withdrew it and names no successor")
            }
        }
    }
}
