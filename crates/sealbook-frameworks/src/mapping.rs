//! The mapping of a framework: which tests speak to a control, how far, and what they cannot show.

use serde::{Deserialize, Serialize};

use crate::error::{LoadError, parse_toml};

/// The most that a ledger can show about a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ceiling {
    /// The control can be concluded, for the population and the sources named.
    Full,
    /// The tests speak to it, and other evidence is needed.
    Partial,
    /// No entry can show it.
    None,
}

impl Ceiling {
    /// The word used in mapping files and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Partial => "partial",
            Self::None => "none",
        }
    }
}

/// One framework's mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Id of the framework, which is the folder's name.
    pub framework: String,
    /// One row per control, in the order of the catalogue.
    #[serde(rename = "control")]
    pub rows: Vec<MappingRow>,
    /// SHA-256 of the file, lower-case hex.
    #[serde(skip)]
    pub sha256: String,
}

/// What speaks to one control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingRow {
    /// Id of the control.
    #[serde(rename = "id")]
    pub control: String,
    /// The most that a ledger can show.
    pub ceiling: Ceiling,
    /// Ids of the tests that speak to it; empty exactly when the ceiling is none.
    pub tests: Vec<String>,
    /// What a ledger does not show about it; where the ceiling is none, why it is out of scope.
    pub not_shown: String,
}

impl Mapping {
    pub(crate) fn parse(file: &str, text: &str, sha256: String) -> Result<Self, LoadError> {
        let mut mapping: Self = parse_toml(file, text)?;
        if file.split('/').next() != Some(mapping.framework.as_str()) {
            let message = format!("it is for {:?}, which is not the name of its folder", mapping.framework);
            return Err(LoadError::Invalid { file: file.to_owned(), message });
        }
        mapping.sha256 = sha256;
        Ok(mapping)
    }

    /// The row of a control.
    #[must_use]
    pub fn row(&self, control_id: &str) -> Option<&MappingRow> {
        self.rows.iter().find(|row| row.control == control_id)
    }

    /// The rows that name a test.
    pub fn rows_of_test<'a>(&'a self, test_id: &'a str) -> impl Iterator<Item = &'a MappingRow> {
        self.rows.iter().filter(move |row| row.tests.iter().any(|test| test == test_id))
    }
}

#[cfg(test)]
mod tests {
    use super::Ceiling;
    use crate::Catalogue;

    #[test]
    fn the_shipped_mappings_speak_to_the_numbers_of_controls_that_a_ledger_can_show() {
        let catalogue = Catalogue::builtin().unwrap();
        let count = |id: &str, ceiling| {
            let rows = &catalogue.mapping(id).unwrap().rows;
            rows.iter().filter(|row| row.ceiling == ceiling).count()
        };
        let counts = |id| (count(id, Ceiling::Full), count(id, Ceiling::Partial), count(id, Ceiling::None));
        assert_eq!(counts("nist-csf-2.0"), (5, 29, 72));
        assert_eq!(counts("nist-sp-800-207"), (5, 14, 27));
        assert_eq!(counts("owasp-nhi-top10-2025"), (5, 5, 0));
        assert_eq!(counts("nist-ai-rmf-1.0"), (0, 17, 55));
    }

    #[test]
    fn no_two_controls_share_the_sentence_on_what_is_not_shown() {
        let catalogue = Catalogue::builtin().unwrap();
        let mut seen = std::collections::BTreeMap::new();
        for row in catalogue.mappings().iter().flat_map(|mapping| &mapping.rows) {
            if let Some(other) = seen.insert(row.not_shown.as_str(), &row.control) {
                panic!("{other} and {} both say {:?}", row.control, row.not_shown);
            }
        }
    }

    #[test]
    fn a_test_leads_back_to_its_controls() {
        let catalogue = Catalogue::builtin().unwrap();
        let mapping = catalogue.mapping("nist-csf-2.0").unwrap();
        let controls: Vec<_> = mapping.rows_of_test("CT-EXC-03").map(|row| row.control.as_str()).collect();
        assert_eq!(controls, ["GV.OV-01", "GV.OV-03", "ID.RA-07"]);
    }
}
