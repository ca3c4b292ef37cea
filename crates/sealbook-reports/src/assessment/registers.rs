//! Registers: covered deviations, exceptions, owners, credential ages, glossary.

use super::{Builder, figure, plain, test_anchor};
use crate::context::{CredentialAgeRow, ExceptionRow};
use crate::error::ReportError;
use crate::format::day;
use crate::model::{Block, Cell, Inline};

impl Builder<'_> {
    pub(super) fn covered(&self) -> Result<Vec<Block>, ReportError> {
        let mut rows = Vec::new();
        for test in &self.assessment.tests {
            for finding in &test.findings {
                let Some(cover) = &finding.covered_by else { continue };
                rows.push(vec![
                    plain(cover.exception.as_str()),
                    Cell::Text(vec![Inline::plain(test.id.as_str()).to(test_anchor(&test.id))]),
                    Cell::Text(vec![
                        Inline::strong(finding.subject.as_str()),
                        Inline::plain(" "),
                        Inline::plain(finding.reason.as_str()),
                    ]),
                    self.or_unknown(cover.owner.as_deref())?,
                    self.or_unknown(cover.granted_by.as_deref())?,
                    self.end(cover.expires_at)?,
                ]);
            }
        }
        self.register("covered", "covered-none", rows)
    }

    pub(super) fn exceptions(&self) -> Result<Vec<Block>, ReportError> {
        let mut rows = Vec::new();
        for row in &self.context.exceptions {
            rows.push(vec![
                plain(row.id.as_str()),
                Cell::Text(vec![
                    Inline::strong(row.scope.as_str()),
                    Inline::plain(" "),
                    Inline::plain(row.reason.as_str()),
                ]),
                self.or_unknown(row.owner.as_deref())?,
                self.or_unknown(row.granted_by.as_deref())?,
                plain(day(row.opened_at)?),
                self.end(row.expires_at)?,
                self.sign(exception_sign(row, self.assessment.to))?,
                plain(row.entry.to_string()),
            ]);
        }
        self.register("exceptions", "exceptions-none", rows)
    }

    pub(super) fn owners(&self) -> Result<Vec<Block>, ReportError> {
        let mut rows = Vec::new();
        for row in &self.context.owners {
            rows.push(vec![
                plain(row.identity.as_str()),
                plain(row.kind.as_str()),
                self.owner(row.lifecycle_owner.as_deref())?,
                self.or_unknown(row.policy_owner.as_deref())?,
                self.or_unknown(row.reviewed_at.map(day).transpose()?.as_deref())?,
            ]);
        }
        self.register("owners", "owners-none", rows)
    }

    pub(super) fn credentials(&self) -> Result<Vec<Block>, ReportError> {
        let mut rows = Vec::new();
        for row in &self.context.credential_ages {
            rows.push(vec![
                plain(row.credential.as_str()),
                plain(row.identity.as_str()),
                plain(row.kind.as_str()),
                plain(day(row.since)?),
                figure(row.age_days),
                match row.max_age_days {
                    Some(days) => figure(days),
                    None => plain(self.definition.word("not-set")?),
                },
                self.sign(age_sign(row))?,
            ]);
        }
        self.register("credentials", "credentials-none", rows)
    }

    pub(super) fn glossary(&self) -> Result<Vec<Block>, ReportError> {
        let terms = self.definition.glossary.iter();
        let rows =
            terms.map(|term| vec![Cell::Text(vec![Inline::strong(term.term.as_str())]), plain(term.meaning.as_str())]);
        Ok(vec![self.definition.table("glossary", rows.collect())?])
    }

    fn owner(&self, name: Option<&str>) -> Result<Cell, ReportError> {
        match name.filter(|name| !name.is_empty()) {
            Some(name) => Ok(plain(name)),
            None => Ok(Cell::Text(vec![Inline::strong(self.definition.word("no-owner")?)])),
        }
    }

    fn end(&self, at: Option<i64>) -> Result<Cell, ReportError> {
        match at {
            Some(at) => Ok(plain(day(at)?)),
            None => Ok(Cell::Text(vec![Inline::strong(self.definition.word("none")?)])),
        }
    }

    /// A table of rows up to the limit, with the count of the rest; words where there is none.
    fn register(&self, table: &str, none: &str, mut rows: Vec<Vec<Cell>>) -> Result<Vec<Block>, ReportError> {
        if rows.is_empty() {
            return Ok(vec![self.text(none)?]);
        }
        let shown = self.definition.limits.rows_per_register;
        let more = rows.len().saturating_sub(shown);
        rows.truncate(shown);
        let mut blocks = vec![self.definition.table(table, rows)?];
        if more > 0 {
            blocks.push(self.more("register-more", more)?);
        }
        Ok(blocks)
    }
}

fn exception_sign(row: &ExceptionRow, end: i64) -> &'static str {
    match (row.closed_at, row.expires_at) {
        (Some(_), _) => "exception-closed",
        (None, Some(expires)) if expires < end => "exception-expired",
        (None, _) => "exception-open",
    }
}

fn age_sign(row: &CredentialAgeRow) -> &'static str {
    match row.max_age_days {
        Some(limit) if row.age_days > limit => "over-age",
        Some(_) => "within-age",
        None => "no-limit",
    }
}
