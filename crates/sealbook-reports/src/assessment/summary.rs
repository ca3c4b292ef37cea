//! The one-page summary, and what the report is and is not.

use std::cmp::Reverse;

use sealbook_controls::outcome::{ControlStatus, TestOutcome};

use super::{Builder, RESULTS, borrowed, figure, open, page_cell, plain, result_id, status_id, test_anchor};
use crate::error::ReportError;
use crate::format::{count, count_of, day_in_words, time};
use crate::model::{Bars, Block, Card, Cell, Inline};

impl Builder<'_> {
    pub(super) fn summary(&self) -> Result<Vec<Block>, ReportError> {
        let mut blocks = vec![Block::Callout(self.verdict()?), self.summary_intro()?];
        if self.assessment.policy_is_default {
            blocks.push(Block::Note(vec![
                Inline::strong(self.definition.word("default-policy-title")?),
                Inline::plain(". "),
                Inline::plain(self.definition.word("default-policy-text")?),
            ]));
        }
        blocks.push(self.heading("summary-controls")?);
        blocks.push(Block::Cards(self.status_cards()?));
        blocks.push(self.heading("summary-frameworks")?);
        blocks.push(Block::Bars(self.status_bars()?));
        blocks.push(self.heading("summary-tests")?);
        let mut cards = Vec::new();
        for result in RESULTS {
            let id = result_id(result);
            cards.push(Card { value: count(self.number(id)), badge: self.definition.badge(id)? });
        }
        blocks.push(Block::Cards(cards));
        let undecided = count(self.figures.undecided);
        blocks.push(Block::Note(vec![Inline::plain(
            self.definition.say("deviations-note", &[("undecided", &undecided)])?,
        )]));
        blocks.push(self.heading("summary-findings")?);
        blocks.extend(self.top_findings()?);
        Ok(blocks)
    }

    fn summary_intro(&self) -> Result<Block, ReportError> {
        let a = self.assessment;
        let frameworks: Vec<&str> = self.parts.iter().map(|part| part.framework.short.as_str()).collect();
        let places = [
            ("tests", count_of(&a.tests)),
            ("entries", count(a.end_index.saturating_sub(a.first_index))),
            ("ledger", a.origin.clone()),
            ("from", day_in_words(a.from)?),
            ("to", day_in_words(a.to.saturating_sub(1).max(a.from))?),
            ("controls", count(self.figures.controls.values().sum())),
            ("frameworks", frameworks.join(", ")),
        ];
        Ok(Block::Text(vec![Inline::plain(self.definition.say("summary-intro", &borrowed(&places))?)]))
    }

    fn status_cards(&self) -> Result<Vec<Card>, ReportError> {
        let cards = ControlStatus::ALL.map(|status| {
            let id = status_id(status);
            let value = self.figures.controls.get(id).copied().unwrap_or_default();
            Ok(Card { value: count(value), badge: self.definition.badge(id)? })
        });
        cards.into_iter().collect()
    }

    fn status_bars(&self) -> Result<Bars, ReportError> {
        let mut series = Vec::new();
        for status in ControlStatus::ALL {
            series.push(self.definition.badge(status_id(status))?);
        }
        let rows: Vec<(String, Vec<u64>)> = self
            .parts
            .iter()
            .map(|part| {
                let counts =
                    ControlStatus::ALL.map(|status| part.outcome.summary.get(&status).copied().unwrap_or_default());
                (part.framework.short.clone(), counts.to_vec())
            })
            .collect();
        let words: Vec<String> = rows
            .iter()
            .map(|(label, values)| {
                let parts = series.iter().zip(values).map(|(badge, value)| format!("{} {value}", badge.text));
                format!("{label}: {}", parts.collect::<Vec<_>>().join(", "))
            })
            .collect();
        Ok(Bars { alt: self.definition.say("bars-alt", &[("rows", &words.join(". "))])?, series, rows })
    }

    /// Tests with open deviations, the most severe first.
    fn top_findings(&self) -> Result<Vec<Block>, ReportError> {
        let mut tests: Vec<&TestOutcome> = self.assessment.tests.iter().filter(|test| open(test) > 0).collect();
        if tests.is_empty() {
            return Ok(vec![self.text("summary-findings-none")?]);
        }
        tests.sort_by_key(|test| (severity_rank(&test.severity), Reverse(open(test)), test.id.clone()));
        let shown = self.definition.limits.top_findings;
        let mut rows = Vec::new();
        for test in tests.iter().take(shown) {
            rows.push(vec![
                self.severity_cell(test)?,
                Cell::Text(vec![
                    Inline::mono(test.id.as_str()),
                    Inline::plain("  "),
                    Inline::plain(test.title.as_str()),
                ]),
                figure(open(test)),
                figure(test.covered),
                figure(test.population),
                page_cell(test_anchor(&test.id)),
            ]);
        }
        let mut blocks = vec![self.definition.table("top", rows)?];
        if tests.len() > shown {
            let section = self.definition.sections.iter().find(|section| section.id == "tests");
            let section = section.map(|section| section.title.as_str()).unwrap_or_default();
            let more = (tests.len() - shown).to_string();
            let words = self.definition.say("summary-more", &[("more", &more), ("section", section)])?;
            blocks.push(Block::Note(vec![Inline::plain(words)]));
        }
        Ok(blocks)
    }

    pub(super) fn severity_cell(&self, test: &TestOutcome) -> Result<Cell, ReportError> {
        if self.definition.signs.contains_key(&test.severity) {
            self.sign(&test.severity)
        } else {
            Ok(plain(test.severity.as_str()))
        }
    }

    pub(super) fn about(&self) -> Result<Vec<Block>, ReportError> {
        let context = self.context;
        let mut blocks = vec![
            self.heading("about-is-title")?,
            self.text("about-is")?,
            self.heading("about-not-title")?,
            self.text("about-not")?,
            self.heading("about-control-title")?,
            Block::Facts(vec![
                self.fact("fact-number", Inline::plain(&context.number))?,
                self.fact("fact-generated", Inline::plain(time(context.generated_at)?))?,
                self.fact("fact-product", Inline::plain(&context.product))?,
                self.fact("fact-results", Inline::mono(&context.results_sha256))?,
            ]),
            self.heading("about-signs-title")?,
        ];
        blocks.push(self.sign_table(ControlStatus::ALL.map(status_id))?);
        blocks.push(self.heading("about-results-title")?);
        blocks.push(self.text("about-results-text")?);
        blocks.push(self.sign_table(RESULTS.map(result_id))?);
        Ok(blocks)
    }

    fn sign_table<const N: usize>(&self, ids: [&str; N]) -> Result<Block, ReportError> {
        let mut rows = Vec::new();
        for id in ids {
            rows.push(vec![self.sign(id)?, plain(self.definition.sign(id)?.meaning.as_str())]);
        }
        self.definition.table("signs", rows)
    }
}

/// The most severe first; a word that is not known comes last.
pub(super) fn severity_rank(severity: &str) -> u8 {
    match severity {
        "critical" => 0,
        "high" => 1,
        "medium" => 2,
        "low" => 3,
        _ => 4,
    }
}
