//! The stored form `sql/projection.sqlite`: kept between runs, caught up with the log, replaced when in doubt.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use sealbook_core::entry::Entry;

use crate::builder::{Builder, Place};
use crate::columns::columns;
use crate::digest::{self, BLOCKS};
use crate::error::{BuildError, StoreError};
use crate::facts::Position;
use crate::projection::Projection;
use crate::views::portable_script;

/// Version of the tables below the views.
const TABLES_VERSION: u32 = 1;

const META: &str = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

/// What went wrong in the log that entries come from.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// The log, as far as a stored projection needs it.
pub trait Log {
    /// Origin, size and root now.
    ///
    /// # Errors
    /// When the log cannot say.
    fn position(&self) -> Result<Position, SourceError>;

    /// Root at an earlier size, standard base64; `None` when the log is shorter.
    ///
    /// # Errors
    /// When the log cannot say.
    fn root_at(&self, size: u64) -> Result<Option<String>, SourceError>;

    /// Calls `each` with every entry from `first` up to `end`, the latter not included.
    ///
    /// # Errors
    /// When an entry cannot be read, or what `each` gives.
    fn entries(
        &self,
        first: u64,
        end: u64,
        each: &mut dyn FnMut(&Entry) -> Result<(), BuildError>,
    ) -> Result<(), SourceError>;
}

/// What was done to bring a stored projection up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: it was.
    Current,
    /// Entries from this index on were added.
    CaughtUp(u64),
    /// It was made anew, for this reason.
    Rebuilt(String),
}

impl Projection {
    /// Opens the projection stored at `path` at the log's present position: as it is, caught up, or made anew where
    /// anything about it is in doubt. Every row is compared to its digest first, since a flipped bit in such a file
    /// changes answers silently.
    ///
    /// # Errors
    /// When the log cannot be read, or the file cannot be written.
    pub fn keep(path: &Path, log: &dyn Log) -> Result<(Self, Kept), StoreError> {
        let position = log.position()?;
        let kept = match doubt(path, &position, log)? {
            None => Kept::Current,
            Some(Doubt::Behind(size)) => match catch_up(path, size, &position, log) {
                Ok(()) => Kept::CaughtUp(size),
                Err(StoreError::Log(error)) => return Err(StoreError::Log(error)),
                Err(error) => Kept::Rebuilt(error.to_string()),
            },
            Some(Doubt::Replace(why)) => Kept::Rebuilt(why),
        };
        let why = match kept {
            Kept::Rebuilt(why) => why,
            kept => match lay_open(path) {
                Ok(projection) => return Ok((projection, kept)),
                Err(error) => error.to_string(),
            },
        };
        rebuild(path, &position, log)?;
        Ok((lay_open(path)?, Kept::Rebuilt(why)))
    }
}

fn lay_open(path: &Path) -> Result<Projection, BuildError> {
    Ok(Projection::new(open(path)?)?)
}

enum Doubt {
    /// Everything fits, and there are entries after this size.
    Behind(u64),
    Replace(String),
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

/// What speaks against using the stored projection as it is.
fn doubt(path: &Path, position: &Position, log: &dyn Log) -> Result<Option<Doubt>, StoreError> {
    let replace = |why: String| Ok(Some(Doubt::Replace(why)));
    if !path.exists() {
        return replace("there was none".to_owned());
    }
    let stored = match open(path).and_then(|conn| check(&conn)) {
        Ok(Ok(stored)) => stored,
        Ok(Err(why)) => return replace(why),
        Err(error) => return replace(format!("it cannot be read: {error}")),
    };
    if stored.origin != position.origin {
        return replace(format!("it is of the ledger {}", stored.origin));
    }
    if stored.size > position.size {
        return replace(format!("it has {} entries, the log has {}", stored.size, position.size));
    }
    if log.root_at(stored.size)?.as_ref() != Some(&stored.root) {
        return replace(format!("its root at size {} is not that of the log", stored.size));
    }
    Ok((stored.size < position.size).then_some(Doubt::Behind(stored.size)))
}

/// Reads the position that it was made at, after comparing every row to its digest.
fn check(conn: &Connection) -> rusqlite::Result<Result<Position, String>> {
    let meta = |name: &str| {
        conn.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get::<_, String>(0)).optional()
    };
    if meta("version")? != Some(version()) {
        return Ok(Err("its tables are of another version".to_owned()));
    }
    let (Some(origin), Some(size), Some(root)) = (meta("origin")?, meta("size")?, meta("root")?) else {
        return Ok(Err("it does not say where it was made".to_owned()));
    };
    let Ok(size) = size.parse() else {
        return Ok(Err(format!("its size {size:?} is no number")));
    };
    if let Some(difference) = digest::difference(conn, size)? {
        return Ok(Err(difference));
    }
    Ok(Ok(Position { origin, size, root }))
}

/// Changes whenever the tables, the columns or a view do.
fn version() -> String {
    let names: Vec<_> = columns().iter().map(|column| column.name.as_str()).collect();
    let shape = format!("{TABLES_VERSION}\n{}\n{}", names.join(","), portable_script());
    digest::hex(shape.as_bytes())
}

fn catch_up(path: &Path, from: u64, position: &Position, log: &dyn Log) -> Result<(), StoreError> {
    let conn = Connection::open(path).map_err(BuildError::from)?;
    // One transaction with a journal: a crash leaves the old state.
    let begun = conn.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA cache_size = -65536; BEGIN IMMEDIATE");
    begun.map_err(BuildError::from)?;
    let builder = Builder::on(conn, from)?;
    fill(builder, from, position, log)
}

fn rebuild(path: &Path, position: &Position, log: &dyn Log) -> Result<(), StoreError> {
    let new = PathBuf::from(format!("{}.{}.new", path.display(), std::process::id()));
    let file = |cause| BuildError::File { path: new.clone(), cause };
    match fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(file(error).into()),
        _ => {}
    }
    let builder = Builder::new(&Place::File(new.clone()))?;
    builder.conn.execute_batch(META).map_err(BuildError::from)?;
    builder.conn.execute_batch(BLOCKS).map_err(BuildError::from)?;
    let filled = fill(builder, 0, position, log);
    let placed = filled.and_then(|()| fs::rename(&new, path).map_err(|cause| file(cause).into()));
    if placed.is_err() {
        // The reason is given below; what is left of the file is only in the way.
        let _ = fs::remove_file(&new);
    }
    placed
}

/// Adds the entries from `from` up to `position`, and says so in the file; all in the transaction under way.
fn fill(mut builder: Builder, from: u64, position: &Position, log: &dyn Log) -> Result<(), StoreError> {
    log.entries(from, position.size, &mut |entry| builder.push(entry))?;
    if builder.next() != position.size {
        let found = builder.next();
        let expected = position.size;
        return Err(BuildError::Order { expected, found }.into());
    }
    builder.derive()?;
    let conn = &builder.conn;
    let mark = |name: &str, value: &str| {
        conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", (name, value)).map(drop)
    };
    let marked = mark("version", &version())
        .and_then(|()| mark("origin", &position.origin))
        .and_then(|()| mark("size", &position.size.to_string()))
        .and_then(|()| mark("root", &position.root))
        .and_then(|()| digest::write(conn, from, position.size));
    marked.map_err(BuildError::from)?;
    builder.commit()?;
    Ok(())
}
