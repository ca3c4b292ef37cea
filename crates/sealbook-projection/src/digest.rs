//! Digests of the rows of a stored projection: they tell damage, which SQLite alone does not.

use std::fmt::Write as _;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use crate::views::VIEWS;

/// One row per stretch of entries that was added at once, and one, without a range, for the derived tables.
pub(crate) const BLOCKS: &str = "
    CREATE TABLE blocks (first_entry INTEGER PRIMARY KEY, end_entry INTEGER NOT NULL, first_word INTEGER NOT NULL,
      end_word INTEGER NOT NULL, rows INTEGER NOT NULL, sha256 TEXT NOT NULL);
    CREATE TABLE derived_digest (sha256 TEXT NOT NULL);";

/// SHA-256 of a text, lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    text(&Sha256::digest(bytes))
}

fn text(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A stretch of entries and of words.
struct Block {
    first_entry: i64,
    end_entry: i64,
    first_word: i64,
    end_word: i64,
}

/// Records the digest of the entries from `first` to `end`, and that of the derived tables.
pub(crate) fn write(conn: &Connection, first: u64, end: u64) -> rusqlite::Result<()> {
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let block = Block {
        first_entry: number(first),
        end_entry: number(end),
        first_word: conn.query_row("SELECT COALESCE(MAX(end_word), 0) FROM blocks", [], |row| row.get(0))?,
        end_word: conn.query_row("SELECT COALESCE(MAX(n) + 1, 0) FROM words", [], |row| row.get(0))?,
    };
    let (rows, sha256) = of_block(conn, &block)?;
    conn.execute(
        "INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (block.first_entry, block.end_entry, block.first_word, block.end_word, rows, sha256),
    )?;
    conn.execute("DELETE FROM derived_digest", [])?;
    conn.execute("INSERT INTO derived_digest VALUES (?1)", [of_derived(conn)?])?;
    Ok(())
}

/// What differs from the digests, in words; `None` where everything fits and the blocks reach exactly to `size`.
pub(crate) fn difference(conn: &Connection, size: u64) -> rusqlite::Result<Option<String>> {
    let mut statement = conn.prepare(
        "SELECT first_entry, end_entry, first_word, end_word, rows, sha256 FROM blocks ORDER BY first_entry",
    )?;
    let mut blocks = statement.query([])?;
    let mut next = (0, 0);
    while let Some(row) = blocks.next()? {
        let block =
            Block { first_entry: row.get(0)?, end_entry: row.get(1)?, first_word: row.get(2)?, end_word: row.get(3)? };
        if (block.first_entry, block.first_word) != next {
            return Ok(Some(format!("its digests leave a hole before entry {}", block.first_entry)));
        }
        if (row.get(4)?, row.get(5)?) != of_block(conn, &block)? {
            let (first, end) = (block.first_entry, block.end_entry);
            return Ok(Some(format!("entries {first} to {end} differ from their digest: the file is damaged")));
        }
        next = (block.end_entry, block.end_word);
    }
    if u64::try_from(next.0) != Ok(size) {
        return Ok(Some(format!("its digests end at entry {}, not at {size}", next.0)));
    }
    let derived: String = conn.query_row("SELECT sha256 FROM derived_digest", [], |row| row.get(0))?;
    if derived != of_derived(conn)? {
        return Ok(Some("the views or the derived tables differ from their digest: the file is damaged".to_owned()));
    }
    for table in VIEWS.map(|view| view.name).into_iter().chain(["base", "labels"]) {
        // The rows are right; an index that does not lead to them would still hide some.
        let word: String = conn.query_row(&format!("PRAGMA integrity_check({table})"), [], |row| row.get(0))?;
        if word != "ok" {
            return Ok(Some(format!("{table} or its index is damaged: {word}")));
        }
    }
    Ok(None)
}

fn of_block(conn: &Connection, block: &Block) -> rusqlite::Result<(i64, String)> {
    let mut hash = Sha256::new();
    let entries = (block.first_entry, block.end_entry);
    let rows = feed(conn, "SELECT * FROM base WHERE entry >= ?1 AND entry < ?2 ORDER BY entry", entries, &mut hash)?;
    let labels = "SELECT * FROM labels WHERE entry >= ?1 AND entry < ?2 ORDER BY name, entry";
    feed(conn, labels, entries, &mut hash)?;
    let words = "SELECT * FROM words WHERE n >= ?1 AND n < ?2 ORDER BY n";
    feed(conn, words, (block.first_word, block.end_word), &mut hash)?;
    Ok((rows, text(&hash.finalize())))
}

fn of_derived(conn: &Connection) -> rusqlite::Result<String> {
    let mut hash = Sha256::new();
    // The text of tables and views: a flipped bit there renames a column.
    let schema =
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE rowid >= ?1 AND rowid < ?2 ORDER BY type, name";
    feed(conn, schema, (i64::MIN, i64::MAX), &mut hash)?;
    for view in VIEWS {
        let sql = format!("SELECT * FROM {} WHERE rowid >= ?1 AND rowid < ?2 ORDER BY rowid", view.name);
        feed(conn, &sql, (i64::MIN, i64::MAX), &mut hash)?;
    }
    Ok(text(&hash.finalize()))
}

/// Feeds every value that is there, with its column. A column that is added later leaves the digest as it is.
fn feed(conn: &Connection, sql: &str, range: (i64, i64), hash: &mut Sha256) -> rusqlite::Result<i64> {
    let mut statement = conn.prepare(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(range)?;
    let mut count = 0;
    let mut bytes = sql.as_bytes().to_vec();
    while let Some(row) = rows.next()? {
        count += 1;
        for column in 0..columns {
            let (tag, value): (u8, &[u8]) = match row.get_ref(column)? {
                ValueRef::Null => continue,
                ValueRef::Integer(number) => (1, &number.to_le_bytes()),
                ValueRef::Real(number) => (2, &number.to_le_bytes()),
                ValueRef::Text(text) => (3, text),
                ValueRef::Blob(blob) => (4, blob),
            };
            bytes.push(tag);
            bytes.extend_from_slice(&column.to_le_bytes());
            bytes.extend_from_slice(&value.len().to_le_bytes());
            bytes.extend_from_slice(value);
        }
        hash.update(&bytes);
        bytes.clear();
    }
    hash.update(&bytes);
    Ok(count)
}
