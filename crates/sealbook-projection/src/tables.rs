//! The SQLite tables below the views: the entries, with only the columns that occur, their labels, and the dictionary.
//!
//! One table holds entries of every kind. With one per kind, `entries` was a `UNION ALL`, which SQLite writes down whole
//! before it joins or groups: 20 times slower (measured over 200,000 entries).

use std::collections::HashMap;

use rusqlite::Connection;
use rusqlite::types::{Null, ToSqlOutput, ValueRef};

use crate::columns::{self, Coding, Column, columns};
use crate::row::{Datum, Row};

/// A text of more bytes is kept in its row. Bounds the memory of the dictionary to 64 MiB of text.
const WORD_BYTES_MAX: usize = 128;

/// Words of the dictionary; later ones are kept in their rows. See [`WORD_BYTES_MAX`].
const WORDS_MAX: usize = 1 << 19;

pub(crate) const EMPTY: &str = "
    CREATE TABLE base (entry INTEGER PRIMARY KEY);
    CREATE TABLE words (n INTEGER PRIMARY KEY, text TEXT NOT NULL);
    CREATE TABLE labels (entry INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
      PRIMARY KEY (name, entry)) WITHOUT ROWID;";

const INSERT_WORD: &str = "INSERT INTO words (n, text) VALUES (?1, ?2)";

/// How texts that repeat lie in the rows.
pub(crate) enum Texts {
    /// As they are: tests run twice as fast, and a projection that nobody keeps may be large.
    Plain,
    /// By number: a third smaller, for a projection that is kept.
    Numbered(Words),
}

/// Texts by number.
#[derive(Default)]
pub(crate) struct Words {
    numbers: HashMap<Box<str>, i64>,
}

impl Words {
    pub fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut words = Self::default();
        let mut statement = conn.prepare("SELECT text, n FROM words")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            words.numbers.insert(row.get::<_, String>(0)?.into(), row.get(1)?);
        }
        Ok(words)
    }

    fn number(&mut self, conn: &Connection, text: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(Some(*number));
        }
        if text.len() > WORD_BYTES_MAX || self.numbers.len() >= WORDS_MAX {
            return Ok(None);
        }
        let number = i64::try_from(self.numbers.len()).unwrap_or(i64::MAX);
        conn.prepare_cached(INSERT_WORD)?.execute((number, text))?;
        self.numbers.insert(text.into(), number);
        Ok(Some(number))
    }
}

/// Looks up entries by kind: most tests are about a few kinds only. Without the figures of `ANALYZE` the engine would
/// take it for a good way to find one credential among the decisions, and need minutes for it.
pub(crate) const INDEX: &str =
    "CREATE INDEX IF NOT EXISTS base_kind ON base (kind); PRAGMA analysis_limit = 1000; ANALYZE;";

/// The table of the entries.
pub(crate) struct Base {
    /// Columns that the table has.
    present: Vec<usize>,
    has: Vec<bool>,
    insert: String,
}

impl Base {
    /// The table as it is.
    pub fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut table = Self { present: Vec::new(), has: vec![false; columns().len()], insert: String::new() };
        let mut statement = conn.prepare("SELECT name FROM pragma_table_info('base') ORDER BY cid")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            if let Some(at) = columns().iter().position(|column| column.name == name) {
                table.remember(at);
            }
        }
        table.write_insert();
        Ok(table)
    }

    /// Adds a row, and first the columns that it is the first to have.
    pub fn insert(&mut self, conn: &Connection, texts: &mut Texts, row: &Row) -> rusqlite::Result<()> {
        self.widen(conn, row)?;
        let mut statement = conn.prepare_cached(&self.insert)?;
        for (place, at) in self.present.iter().enumerate() {
            match row.datum(*at) {
                Datum::Absent => statement.raw_bind_parameter(place + 1, Null)?,
                Datum::Number(number) => statement.raw_bind_parameter(place + 1, number)?,
                Datum::Text(text) => {
                    let coded = match (&mut *texts, columns().get(*at).map(|column| column.coding)) {
                        (Texts::Numbered(words), Some(Coding::Coded)) => words.number(conn, text)?,
                        _ => None,
                    };
                    let value = coded.map_or(ValueRef::Text(text.as_bytes()), ValueRef::Integer);
                    statement.raw_bind_parameter(place + 1, ToSqlOutput::Borrowed(value))?;
                }
            }
        }
        statement.raw_execute().map(drop)
    }

    fn widen(&mut self, conn: &Connection, row: &Row) -> rusqlite::Result<()> {
        // `event_at` is worked out in the view.
        let missing = |table: &Self, at: usize| at != columns::EVENT_AT && !table.has.get(at).copied().unwrap_or(true);
        if !row.present().any(|at| missing(self, at)) {
            return Ok(());
        }
        let news: Vec<usize> = row.present().filter(|at| missing(self, *at)).collect();
        for at in news {
            let Some(column) = columns().get(at) else { continue };
            let affinity = match column.coding {
                Coding::Number => " INTEGER",
                Coding::Inline => " TEXT",
                Coding::Coded => "",
            };
            conn.execute_batch(&format!("ALTER TABLE base ADD COLUMN {}{affinity}", column.name))?;
            self.remember(at);
        }
        self.write_insert();
        Ok(())
    }

    fn remember(&mut self, at: usize) {
        self.present.push(at);
        if let Some(has) = self.has.get_mut(at) {
            *has = true;
        }
    }

    fn write_insert(&mut self) {
        let names: Vec<_> = self.present.iter().filter_map(|at| columns().get(*at)).map(|c| c.name.as_str()).collect();
        let places: Vec<_> = (1..=names.len()).map(|n| format!("?{n}")).collect();
        self.insert = format!("INSERT INTO base ({}) VALUES ({})", names.join(", "), places.join(", "));
    }

    /// The view `entries`.
    pub fn view(&self, texts: &Texts) -> String {
        let expressions = columns().iter().enumerate();
        let expressions =
            expressions.map(|(at, column)| format!("{} AS {}", self.expression(at, column, texts), column.name));
        format!("CREATE VIEW entries AS SELECT {} FROM base AS t", expressions.collect::<Vec<_>>().join(", "))
    }

    fn expression(&self, at: usize, column: &Column, texts: &Texts) -> String {
        let has = |at: usize| self.has.get(at).copied().unwrap_or(false);
        let name = &column.name;
        if at == columns::EVENT_AT {
            let recorded = has(columns::RECORDED_AT);
            let occurred = columns::by_path("occurred_at").is_some_and(has);
            return match (occurred, recorded) {
                (true, _) => "COALESCE(t.occurred_at, t.recorded_at)",
                (false, true) => "t.recorded_at",
                (false, false) => "NULL",
            }
            .to_owned();
        }
        match (column.coding, texts) {
            _ if !has(at) => "NULL".to_owned(),
            (Coding::Coded, Texts::Numbered(_)) => format!(
                "CASE typeof(t.{name}) WHEN 'integer' THEN (SELECT w.text FROM words AS w WHERE w.n = t.{name}) ELSE t.{name} END"
            ),
            _ => format!("t.{name}"),
        }
    }
}
