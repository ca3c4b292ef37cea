//! An assessment: every test over the entries, and what that says about every control of the frameworks asked for.

use std::collections::BTreeMap;

use sealbook_frameworks::policy::{OwnerRole, TeamRole};
use sealbook_frameworks::{Catalogue, Framework, Lookup, Policy};
use sealbook_projection::{
    BuildError, Cell, Door, Facts, Limits, Period, PolicyOwner, Position, Projection, Query, QueryError, SourceFact,
    TeamFact, Value, VerifiedRange,
};

use crate::cover::Exceptions;
use crate::outcome::{Assessment, ControlStatus, FrameworkOutcome, SourceCount, TestOutcome, TestResult};
use crate::run::run_test;
use crate::status::{Known, judge};

/// What to assess, and against what.
pub struct Request<'a> {
    /// Frameworks, mappings and tests.
    pub catalogue: &'a Catalogue,
    /// Thresholds, owners, teams, sources and scope.
    pub policy: &'a Policy,
    /// Ids of the frameworks, in the order of the answer. Empty: those of the policy's scope, else all.
    pub frameworks: &'a [String],
    /// The period.
    pub period: Period,
    /// The checkpoint that the entries were verified against.
    pub position: Position,
    /// What was really verified; the integrity tests read it. Nothing here is insufficient evidence there.
    pub verified: Vec<VerifiedRange>,
    /// How much each test may use.
    pub limits: Limits,
}

/// Why there is no assessment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssessError {
    /// A framework was asked for that the catalogue does not have.
    #[error("no framework has the id {id:?}; known: {known}")]
    Framework {
        /// What was asked for.
        id: String,
        /// Every id.
        known: String,
    },
    /// The facts could not be written beside the entries.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The entries could not be read.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// Runs every test, integrity tests first, and judges the controls of the frameworks asked for.
///
/// # Errors
/// When a framework is unknown or the projection cannot be read. A test that cannot be run is a result, not an error.
pub fn assess(projection: &mut Projection, request: &Request<'_>) -> Result<Assessment, AssessError> {
    let frameworks = chosen(request)?;
    projection.set_facts(&facts(request))?;
    let projection = &*projection;
    let exceptions = Exceptions::load(projection)?;
    let mut tests = Vec::new();
    for test in request.catalogue.tests() {
        let values = request.policy.bind(test);
        let mut outcome = run_test(projection, test, &values, request.period, &request.limits);
        exceptions.mark(projection, &mut outcome)?;
        tests.push(outcome);
    }
    let void = failed_integrity(request.catalogue, &tests);
    let attestations = attestations(projection, request.period)?;
    let judged = frameworks.into_iter().map(|framework| {
        let attested = attested(request.catalogue, framework, &attestations);
        judge_framework(request, framework, &attested, void, &tests)
    });
    let frameworks = judged.collect();
    let (first_index, end_index) = indexes(projection, request.period)?;
    Ok(Assessment {
        origin: request.position.origin.clone(),
        size: request.position.size,
        root: request.position.root.clone(),
        from: request.period.from,
        to: request.period.to,
        first_index,
        end_index,
        policy_sha256: request.policy.sha256(),
        policy_is_default: request.policy.is_default(),
        void: void.is_some(),
        sources: sources(projection, request.period)?,
        frameworks,
        tests,
    })
}

fn chosen<'a>(request: &Request<'a>) -> Result<Vec<&'a Framework>, AssessError> {
    let scope = &request.policy.scope().frameworks;
    let wanted = if request.frameworks.is_empty() { scope } else { request.frameworks };
    if wanted.is_empty() {
        return Ok(request.catalogue.frameworks().iter().collect());
    }
    let find = |id: &String| {
        request.catalogue.framework(id).ok_or_else(|| {
            let known: Vec<_> = request.catalogue.frameworks().iter().map(|f| f.id.as_str()).collect();
            AssessError::Framework { id: id.clone(), known: known.join(", ") }
        })
    };
    wanted.iter().map(find).collect()
}

/// What the verification and the policy say, as the tables that tests read.
fn facts(request: &Request<'_>) -> Facts {
    let policy = request.policy;
    let sources = policy.sources().iter().map(|source| SourceFact {
        id: source.id.clone(),
        heartbeat_seconds: source.heartbeat_seconds,
        description: source.description.clone(),
    });
    let owners = policy.owners().iter().map(|owner| PolicyOwner {
        domain: owner.domain.clone(),
        role: owner_role(owner.role).to_owned(),
        owner: owner.owner.clone(),
        team: owner.team.clone(),
    });
    let teams = policy.teams().iter().map(|team| TeamFact {
        team: team.name.clone(),
        roles: team.roles.iter().map(|role| team_role(*role).to_owned()).collect(),
        members: team.members.iter().cloned().collect(),
    });
    Facts {
        position: Some(request.position.clone()),
        verified: request.verified.clone(),
        sources: sources.collect(),
        owners: owners.collect(),
        teams: teams.collect(),
    }
}

fn owner_role(role: OwnerRole) -> &'static str {
    match role {
        OwnerRole::PolicyOwner => "policy-owner",
        OwnerRole::LifecycleOwner => "lifecycle-owner",
        OwnerRole::ControlOwner => "control-owner",
        OwnerRole::Enforcement => "enforcement",
    }
}

fn team_role(role: TeamRole) -> &'static str {
    match role {
        TeamRole::Decides => "decides",
        TeamRole::Enforces => "enforces",
        TeamRole::Creates => "creates",
        TeamRole::Approves => "approves",
        TeamRole::Renews => "renews",
        TeamRole::Reviews => "reviews",
    }
}

/// The first integrity test that failed: everything after it is void.
fn failed_integrity<'a>(catalogue: &'a Catalogue, tests: &[TestOutcome]) -> Option<&'a str> {
    let mut integrity = catalogue.tests().iter().filter(|test| test.integrity);
    let failed = integrity.find(|test| {
        let outcome = tests.iter().find(|outcome| outcome.id == test.id);
        outcome.is_some_and(|outcome| outcome.result == TestResult::Fail)
    })?;
    Some(&failed.id)
}

fn judge_framework(
    request: &Request<'_>,
    framework: &Framework,
    attested: &BTreeMap<String, u64>,
    void: Option<&str>,
    tests: &[TestOutcome],
) -> FrameworkOutcome {
    let mapping = request.catalogue.mapping(&framework.id);
    let controls: Vec<_> = framework
        .controls()
        .into_iter()
        .map(|control| {
            let known = Known {
                id: &control.id,
                row: mapping.and_then(|mapping| mapping.row(&control.id)),
                excluded: request.policy.excluded(&framework.id, &control.id),
                attested: attested.get(&control.id).copied(),
                void,
            };
            judge(&known, tests)
        })
        .collect();
    let mut summary: BTreeMap<_, u64> = ControlStatus::ALL.into_iter().map(|status| (status, 0)).collect();
    for control in &controls {
        *summary.entry(control.status).or_default() += 1;
    }
    FrameworkOutcome {
        id: framework.id.clone(),
        catalogue_sha256: framework.sha256.clone(),
        mapping_sha256: mapping.map(|mapping| mapping.sha256.clone()).unwrap_or_default(),
        controls,
        summary,
    }
}

/// Framework, control and entry of every attestation in the period, in the order of the entries.
type Attestations = Vec<(String, String, u64)>;

fn attestations(projection: &Projection, period: Period) -> Result<Attestations, QueryError> {
    let sql = "SELECT attestation_framework, attestation_control, entry FROM attestations
        WHERE attestation_framework IS NOT NULL AND attestation_control IS NOT NULL
          AND outcome NOT IN ('deny', 'failure', 'error') AND event_at >= $from AND event_at < $to ORDER BY entry";
    let mut found = Vec::new();
    projection.query(&within(sql, period), &mut |_, cells| {
        if let [Cell::Text(framework), Cell::Text(control), Cell::Integer(entry)] = cells {
            let entry = u64::try_from(*entry).unwrap_or_default();
            found.push(((*framework).to_owned(), (*control).to_owned(), entry));
        }
    })?;
    Ok(found)
}

/// Controls of a framework that are attested, by whatever name, with the newest entry.
fn attested(catalogue: &Catalogue, framework: &Framework, all: &Attestations) -> BTreeMap<String, u64> {
    let own = all.iter().filter(|(id, ..)| *id == framework.id);
    own.filter_map(|(_, control, entry)| {
        let id = match catalogue.lookup(&framework.id, control)? {
            Lookup::Exact(item) | Lookup::Alias { to: item, .. } => item.id(),
            Lookup::Withdrawn { .. } | Lookup::Unknown { .. } => return None,
        };
        Some((id.to_owned(), *entry))
    })
    .collect()
}

fn sources(projection: &Projection, period: Period) -> Result<Vec<SourceCount>, QueryError> {
    let sql = "SELECT source_id, source_format, COUNT(*), MIN(recorded_at), MAX(recorded_at) FROM entries
        WHERE event_at >= $from AND event_at < $to GROUP BY source_id, source_format ORDER BY source_id, source_format";
    let mut found = Vec::new();
    projection.query(&within(sql, period), &mut |_, cells| {
        if let [Cell::Text(source), Cell::Text(format), Cell::Integer(n), Cell::Integer(first), Cell::Integer(last)] =
            cells
        {
            found.push(SourceCount {
                source: (*source).to_owned(),
                format: (*format).to_owned(),
                entries: u64::try_from(*n).unwrap_or_default(),
                first_at: *first,
                last_at: *last,
            });
        }
    })?;
    Ok(found)
}

/// The first index of the period and one past the last; 0 and 0 where nothing happened in it.
fn indexes(projection: &Projection, period: Period) -> Result<(u64, u64), QueryError> {
    let sql = "SELECT MIN(entry), MAX(entry) + 1 FROM entries WHERE event_at >= $from AND event_at < $to";
    let mut range = (0, 0);
    projection.query(&within(sql, period), &mut |_, cells| {
        if let [Cell::Integer(first), Cell::Integer(end)] = cells {
            range = (u64::try_from(*first).unwrap_or_default(), u64::try_from(*end).unwrap_or_default());
        }
    })?;
    Ok(range)
}

fn within(sql: &str, period: Period) -> Query<'_> {
    Query {
        parameters: vec![("from", Value::Integer(period.from)), ("to", Value::Integer(period.to))],
        ..Query::new(sql, Door::Portable)
    }
}
