//! What can go wrong: while building, while asking, while reading a few events.

use std::path::PathBuf;

use crate::door::Value;

/// Why a projection could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The SQL engine failed: a full disk, no memory, a file that is no database.
    #[error("the projection cannot be written: {0}")]
    Engine(#[from] rusqlite::Error),
    /// A file of the stored form cannot be replaced.
    #[error("{path}: {cause}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A Parquet file cannot be written.
    #[error("the Parquet file cannot be written: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    /// A number of an entry is too large for SQL.
    #[error("entry {entry}: {what} {value} is larger than {max}, the largest number of SQL", max = i64::MAX)]
    Number {
        /// Index of the entry.
        entry: u64,
        /// What the number is.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// Entries must come in the order of the log.
    #[error("entry {found} came where an index of at least {expected} was expected")]
    Order {
        /// The least index possible.
        expected: u64,
        /// The index that came.
        found: u64,
    },
}

/// Why a stored projection could not be brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The log could not be read.
    #[error("the log cannot be read: {0}")]
    Log(#[from] crate::stored::SourceError),
    /// The projection could not be written.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Why a query gave no answer, or not the whole answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The SQL cannot be understood, or names something that does not exist.
    #[error("line {line}, column {column}: {message}{}", near(word))]
    Sql {
        /// What is wrong.
        message: String,
        /// Line in the SQL, from 1.
        line: usize,
        /// Column in the line, in characters, from 1.
        column: usize,
        /// The word there.
        word: String,
    },
    /// The SQL asks for something that the door does not allow.
    #[error("{what} is not allowed here: {hint}")]
    Refused {
        /// What was asked for.
        what: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// The SQL is empty, or more than one statement.
    #[error("expected one SELECT statement, found {0}")]
    Statements(&'static str),
    /// The SQL mentions a parameter that has no value.
    #[error("the SQL mentions {name}, and no such parameter was given; given: {given}")]
    Parameter {
        /// Its name, with `$`.
        name: String,
        /// What was given.
        given: String,
    },
    /// A value was given for a parameter twice.
    #[error("the parameter {name} was given twice: {first:?} and {second:?}")]
    Twice {
        /// Its name.
        name: String,
        /// One value.
        first: Value,
        /// The other value.
        second: Value,
    },
    /// It took more steps than allowed. The same query on the same entries does so on every machine.
    #[error("stopped after {steps} steps, the most that is allowed: narrow the query, or raise the limit")]
    Steps {
        /// The limit, in steps of the SQL engine.
        steps: u64,
    },
    /// It took longer than allowed.
    #[error("stopped because its time was up: narrow the query, or allow more time")]
    Time,
    /// It gave more rows than allowed. The rows before were handed out.
    #[error("more than {max} rows: narrow the query, or raise the limit")]
    Rows {
        /// The limit.
        max: u64,
    },
    /// It needs more memory than allowed, or a value is longer than allowed.
    #[error("it needs more memory than is allowed: {0}")]
    Memory(String),
    /// The engine failed on the way.
    #[error("{0}")]
    Engine(String),
}

fn near(word: &str) -> String {
    if word.is_empty() { String::new() } else { format!(", at {word:?}") }
}

/// Why a few events could not be read.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SampleError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}
