//! Runs one control test over a projection.

use std::collections::BTreeMap;

use sealbook_frameworks::{BoundValue, ParameterValue, TestDefinition, ValueOrigin};
use sealbook_projection::{Door, Limits, Period, Projection, Query, Value};

use crate::contract::{Contract, TestRow};
use crate::outcome::{Finding, Origin, Parameter, RowOutcome, TestOutcome, TestResult};

/// The values that a test runs with where no policy decides.
#[must_use]
pub fn defaults(test: &TestDefinition) -> BTreeMap<String, BoundValue> {
    let bound = test.parameters.iter().map(|(name, parameter)| {
        let value =
            BoundValue { value: parameter.default.clone(), origin: ValueOrigin::Default, unit: parameter.unit.clone() };
        (name.clone(), value)
    });
    bound.collect()
}

/// Runs one test: `values` are its thresholds, from the policy or from [`defaults`]. A test that cannot be run gives
/// the result `error` with the reason, never an `Err`: it is a result like the others.
#[must_use]
pub fn run_test(
    projection: &Projection,
    test: &TestDefinition,
    values: &BTreeMap<String, BoundValue>,
    period: Period,
    limits: &Limits,
) -> TestOutcome {
    let parameters = parameters(test, values, period);
    let mut outcome = TestOutcome {
        id: test.id.clone(),
        title: test.title.clone(),
        question: test.question.clone(),
        population_is: test.population.clone(),
        severity: test.severity.as_str().to_owned(),
        integrity: test.integrity,
        result: TestResult::Error,
        population: 0,
        pass: 0,
        fail: 0,
        covered: 0,
        insufficient: 0,
        parameters: parameters.iter().map(|(name, _, shown)| ((*name).to_owned(), shown.clone())).collect(),
        sql_sha256: test.sql_sha256.clone(),
        findings: Vec::new(),
        error: None,
    };
    let bound = parameters.into_iter().map(|(name, value, _)| (name, value)).collect();
    match collect(projection, test, bound, limits, &mut outcome) {
        Ok(()) => outcome.result = result(&outcome),
        Err(problem) => {
            // Half an answer is none.
            (outcome.population, outcome.pass, outcome.fail, outcome.insufficient) = (0, 0, 0, 0);
            outcome.findings.clear();
            outcome.error = Some(problem);
        }
    }
    outcome
}

fn parameters<'a>(
    test: &'a TestDefinition,
    values: &'a BTreeMap<String, BoundValue>,
    period: Period,
) -> Vec<(&'a str, Value, Parameter)> {
    let mut all = Vec::new();
    for (name, value) in [("from", period.from), ("to", period.to)] {
        if test.uses_parameter(name) {
            let shown = Parameter { value: value.to_string(), origin: Origin::Period };
            all.push((name, Value::Integer(value), shown));
        }
    }
    for (name, bound) in values {
        let value = match &bound.value {
            ParameterValue::Integer(number) => Value::Integer(*number),
            ParameterValue::Text(text) => Value::Text(text.clone()),
        };
        let origin = match bound.origin {
            ValueOrigin::Default => Origin::Default,
            ValueOrigin::Policy => Origin::Policy,
        };
        let shown = Parameter { value: bound.value.to_string(), origin };
        all.push((name, value, shown));
    }
    all
}

fn collect(
    projection: &Projection,
    test: &TestDefinition,
    parameters: Vec<(&str, Value)>,
    limits: &Limits,
    outcome: &mut TestOutcome,
) -> Result<(), String> {
    let range = projection.range().map_err(|error| error.to_string())?;
    let query = Query { sql: &test.sql, parameters, door: Door::Portable, limits: limits.clone() };
    let columns = projection.columns_of(&query).map_err(|error| error.to_string())?;
    let contract = Contract::of(&columns)?;
    let mut broken = None;
    let asked = projection.query(&query, &mut |_, cells| {
        if broken.is_none() {
            match contract.read(cells, range) {
                Ok(row) => count(outcome, row),
                Err(problem) => broken = Some(problem),
            }
        }
    });
    asked.map_err(|error| error.to_string())?;
    match broken {
        Some(problem) => Err(format!("the SQL breaks the row contract: {problem}")),
        None => {
            outcome.findings.sort_by(|a, b| {
                let key = |f: &Finding| (f.at, f.outcome);
                (&a.subject, key(a), &a.entries, &a.reason).cmp(&(&b.subject, key(b), &b.entries, &b.reason))
            });
            Ok(())
        }
    }
}

fn count(outcome: &mut TestOutcome, row: TestRow) {
    outcome.population += 1;
    match row.outcome {
        RowOutcome::Pass => {
            outcome.pass += 1;
            return;
        }
        RowOutcome::Fail => outcome.fail += 1,
        RowOutcome::Insufficient => outcome.insufficient += 1,
    }
    outcome.findings.push(Finding {
        subject: row.subject,
        outcome: row.outcome,
        reason: row.reason,
        entries: row.entries,
        at: row.at,
        covered_by: None,
    });
}

/// One result for the whole population. Only a population that passed to the last member is a pass.
fn result(outcome: &TestOutcome) -> TestResult {
    match outcome {
        TestOutcome { fail: 1.., .. } => TestResult::Fail,
        TestOutcome { insufficient: 1.., .. } => TestResult::InsufficientEvidence,
        TestOutcome { pass: 1.., .. } => TestResult::Pass,
        _ => TestResult::NoPopulation,
    }
}
