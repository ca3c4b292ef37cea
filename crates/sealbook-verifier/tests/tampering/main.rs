//! Tampering with real ledgers, class by class: what verification says is what the table in docs/verification.md says.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests"
)]

mod book;
mod clean;
mod cuts;
mod entries;
mod fixture;
mod folder;
mod frames;
mod private_key;
mod rotation;
mod signed;
mod table;

use fixture::Fixture;
use table::Case;

fn cases() -> Vec<Case> {
    [entries::CASES, frames::CASES, cuts::CASES, signed::CASES, rotation::CASES].concat()
}

#[test]
fn every_class_of_tampering_gets_the_verdict_and_the_place_of_the_table() {
    let fixture = Fixture::write();
    let mut written = table::read();
    let mut wrong = Vec::new();
    for (name, tamper) in cases() {
        let expected = written.remove(name);
        let (found, report) = table::found(&tamper(&fixture), expected.as_ref());
        if expected.as_ref() != Some(&found) {
            let row = format!("| `{name}` |  | {} | {} | {} |", found.verdict, found.failures, found.place);
            wrong.push(format!("{row}\n  written: {expected:?}\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{} rows are not so:\n{}", wrong.len(), wrong.join("\n"));
    assert!(written.is_empty(), "rows without a case: {:?}", written.keys());
}
