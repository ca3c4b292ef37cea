//! Covered deviations: which failing rows an exception, open at that time and in scope, covers.

use std::collections::{BTreeMap, BTreeSet};

use sealbook_projection::{Cell, Door, Projection, Query, QueryError};

use crate::outcome::{Cover, Finding, RowOutcome, TestOutcome};

/// Entries asked for in one query; their indexes stand in its text.
const ENTRIES_PER_QUERY: usize = 500;

const TERMS: &str =
    "SELECT id, subject_id, resource_id, policy_id, credential_id, scope, starts_at, start_entry, ends_at,
    expires_at, owner, granted_by FROM exception_intervals ORDER BY starts_at, start_entry";

/// One term of an exception: from when to when, about what, departing from which tests.
struct Term {
    about: About,
    scope: Option<Vec<String>>,
    starts_at: i64,
    ends_at: Option<i64>,
    /// Credentials of its subject.
    credentials: BTreeSet<String>,
    cover: Cover,
}

/// What an exception or an entry is about.
#[derive(Clone, Debug, Default)]
struct About {
    subject: Option<String>,
    resource: Option<String>,
    policy: Option<String>,
    credential: Option<String>,
    at: i64,
}

/// Every exception that the entries tell of.
pub(crate) struct Exceptions(Vec<Term>);

impl Exceptions {
    pub fn load(projection: &Projection) -> Result<Self, QueryError> {
        let mut terms = Vec::new();
        projection.query(&Query::new(TERMS, Door::Portable), &mut |_, cells| terms.extend(term(cells)))?;
        let mut holders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        if !terms.is_empty() {
            let sql = "SELECT c.subject_id, c.id FROM credentials AS c
                WHERE c.subject_id IN (SELECT subject_id FROM exception_intervals) ORDER BY 1, 2";
            projection.query(&Query::new(sql, Door::Portable), &mut |_, cells| {
                if let [Cell::Text(holder), Cell::Text(id)] = cells {
                    holders.entry((*holder).to_owned()).or_default().insert((*id).to_owned());
                }
            })?;
        }
        for term in &mut terms {
            let held = term.about.subject.as_ref().and_then(|subject| holders.get(subject));
            term.credentials = held.cloned().unwrap_or_default();
        }
        Ok(Self(terms))
    }

    /// Marks the failing rows of a test that an exception covers. They stay failures.
    pub fn mark(&self, projection: &Projection, outcome: &mut TestOutcome) -> Result<(), QueryError> {
        let terms: Vec<_> = self.0.iter().filter(|term| term.names(&outcome.id)).collect();
        if terms.is_empty() {
            return Ok(());
        }
        let failing = outcome.findings.iter().filter(|finding| finding.outcome == RowOutcome::Fail);
        let cited: BTreeSet<u64> = failing.flat_map(|finding| finding.entries.iter().copied()).collect();
        let cited = about(projection, &cited)?;
        for finding in &mut outcome.findings {
            if finding.outcome == RowOutcome::Fail {
                finding.covered_by =
                    terms.iter().find(|term| term.covers(finding, &cited)).map(|term| term.cover.clone());
                outcome.covered += u64::from(finding.covered_by.is_some());
            }
        }
        Ok(())
    }
}

impl Term {
    fn names(&self, test: &str) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.iter().any(|id| id == test))
    }

    fn covers(&self, finding: &Finding, entries: &BTreeMap<u64, About>) -> bool {
        let cited: Vec<&About> = finding.entries.iter().filter_map(|index| entries.get(index)).collect();
        let newest = finding.entries.iter().rev().find_map(|index| entries.get(index));
        let Some(at) = finding.at.or(newest.map(|about| about.at)) else {
            return false;
        };
        if finding.subject == self.cover.exception {
            // Nobody is excused by the very thing that is wrong.
            return false;
        }
        let open = self.starts_at <= at && self.ends_at.is_none_or(|end| at < end);
        open && self.is_about(finding, &cited) && self.within_limits(finding, &cited)
    }

    fn is_about(&self, finding: &Finding, cited: &[&About]) -> bool {
        let About { subject, resource, policy, credential, .. } = &self.about;
        let named = [subject, resource, policy, credential].into_iter().flatten().any(|id| *id == finding.subject);
        let all_of_subject =
            subject.is_some() && !cited.is_empty() && cited.iter().all(|about| about.subject == *subject);
        named || self.credentials.contains(&finding.subject) || all_of_subject
    }

    fn within_limits(&self, finding: &Finding, cited: &[&About]) -> bool {
        let met = |limit: &Option<String>, of: fn(&About) -> &Option<String>| match limit {
            None => true,
            Some(limit) => *limit == finding.subject || cited.iter().any(|about| of(about).as_ref() == Some(limit)),
        };
        met(&self.about.resource, |about| &about.resource) && met(&self.about.credential, |about| &about.credential)
    }
}

fn term(cells: &[Cell<'_>]) -> Option<Term> {
    let [id, subject, resource, policy, credential, scope, starts, entry, ends, expires, owner, granted] = cells else {
        return None;
    };
    Some(Term {
        about: About {
            subject: text(subject),
            resource: text(resource),
            policy: text(policy),
            credential: text(credential),
            at: 0,
        },
        scope: text(scope).map(|scope| scope.split_whitespace().map(str::to_owned).collect()),
        starts_at: number(starts)?,
        ends_at: number(ends),
        credentials: BTreeSet::new(),
        cover: Cover {
            exception: text(id)?,
            owner: text(owner),
            granted_by: text(granted),
            expires_at: number(expires),
            entry: u64::try_from(number(entry)?).ok()?,
        },
    })
}

/// What the given entries are about.
fn about(projection: &Projection, indexes: &BTreeSet<u64>) -> Result<BTreeMap<u64, About>, QueryError> {
    let mut found = BTreeMap::new();
    let indexes: Vec<String> = indexes.iter().map(u64::to_string).collect();
    for some in indexes.chunks(ENTRIES_PER_QUERY) {
        let sql = format!(
            "SELECT entry, subject_id, resource_id, policy_id, credential_id, event_at FROM entries WHERE entry IN ({})",
            some.join(",")
        );
        projection.query(&Query::new(&sql, Door::Portable), &mut |_, cells| {
            if let [Cell::Integer(entry), subject, resource, policy, credential, Cell::Integer(at)] = cells {
                let about = About {
                    subject: text(subject),
                    resource: text(resource),
                    policy: text(policy),
                    credential: text(credential),
                    at: *at,
                };
                found.extend(u64::try_from(*entry).ok().map(|entry| (entry, about)));
            }
        })?;
    }
    Ok(found)
}

fn text(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Text(text) => Some((*text).to_owned()),
        _ => None,
    }
}

fn number(cell: &Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Integer(number) => Some(*number),
        _ => None,
    }
}
