//! Findings as CSV (RFC 4180), safe to open in a spreadsheet.

use sealbook_controls::outcome::{Assessment, Finding, TestOutcome};

use crate::assessment::{finding_sign, result_id};
use crate::error::ReportError;
use crate::format::oscal_time;

const HEADING: [&str; 14] = [
    "test",
    "title",
    "severity",
    "test_result",
    "member",
    "member_result",
    "reason",
    "at",
    "entries",
    "exception",
    "exception_owner",
    "exception_granted_by",
    "exception_ends",
    "void",
];

/// One row per member that did not pass, in the order of the tests. Lines end with CRLF.
///
/// A cell that a spreadsheet could take for a formula has `'` before it.
///
/// # Errors
/// When a time cannot be printed.
pub fn findings(assessment: &Assessment) -> Result<String, ReportError> {
    let mut out = String::new();
    push_row(&mut out, HEADING.map(str::to_owned));
    for test in &assessment.tests {
        for finding in &test.findings {
            push_row(&mut out, row(assessment, test, finding)?);
        }
    }
    Ok(out)
}

fn row(assessment: &Assessment, test: &TestOutcome, finding: &Finding) -> Result<[String; 14], ReportError> {
    let time = |at: Option<i64>| at.map(oscal_time).transpose().map(Option::unwrap_or_default);
    let cover = finding.covered_by.as_ref();
    let entries: Vec<String> = finding.entries.iter().map(u64::to_string).collect();
    Ok([
        test.id.clone(),
        test.title.clone(),
        test.severity.clone(),
        result_id(test.result).to_owned(),
        finding.subject.clone(),
        finding_sign(finding).to_owned(),
        finding.reason.clone(),
        time(finding.at)?,
        entries.join(" "),
        cover.map(|cover| cover.exception.clone()).unwrap_or_default(),
        cover.and_then(|cover| cover.owner.clone()).unwrap_or_default(),
        cover.and_then(|cover| cover.granted_by.clone()).unwrap_or_default(),
        time(cover.and_then(|cover| cover.expires_at))?,
        assessment.void.to_string(),
    ])
}

fn push_row(out: &mut String, cells: [String; 14]) {
    for (position, cell) in cells.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        push_cell(out, cell);
    }
    out.push_str("\r\n");
}

fn push_cell(out: &mut String, cell: &str) {
    let guarded = may_be_formula(cell);
    let quoted = guarded || cell.contains(['"', ',', '\r', '\n']) || cell.starts_with(' ') || cell.ends_with(' ');
    if quoted {
        out.push('"');
    }
    if guarded {
        out.push('\'');
    }
    out.push_str(&cell.replace('"', "\"\""));
    if quoted {
        out.push('"');
    }
}

/// Whether a spreadsheet could take a cell for a formula: by its first character that is not a space, in any width.
fn may_be_formula(cell: &str) -> bool {
    let first =
        cell.trim_start_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{FEFF}').chars().next();
    let starts_with_control = cell.starts_with(['\t', '\r', '\n']);
    starts_with_control
        || first.is_some_and(|c| matches!(c, '=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut out = String::new();
        push_cell(&mut out, text);
        out
    }

    #[test]
    fn formulas_are_defused() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "＝1", "|x", "\u{FEFF}=1"]
        {
            assert!(cell(text).starts_with("\"'"), "{text:?} became {}", cell(text));
        }
    }

    #[test]
    fn quotes_commas_and_lines_stay_in_their_cell() {
        assert_eq!(cell("a \"b\", c\nd"), "\"a \"\"b\"\", c\nd\"");
        assert_eq!(cell("plain"), "plain");
    }
}
