//! Registers of a report: exceptions, owners, ages of credentials, findings by month, cited entries.

use std::collections::{BTreeMap, BTreeSet};

use sealbook_controls::Period;
use sealbook_controls::outcome::{Assessment, RowOutcome};
use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;
use sealbook_core::tree::leaf_hash;
use sealbook_projection::{Cell, Door, Projection, Query, QueryError, Value};
use sealbook_reports::{CredentialAgeRow, EntrySummary, ExceptionRow, MonthFindings, OwnerRow};

/// What a report says about exceptions: data beside the report's definition.
const EXCEPTIONS: &str = include_str!("../../../reports/registers/exceptions.sql");
const OWNERS: &str = include_str!("../../../reports/registers/owners.sql");
const CREDENTIAL_AGES: &str = include_str!("../../../reports/registers/credential-ages.sql");

/// Parameter of control tests that limits the age of credentials.
const MAX_AGE: &str = "max_age_days";

fn rows(
    projection: &Projection,
    sql: &str,
    period: Period,
    each: &mut dyn FnMut(&[Cell<'_>]),
) -> Result<(), QueryError> {
    let parameters = vec![("from", Value::Integer(period.from)), ("to", Value::Integer(period.to))];
    let query = Query { parameters, ..Query::new(sql, Door::Portable) };
    projection.query(&query, &mut |_, cells| each(cells))?;
    Ok(())
}

fn text(cell: Option<&Cell<'_>>) -> Option<String> {
    match cell {
        Some(Cell::Text(text)) => Some((*text).to_owned()),
        _ => None,
    }
}

fn number(cell: Option<&Cell<'_>>) -> Option<i64> {
    match cell {
        Some(Cell::Integer(number)) => Some(*number),
        _ => None,
    }
}

fn index(cell: Option<&Cell<'_>>) -> u64 {
    number(cell).and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
}

/// Exceptions open at some time in the period.
pub fn exceptions(projection: &Projection, period: Period) -> Result<Vec<ExceptionRow>, QueryError> {
    let mut found = Vec::new();
    rows(projection, EXCEPTIONS, period, &mut |row| {
        found.push(ExceptionRow {
            id: text(row.first()).unwrap_or_default(),
            scope: text(row.get(1)).unwrap_or_default(),
            reason: text(row.get(2)).unwrap_or_default(),
            owner: text(row.get(3)),
            granted_by: text(row.get(4)),
            opened_at: number(row.get(5)).unwrap_or_default(),
            expires_at: number(row.get(6)),
            closed_at: number(row.get(7)),
            entry: index(row.get(8)),
        });
    })?;
    Ok(found)
}

/// Who answers for the machine identities of the period.
pub fn owners(projection: &Projection, period: Period) -> Result<Vec<OwnerRow>, QueryError> {
    let mut found = Vec::new();
    rows(projection, OWNERS, period, &mut |row| {
        found.push(OwnerRow {
            identity: text(row.first()).unwrap_or_default(),
            kind: text(row.get(1)).unwrap_or_default(),
            lifecycle_owner: text(row.get(2)),
            policy_owner: text(row.get(3)),
            reviewed_at: number(row.get(4)),
        });
    })?;
    Ok(found)
}

/// Ages of the credentials in force at the end of the period.
pub fn credential_ages(
    projection: &Projection,
    period: Period,
    assessment: &Assessment,
) -> Result<Vec<CredentialAgeRow>, QueryError> {
    let bound = assessment.tests.iter().find_map(|test| test.parameters.get(MAX_AGE));
    let max_age_days = bound.and_then(|parameter| parameter.value.parse().ok());
    let mut found = Vec::new();
    rows(projection, CREDENTIAL_AGES, period, &mut |row| {
        found.push(CredentialAgeRow {
            credential: text(row.first()).unwrap_or_default(),
            identity: text(row.get(1)).unwrap_or_default(),
            kind: text(row.get(2)).unwrap_or_default(),
            since: number(row.get(3)).unwrap_or_default(),
            age_days: index(row.get(4)),
            max_age_days,
        });
    })?;
    Ok(found)
}

/// Every entry that a finding cites.
pub fn cited(assessment: &Assessment) -> BTreeSet<u64> {
    let findings = assessment.tests.iter().flat_map(|test| &test.findings);
    findings
        .flat_map(|finding| finding.entries.iter().copied().chain(finding.covered_by.iter().map(|cover| cover.entry)))
        .collect()
}

/// An entry in short. Sealed fields are not in it.
pub fn summary(entry: &Entry, bytes: &[u8]) -> EntrySummary {
    let event = &entry.event;
    EntrySummary {
        recorded_at: entry.recorded_at.0,
        kind: event.kind.word().to_owned(),
        subject: event.subject.id.clone(),
        actor: event.actor.as_ref().map(|actor| actor.id.clone()).unwrap_or_default(),
        action: event.action.clone().unwrap_or_default(),
        outcome: event.outcome.word().to_owned(),
        resource: event.resource.as_ref().and_then(|resource| resource.id.clone()).unwrap_or_default(),
        source: entry.source.id.clone(),
        leaf_hash: leaf_hash(bytes).to_string(),
    }
}

/// Findings by month of the period, from the first month with one to the last, empty months between them included.
/// A finding without a time counts in the month in which its newest entry was recorded.
pub fn months(assessment: &Assessment, entries: &BTreeMap<u64, EntrySummary>) -> Vec<MonthFindings> {
    let mut by_month: BTreeMap<i32, MonthFindings> = BTreeMap::new();
    for finding in assessment.tests.iter().flat_map(|test| &test.findings) {
        let newest = finding.entries.iter().filter_map(|index| entries.get(index)).map(|entry| entry.recorded_at).max();
        let Some(month) = finding.at.or(newest).and_then(month_of) else { continue };
        let counts = by_month.entry(month).or_default();
        match finding.outcome {
            RowOutcome::Fail if finding.covered_by.is_some() => counts.covered += 1,
            RowOutcome::Fail => counts.open += 1,
            RowOutcome::Insufficient => counts.undecided += 1,
            RowOutcome::Pass => {}
        }
    }
    let (Some((first, _)), Some((last, _))) = (by_month.first_key_value(), by_month.last_key_value()) else {
        return Vec::new();
    };
    (*first..=*last)
        .map(|month| {
            let label = format!("{:04}-{:02}", month.div_euclid(12), month.rem_euclid(12) + 1);
            MonthFindings { month: label, ..by_month.get(&month).cloned().unwrap_or_default() }
        })
        .collect()
}

/// Months since the year 0.
fn month_of(at: i64) -> Option<i32> {
    let text = Micros(at).to_string();
    let (year, rest) = text.split_once('-')?;
    let month: i32 = rest.get(..2)?.parse().ok()?;
    Some(year.parse::<i32>().ok()? * 12 + month - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_count_from_the_year_nought() {
        let month = |text| month_of(Micros::parse(text).unwrap().0).unwrap();
        assert_eq!(month("2026-01-01T00:00:00Z"), 2026 * 12);
        assert_eq!(month("2025-12-31T23:59:59.9Z"), 2026 * 12 - 1);
    }
}
