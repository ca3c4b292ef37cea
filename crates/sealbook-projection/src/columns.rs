//! The columns of the view `entries`: the fixed ones, then every field of an event.

use std::collections::HashMap;
use std::sync::LazyLock;

use sealbook_core::event::schema;
use sealbook_core::record::{FieldId, FieldType};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Integer,
    /// µs since the Unix epoch.
    Time,
    /// 0 or 1.
    Flag,
}

/// How a column lies in the tables below the views.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// A number as it is.
    Number,
    /// Text as it is: ids that seldom repeat.
    Inline,
    /// The number of the text in `words`, or the text itself where it is long.
    Coded,
}

/// One column of the view `entries`.
#[derive(Clone, Debug)]
pub struct Column {
    /// Name in SQL and Parquet.
    pub name: String,
    /// Path of the event's field; `None` for what the ledger adds.
    pub path: Option<&'static str>,
    /// What it holds.
    pub kind: ColumnType,
    pub(crate) coding: Coding,
}

/// Fields whose values seldom repeat, so that numbering them would only cost memory; and the kind, for its index.
const INLINE: [&str; 17] = [
    "id",
    "approval.id",
    "approval.request",
    "attestation.document",
    "attestation.statement",
    "correlation.request",
    "correlation.session",
    "correlation.trace",
    "credential.id",
    "credential.replaces",
    "elevation.approval",
    "elevation.id",
    "exception.compensating_control",
    "exception.id",
    "exception.justification",
    "kind",
    "policy.digest",
];

pub(crate) const ENTRY: usize = 0;
pub(crate) const RECORDED_AT: usize = 1;
pub(crate) const EVENT_AT: usize = 2;
pub(crate) const SOURCE_ID: usize = 3;
pub(crate) const SOURCE_FORMAT: usize = 4;
pub(crate) const SOURCE_VERSION: usize = 5;
pub(crate) const SOURCE_SEQUENCE: usize = 6;
pub(crate) const THREAD_N: usize = 7;
pub(crate) const THREAD_PREV: usize = 8;
pub(crate) const RAW_LENGTH: usize = 9;

const FIXED: [(&str, ColumnType, Coding); 10] = [
    ("entry", ColumnType::Integer, Coding::Number),
    ("recorded_at", ColumnType::Time, Coding::Number),
    ("event_at", ColumnType::Time, Coding::Number),
    ("source_id", ColumnType::Text, Coding::Coded),
    ("source_format", ColumnType::Text, Coding::Coded),
    ("source_version", ColumnType::Integer, Coding::Number),
    ("source_sequence", ColumnType::Integer, Coding::Number),
    ("thread_n", ColumnType::Integer, Coding::Number),
    ("thread_prev", ColumnType::Integer, Coding::Number),
    ("raw_length", ColumnType::Integer, Coding::Number),
];

struct Layout {
    columns: Vec<Column>,
    by_id: HashMap<FieldId, usize>,
    by_path: HashMap<&'static str, usize>,
}

static LAYOUT: LazyLock<Layout> = LazyLock::new(|| {
    let fixed =
        FIXED.into_iter().map(|(name, kind, coding)| Column { name: name.to_owned(), path: None, kind, coding });
    let mut layout = Layout { columns: fixed.collect(), by_id: HashMap::new(), by_path: HashMap::new() };
    for spec in schema() {
        let kind = match spec.kind {
            FieldType::Text | FieldType::Word(_) => ColumnType::Text,
            FieldType::Time => ColumnType::Time,
            FieldType::Bool => ColumnType::Flag,
            FieldType::Labels => continue,
        };
        let path = spec.path.as_str();
        let coding = match kind {
            ColumnType::Text if INLINE.contains(&path) => Coding::Inline,
            ColumnType::Text => Coding::Coded,
            _ => Coding::Number,
        };
        let at = layout.columns.len();
        layout.by_id.insert(spec.id, at);
        layout.by_path.insert(path, at);
        layout.columns.push(Column { name: path.replace('.', "_"), path: Some(path), kind, coding });
    }
    layout
});

/// Every column of the view `entries`, in order. The kind views have the same.
#[must_use]
pub fn columns() -> &'static [Column] {
    &LAYOUT.columns
}

/// Position of the column of a field.
pub(crate) fn by_id(id: FieldId) -> Option<usize> {
    LAYOUT.by_id.get(&id).copied()
}

/// Position of the column of a path.
pub(crate) fn by_path(path: &str) -> Option<usize> {
    LAYOUT.by_path.get(path).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_column_has_its_own_name_and_every_field_its_column() {
        let names: BTreeSet<_> = columns().iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names.len(), columns().len());
        let fields = schema().iter().filter(|spec| spec.kind != FieldType::Labels);
        for spec in fields {
            assert_eq!(columns()[by_id(spec.id).unwrap()].path, Some(spec.path.as_str()));
        }
    }

    #[test]
    fn fields_said_to_be_inline_exist() {
        for path in INLINE {
            assert!(by_path(path).is_some(), "{path}");
        }
    }

    #[test]
    fn the_contract_page_lists_every_column() {
        let page = include_str!("../../../docs/views.md");
        for column in columns() {
            let kind = match column.kind {
                ColumnType::Text => ["text", "word"].as_slice(),
                ColumnType::Integer => &["integer"],
                ColumnType::Time => &["time"],
                ColumnType::Flag => &["0/1"],
            };
            let listed = kind.iter().any(|kind| page.contains(&format!("| `{}` | {kind} |", column.name)));
            assert!(listed, "docs/views.md does not list {} as {kind:?}", column.name);
        }
    }
}
