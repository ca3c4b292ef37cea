//! The stored projection follows its log, and is made anew whenever something about it is in doubt.
#![expect(clippy::unwrap_used, reason = "helpers of tests stop a test that cannot go on")]

use std::fs;
use std::path::Path;

use sealbook_core::entry::Entry;
use sealbook_projection::{BuildError, Cell, Door, Kept, Log, Position, Projection, Query, Sample, SourceError};

/// A log whose root is its size and a word that stands for its content.
#[derive(Clone)]
struct FakeLog {
    entries: Vec<Entry>,
    origin: &'static str,
    content: &'static str,
}

impl FakeLog {
    fn of(size: usize) -> Self {
        let lines = (0..size).map(|n| {
            let extra = if n < 3 { "" } else { r#","correlation":{"request":"r"},"labels":{"a":"b"}"# };
            format!(
                r#"{{"event":{{"id":"e{n}","kind":"decision","subject":{{"id":"who-{n}","type":"human"}},"outcome":"allow"{extra}}}}}"#
            )
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let entries = Sample::parse(&text).unwrap().entries;
        Self { entries, origin: "o", content: "same" }
    }
}

impl Log for FakeLog {
    fn position(&self) -> Result<Position, SourceError> {
        let size = self.entries.len() as u64;
        Ok(Position { origin: self.origin.to_owned(), size, root: format!("{} {size}", self.content) })
    }

    fn root_at(&self, size: u64) -> Result<Option<String>, SourceError> {
        Ok((size <= self.entries.len() as u64).then(|| format!("{} {size}", self.content)))
    }

    fn entries(
        &self,
        first: u64,
        end: u64,
        each: &mut dyn FnMut(&Entry) -> Result<(), BuildError>,
    ) -> Result<(), SourceError> {
        for entry in self.entries.iter().filter(|entry| (first..end).contains(&entry.index)) {
            each(entry)?;
        }
        Ok(())
    }
}

fn keep(path: &Path, log: &FakeLog) -> (Kept, String) {
    let (projection, kept) = Projection::keep(path, log).unwrap();
    let mut answer = String::new();
    let sql = "SELECT id, last_entry, uses FROM identities ORDER BY id";
    let asked = projection.query(&Query::new(sql, Door::Portable), &mut |_, cells| {
        if let [Cell::Text(id), Cell::Integer(entry), Cell::Integer(uses)] = cells {
            answer += &format!("{id} {entry} {uses}; ");
        }
    });
    asked.unwrap();
    (kept, answer)
}

fn rebuilt(kept: &Kept) -> &str {
    match kept {
        Kept::Rebuilt(why) => why,
        _ => "",
    }
}

#[test]
fn it_is_made_once_then_used_then_caught_up_with_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.sqlite");
    let (kept, first) = keep(&path, &FakeLog::of(3));
    assert_eq!((rebuilt(&kept), first.as_str()), ("there was none", "who-0 0 1; who-1 1 1; who-2 2 1; "));
    assert_eq!(keep(&path, &FakeLog::of(3)), (Kept::Current, first));
    let (kept, caught_up) = keep(&path, &FakeLog::of(6));
    assert_eq!(kept, Kept::CaughtUp(3));
    assert_eq!(keep(&path, &FakeLog::of(6)), (Kept::Current, caught_up.clone()));
    let other = folder.path().join("fresh.sqlite");
    assert_eq!(keep(&other, &FakeLog::of(6)).1, caught_up);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn another_ledger_another_content_and_a_shorter_log_replace_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.sqlite");
    keep(&path, &FakeLog::of(4));
    let shorter = FakeLog::of(3);
    assert_eq!(rebuilt(&keep(&path, &shorter).0), "it has 4 entries, the log has 3");
    let changed = FakeLog { content: "changed", ..FakeLog::of(5) };
    assert_eq!(rebuilt(&keep(&path, &changed).0), "its root at size 3 is not that of the log");
    let other = FakeLog { origin: "other", ..changed };
    assert_eq!(rebuilt(&keep(&path, &other).0), "it is of the ledger o");
    assert_eq!(keep(&path, &other).0, Kept::Current);
}

#[test]
fn what_is_no_database_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.sqlite");
    fs::write(&path, "no database").unwrap();
    assert!(rebuilt(&keep(&path, &FakeLog::of(2)).0).contains("cannot be read"));
}

#[test]
fn a_changed_value_anywhere_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.sqlite");
    let log = FakeLog::of(6);
    let (_, answer) = keep(&path, &log);
    for change in [
        "UPDATE base SET recorded_at = recorded_at + 1 WHERE entry = 2",
        "DELETE FROM base WHERE entry = 5",
        "UPDATE words SET text = 'who-9' WHERE text = 'who-1'",
        "UPDATE labels SET value = 'c' WHERE entry = 4",
        "UPDATE identities SET uses = 0",
        "DELETE FROM blocks",
        "UPDATE meta SET value = '5' WHERE name = 'size'",
        "UPDATE meta SET value = '0' WHERE name = 'version'",
    ] {
        let conn = rusqlite::Connection::open(&path).unwrap();
        assert!(conn.execute(change, []).unwrap() > 0, "{change}");
        drop(conn);
        let (kept, again) = keep(&path, &log);
        assert!(matches!(kept, Kept::Rebuilt(_)), "{change}: {kept:?}");
        assert_eq!(again, answer, "{change}");
    }
}

#[test]
fn a_flipped_bit_never_changes_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("projection.sqlite");
    let log = FakeLog::of(6);
    let (_, answer) = keep(&path, &log);
    let good = fs::read(&path).unwrap();
    let mut noticed = 0;
    for at in (0..good.len()).step_by(good.len() / 150) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        let (kept, again) = keep(&path, &log);
        noticed += usize::from(matches!(kept, Kept::Rebuilt(_)));
        assert_eq!(again, answer, "bit {} of byte {at}", at % 8);
    }
    assert!(noticed > 0, "not one of the bits was in use");
}

#[test]
fn a_log_that_gives_fewer_entries_than_it_says_is_an_error() {
    struct Short(FakeLog);
    impl Log for Short {
        fn position(&self) -> Result<Position, SourceError> {
            self.0.position()
        }
        fn root_at(&self, size: u64) -> Result<Option<String>, SourceError> {
            self.0.root_at(size)
        }
        fn entries(
            &self,
            first: u64,
            end: u64,
            each: &mut dyn FnMut(&Entry) -> Result<(), BuildError>,
        ) -> Result<(), SourceError> {
            self.0.entries(first, end - 1, each)
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let error = Projection::keep(&folder.path().join("p.sqlite"), &Short(FakeLog::of(3))).err().unwrap();
    assert!(error.to_string().contains("entry 2 came where"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
