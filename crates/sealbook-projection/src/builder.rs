//! Builds a projection from entries: base tables while they come, derived tables and indexes at the end.

use std::path::PathBuf;

use rusqlite::Connection;
use sealbook_core::entry::Entry;

use crate::error::BuildError;
use crate::projection::Projection;
use crate::row::{Row, labels};
use crate::tables::{Base, EMPTY, INDEX, Texts, Words};
use crate::views::{KIND_VIEWS, VIEWS, kind_views};

/// Where a projection lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In memory: for up to some hundred thousand entries.
    Memory,
    /// In a temporary file that nobody else sees and that goes with the projection.
    Temporary,
    /// In a file, which must not exist. Texts that repeat are numbered there: smaller, and slower to ask.
    File(PathBuf),
}

/// Makes a projection of entries.
pub struct Builder {
    pub(crate) conn: Connection,
    row: Row,
    texts: Texts,
    base: Base,
    next: u64,
}

/// Prepared statements that are kept: one to insert an entry, one a word, one a label.
const STATEMENTS_KEPT: usize = 8;

const INSERT_LABEL: &str = "INSERT INTO labels (entry, name, value) VALUES (?1, ?2, ?3)";

/// While building nothing is synced: what a crash leaves is thrown away.
const FAST: &str = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;
    PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -65536;";

impl Builder {
    /// An empty projection.
    ///
    /// # Errors
    /// When the file cannot be made, or exists.
    pub fn new(place: &Place) -> Result<Self, BuildError> {
        let conn = match place {
            Place::Memory => Connection::open_in_memory()?,
            Place::Temporary => Connection::open("")?,
            Place::File(path) => Connection::open(path)?,
        };
        conn.execute_batch(FAST)?;
        conn.execute_batch("BEGIN")?;
        conn.execute_batch(EMPTY)?;
        let texts = match place {
            Place::Memory | Place::Temporary => Texts::Plain,
            Place::File(_) => Texts::Numbered(Words::default()),
        };
        Self::with(conn, 0, texts)
    }

    /// Goes on with a stored projection that has entries below `next`, inside a transaction.
    pub(crate) fn on(conn: Connection, next: u64) -> Result<Self, BuildError> {
        let texts = Texts::Numbered(Words::load(&conn)?);
        Self::with(conn, next, texts)
    }

    fn with(conn: Connection, next: u64, texts: Texts) -> Result<Self, BuildError> {
        conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        Ok(Self { texts, base: Base::load(&conn)?, row: Row::new(), next, conn })
    }

    /// Adds an entry. Indexes grow; they may leave gaps.
    ///
    /// # Errors
    /// When the index is not larger than the one before, a number does not fit, or the disk is full.
    pub fn push(&mut self, entry: &Entry) -> Result<(), BuildError> {
        if entry.index < self.next {
            return Err(BuildError::Order { expected: self.next, found: entry.index });
        }
        self.row.read(entry)?;
        self.base.insert(&self.conn, &mut self.texts, &self.row)?;
        for (name, value) in labels(entry) {
            let index = i64::try_from(entry.index).unwrap_or(i64::MAX);
            self.conn.prepare_cached(INSERT_LABEL)?.execute((index, name, value))?;
        }
        self.next = entry.index + 1;
        Ok(())
    }

    /// Makes the views and closes the door: from here on the entries can only be read.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> Result<Projection, BuildError> {
        self.derive()?;
        Ok(Projection::new(self.commit()?)?)
    }

    /// One past the last index.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Makes the views, and writes the derived ones down instead of leaving them to every test that asks.
    pub(crate) fn derive(&mut self) -> Result<(), BuildError> {
        let conn = &self.conn;
        for view in VIEWS {
            conn.execute_batch(&format!("DROP TABLE IF EXISTS {}", view.name))?;
        }
        for (_, view) in KIND_VIEWS.iter().chain(&[("", "entries")]) {
            conn.execute_batch(&format!("DROP VIEW IF EXISTS {view}"))?;
        }
        conn.execute_batch(&self.base.view(&self.texts))?;
        conn.execute_batch(&kind_views())?;
        for view in VIEWS {
            conn.execute_batch(&format!("CREATE TABLE {} AS {}", view.name, view.sql))?;
            conn.execute_batch(&format!("CREATE INDEX {0}_{1} ON {0} ({1})", view.name, view.key))?;
        }
        if self.next > 0 {
            conn.execute_batch(INDEX)?;
        }
        Ok(())
    }

    pub(crate) fn commit(self) -> Result<Connection, BuildError> {
        self.conn.execute_batch("COMMIT")?;
        self.conn.flush_prepared_statement_cache();
        Ok(self.conn)
    }
}
