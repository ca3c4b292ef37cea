//! `sealbook query`: SQL over the ledger, read only, within limits.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use sealbook_disk::World;
use sealbook_log::Reader;
use sealbook_projection::{Cell, Door, Kept, Limits, Projection, Query};
use serde_json::{Map, Value};

use crate::output::Exit;
use crate::progress::Talk;

/// Widest cell of a table; wider ones end in `…` (csv and json are never cut).
const CELL_CHARS_MAX: usize = 60;

/// Arguments of `query`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: sealbook query L \"SELECT kind, COUNT(*) AS n FROM entries GROUP BY kind ORDER BY n DESC\"\n\
    The views and their columns are in docs/views.md; times are µs since the Unix epoch."
)]
pub struct Args {
    /// Folder of the ledger.
    ledger: PathBuf,
    /// One SELECT.
    sql: String,
    /// How to print.
    #[arg(long, default_value = "table", value_parser = ["table", "csv", "json"])]
    format: String,
    /// Most rows of the answer; more are an error.
    #[arg(long, default_value_t = 100_000)]
    rows: u64,
    /// Longest time, in seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    timeout: u64,
}

/// Asks.
///
/// # Errors
/// What is wrong with the SQL, and where; or which limit was reached.
pub fn run(args: &Args, talk: Talk) -> anyhow::Result<Exit> {
    let reader = Reader::open(&World::real(), &args.ledger)?;
    let projection = keep(&reader, talk)?;
    let mut query = Query::new(&args.sql, Door::Adhoc);
    query.limits = limits(args);
    let mut columns: Vec<String> = projection.columns_of(&query)?;
    let mut rows: Vec<Vec<Value>> = Vec::new();
    projection.query(&query, &mut |names, cells| {
        columns = names.to_vec();
        rows.push(cells.iter().map(value).collect());
    })?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.format.as_str() {
        "json" => print_json(&mut out, &columns, rows)?,
        "csv" => print_csv(&mut out, &columns, &rows)?,
        _ => print_table(&mut out, &columns, &rows)?,
    }
    out.flush()?;
    Ok(Exit::Yes)
}

/// The stored projection of a ledger, brought up to date.
///
/// # Errors
/// When the log cannot be read or the file cannot be written.
pub fn keep(reader: &Reader, talk: Talk) -> anyhow::Result<Projection> {
    let dir = reader.layout().derived("sql");
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let (projection, kept) = Projection::keep(&dir.join("projection.sqlite"), &sealbook_packs::ReaderLog(reader))?;
    match kept {
        Kept::Current => {}
        Kept::CaughtUp(from) => talk.say(format!("entries from {from} on were added to the projection")),
        Kept::Rebuilt(why) => talk.say(format!("the projection was made anew: {why}")),
    }
    Ok(projection)
}

#[expect(clippy::disallowed_methods, reason = "the time limit of a person's query is measured here, at the edge")]
fn limits(args: &Args) -> Limits {
    let begun = Instant::now();
    let most = Duration::from_secs(args.timeout);
    Limits { rows_max: args.rows, time_is_up: Some(Arc::new(move || begun.elapsed() > most)), ..Limits::default() }
}

fn value(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => (*number).into(),
        Cell::Real(number) => (*number).into(),
        Cell::Text(text) => (*text).into(),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn print_json(out: &mut impl std::io::Write, columns: &[String], rows: Vec<Vec<Value>>) -> anyhow::Result<()> {
    for row in rows {
        let object: Map<String, Value> = columns.iter().cloned().zip(row).collect();
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn print_csv(out: &mut impl std::io::Write, columns: &[String], rows: &[Vec<Value>]) -> anyhow::Result<()> {
    // RFC 4180.
    let quoted = |cell: String| {
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    };
    let mut line =
        |cells: Vec<String>| write!(out, "{}\r\n", cells.into_iter().map(quoted).collect::<Vec<_>>().join(","));
    line(columns.to_vec())?;
    for row in rows {
        line(row.iter().map(text).collect())?;
    }
    Ok(())
}

fn print_table(out: &mut impl std::io::Write, columns: &[String], rows: &[Vec<Value>]) -> anyhow::Result<()> {
    let shown = |value: &Value| {
        let text = sealbook_verifier::printable(&text(value));
        if text.chars().count() <= CELL_CHARS_MAX {
            return text;
        }
        text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
    };
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    let width = |at: usize, name: &String| {
        let widest = cells.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(name.chars().count())
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(|(at, name)| width(at, name)).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    writeln!(out, "{}", line(columns))?;
    writeln!(out, "{}", widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>().join("  "))?;
    for row in &cells {
        writeln!(out, "{}", line(row))?;
    }
    writeln!(out, "({} rows)", rows.len())?;
    Ok(())
}
