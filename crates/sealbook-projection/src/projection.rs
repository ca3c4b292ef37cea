//! A built projection: what it holds, and its door.

use rusqlite::Connection;

use crate::door::{self, Door, Guard};
use crate::error::{BuildError, QueryError};
use crate::facts::{self, Facts};

/// Entries as the views of `docs/views.md`, to be read only.
pub struct Projection {
    pub(crate) conn: Connection,
    pub(crate) guard: Guard,
}

impl Projection {
    pub(crate) fn new(conn: Connection) -> Result<Self, rusqlite::Error> {
        let guard = Guard::default();
        let mut projection = Self { conn, guard };
        facts::write(&projection.conn, &Facts::default())?;
        door::lock(&mut projection.conn, &projection.guard)?;
        Ok(projection)
    }

    /// Replaces the facts that are not entries.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn set_facts(&mut self, facts: &Facts) -> Result<(), BuildError> {
        door::unlock(&mut self.conn)?;
        facts::write(&self.conn, facts)?;
        door::lock(&mut self.conn, &self.guard)?;
        Ok(())
    }

    /// First index and one past the last; `None` where there are no entries.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn range(&self) -> Result<Option<(u64, u64)>, QueryError> {
        let mut range = None;
        let query = door::Query::new("SELECT first_entry, end_entry FROM ledger", Door::Portable);
        self.query(&query, &mut |_, cells| {
            if let [door::Cell::Integer(first), door::Cell::Integer(end)] = cells {
                range = u64::try_from(*first).ok().zip(u64::try_from(*end).ok());
            }
        })?;
        Ok(range)
    }
}
