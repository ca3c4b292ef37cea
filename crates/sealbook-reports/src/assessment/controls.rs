//! The control matrix, a page per control, and the controls out of scope.

use std::collections::BTreeMap;

use sealbook_controls::outcome::{ControlOutcome, ControlStatus, Finding, TestOutcome};
use sealbook_frameworks::{Ceiling, Control, MappingRow};

use super::coverage::has_page;
use super::{
    Builder, Part, control_anchor, figure, finding_sign, open, page_cell, plain, result_id, status_id, test_anchor,
    tests_of,
};
use crate::error::ReportError;
use crate::model::{Block, Cell, Fact, Heading, Inline};

impl Builder<'_> {
    pub(super) fn matrix(&self) -> Result<Vec<Block>, ReportError> {
        let mut blocks = Vec::new();
        for part in &self.parts {
            let mut rows = Vec::new();
            for (outcome, control, _) in part.rows().filter(|(outcome, _, _)| has_page(outcome)) {
                rows.push(self.matrix_row(part, outcome, control)?);
            }
            if !rows.is_empty() {
                blocks.push(framework_heading("matrix", part));
                blocks.push(self.definition.table("matrix", rows)?);
            }
        }
        Ok(blocks)
    }

    fn matrix_row(
        &self,
        part: &Part<'_>,
        outcome: &ControlOutcome,
        control: &Control,
    ) -> Result<Vec<Cell>, ReportError> {
        let tests = tests_of(outcome, &self.tests);
        let mut list = Vec::new();
        for test in &tests {
            let mark = self.definition.badge(result_id(test.result))?.mark;
            let separator = if list.is_empty() { "" } else { ", " };
            list.push(Inline::plain(format!("{separator}{mark}\u{A0}")));
            list.push(Inline::plain(test.id.trim_start_matches("CT-")).to(test_anchor(&test.id)));
        }
        Ok(vec![
            Cell::Text(vec![Inline::plain(control.display.as_str()).to(control_anchor(&part.outcome.id, &control.id))]),
            plain(control.title.as_str()),
            Cell::Text(list),
            self.sign(status_id(outcome.status))?,
            figure(tests.iter().map(|test| open(test)).sum()),
            figure(tests.iter().map(|test| test.covered).sum()),
        ])
    }

    pub(super) fn controls(&self) -> Result<Vec<Block>, ReportError> {
        let mut blocks = Vec::new();
        for part in &self.parts {
            let mut first = true;
            for (outcome, control, mapping) in part.rows().filter(|(outcome, _, _)| has_page(outcome)) {
                if first {
                    blocks.push(framework_heading("controls", part));
                    first = false;
                }
                blocks.extend(self.control_page(part, outcome, control, mapping)?);
            }
        }
        Ok(blocks)
    }

    fn control_page(
        &self,
        part: &Part<'_>,
        outcome: &ControlOutcome,
        control: &Control,
        mapping: Option<&MappingRow>,
    ) -> Result<Vec<Block>, ReportError> {
        let mut blocks = vec![
            Block::Heading(Heading {
                level: 3,
                text: label(control),
                badge: Some(self.definition.badge(status_id(outcome.status))?),
                anchor: Some(control_anchor(&part.outcome.id, &control.id)),
            }),
            Block::Text(vec![Inline::plain(control.statement.as_str())]),
        ];
        let mut facts = vec![self.fact("control-why", Inline::plain(outcome.why.as_str()))?];
        if let Some(row) = mapping {
            facts.push(self.fact("control-ceiling", Inline::plain(self.ceiling(row.ceiling)?))?);
            if !row.not_shown.is_empty() {
                facts.push(self.fact("control-not-shown", Inline::plain(row.not_shown.as_str()))?);
            }
        }
        blocks.push(Block::Facts(facts));
        let tests = tests_of(outcome, &self.tests);
        if !tests.is_empty() {
            blocks.push(self.control_tests(&tests)?);
            blocks.extend(self.control_findings(&tests)?);
        }
        Ok(blocks)
    }

    fn ceiling(&self, ceiling: Ceiling) -> Result<&str, ReportError> {
        self.definition.word(match ceiling {
            Ceiling::Full => "ceiling-full",
            Ceiling::Partial => "ceiling-partial",
            Ceiling::None => "ceiling-none",
        })
    }

    fn control_tests(&self, tests: &[&TestOutcome]) -> Result<Block, ReportError> {
        let mut rows = Vec::new();
        for test in tests {
            rows.push(vec![
                Cell::Text(vec![Inline::plain(test.id.as_str()).to(test_anchor(&test.id))]),
                plain(test.title.as_str()),
                self.sign(result_id(test.result))?,
                figure(test.population),
                figure(open(test)),
                figure(test.covered),
                figure(test.insufficient),
                page_cell(test_anchor(&test.id)),
            ]);
        }
        self.definition.table("control-tests", rows)
    }

    /// The first findings over all tests of a control, open ones before covered and undecided ones.
    fn control_findings(&self, tests: &[&TestOutcome]) -> Result<Vec<Block>, ReportError> {
        let mut findings: Vec<(&TestOutcome, &Finding)> =
            tests.iter().flat_map(|test| test.findings.iter().map(move |finding| (*test, finding))).collect();
        if findings.is_empty() {
            return Ok(Vec::new());
        }
        findings.sort_by_key(|(_, finding)| match finding_sign(finding) {
            "open" => 0,
            "covered" => 1,
            _ => 2,
        });
        let shown = self.definition.limits.findings_per_control;
        let mut rows = Vec::new();
        for (test, finding) in findings.iter().take(shown) {
            let badge = self.definition.badge(finding_sign(finding))?;
            rows.push(vec![
                Cell::Text(vec![Inline::plain(test.id.as_str()).to(test_anchor(&test.id))]),
                plain(finding.subject.as_str()),
                Cell::Text(vec![
                    Inline::strong(format!("{} {}: ", badge.mark, badge.text)),
                    Inline::plain(finding.reason.as_str()),
                ]),
                self.entries_cell(finding)?,
            ]);
        }
        let mut blocks = vec![self.definition.table("control-findings", rows)?];
        if findings.len() > shown {
            let more = crate::format::count(u64::try_from(findings.len() - shown).unwrap_or(u64::MAX));
            blocks.push(Block::Note(vec![Inline::plain(
                self.definition.say("control-findings-more", &[("more", &more)])?,
            )]));
        }
        Ok(blocks)
    }

    pub(super) fn out_of_scope(&self) -> Result<Vec<Block>, ReportError> {
        let mut blocks = Vec::new();
        for part in &self.parts {
            let mut rows = Vec::new();
            for (outcome, control, mapping) in part.rows() {
                if outcome.status == ControlStatus::OutOfScope {
                    let why = mapping.map_or(outcome.why.as_str(), |row| row.not_shown.as_str());
                    rows.push(vec![plain(control.display.as_str()), plain(control.title.as_str()), plain(why)]);
                }
            }
            if !rows.is_empty() {
                blocks.push(framework_heading("out-of-scope", part));
                blocks.push(self.definition.table("out-of-scope", rows)?);
            }
        }
        if blocks.is_empty() {
            blocks.push(self.text("out-of-scope-none")?);
        }
        Ok(blocks)
    }

    /// Controls that each test speaks to, with their anchors where they have a page.
    pub(super) fn controls_by_test(&self) -> BTreeMap<&str, Vec<(String, String)>> {
        let mut found: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
        for part in &self.parts {
            for (outcome, control, _) in part.rows().filter(|(outcome, _, _)| has_page(outcome)) {
                for test in tests_of(outcome, &self.tests) {
                    let short = part.framework.short.as_str();
                    let words = if control.display.starts_with(short) {
                        control.display.clone()
                    } else {
                        format!("{short} {}", control.display)
                    };
                    found
                        .entry(test.id.as_str())
                        .or_default()
                        .push((words, control_anchor(&part.outcome.id, &control.id)));
                }
            }
        }
        found
    }

    pub(super) fn controls_fact(&self, controls: &[(String, String)]) -> Result<Fact, ReportError> {
        let mut value = Vec::new();
        for (words, anchor) in controls {
            if !value.is_empty() {
                value.push(Inline::plain(", "));
            }
            value.push(Inline::plain(words.as_str()).to(anchor.as_str()));
        }
        Ok(Fact { label: self.definition.word("test-controls")?.to_owned(), value })
    }
}

/// Id and title; a title that repeats the id stands alone.
fn label(control: &Control) -> String {
    if control.title == control.display {
        control.title.clone()
    } else {
        format!("{}  {}", control.display, control.title)
    }
}

fn framework_heading(section: &str, part: &Part<'_>) -> Block {
    Block::Heading(Heading {
        level: 2,
        text: part.framework.title.clone(),
        badge: None,
        anchor: Some(format!("{section}:{}", part.outcome.id)),
    })
}
