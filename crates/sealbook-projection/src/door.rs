//! The one SQL door: one SELECT over the public views, with bounds on steps, time, rows and memory.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, Statement};

use crate::error::QueryError;
use crate::facts::TABLES;
use crate::projection::Projection;
use crate::views::{KIND_VIEWS, VIEWS};

/// Bytes of memory that the SQL engine may take in this process, all connections together.
const HEAP_BYTES_MAX: u64 = 2 << 30;

/// Bytes of one value and of the SQL text.
const VALUE_BYTES_MAX: i32 = 1 << 20;

/// Steps of the engine between two looks at the limits.
const STEPS_PER_LOOK: i32 = 10_000;

/// Functions that other engines have, too, with the same answers.
const PORTABLE_FUNCTIONS: [&str; 28] = [
    "abs",
    "coalesce",
    "count",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "lower",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "rank",
    "replace",
    "round",
    "row_number",
    "substr",
    "substring",
    "sum",
    "total",
    "trim",
    "upper",
    "ltrim",
    "rtrim",
];

/// Further functions for people who explore.
const ADHOC_FUNCTIONS: [&str; 18] = [
    "avg",
    "date",
    "datetime",
    "group_concat",
    "glob",
    "ifnull",
    "iif",
    "instr",
    "json_array_length",
    "json_extract",
    "printf",
    "format",
    "quote",
    "strftime",
    "string_agg",
    "time",
    "typeof",
    "unixepoch",
];

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A control test: only functions that every engine has.
    Portable,
    /// A person who explores: more functions, the same views.
    Adhoc,
}

/// A value bound to a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// One value of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
    /// A text.
    Text(&'a str),
}

/// How much a query may use.
#[derive(Clone)]
pub struct Limits {
    /// Steps of the SQL engine: the same on every machine. About 50 to 100 million a second.
    pub steps_max: u64,
    /// Rows of the answer.
    pub rows_max: u64,
    /// Asked now and then; true stops the query. This crate reads no clock.
    pub time_is_up: Option<Arc<dyn Fn() -> bool + Send + Sync>>,
}

impl Default for Limits {
    /// Ten thousand million steps, a few minutes; ten million rows; no time limit.
    fn default() -> Self {
        Self { steps_max: 10_000_000_000, rows_max: 10_000_000, time_is_up: None }
    }
}

/// A question.
#[derive(Clone)]
pub struct Query<'a> {
    /// One SELECT.
    pub sql: &'a str,
    /// Values by name, without `$`. Those that the SQL does not mention are left out.
    pub parameters: Vec<(&'a str, Value)>,
    /// Who asks.
    pub door: Door,
    /// How much it may use.
    pub limits: Limits,
}

impl<'a> Query<'a> {
    /// A question without parameters and with the usual limits.
    #[must_use]
    pub fn new(sql: &'a str, door: Door) -> Self {
        Self { sql, parameters: Vec::new(), door, limits: Limits::default() }
    }
}

/// What authorizer and progress handler share with the query under way.
#[derive(Clone, Default)]
pub(crate) struct Guard(Arc<State>);

#[derive(Default)]
struct State {
    adhoc: AtomicBool,
    steps: AtomicU64,
    steps_max: AtomicU64,
    stopped: AtomicU8,
    time_is_up: Mutex<Option<Arc<dyn Fn() -> bool + Send + Sync>>>,
    refused: Mutex<Option<(String, &'static str)>>,
}

const STOPPED_BY_STEPS: u8 = 1;
const STOPPED_BY_TIME: u8 = 2;

impl Guard {
    fn begin(&self, query: &Query<'_>) {
        let state = &self.0;
        state.adhoc.store(query.door == Door::Adhoc, Ordering::Relaxed);
        state.steps.store(0, Ordering::Relaxed);
        state.steps_max.store(query.limits.steps_max, Ordering::Relaxed);
        state.stopped.store(0, Ordering::Relaxed);
        *state.time_is_up.lock().unwrap_or_else(PoisonError::into_inner) = query.limits.time_is_up.clone();
        *state.refused.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// True stops the query.
    fn look(&self) -> bool {
        let state = &self.0;
        let per_look = u64::from(STEPS_PER_LOOK.unsigned_abs());
        let steps = state.steps.fetch_add(per_look, Ordering::Relaxed) + per_look;
        if steps > state.steps_max.load(Ordering::Relaxed) {
            state.stopped.store(STOPPED_BY_STEPS, Ordering::Relaxed);
            return true;
        }
        let clock = state.time_is_up.lock().unwrap_or_else(PoisonError::into_inner);
        let time_is_up = clock.as_ref().is_some_and(|is_up| is_up());
        if time_is_up {
            state.stopped.store(STOPPED_BY_TIME, Ordering::Relaxed);
        }
        time_is_up
    }

    fn judge(&self, context: &AuthContext<'_>) -> Authorization {
        match refusal(context, self.0.adhoc.load(Ordering::Relaxed)) {
            None => Authorization::Allow,
            Some(refusal) => {
                let mut first = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(refusal);
                Authorization::Deny
            }
        }
    }
}

fn is_public(name: &str) -> bool {
    name == "entries"
        || name == "labels"
        || KIND_VIEWS.iter().any(|(_, view)| *view == name)
        || VIEWS.iter().any(|view| view.name == name)
        || TABLES.contains(&name)
}

/// What a statement asks for that the door does not allow, and what to do instead.
fn refusal(context: &AuthContext<'_>, adhoc: bool) -> Option<(String, &'static str)> {
    const READ: &str = "this door only reads: use one SELECT";
    const VIEWS: &str = "read the views that docs/views.md lists";
    const FUNCTIONS: &str = "docs/views.md lists the functions that a control test may use";
    const FUNCTION: &str = "use another function";
    let within_view = context.accessor.is_some_and(is_public);
    match context.action {
        AuthAction::Select => None,
        AuthAction::Recursive if adhoc => None,
        AuthAction::Recursive => {
            Some(("a recursive WITH".to_owned(), "control tests keep to SQL that every engine runs"))
        }
        AuthAction::Read { table_name, column_name } => {
            // Without a column: an arm of a view of which only the number of rows is needed.
            let allowed = within_view || is_public(table_name) || column_name.is_empty();
            (!allowed).then(|| (format!("reading {table_name}"), VIEWS))
        }
        AuthAction::Function { function_name } => {
            let name = function_name.to_ascii_lowercase();
            let allowed = within_view
                || PORTABLE_FUNCTIONS.contains(&name.as_str())
                || (adhoc && ADHOC_FUNCTIONS.contains(&name.as_str()));
            (!allowed).then(|| (format!("the function {name}"), if adhoc { FUNCTION } else { FUNCTIONS }))
        }
        AuthAction::Pragma { pragma_name, .. } => Some((format!("PRAGMA {pragma_name}"), READ)),
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Some(("another database".to_owned(), READ)),
        _ => Some(("writing".to_owned(), READ)),
    }
}

/// Bounds a connection and lets it only read public views from here on.
pub(crate) fn lock(conn: &mut Connection, guard: &Guard) -> rusqlite::Result<()> {
    conn.execute_batch(&format!(
        "PRAGMA hard_heap_limit = {HEAP_BYTES_MAX}; PRAGMA case_sensitive_like = ON; PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = FILE; PRAGMA query_only = ON;"
    ))?;
    conn.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
    conn.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, VALUE_BYTES_MAX)?;
    conn.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    let judge = guard.clone();
    conn.authorizer(Some(move |context: AuthContext<'_>| judge.judge(&context)))?;
    let watch = guard.clone();
    conn.progress_handler(STEPS_PER_LOOK, Some(move || watch.look()))
}

/// The opposite of [`lock`], for this crate's own writes.
pub(crate) fn unlock(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    conn.progress_handler(0, None::<fn() -> bool>)?;
    conn.execute_batch("PRAGMA query_only = OFF")
}

impl Projection {
    /// Asks, and calls `each` with the names of the columns and every row. Gives the number of rows.
    ///
    /// # Errors
    /// What is wrong with the SQL and where, what it may not do, or which limit it reached. Rows before a limit were
    /// handed out.
    pub fn query(&self, query: &Query<'_>, each: &mut dyn FnMut(&[String], &[Cell<'_>])) -> Result<u64, QueryError> {
        self.guard.begin(query);
        let fault = |error| self.explain(query, error);
        let mut statement = self.conn.prepare(query.sql).map_err(fault)?;
        if statement.column_count() == 0 {
            return Err(QueryError::Statements("none that gives rows"));
        }
        bind(&mut statement, query)?;
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.raw_query();
        let mut count = 0;
        while let Some(row) = rows.next().map_err(fault)? {
            if count == query.limits.rows_max {
                return Err(QueryError::Rows { max: count });
            }
            count += 1;
            let cells = (0..names.len()).map(|at| cell(row.get_ref(at).map_err(fault)?));
            each(&names, &cells.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(count)
    }

    /// The names of the columns that a question would give, without running it.
    ///
    /// # Errors
    /// As [`Projection::query`].
    pub fn columns_of(&self, query: &Query<'_>) -> Result<Vec<String>, QueryError> {
        self.guard.begin(query);
        let statement = self.conn.prepare(query.sql).map_err(|error| self.explain(query, error))?;
        Ok(statement.column_names().map(str::to_owned).collect())
    }

    fn explain(&self, query: &Query<'_>, error: rusqlite::Error) -> QueryError {
        let state = &self.guard.0;
        if let Some((what, hint)) = state.refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return QueryError::Refused { what, hint };
        }
        match error {
            rusqlite::Error::SqlInputError { msg, offset, .. } => point(query.sql, offset, msg),
            rusqlite::Error::MultipleStatement => QueryError::Statements("several"),
            rusqlite::Error::SqliteFailure(failure, message) => match failure.code {
                ErrorCode::OperationInterrupted => match state.stopped.load(Ordering::Relaxed) {
                    STOPPED_BY_TIME => QueryError::Time,
                    _ => QueryError::Steps { steps: query.limits.steps_max },
                },
                ErrorCode::OutOfMemory | ErrorCode::TooBig => {
                    QueryError::Memory(message.unwrap_or_else(|| failure.to_string()))
                }
                _ => QueryError::Engine(message.unwrap_or_else(|| failure.to_string())),
            },
            other => QueryError::Engine(other.to_string()),
        }
    }
}

fn bind(statement: &mut Statement<'_>, query: &Query<'_>) -> Result<(), QueryError> {
    for place in 1..=statement.parameter_count() {
        let name = statement.parameter_name(place).unwrap_or("?").to_owned();
        let plain = name.trim_start_matches(['$', ':', '@']);
        let mut given = query.parameters.iter().filter(|(given, _)| *given == plain);
        let Some((_, value)) = given.next() else {
            let given: Vec<_> = query.parameters.iter().map(|(name, _)| format!("${name}")).collect();
            return Err(QueryError::Parameter { name, given: given.join(", ") });
        };
        if let Some((_, second)) = given.next() {
            return Err(QueryError::Twice { name, first: value.clone(), second: second.clone() });
        }
        let bound = match value {
            Value::Integer(number) => statement.raw_bind_parameter(place, number),
            Value::Text(text) => statement.raw_bind_parameter(place, text),
        };
        bound.map_err(|error| QueryError::Engine(error.to_string()))?;
    }
    Ok(())
}

fn cell(value: ValueRef<'_>) -> Result<Cell<'_>, QueryError> {
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(number) => Ok(Cell::Integer(number)),
        ValueRef::Real(number) => Ok(Cell::Real(number)),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(Cell::Text)
            .map_err(|_| QueryError::Engine("a text of the answer is not UTF-8".to_owned())),
        ValueRef::Blob(_) => {
            Err(QueryError::Engine("the answer has a blob; views have none, so do not make one".to_owned()))
        }
    }
}

/// Turns a byte offset into line, column and the word there.
fn point(sql: &str, offset: i32, message: String) -> QueryError {
    let offset = usize::try_from(offset).unwrap_or(0);
    let before = sql.get(..offset).unwrap_or(sql);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).map_or(0, |text| text.chars().count()) + 1;
    let rest = sql.get(offset..).unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let word: String = match rest.chars().next() {
        Some(first) if !is_word(first) => first.to_string(),
        _ => rest.chars().take_while(|c| is_word(*c)).collect(),
    };
    QueryError::Sql { message, line: before.matches('\n').count() + 1, column, word }
}
