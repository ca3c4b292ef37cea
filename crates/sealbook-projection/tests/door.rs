//! What the SQL door lets through, what it stops, and what it says then.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stop a test that cannot go on")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sealbook_projection::{Cell, Door, Limits, Projection, Query, QueryError, Sample, Value};

fn projection() -> Projection {
    let lines = (0..50).map(|n| {
        format!(
            r#"{{"event":{{"id":"{n}","kind":"decision","subject":{{"id":"s{n}","type":"human"}},"outcome":"allow"}}}}"#
        )
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    Sample::parse(&text).unwrap().project().unwrap()
}

fn ask(query: &Query<'_>) -> Result<u64, QueryError> {
    projection().query(query, &mut |_, _| {})
}

fn refused(sql: &str, door: Door) -> String {
    match ask(&Query::new(sql, door)) {
        Err(QueryError::Refused { what, .. }) => what,
        other => panic!("{sql}: {other:?}"),
    }
}

#[test]
fn nothing_can_be_written_or_attached() {
    for sql in [
        "DELETE FROM labels",
        "UPDATE identities SET id = 'x'",
        "INSERT INTO verified_ranges VALUES ('inclusion', 0, 9, 1, '')",
        "DROP VIEW entries",
        "CREATE TABLE t (a)",
        "CREATE TEMP VIEW entries AS SELECT 1",
        "PRAGMA query_only = OFF",
        "PRAGMA hard_heap_limit = 1",
        "ATTACH 'other' AS other",
        "VACUUM INTO 'copy'",
        "REINDEX",
        "SAVEPOINT a",
    ] {
        for door in [Door::Portable, Door::Adhoc] {
            let error = ask(&Query::new(sql, door)).unwrap_err();
            assert!(matches!(error, QueryError::Refused { .. } | QueryError::Statements(_)), "{sql}: {error:?}");
        }
    }
}

#[test]
fn only_public_views_can_be_read() {
    for table in ["base", "words", "sqlite_master", "pragma_table_info('words')"] {
        assert!(
            refused(&format!("SELECT * FROM {table}"), Door::Adhoc).contains("reading") || table.starts_with("pragma")
        );
    }
    assert_eq!(ask(&Query::new("SELECT * FROM decisions", Door::Portable)).unwrap(), 50);
    assert_eq!(ask(&Query::new("SELECT COUNT(*) FROM identities", Door::Portable)).unwrap(), 1);
}

#[test]
fn a_control_test_may_only_use_functions_that_every_engine_has() {
    for call in
        ["random()", "strftime('%Y', 'now')", "group_concat(id)", "load_extension('x')", "json_extract(id, '$')"]
    {
        assert!(refused(&format!("SELECT {call} FROM entries"), Door::Portable).starts_with("the function"));
    }
    assert_eq!(refused("SELECT load_extension('x')", Door::Adhoc), "the function load_extension");
    ask(&Query::new("SELECT datetime(event_at / 1000000, 'unixepoch') FROM entries", Door::Adhoc)).unwrap();
    let recursive = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    assert!(refused(recursive, Door::Portable).contains("recursive"));
}

#[test]
fn like_tells_capitals_apart_as_other_engines_do() {
    assert_eq!(ask(&Query::new("SELECT id FROM entries WHERE kind LIKE 'Dec%'", Door::Portable)).unwrap(), 0);
    assert_eq!(ask(&Query::new("SELECT id FROM entries WHERE kind LIKE 'dec%'", Door::Portable)).unwrap(), 50);
}

#[test]
fn an_error_points_at_the_word() {
    let QueryError::Sql { line, column, word, message } =
        ask(&Query::new("SELECT id\nFROM entries\nWHERE colour = 1", Door::Portable)).unwrap_err()
    else {
        panic!("not an SQL error")
    };
    assert_eq!((line, column, word.as_str()), (3, 7, "colour"));
    assert!(message.contains("no such column"), "{message}");
    let error = ask(&Query::new("SELECT 'ü', nothing FROM entries", Door::Portable)).unwrap_err();
    assert!(error.to_string().starts_with("line 1, column 13: "), "{error}");
    assert!(matches!(ask(&Query::new("SELEC 1", Door::Portable)), Err(QueryError::Sql { .. })));
}

#[test]
fn one_statement_and_no_other() {
    assert!(matches!(ask(&Query::new("SELECT 1; SELECT 2", Door::Portable)), Err(QueryError::Statements("several"))));
    assert!(matches!(ask(&Query::new("", Door::Portable)), Err(QueryError::Statements(_))));
    assert!(matches!(ask(&Query::new("-- nothing", Door::Portable)), Err(QueryError::Statements(_))));
}

#[test]
fn parameters_are_bound_by_name_and_a_missing_one_is_an_error() {
    let sql = "SELECT id FROM entries WHERE subject_id = $who AND entry < $n";
    let mut query = Query::new(sql, Door::Portable);
    query.parameters = vec![("who", Value::Text("s3' OR '1'='1".to_owned())), ("n", Value::Integer(9))];
    assert_eq!(ask(&query).unwrap(), 0);
    query.parameters =
        vec![("who", Value::Text("s3".to_owned())), ("n", Value::Integer(9)), ("unused", Value::Integer(1))];
    assert_eq!(ask(&query).unwrap(), 1);
    query.parameters.remove(0);
    let error = ask(&query).unwrap_err();
    assert_eq!(error.to_string(), "the SQL mentions $who, and no such parameter was given; given: $n, $unused");
}

const ENDLESS: &str = "SELECT COUNT(*) FROM entries a, entries b, entries c, entries d, entries e, entries f";

#[test]
fn too_many_steps_stop_a_query_and_the_next_one_runs() {
    let projection = projection();
    let mut query = Query::new(ENDLESS, Door::Portable);
    query.limits.steps_max = 1_000_000;
    assert_eq!(projection.query(&query, &mut |_, _| {}), Err(QueryError::Steps { steps: 1_000_000 }));
    assert_eq!(projection.query(&Query::new("SELECT 1", Door::Portable), &mut |_, _| {}), Ok(1));
}

#[test]
fn a_clock_that_says_so_stops_a_query() {
    let up = Arc::new(AtomicBool::new(false));
    let looks = up.clone();
    let mut query = Query::new(ENDLESS, Door::Portable);
    // False at the first look, true at the second.
    query.limits.time_is_up = Some(Arc::new(move || looks.swap(true, Ordering::Relaxed)));
    assert_eq!(ask(&query), Err(QueryError::Time));
    assert!(up.load(Ordering::Relaxed));
}

#[test]
fn too_many_rows_stop_a_query_after_the_last_one_allowed() {
    let mut seen = 0;
    let mut query = Query::new("SELECT id FROM entries", Door::Portable);
    query.limits = Limits { rows_max: 50, ..Limits::default() };
    assert_eq!(ask(&query), Ok(50));
    query.limits.rows_max = 49;
    assert_eq!(projection().query(&query, &mut |_, _| seen += 1), Err(QueryError::Rows { max: 49 }));
    assert_eq!(seen, 49);
}

#[test]
fn a_value_that_grows_without_end_is_stopped() {
    let doubling = "replace(replace(replace(replace($x, 'a', $x), 'a', $x), 'a', $x), 'a', $x)";
    let sql = format!("SELECT length({doubling})");
    let mut query = Query::new(&sql, Door::Portable);
    query.parameters = vec![("x", Value::Text("a".repeat(100)))];
    assert!(matches!(ask(&query), Err(QueryError::Memory(_))));
}

#[test]
fn cells_are_typed() {
    let mut shown = Vec::new();
    let query = Query::new("SELECT NULL, 1, 'a', 0.5", Door::Portable);
    projection().query(&query, &mut |names, cells| shown.push(format!("{} {cells:?}", names.len()))).unwrap();
    assert_eq!(shown, [format!("4 {:?}", [Cell::Null, Cell::Integer(1), Cell::Text("a"), Cell::Real(0.5)])]);
    assert!(matches!(ask(&Query::new("SELECT x'00'", Door::Portable)), Err(QueryError::Engine(_))));
}
