//! What was looked at, and what could not be.

use sealbook_controls::outcome::{TestOutcome, TestResult};

use super::{Builder, borrowed, figure, mono, plain, result_id, test_anchor};
use crate::error::ReportError;
use crate::format::{count, time};
use crate::model::{Block, Cell, Inline};

impl Builder<'_> {
    pub(super) fn scope(&self) -> Result<Vec<Block>, ReportError> {
        let mut blocks =
            vec![self.heading("scope-period-title")?, self.period_facts()?, self.heading("scope-sources-title")?];
        blocks.extend(self.sources()?);
        blocks.push(self.heading("scope-inconclusive-title")?);
        blocks.extend(self.inconclusive()?);
        blocks.push(self.heading("scope-frameworks-title")?);
        blocks.push(self.frameworks()?);
        blocks.push(self.heading("scope-method-title")?);
        blocks.push(self.text("scope-method")?);
        Ok(blocks)
    }

    fn period_facts(&self) -> Result<Block, ReportError> {
        let d = &self.definition;
        let a = self.assessment;
        let number = a.end_index.saturating_sub(a.first_index);
        let places = [
            ("first", a.first_index.to_string()),
            ("last", a.end_index.saturating_sub(1).to_string()),
            ("count", count(number)),
            ("size", count(a.size)),
        ];
        let key = if number == 0 { "scope-indexes-none" } else { "scope-indexes-value" };
        let indexes = d.say(key, &borrowed(&places))?;
        let policy = d.word(if a.policy_is_default { "fact-policy-default" } else { "fact-policy-own" })?;
        let mut digest = self.fact("scope-policy", Inline::mono(&a.policy_sha256))?;
        digest.value.push(Inline::quiet(format!("  ({policy})")));
        Ok(Block::Facts(vec![
            self.fact("scope-from", Inline::plain(time(a.from)?))?,
            self.fact("scope-to", Inline::plain(d.say("scope-to-value", &[("to", &time(a.to)?)])?))?,
            self.fact("scope-indexes", Inline::plain(indexes))?,
            self.fact("scope-root", Inline::mono(&a.root))?,
            digest,
        ]))
    }

    fn sources(&self) -> Result<Vec<Block>, ReportError> {
        let d = &self.definition;
        let mut blocks = Vec::new();
        if self.assessment.sources.is_empty() {
            blocks.push(self.text("scope-sources-none")?);
        } else {
            let mut rows = Vec::new();
            for source in &self.assessment.sources {
                rows.push(vec![
                    plain(source.source.as_str()),
                    plain(source.format.as_str()),
                    figure(source.entries),
                    plain(time(source.first_at)?),
                    plain(time(source.last_at)?),
                ]);
            }
            blocks.push(d.table("sources", rows)?);
        }
        if !self.context.silent_sources.is_empty() {
            let sources = self.context.silent_sources.join(", ");
            blocks.push(Block::Text(vec![Inline::strong(d.say("scope-silent", &[("sources", &sources)])?)]));
        }
        Ok(blocks)
    }

    fn inconclusive(&self) -> Result<Vec<Block>, ReportError> {
        let mut rows = Vec::new();
        for test in &self.assessment.tests {
            if !matches!(test.result, TestResult::Pass | TestResult::Fail) {
                rows.push(vec![
                    Cell::Text(vec![Inline::mono(test.id.as_str()).to(test_anchor(&test.id))]),
                    plain(test.title.as_str()),
                    self.sign(result_id(test.result))?,
                    plain(self.why_inconclusive(test)?),
                ]);
            }
        }
        if rows.is_empty() {
            return Ok(vec![self.text("scope-inconclusive-none")?]);
        }
        Ok(vec![self.text("scope-inconclusive-text")?, self.definition.table("inconclusive", rows)?])
    }

    fn why_inconclusive(&self, test: &TestOutcome) -> Result<String, ReportError> {
        let d = &self.definition;
        if let Some(error) = &test.error {
            return Ok(error.clone());
        }
        if test.result == TestResult::NoPopulation {
            return d.say("scope-no-population", &[("population", test.population_is.trim_end_matches('.'))]);
        }
        let (insufficient, population) = (count(test.insufficient), count(test.population));
        d.say("scope-insufficient", &[("insufficient", &insufficient), ("population", &population)])
    }

    fn frameworks(&self) -> Result<Block, ReportError> {
        let rows = self.parts.iter().map(|part| {
            let framework = part.framework;
            vec![
                plain(framework.title.as_str()),
                plain(framework.publisher.as_str()),
                plain(framework.version.as_str()),
                mono(format!("{} {}", part.outcome.catalogue_sha256, part.outcome.mapping_sha256)),
            ]
        });
        self.definition.table("frameworks", rows.collect())
    }
}
