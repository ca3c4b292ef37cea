//! The written truth table: read from the documents, held against what verification says.

use std::collections::BTreeMap;

use crate::fixture::Fixture;
use crate::folder::Folder;

/// A name, and the tampering.
pub type Case = (&'static str, fn(&Fixture) -> Folder);

/// A row: verdict, classes of failure in the order in which they are found, place of the first (or what else is said).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub verdict: String,
    pub failures: String,
    pub place: String,
}

/// Opens and closes the table in the document.
const BEGIN: &str = "<!-- table of tampering -->";
const END: &str = "<!-- end of the table -->";
/// What a cell says that says nothing.
const NOTHING: &str = "–";
/// Before the words that the report must contain.
const SAYS: &str = "says: ";

/// The rows by name.
pub fn read() -> BTreeMap<String, Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verification.md");
    let text = std::fs::read_to_string(path).unwrap();
    let table = &text[text.find(BEGIN).expect("the table begins")..text.find(END).expect("the table ends")];
    let mut rows = BTreeMap::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, _, verdict, failures, place] = cells[..] else { panic!("not five cells: {line}") };
        let row = Row { verdict: verdict.to_owned(), failures: failures.to_owned(), place: place.to_owned() };
        assert!(rows.insert(name.trim_matches('`').to_owned(), row).is_none(), "{name} is there twice");
    }
    rows
}

/// Verifies what a case leaves behind and gives the row that it makes. Words that `written` asks for are taken over where
/// the report has them.
pub fn found(folder: &Folder, written: Option<&Row>) -> (Row, String) {
    let report = folder.verify();
    let mut classes: Vec<&str> = Vec::new();
    for failure in report.failures() {
        if !classes.contains(&failure.class.word()) {
            classes.push(failure.class.word());
        }
    }
    let text = report.to_string();
    let place = match report.failures().first() {
        Some(failure) => folder.place(failure),
        None => {
            let said = written
                .map(|row| row.place.as_str())
                .filter(|place| place.strip_prefix(SAYS).is_some_and(|words| text.contains(words)));
            said.unwrap_or(NOTHING).to_owned()
        }
    };
    let failures = if classes.is_empty() { NOTHING.to_owned() } else { classes.join(", ") };
    let verdict = text.lines().next().unwrap_or_default().to_owned();
    (Row { verdict, failures, place }, text)
}
