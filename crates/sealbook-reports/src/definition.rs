//! A report definition: sections, order, wording, columns and colours, as data (`reports/*.toml`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::ReportError;
use crate::model::{Badge, Block, Cell, Colour, Colours, Column, Table, Theme, Tone, Width};

const ASSESSMENT: &str = include_str!("../../../reports/assessment.toml");
const ASSESSMENT_FILE: &str = "assessment.toml";

/// A definition, parsed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Definition {
    pub(crate) title: String,
    pub(crate) subject: String,
    pub(crate) language: String,
    pub(crate) limits: Limits,
    colours: ColourTable,
    tones: BTreeMap<Tone, String>,
    /// Control statuses, test results, parameter origins, …: signs, words and meanings by id.
    pub(crate) signs: BTreeMap<String, Sign>,
    #[serde(rename = "section")]
    pub(crate) sections: Vec<SectionDefinition>,
    tables: BTreeMap<String, Vec<ColumnDefinition>>,
    words: BTreeMap<String, String>,
    #[serde(rename = "glossary")]
    pub(crate) glossary: Vec<Term>,
}

/// How much of a long list the PDF prints. What is left out is counted, and stands in `results.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) top_findings: usize,
    pub(crate) findings_per_control: usize,
    pub(crate) findings_per_test: usize,
    pub(crate) cited_per_test: usize,
    pub(crate) rows_per_register: usize,
}

/// A section to print.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SectionDefinition {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) intro: String,
    #[serde(default)]
    pub(crate) new_page: bool,
}

/// A sign with its word and meaning.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sign {
    mark: String,
    word: String,
    tone: Tone,
    #[serde(default)]
    pub(crate) meaning: String,
}

/// A word of the glossary.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Term {
    pub(crate) term: String,
    pub(crate) meaning: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnDefinition {
    title: String,
    points: Option<f32>,
    share: Option<f32>,
    #[serde(default)]
    right: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColourTable {
    ink: String,
    quiet: String,
    line: String,
    brand: String,
    accent: String,
    ground: String,
}

impl Definition {
    /// The shipped definition of the framework assessment.
    pub(crate) fn assessment() -> Result<Self, ReportError> {
        Self::parse(ASSESSMENT)
    }

    fn parse(text: &str) -> Result<Self, ReportError> {
        toml::from_str(text).map_err(|error| fault(error.to_string()))
    }

    pub(crate) fn theme(&self) -> Result<Theme, ReportError> {
        let mut tones = BTreeMap::new();
        for (tone, text) in &self.tones {
            tones.insert(*tone, colour(text)?);
        }
        let table = &self.colours;
        let colours = Colours {
            ink: colour(&table.ink)?,
            quiet: colour(&table.quiet)?,
            line: colour(&table.line)?,
            brand: colour(&table.brand)?,
            accent: colour(&table.accent)?,
            ground: colour(&table.ground)?,
            tones,
        };
        Ok(Theme { colours, page_of_pages: self.word("page")?.to_owned() })
    }

    /// A fixed phrase.
    pub(crate) fn word(&self, key: &str) -> Result<&str, ReportError> {
        self.words.get(key).map(String::as_str).ok_or_else(|| fault(format!("words has no {key:?}")))
    }

    /// A fixed phrase with its `{places}` filled.
    pub(crate) fn say(&self, key: &str, places: &[(&str, &str)]) -> Result<String, ReportError> {
        Ok(fill(self.word(key)?, places))
    }

    pub(crate) fn sign(&self, key: &str) -> Result<&Sign, ReportError> {
        self.signs.get(key).ok_or_else(|| fault(format!("signs has no {key:?}")))
    }

    pub(crate) fn badge(&self, key: &str) -> Result<Badge, ReportError> {
        let sign = self.sign(key)?;
        Ok(Badge { mark: sign.mark.clone(), text: sign.word.clone(), tone: sign.tone })
    }

    /// A table with the columns of the definition; every row must have as many cells.
    pub(crate) fn table(&self, key: &str, rows: Vec<Vec<Cell>>) -> Result<Block, ReportError> {
        let columns = self.tables.get(key).ok_or_else(|| fault(format!("tables has no {key:?}")))?;
        if let Some(row) = rows.iter().find(|row| row.len() != columns.len()) {
            return Err(fault(format!(
                "table {key:?} has {} columns, its rows have {} cells",
                columns.len(),
                row.len()
            )));
        }
        let columns = columns.iter().map(|column| Column {
            title: column.title.clone(),
            width: column.points.map_or(Width::Share(column.share.unwrap_or(1.0)), Width::Points),
            right: column.right,
        });
        Ok(Block::Table(Table { columns: columns.collect(), rows }))
    }
}

/// Fills the `{places}` of a phrase. Values are put in as they are and are not searched again.
pub(crate) fn fill(phrase: &str, places: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = phrase;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let place = after.split_once('}').and_then(|(name, after)| {
            let value = places.iter().find(|(place, _)| *place == name)?.1;
            Some((value, after))
        });
        match place {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

fn fault(detail: String) -> ReportError {
    ReportError::Definition { file: ASSESSMENT_FILE, detail }
}

pub(crate) fn unknown_section(id: &str) -> ReportError {
    fault(format!("section {id:?} is not one that this report can print"))
}

/// `#rrggbb` as a colour.
fn colour(text: &str) -> Result<Colour, ReportError> {
    let bad = || fault(format!("{text:?} is not a colour like #1a2b3c"));
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6).ok_or_else(bad)?;
    let part = |range: std::ops::Range<usize>| {
        let value = digits.get(range).and_then(|hex| u8::from_str_radix(hex, 16).ok()).ok_or_else(bad)?;
        Ok(f32::from(value) / 255.0)
    };
    Ok(Colour { r: part(0..2)?, g: part(2..4)?, b: part(4..6)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_definition_parses() {
        Definition::assessment().unwrap().theme().unwrap();
    }

    #[test]
    fn values_are_not_searched_for_places() {
        assert_eq!(fill("{a} of {b}, {c}", &[("a", "{b}"), ("b", "2")]), "{b} of 2, {c}");
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_name() {
        let error = Definition::parse("titel = 'x'").unwrap_err().to_string();
        assert!(error.contains("titel"), "{error}");
    }

    #[test]
    fn colours_must_be_six_hex_digits() {
        assert!(colour("#12345").is_err() && colour("#12345g").is_err() && colour("123456").is_err());
        assert_eq!(colour("#ff0000").unwrap(), Colour { r: 1.0, g: 0.0, b: 0.0 });
    }
}
