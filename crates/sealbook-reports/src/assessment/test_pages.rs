//! Each test once: population, parameters, SQL digest, findings, cited entries.

use std::collections::BTreeSet;

use sealbook_controls::outcome::{Finding, Origin, TestOutcome};

use super::{Builder, borrowed, finding_sign, is_integrity, mono, plain, result_id, test_anchor};
use crate::context::EntrySummary;
use crate::error::ReportError;
use crate::format::{count, time};
use crate::model::{Block, Cell, Fact, Heading, Inline};

/// Hex digits of a leaf hash that are printed; the whole stands in the pack.
const LEAF_DIGITS: usize = 16;

impl Builder<'_> {
    pub(super) fn test_pages(&self) -> Result<Vec<Block>, ReportError> {
        let controls = self.controls_by_test();
        let mut blocks = Vec::new();
        for (key, integrity) in [("tests-integrity-title", true), ("tests-control-title", false)] {
            let tests: Vec<&TestOutcome> =
                self.assessment.tests.iter().filter(|test| is_integrity(test) == integrity).collect();
            if tests.is_empty() {
                continue;
            }
            let text = self.definition.word(key)?.to_owned();
            blocks.push(Block::Heading(Heading { level: 2, text, badge: None, anchor: Some(key.to_owned()) }));
            for test in tests {
                let spoken = controls.get(test.id.as_str()).map(Vec::as_slice).unwrap_or_default();
                blocks.extend(self.test_page(test, spoken)?);
            }
        }
        Ok(blocks)
    }

    fn test_page(&self, test: &TestOutcome, controls: &[(String, String)]) -> Result<Vec<Block>, ReportError> {
        let mut blocks = vec![
            Block::Heading(Heading {
                level: 3,
                text: format!("{}  {}", test.id, test.title),
                badge: Some(self.definition.badge(result_id(test.result))?),
                anchor: Some(test_anchor(&test.id)),
            }),
            Block::Text(vec![Inline::plain(test.question.as_str())]),
            Block::Facts(self.test_facts(test, controls)?),
        ];
        if !test.parameters.is_empty() {
            blocks.push(self.parameters(test)?);
        }
        if !test.findings.is_empty() {
            blocks.extend(self.findings(test)?);
            blocks.extend(self.cited(test)?);
        }
        Ok(blocks)
    }

    fn test_facts(&self, test: &TestOutcome, controls: &[(String, String)]) -> Result<Vec<Fact>, ReportError> {
        let places = [
            ("population", count(test.population)),
            ("pass", count(test.pass)),
            ("fail", count(test.fail)),
            ("covered", count(test.covered)),
            ("insufficient", count(test.insufficient)),
        ];
        let mut facts = vec![
            self.fact("test-population", Inline::plain(test.population_is.as_str()))?,
            self.fact("test-counts", Inline::strong(self.definition.say("test-counts-value", &borrowed(&places))?))?,
            self.fact("test-severity", Inline::plain(test.severity.as_str()))?,
            self.fact("test-sql", Inline::mono(test.sql_sha256.as_str()))?,
        ];
        if let Some(error) = &test.error {
            facts.push(self.fact("test-error", Inline::strong(error.as_str()))?);
        }
        if !controls.is_empty() {
            facts.push(self.controls_fact(controls)?);
        }
        Ok(facts)
    }

    fn parameters(&self, test: &TestOutcome) -> Result<Block, ReportError> {
        let definition = self.catalogue.test(&test.id);
        let mut rows = Vec::new();
        for (name, parameter) in &test.parameters {
            let known = definition.and_then(|definition| definition.parameters.get(name));
            let unit = known.map(|known| known.unit.as_str()).filter(|unit| *unit != "text").unwrap_or_default();
            let sign = match parameter.origin {
                Origin::Default => "default",
                Origin::Policy => "policy",
                Origin::Period => "period",
            };
            let value = if parameter.origin == Origin::Period {
                period_value(&parameter.value)?
            } else {
                parameter.value.clone()
            };
            rows.push(vec![
                mono(format!("${name}")),
                Cell::Text(vec![Inline::plain(value), Inline::quiet(format!(" {unit}"))]),
                self.sign(sign)?,
                plain(known.map(|known| known.meaning.as_str()).unwrap_or_default()),
            ]);
        }
        self.definition.table("parameters", rows)
    }

    fn findings(&self, test: &TestOutcome) -> Result<Vec<Block>, ReportError> {
        let shown = self.definition.limits.findings_per_test;
        let mut rows = Vec::new();
        for (finding, number) in test.findings.iter().take(shown).zip(1_u64..) {
            rows.push(vec![
                plain(number.to_string()),
                self.sign(finding_sign(finding))?,
                plain(finding.subject.as_str()),
                reason(finding),
                plain(finding.at.map(time).transpose()?.unwrap_or_default()),
                self.entries_cell(finding)?,
            ]);
        }
        let mut blocks = vec![self.small_heading("test-findings")?, self.definition.table("findings", rows)?];
        if test.findings.len() > shown {
            blocks.push(self.more("test-findings-more", test.findings.len() - shown)?);
        }
        Ok(blocks)
    }

    /// The entries that the printed findings cite, each once.
    fn cited(&self, test: &TestOutcome) -> Result<Vec<Block>, ReportError> {
        let limits = &self.definition.limits;
        let findings = test.findings.iter().take(limits.findings_per_test);
        let cited: BTreeSet<u64> = findings.flat_map(|finding| finding.entries.iter().copied()).collect();
        let known: Vec<(u64, &EntrySummary)> =
            cited.iter().filter_map(|index| Some((*index, self.context.entries.get(index)?))).collect();
        let unknown: Vec<String> =
            cited.iter().filter(|index| !self.context.entries.contains_key(index)).map(u64::to_string).collect();
        let mut blocks = Vec::new();
        if !known.is_empty() {
            let mut rows = Vec::new();
            for (index, entry) in known.iter().take(limits.cited_per_test) {
                rows.push(cited_row(*index, entry)?);
            }
            blocks.push(self.small_heading("test-cited")?);
            blocks.push(self.definition.table("cited", rows)?);
            if known.len() > limits.cited_per_test {
                blocks.push(self.more("test-cited-more", known.len() - limits.cited_per_test)?);
            }
        }
        if !unknown.is_empty() {
            let words = self.definition.say("test-cited-missing", &[("entries", &unknown.join(", "))])?;
            blocks.push(Block::Note(vec![Inline::plain(words)]));
        }
        Ok(blocks)
    }

    fn small_heading(&self, key: &str) -> Result<Block, ReportError> {
        let text = self.definition.word(key)?.to_owned();
        Ok(Block::Heading(Heading { level: 4, text, badge: None, anchor: None }))
    }

    pub(super) fn more(&self, key: &str, number: usize) -> Result<Block, ReportError> {
        let more = count(u64::try_from(number).unwrap_or(u64::MAX));
        Ok(Block::Note(vec![Inline::plain(self.definition.say(key, &[("more", &more)])?)]))
    }
}

fn reason(finding: &Finding) -> Cell {
    let mut words = vec![Inline::plain(finding.reason.as_str())];
    if let Some(cover) = &finding.covered_by {
        words.push(Inline::strong(format!(" [{}]", cover.exception)));
    }
    Cell::Text(words)
}

fn cited_row(index: u64, entry: &EntrySummary) -> Result<Vec<Cell>, ReportError> {
    let mut what = vec![Inline::plain(entry.action.as_str())];
    for (word, value) in [("subject", &entry.subject), ("on", &entry.resource)] {
        if !value.is_empty() {
            what.push(Inline::quiet(format!(" {word} ")));
            what.push(Inline::plain(value.as_str()));
        }
    }
    what.push(Inline::quiet(format!("  ({})", entry.kind)));
    Ok(vec![
        mono(index.to_string()),
        plain(time(entry.recorded_at)?),
        plain(entry.actor.as_str()),
        Cell::Text(what),
        plain(entry.outcome.as_str()),
        plain(entry.source.as_str()),
        mono(entry.leaf_hash.chars().take(LEAF_DIGITS).collect::<String>()),
    ])
}

/// Bounds of the period are µs: printed as times where they are.
fn period_value(value: &str) -> Result<String, ReportError> {
    match value.parse() {
        Ok(micros) => time(micros),
        Err(_) => Ok(value.to_owned()),
    }
}
