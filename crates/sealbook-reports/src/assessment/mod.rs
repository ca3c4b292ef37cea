//! Builds the report model of a framework assessment. Every figure is taken from the assessment and formed here.

mod controls;
mod coverage;
mod registers;
mod scope;
mod summary;
mod test_pages;
mod verification;

use std::collections::{BTreeMap, BTreeSet};

use sealbook_controls::outcome::{
    Assessment, ControlOutcome, ControlStatus, Finding, FrameworkOutcome, RowOutcome, TestOutcome, TestResult,
};
use sealbook_frameworks::{Catalogue, Control, Framework, MappingRow};

use crate::context::ReportContext;
use crate::definition::{Definition, SectionDefinition, unknown_section};
use crate::error::ReportError;
use crate::format::{count, day_in_words, time};
use crate::model::{Block, Callout, Cell, Cover, Fact, Figures, Heading, Inline, Report, Section, Tone};

/// Cited indexes printed in one cell; the rest is counted.
const ENTRIES_PER_CELL: usize = 12;

impl Report {
    /// The framework assessment: cover, summary, coverage, controls, tests with findings, registers, verification.
    ///
    /// # Errors
    /// When the assessment names a framework or a control that the catalogue lacks, or a time cannot be printed.
    pub fn assessment(
        assessment: &Assessment,
        catalogue: &Catalogue,
        context: &ReportContext,
    ) -> Result<Self, ReportError> {
        Builder::new(assessment, catalogue, context)?.report()
    }
}

/// A framework of the assessment with its catalogue.
pub(crate) struct Part<'a> {
    pub(crate) outcome: &'a FrameworkOutcome,
    pub(crate) framework: &'a Framework,
    mapping: BTreeMap<&'a str, &'a MappingRow>,
    controls: BTreeMap<&'a str, &'a Control>,
}

impl<'a> Part<'a> {
    fn new(outcome: &'a FrameworkOutcome, catalogue: &'a Catalogue) -> Result<Self, ReportError> {
        let missing = || ReportError::MissingFramework { id: outcome.id.clone() };
        let framework = catalogue.framework(&outcome.id).ok_or_else(missing)?;
        let mapping = catalogue.mapping(&outcome.id).map(|mapping| mapping.rows.as_slice()).unwrap_or_default();
        let mapping = mapping.iter().map(|row| (row.control.as_str(), row)).collect();
        let controls: BTreeMap<_, _> =
            framework.controls().into_iter().map(|control| (control.id.as_str(), control)).collect();
        if let Some(unknown) = outcome.controls.iter().find(|control| !controls.contains_key(control.id.as_str())) {
            return Err(ReportError::UnknownControl { framework: outcome.id.clone(), control: unknown.id.clone() });
        }
        Ok(Self { outcome, framework, mapping, controls })
    }

    /// The frameworks of an assessment, in its order.
    pub(crate) fn all(assessment: &'a Assessment, catalogue: &'a Catalogue) -> Result<Vec<Self>, ReportError> {
        assessment.frameworks.iter().map(|outcome| Self::new(outcome, catalogue)).collect()
    }

    /// The controls assessed, with what the catalogue says of them.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'a ControlOutcome, &'a Control, Option<&'a MappingRow>)> {
        self.outcome.controls.iter().filter_map(|outcome| {
            let control = self.controls.get(outcome.id.as_str()).copied()?;
            Some((outcome, control, self.mapping.get(outcome.id.as_str()).copied()))
        })
    }
}

struct Builder<'a> {
    assessment: &'a Assessment,
    catalogue: &'a Catalogue,
    context: &'a ReportContext,
    definition: Definition,
    parts: Vec<Part<'a>>,
    tests: BTreeMap<&'a str, &'a TestOutcome>,
    figures: Figures,
}

impl<'a> Builder<'a> {
    fn new(
        assessment: &'a Assessment,
        catalogue: &'a Catalogue,
        context: &'a ReportContext,
    ) -> Result<Self, ReportError> {
        Ok(Self {
            assessment,
            catalogue,
            context,
            definition: Definition::assessment()?,
            parts: Part::all(assessment, catalogue)?,
            tests: assessment.tests.iter().map(|test| (test.id.as_str(), test)).collect(),
            figures: figures(assessment),
        })
    }

    fn report(self) -> Result<Report, ReportError> {
        let cover = self.cover()?;
        let mut sections = Vec::new();
        for section in &self.definition.sections {
            if let Some(blocks) = self.blocks_of(section)? {
                sections.push(Section {
                    anchor: format!("section:{}", section.id),
                    title: section.title.clone(),
                    new_page: section.new_page,
                    blocks: intro(section).into_iter().chain(blocks).collect(),
                });
            }
        }
        Ok(Report { cover, sections, theme: self.definition.theme()?, figures: self.figures })
    }

    /// The blocks of a section; none where it does not apply.
    fn blocks_of(&self, section: &SectionDefinition) -> Result<Option<Vec<Block>>, ReportError> {
        let blocks = match section.id.as_str() {
            "summary" => self.summary()?,
            "contents" => vec![Block::Contents],
            "about" => self.about()?,
            "scope" => self.scope()?,
            "coverage" => self.coverage()?,
            "trend" => self.trend()?,
            "matrix" => self.matrix()?,
            "controls" => self.controls()?,
            "tests" => self.test_pages()?,
            "covered" => self.covered()?,
            "exceptions" => self.exceptions()?,
            "owners" => self.owners()?,
            "credentials" => self.credentials()?,
            "verification" => self.verification()?,
            "out-of-scope" => self.out_of_scope()?,
            "glossary" => self.glossary()?,
            other => return Err(unknown_section(other)),
        };
        Ok(Some(blocks))
    }

    fn cover(&self) -> Result<Cover, ReportError> {
        let d = &self.definition;
        let a = self.assessment;
        let size = count(a.size);
        let policy = d.word(if a.policy_is_default { "fact-policy-default" } else { "fact-policy-own" })?;
        let frameworks: Vec<String> =
            self.parts.iter().map(|part| format!("{}: {}", part.framework.short, part.framework.title)).collect();
        let facts = vec![
            self.fact("fact-number", Inline::plain(&self.context.number))?,
            self.fact("fact-generated", Inline::plain(time(self.context.generated_at)?))?,
            self.fact("fact-ledger", Inline::mono(&a.origin))?,
            self.fact("fact-tree", Inline::plain(d.say("fact-tree-value", &[("size", &size), ("root", &a.root)])?))?,
            self.fact("fact-frameworks", Inline::plain(frameworks.join("; ")))?,
            self.fact("fact-policy", Inline::plain(policy))?,
            self.fact("fact-results", Inline::mono(&self.context.results_sha256))?,
            self.fact("fact-product", Inline::plain(&self.context.product))?,
        ];
        Ok(Cover {
            organisation: self.context.organisation.clone(),
            title: self.context.title.clone().unwrap_or_else(|| d.title.clone()),
            period: self.period()?,
            number: self.context.number.clone(),
            classification: self.context.classification.clone(),
            verdict: self.verdict()?,
            banner: if a.void { Some(d.word("banner-void")?.to_owned()) } else { None },
            facts,
            pattern: a.root.bytes().collect(),
            language: d.language.clone(),
            producer: self.context.product.clone(),
            generated_at: self.context.generated_at,
            subject: d.subject.clone(),
        })
    }

    /// First and last day of the period in words.
    fn period(&self) -> Result<String, ReportError> {
        let from = day_in_words(self.assessment.from)?;
        let to = day_in_words(self.assessment.to.saturating_sub(1).max(self.assessment.from))?;
        self.definition.say("period", &[("from", &from), ("to", &to)])
    }

    /// The verdict line: void first, then deviations, then what could not conclude.
    fn verdict(&self) -> Result<Callout, ReportError> {
        let d = &self.definition;
        let run = count(u64::try_from(self.assessment.tests.len()).unwrap_or(u64::MAX));
        let failed = self.number("fail");
        let unsure = self.number("no-population") + self.number("insufficient-evidence") + self.number("error");
        let mut text = vec![Inline::plain(self.integrity()?), Inline::plain(" ")];
        let (tone, title) = if self.assessment.void {
            let failing =
                self.assessment.tests.iter().filter(|test| is_integrity(test) && test.result == TestResult::Fail);
            let ids: Vec<&str> = failing.map(|test| test.id.as_str()).collect();
            text = vec![Inline::strong(d.say("verdict-void-text", &[("tests", &ids.join(", "))])?), Inline::plain(" ")];
            (Tone::Bad, d.word("verdict-void")?.to_owned())
        } else if failed > 0 {
            let (open, covered) = (count(self.figures.open_deviations), count(self.figures.covered_deviations));
            let places = [("failed", count(failed)), ("run", run), ("open", open), ("covered", covered)];
            (Tone::Bad, d.say("verdict-fail", &borrowed(&places))?)
        } else if unsure > 0 || self.assessment.tests.is_empty() {
            (Tone::Unknown, d.say("verdict-unsure", &[("unsure", &count(unsure)), ("run", &run)])?)
        } else {
            (Tone::Good, d.say("verdict-pass", &[("run", &run)])?)
        };
        text.push(Inline::plain(match &self.context.verification {
            Some(check) => d.say("verification-line", &[("verdict", &check.verdict), ("detail", &check.detail)])?,
            None => d.word("verification-none")?.to_owned(),
        }));
        Ok(Callout { tone, loud: self.assessment.void, title, text })
    }

    fn integrity(&self) -> Result<String, ReportError> {
        let tests: Vec<&TestOutcome> = self.assessment.tests.iter().filter(|test| is_integrity(test)).collect();
        let passed = tests.iter().filter(|test| test.result == TestResult::Pass).count();
        let unsure = tests.len() - passed;
        let key = match (tests.len(), unsure) {
            (0, _) => "integrity-none",
            (_, 0) => "integrity-pass",
            _ => "integrity-unsure",
        };
        let places = [("run", tests.len().to_string()), ("passed", passed.to_string()), ("unsure", unsure.to_string())];
        self.definition.say(key, &borrowed(&places))
    }

    fn number(&self, result: &str) -> u64 {
        self.figures.tests.get(result).copied().unwrap_or_default()
    }

    fn fact(&self, label: &str, value: Inline) -> Result<Fact, ReportError> {
        Ok(Fact { label: self.definition.word(label)?.to_owned(), value: vec![value] })
    }

    fn heading(&self, key: &str) -> Result<Block, ReportError> {
        let text = self.definition.word(key)?.to_owned();
        Ok(Block::Heading(Heading { level: 2, text, badge: None, anchor: None }))
    }

    fn text(&self, key: &str) -> Result<Block, ReportError> {
        Ok(Block::Text(vec![Inline::plain(self.definition.word(key)?)]))
    }

    /// A badge cell by the id of a sign.
    fn sign(&self, id: &str) -> Result<Cell, ReportError> {
        Ok(Cell::Badge(self.definition.badge(id)?))
    }

    /// Indexes of entries; many are cut with a count of the rest.
    fn entries_cell(&self, finding: &Finding) -> Result<Cell, ReportError> {
        if finding.entries.is_empty() {
            return Ok(Cell::Text(vec![Inline::quiet(self.definition.word("test-no-entries")?)]));
        }
        let shown: Vec<String> = finding.entries.iter().take(ENTRIES_PER_CELL).map(u64::to_string).collect();
        let mut text = shown.join(", ");
        if finding.entries.len() > ENTRIES_PER_CELL {
            text.push_str(&format!(", +{}", finding.entries.len() - ENTRIES_PER_CELL));
        }
        Ok(Cell::Text(vec![Inline::mono(text)]))
    }

    /// A text that may be absent.
    fn or_unknown(&self, text: Option<&str>) -> Result<Cell, ReportError> {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => Ok(plain(text)),
            None => Ok(Cell::Text(vec![Inline::quiet(self.definition.word("unknown")?)])),
        }
    }
}

/// Counts everything that the summary prints.
fn figures(assessment: &Assessment) -> Figures {
    let mut figures = Figures::default();
    for status in ControlStatus::ALL {
        let all = assessment.frameworks.iter().flat_map(|framework| &framework.controls);
        let number = all.filter(|control| control.status == status).count();
        figures.controls.insert(status_id(status).to_owned(), u64::try_from(number).unwrap_or(u64::MAX));
    }
    for result in RESULTS {
        let number = assessment.tests.iter().filter(|test| test.result == result).count();
        figures.tests.insert(result_id(result).to_owned(), u64::try_from(number).unwrap_or(u64::MAX));
    }
    for test in &assessment.tests {
        figures.open_deviations += open(test);
        figures.covered_deviations += test.covered;
        figures.undecided += test.insufficient;
    }
    figures
}

/// Every test result, in the order in which reports print them.
pub(crate) const RESULTS: [TestResult; 5] =
    [TestResult::Pass, TestResult::Fail, TestResult::NoPopulation, TestResult::InsufficientEvidence, TestResult::Error];

/// Members that failed and that no exception covers.
pub(crate) const fn open(test: &TestOutcome) -> u64 {
    test.fail.saturating_sub(test.covered)
}

pub(crate) const fn is_integrity(test: &TestOutcome) -> bool {
    test.integrity
}

/// The id of a status in definitions, CSV and OSCAL.
pub(crate) const fn status_id(status: ControlStatus) -> &'static str {
    match status {
        ControlStatus::Satisfied => "satisfied",
        ControlStatus::Supported => "supported",
        ControlStatus::NotSatisfied => "not-satisfied",
        ControlStatus::NoEvidence => "no-evidence",
        ControlStatus::Attested => "attested",
        ControlStatus::OutOfScope => "out-of-scope",
    }
}

/// The id of a result in definitions, CSV and OSCAL.
pub(crate) const fn result_id(result: TestResult) -> &'static str {
    match result {
        TestResult::Pass => "pass",
        TestResult::Fail => "fail",
        TestResult::NoPopulation => "no-population",
        TestResult::InsufficientEvidence => "insufficient-evidence",
        TestResult::Error => "error",
    }
}

/// The id of the sign of a finding.
pub(crate) const fn finding_sign(finding: &Finding) -> &'static str {
    match (finding.outcome, finding.covered_by.is_some()) {
        (RowOutcome::Pass, _) => "pass",
        (RowOutcome::Fail, true) => "covered",
        (RowOutcome::Fail, false) => "open",
        (RowOutcome::Insufficient, _) => "undecided",
    }
}

fn intro(section: &SectionDefinition) -> Option<Block> {
    (!section.intro.is_empty()).then(|| Block::Text(vec![Inline::plain(section.intro.as_str())]))
}

fn borrowed<'t>(places: &'t [(&'t str, String)]) -> Vec<(&'t str, &'t str)> {
    places.iter().map(|(place, value)| (*place, value.as_str())).collect()
}

fn plain(text: impl Into<String>) -> Cell {
    Cell::Text(vec![Inline::plain(text)])
}

fn figure(value: u64) -> Cell {
    plain(count(value))
}

fn mono(text: impl Into<String>) -> Cell {
    Cell::Text(vec![Inline::mono(text)])
}

fn page_cell(anchor: String) -> Cell {
    Cell::Text(vec![Inline::page_of(anchor)])
}

fn test_anchor(id: &str) -> String {
    format!("test:{id}")
}

fn control_anchor(framework: &str, control: &str) -> String {
    format!("control:{framework}:{control}")
}

/// Tests of a control that were run, each once.
pub(crate) fn tests_of<'a>(
    control: &ControlOutcome,
    tests: &BTreeMap<&'a str, &'a TestOutcome>,
) -> Vec<&'a TestOutcome> {
    let ids: BTreeSet<&str> = control.tests.iter().map(String::as_str).collect();
    ids.into_iter().filter_map(|id| tests.get(id).copied()).collect()
}
