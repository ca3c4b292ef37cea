//! Opening a log of many segments without reading them, whatever happened to what is derived; and changes of key.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealbook_core::checkpoint::verify;
use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_disk::{SeededEntropy, SetClock, SimulatedDisk, World};
use sealbook_log::{Ledger, Options, Placed, Reader, Submission, create};

const ROOT: &str = "/ledger";
/// A segment holds a few batches, so that runs are merged too.
const SEGMENT_BYTES: u64 = 4 << 10;

fn world(disk: &SimulatedDisk) -> World {
    World {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(SetClock::new(1_790_000_000_000_000)),
        entropy: Arc::new(SeededEntropy::new(7)),
    }
}

fn open(disk: &SimulatedDisk) -> Ledger {
    let options = Options { segment_bytes: SEGMENT_BYTES, ..Options::default() };
    Ledger::open_stepped(&world(disk), Path::new(ROOT), options).unwrap()
}

fn submission(n: u64) -> Submission {
    let subject = Identity::new(format!("user-{}", n % 17), IdentityType::Human);
    let event = Event::new(format!("e{n}"), Kind::Decision, subject, Outcome::Allow);
    let source = Source { id: "s".to_owned(), format: "native".to_owned(), version: 1, sequence: None };
    Submission { source, event, raw: None }
}

fn commit(ledger: &Ledger, events: std::ops::Range<u64>) -> Vec<Placed> {
    ledger.commit(events.map(submission).collect(), true).unwrap().placed
}

/// A ledger of about thirty segments, closed.
fn many_segments() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    create(&world(&disk), Path::new(ROOT), "test.example/ledger").unwrap();
    let ledger = open(&disk);
    for batch in 0..150 {
        commit(&ledger, batch * 5..batch * 5 + 5);
    }
    ledger.close().unwrap();
    disk
}

fn files(disk: &SimulatedDisk, folder: &str) -> Vec<PathBuf> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    files.filter(|path| path.parent() == Some(&Path::new(ROOT).join(folder))).collect()
}

/// Opens for writing: every event is known by its index, the next entry follows in its thread, and the whole log reads
/// back with every thread and every kept checkpoint in order.
fn check(disk: &SimulatedDisk, events: u64) -> Reader {
    let ledger = open(disk);
    let held: HashMap<String, u64> = ledger
        .reader()
        .entries(0, u64::MAX)
        .map(|s| s.unwrap().entry().unwrap())
        .map(|e| (e.event.id, e.index))
        .collect();
    for n in (0..events).step_by(7) {
        assert_eq!(commit(&ledger, n..n + 1), [Placed::Duplicate { index: held[&format!("e{n}")] }]);
    }
    let size = ledger.reader().size();
    assert!(matches!(commit(&ledger, 1_000_000 + size..1_000_001 + size)[0], Placed::Committed { .. }));
    ledger.close().unwrap();
    let reader = Reader::open(&world(disk), Path::new(ROOT)).unwrap();
    assert_eq!(reader.size(), size + 1);
    let mut newest: HashMap<String, (u64, u64)> = HashMap::new();
    for stored in reader.entries(0, u64::MAX) {
        let entry = stored.unwrap().entry().unwrap();
        let before = newest.insert(entry.event.subject.id, (entry.thread.n, entry.index));
        assert_eq!((entry.thread.n - 1, entry.thread.prev), before.map_or((0, None), |(n, at)| (n, Some(at))));
    }
    let ring = reader.ring();
    for size in 1..=reader.size() {
        let kept = reader.checkpoint_at_or_before(size).unwrap().unwrap();
        verify(kept.note.as_bytes(), std::slice::from_ref(ring.at(kept.size))).unwrap();
        if size % 50 == 0 {
            reader.prove(size - 1).unwrap();
        }
    }
    reader
}

#[test]
fn a_log_of_many_segments_opens_from_its_maps_and_goes_on() {
    let disk = many_segments();
    assert!(files(&disk, "log").len() > 24, "{:?}", files(&disk, "log"));
    let runs = files(&disk, "lookup").iter().filter(|path| path.extension().is_some_and(|e| e == "keys")).count();
    assert!(runs < files(&disk, "log").len() / 2, "runs are merged");
    check(&disk, 750);
    // Only the head, the footer and the map of a sealed segment were read.
    let again = disk.restart(1);
    let before = again.trace().len();
    drop(open(&again));
    let log_reads = again.trace().len() - before;
    assert!(log_reads < 40 * files(&disk, "log").len(), "{log_reads} operations");
}

#[test]
fn whatever_happens_to_a_lookup_file_the_log_stays_right() {
    let made = many_segments();
    let paths = files(&made, "lookup");
    assert!(paths.len() > 20);
    for (n, path) in paths.iter().enumerate() {
        let bytes = made.bytes(path).unwrap();
        let other = made.bytes(&paths[(n + 1) % paths.len()]).unwrap();
        let mut flipped = bytes.clone();
        let middle = flipped.len() * (n + 1) / (paths.len() + 1);
        flipped[middle] ^= 4;
        for (what, changed) in [("flipped", flipped), ("cut", bytes[..bytes.len() / 2].to_vec()), ("swapped", other)] {
            let disk = made.restart(n as u64);
            disk.tamper(path, changed);
            // A page of keys that was altered is found when it is needed: the writer then stops, and starts anew.
            let first = std::panic::catch_unwind(|| check(&disk, 750));
            if first.is_err() {
                assert!(path.extension().is_some_and(|e| e == "keys"), "{what} {path:?}");
                check(&disk.restart(n as u64), 750);
            }
        }
        let disk = made.restart(n as u64);
        world(&disk).disk.remove(path).unwrap();
        check(&disk, 750);
    }
}

#[test]
fn without_anything_derived_the_log_opens_and_makes_it_anew() {
    let disk = many_segments();
    let mut derived = files(&disk, "lookup");
    derived.extend(files(&disk, "tiles/0"));
    let removed = derived.len();
    for path in derived {
        world(&disk).disk.remove(&path).unwrap();
    }
    check(&disk, 750);
    assert!(files(&disk, "lookup").len() + files(&disk, "tiles/0").len() + 8 >= removed);
}

#[test]
fn a_key_that_took_over_signs_every_larger_checkpoint() {
    let disk = many_segments();
    let ledger = open(&disk);
    let first = ledger.reader().verifier_key();
    let mut keys = vec![first.clone()];
    for round in 0..3 {
        let size = ledger.reader().size();
        let key = ledger.rotate_key().unwrap();
        assert_eq!(ledger.reader().ring().at(size + 1), keys.last().unwrap(), "the old key signs the change");
        assert_eq!(ledger.reader().ring().at(size + 2), &key);
        commit(&ledger, 2_000 + round * 10..2_005 + round * 10);
        assert_eq!(ledger.reader().verifier_key(), key);
        keys.push(key);
    }
    ledger.close().unwrap();
    let reader = check(&disk, 750);
    let lines: String = keys.iter().rev().map(|key| format!("{key}\n")).collect();
    assert_eq!(reader.ring().lines(), lines);
    assert_eq!(disk.bytes(&Path::new(ROOT).join("keys/verifier.key")).unwrap(), lines.as_bytes());
}

#[test]
fn a_change_of_key_that_a_crash_interrupts_is_made_or_not_made() {
    let made = many_segments();
    let mut outcomes = [0, 0];
    for syncs in 0..14 {
        for seed in 0..6 {
            let disk = made.restart(seed);
            let ledger = open(&disk);
            let before = ledger.reader().ring();
            disk.fail_syncs_after(syncs);
            let rotated = ledger.rotate_key();
            drop(ledger);
            let after = disk.crash(seed);
            let reader = check(&after, 750);
            let changed = reader.ring() != before;
            assert!(rotated.is_err() || changed, "syncs {syncs} seed {seed}: an answered change is kept");
            outcomes[usize::from(changed)] += 1;
        }
    }
    assert!(outcomes.iter().all(|count| *count > 5), "{outcomes:?}");
}
