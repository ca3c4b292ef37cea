//! Coverage as a table for terminals.

use std::fmt::Write as _;

use sealbook_controls::outcome::{Assessment, ControlStatus};
use sealbook_frameworks::Catalogue;

use crate::assessment::{Part, is_integrity, open, result_id, status_id, tests_of};
use crate::definition::Definition;
use crate::error::ReportError;
use crate::format::{count, time};
use crate::layout::visible;

/// Columns of a title; a longer one ends with `…` (the PDF and `--json` have it whole).
const TITLE_COLUMNS: usize = 46;

/// Counts per status for each framework, then each control that a ledger can speak to. Plain text, no colours.
///
/// # Errors
/// When the assessment names a framework or control that the catalogue lacks, or a time cannot be printed.
pub fn coverage(assessment: &Assessment, catalogue: &Catalogue) -> Result<String, ReportError> {
    let definition = Definition::assessment()?;
    let parts = Part::all(assessment, catalogue)?;
    let tests = assessment.tests.iter().map(|test| (test.id.as_str(), test)).collect();
    let mut out = String::new();
    head(&mut out, assessment)?;
    for part in &parts {
        line(&mut out, format_args!(""));
        line(&mut out, format_args!("{}", shown(&part.framework.title)));
        let counts = ControlStatus::ALL.iter().map(|status| {
            let number = part.outcome.summary.get(status).copied().unwrap_or_default();
            Ok(format!("{} {}", count(number), definition.badge(status_id(*status))?.text.to_lowercase()))
        });
        line(&mut out, format_args!("  {}", counts.collect::<Result<Vec<_>, ReportError>>()?.join(", ")));
        let rows: Vec<_> = part.rows().filter(|(outcome, _, _)| outcome.status != ControlStatus::OutOfScope).collect();
        let width = rows.iter().map(|(_, control, _)| control.display.chars().count()).max().unwrap_or(0);
        for (outcome, control, _) in rows {
            let badge = definition.badge(status_id(outcome.status))?;
            let tests = tests_of(outcome, &tests);
            let (open, covered) = tests.iter().fold((0, 0), |(o, c), test| (o + open(test), c + test.covered));
            let failing = if open + covered > 0 {
                format!("  {} open, {} covered", count(open), count(covered))
            } else {
                String::new()
            };
            let title = cut(&shown(&control.title), TITLE_COLUMNS);
            line(
                &mut out,
                format_args!(
                    "  {} {:<13}  {:<width$}  {title:<TITLE_COLUMNS$}{failing}",
                    badge.mark, badge.text, control.display
                ),
            );
        }
    }
    Ok(out.lines().map(|text| format!("{}\n", text.trim_end())).collect())
}

fn head(out: &mut String, assessment: &Assessment) -> Result<(), ReportError> {
    let (from, to) = (time(assessment.from)?, time(assessment.to)?);
    line(out, format_args!("{}  {} entries  {from} to {to}", shown(&assessment.origin), count(assessment.size)));
    if assessment.void {
        let failing = assessment.tests.iter().filter(|test| is_integrity(test) && test.fail > 0);
        let ids: Vec<&str> = failing.map(|test| test.id.as_str()).collect();
        line(out, format_args!("VOID: integrity tests failed ({}); no result below may be relied on", ids.join(", ")));
    }
    let mut results: Vec<String> = Vec::new();
    for result in crate::assessment::RESULTS {
        let number = assessment.tests.iter().filter(|test| test.result == result).count();
        results.push(format!("{number} {}", result_id(result)));
    }
    line(out, format_args!("tests: {}", results.join(", ")));
    Ok(())
}

fn line(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(arguments);
    out.push('\n');
}

fn shown(text: &str) -> String {
    visible(text, |_| true).into_owned()
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}
