//! Pictures: coverage by category, and findings over time.

use std::collections::BTreeMap;

use sealbook_controls::outcome::{ControlOutcome, ControlStatus};
use sealbook_frameworks::Group;

use super::{Builder, Part, borrowed, control_anchor, status_id};
use crate::error::ReportError;
use crate::model::{Badge, Block, Columns, Donut, Heading, HeatMap, Inline, Tile};

/// The most pressing status first: it gives a tile its tone.
const PRESSING: [ControlStatus; 6] = [
    ControlStatus::NotSatisfied,
    ControlStatus::NoEvidence,
    ControlStatus::Supported,
    ControlStatus::Satisfied,
    ControlStatus::Attested,
    ControlStatus::OutOfScope,
];

impl Builder<'_> {
    pub(super) fn coverage(&self) -> Result<Vec<Block>, ReportError> {
        let mut blocks = vec![self.legend()?];
        for part in &self.parts {
            blocks.push(Block::Heading(Heading {
                level: 2,
                text: part.framework.title.clone(),
                badge: None,
                anchor: Some(format!("coverage:{}", part.outcome.id)),
            }));
            blocks.push(self.heat_map(part)?);
        }
        Ok(blocks)
    }

    fn legend(&self) -> Result<Block, ReportError> {
        let mut words = Vec::new();
        for status in ControlStatus::ALL {
            let badge = self.definition.badge(status_id(status))?;
            words.push(Inline::strong(badge.mark));
            words.push(Inline::plain(format!(" {}   ", badge.text)));
        }
        Ok(Block::Note(words))
    }

    fn heat_map(&self, part: &Part<'_>) -> Result<Block, ReportError> {
        let outcomes: BTreeMap<&str, &ControlOutcome> =
            part.outcome.controls.iter().map(|control| (control.id.as_str(), control)).collect();
        let mut tiles = Vec::new();
        for group in part.framework.groups_deep() {
            let controls: Vec<&ControlOutcome> =
                group.controls.iter().filter_map(|control| outcomes.get(control.id.as_str()).copied()).collect();
            if !controls.is_empty() {
                tiles.push(self.tile(part, group, &controls)?);
            }
        }
        let words: Vec<String> = tiles.iter().map(|tile| format!("{}: {}", tile.id, tile.counts)).collect();
        if tiles.is_empty() {
            return Ok(Block::Note(vec![Inline::plain(self.definition.word("heat-empty")?)]));
        }
        let places = [("framework", part.framework.title.clone()), ("tiles", words.join("; "))];
        Ok(Block::Heat(HeatMap { alt: self.definition.say("heat-alt", &borrowed(&places))?, tiles }))
    }

    fn tile(&self, part: &Part<'_>, group: &Group, controls: &[&ControlOutcome]) -> Result<Tile, ReportError> {
        let mut squares: Vec<(Badge, Option<String>)> = Vec::new();
        for control in controls {
            let badge = self.definition.badge(status_id(control.status))?;
            let anchor = has_page(control).then(|| control_anchor(&part.outcome.id, &control.id));
            squares.push((badge, anchor));
        }
        let mut counts = Vec::new();
        for status in ControlStatus::ALL {
            let number = controls.iter().filter(|control| control.status == status).count();
            if number > 0 {
                let word = self.definition.badge(status_id(status))?.text.to_lowercase();
                counts.push(format!("{number} {word}"));
            }
        }
        let pressing = PRESSING.into_iter().find(|status| controls.iter().any(|control| control.status == *status));
        let tone = self.definition.badge(status_id(pressing.unwrap_or(ControlStatus::OutOfScope)))?.tone;
        Ok(Tile {
            id: group.display.clone(),
            title: group.title.clone(),
            counts: counts.join(" · "),
            tone,
            controls: squares,
        })
    }

    pub(super) fn trend(&self) -> Result<Vec<Block>, ReportError> {
        let d = &self.definition;
        let mut blocks = vec![self.heading("trend-title")?];
        if self.context.months.is_empty() {
            blocks.push(self.text("trend-none")?);
        } else {
            let series = vec![d.badge("open")?, d.badge("covered")?, d.badge("undecided")?];
            let points: Vec<(String, Vec<u64>)> = self
                .context
                .months
                .iter()
                .map(|month| (month.month.clone(), vec![month.open, month.covered, month.undecided]))
                .collect();
            let alt = d.say("trend-alt", &[("points", &in_words(&series, &points))])?;
            blocks.push(Block::Columns(Columns { alt, series, points }));
        }
        blocks.push(self.heading("trend-statuses-title")?);
        let mut parts = Vec::new();
        for status in ControlStatus::ALL {
            let id = status_id(status);
            parts.push((d.badge(id)?, self.figures.controls.get(id).copied().unwrap_or_default()));
        }
        let words: Vec<String> = parts.iter().map(|(badge, value)| format!("{} {value}", badge.text)).collect();
        let total = parts.iter().map(|(_, value)| value).sum();
        let alt = d.say("donut-alt", &[("parts", &words.join(", "))])?;
        blocks.push(Block::Donut(Donut { alt, total, total_label: d.word("donut-total")?.to_owned(), parts }));
        Ok(blocks)
    }
}

/// Whether a control has a page of its own: tests were run for it.
pub(super) fn has_page(control: &ControlOutcome) -> bool {
    control.status != ControlStatus::OutOfScope
}

fn in_words(series: &[Badge], points: &[(String, Vec<u64>)]) -> String {
    let points = points.iter().map(|(label, values)| {
        let values = series.iter().zip(values).map(|(badge, value)| format!("{} {value}", badge.text));
        format!("{label}: {}", values.collect::<Vec<_>>().join(", "))
    });
    points.collect::<Vec<_>>().join("; ")
}
