//! The views say what the entries say, whatever becomes of the store that keeps them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test helper fails its test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use sealbook_index::{IndexError, SourceState, State, rebuild};
use sealbook_log::SELF_SOURCE;
use support::TestLedger;

/// What a fresh reading of the log gives.
fn expected(ledger: &TestLedger) -> Vec<(String, u64, u64, Option<u64>)> {
    let entries = ledger.entries();
    let ids: BTreeSet<_> = entries.iter().map(|entry| entry.source.id.clone()).collect();
    let state = |id: String| {
        let of: Vec<_> = entries.iter().filter(|entry| entry.source.id == id).collect();
        let sequence = of.iter().filter_map(|entry| entry.source.sequence).max();
        (id, of.len() as u64, of.last().unwrap().index, sequence)
    };
    ids.into_iter().map(state).collect()
}

fn brief(source: &SourceState) -> (String, u64, u64, Option<u64>) {
    (source.id.clone(), source.entries, source.last_index, source.last_sequence)
}

fn assert_right(state: &State, ledger: &TestLedger) {
    assert_eq!(state.catch_up(ledger.reader()).unwrap(), ledger.reader().size());
    assert_eq!(state.sources().iter().map(brief).collect::<Vec<_>>(), expected(ledger));
    let subjects: BTreeSet<_> = ledger.entries().into_iter().map(|entry| entry.event.subject.id).collect();
    assert_eq!(state.totals().subjects, subjects.len() as u64);
}

#[test]
fn what_was_saved_is_taken_up_again() {
    let mut ledger = TestLedger::new(100);
    let state = State::open(ledger.reader()).unwrap();
    assert_right(&state, &ledger);
    state.set_store_position("sql", 77).unwrap();
    drop(state);
    ledger.grow(50);
    let state = State::open(ledger.reader()).unwrap();
    assert_eq!((state.through(), state.set_aside()), (ledger.reader().size() - 50, None));
    assert_eq!((state.store_position("sql"), state.store_position("columns")), (Some(77), None));
    assert_right(&state, &ledger);
    assert!(state.sources().iter().any(|source| source.id == SELF_SOURCE));
}

#[test]
fn a_second_owner_is_refused_and_the_first_goes_on() {
    let ledger = TestLedger::new(10);
    let state = State::open(ledger.reader()).unwrap();
    assert!(matches!(State::open(ledger.reader()), Err(IndexError::InUse { .. })));
    assert!(matches!(rebuild(ledger.reader()), Err(IndexError::InUse { .. })));
    assert_right(&state, &ledger);
    drop(state);
    let (index, state) = rebuild(ledger.reader()).unwrap();
    assert_right(&state, &ledger);
    assert_eq!(index.indexed_through(), ledger.reader().size());
    state.rebuild(ledger.reader()).unwrap();
    assert_right(&state, &ledger);
}

#[test]
fn views_of_another_ledger_or_history_are_set_aside() {
    let ours = TestLedger::new(40);
    let folder = |ledger: &TestLedger| ledger.reader().layout().derived("state");
    for (other, why) in [
        (TestLedger::named(40, "example.org/other"), "another ledger"),
        (TestLedger::new(40), "another history"),
        (TestLedger::new(90), "more entries"),
    ] {
        State::open(other.reader()).unwrap().catch_up(other.reader()).unwrap();
        let _ = fs::remove_dir_all(folder(&ours));
        copy_dir(&folder(&other), &folder(&ours));
        let state = State::open(ours.reader()).unwrap();
        assert!(state.set_aside().unwrap().contains(why));
        assert_eq!(state.through(), 0);
        assert_right(&state, &ours);
    }
}

fn copy_dir(from: &PathBuf, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(dir: &PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Every file of the store, flipped at many places, cut, and emptied: the answers stay right every time.
#[test]
fn damage_to_the_store_never_changes_an_answer() {
    let ledger = TestLedger::new(60);
    let dir = ledger.reader().layout().derived("state");
    assert_right(&State::open(ledger.reader()).unwrap(), &ledger);
    let good = ledger.root.join("good");
    copy_dir(&dir, &good);
    let (mut tried, mut doubted) = (0, 0);
    let mut attempt = |damage: &dyn Fn()| {
        fs::remove_dir_all(&dir).unwrap();
        copy_dir(&good, &dir);
        damage();
        let state = State::open(ledger.reader()).unwrap();
        tried += 1;
        doubted += usize::from(state.set_aside().is_some());
        assert_right(&state, &ledger);
    };
    for file in files(&good) {
        let bytes = fs::read(&file).unwrap();
        let target = dir.join(file.strip_prefix(&good).unwrap());
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        for at in (0..used).step_by((used / 150).max(1)) {
            attempt(&|| {
                let mut bad = bytes.clone();
                bad[at] ^= 0x41;
                fs::write(&target, bad).unwrap();
            });
        }
        for length in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            attempt(&|| fs::write(&target, &bytes[..length]).unwrap());
        }
        attempt(&|| fs::remove_file(&target).unwrap());
    }
    assert!(tried > 100 && doubted > 20, "{tried} tried, {doubted} doubted");
}
