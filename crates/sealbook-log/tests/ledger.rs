//! What a ledger promises: order, proofs, exactly once, durability, refusal on damage.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;

use sealbook_core::checkpoint::verify;
use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_core::segment::{Commit, Frame, push_frame, read_frame};
use sealbook_core::tile::Tile;
use sealbook_core::tree::{leaf_hash, verify_consistency, verify_inclusion};
use sealbook_disk::{SeededEntropy, SetClock, SimulatedDisk, World};
use sealbook_log::{CommitError, Group, Ledger, LogError, Placed, Reader, Refusal, Sealing, Submission, create};

const ROOT: &str = "/ledger";
const ORIGIN: &str = "test.example/ledger";

struct Rig {
    disk: SimulatedDisk,
    clock: SetClock,
    world: World,
}

fn rig_on(disk: SimulatedDisk, seed: u64) -> Rig {
    let clock = SetClock::new(1_790_000_000_000_000);
    let world = World {
        disk: Arc::new(disk.clone()),
        clock: Arc::new(clock.clone()),
        entropy: Arc::new(SeededEntropy::new(seed)),
    };
    Rig { disk, clock, world }
}

fn new_rig() -> Rig {
    let rig = rig_on(SimulatedDisk::default(), 1);
    create(&rig.world, Path::new(ROOT), ORIGIN).unwrap();
    rig
}

impl Rig {
    fn open(&self) -> Ledger {
        Ledger::open(&self.world, Path::new(ROOT), Sealing::default()).unwrap()
    }

    /// The whole ledger, as the writer's own rules see it; ends every test that left one behind.
    fn check(&self) -> Reader {
        let reader = Reader::open(&self.world, Path::new(ROOT)).unwrap();
        let published = reader.checkpoint();
        verify(published.note.as_bytes(), &[reader.verifier_key().clone()]).unwrap();
        for (index, stored) in reader.entries(0, u64::MAX).enumerate() {
            let stored = stored.unwrap();
            assert_eq!(stored.index, index as u64);
            let entry = stored.entry().unwrap();
            for opening in stored.openings().unwrap() {
                assert!(entry.opened_by(&opening));
            }
        }
        reader
    }
}

fn submission(source: &str, id: &str, text: &str) -> Submission {
    let mut event = Event::new(
        id,
        Kind::Decision,
        Identity::new(format!("user-{}", id.len()), IdentityType::Human),
        Outcome::Allow,
    );
    event.reason = Some(text.to_owned());
    let source = Source { id: source.to_owned(), format: "native".to_owned(), version: 1, sequence: None };
    Submission {
        source,
        event,
        raw: Some((format!("{{\"id\":\"{id}\",\"text\":\"{text}\"}}").into_bytes(), "application/json".to_owned())),
    }
}

fn batch(from: u64, count: u64) -> Vec<Submission> {
    (from..from + count).map(|n| submission("s", &format!("e{n}"), "text")).collect()
}

#[test]
fn an_answer_is_signed_and_its_entry_proven_in_every_later_tree() {
    let rig = new_rig();
    let ledger = rig.open();
    for n in 0..700u64 {
        let answer = ledger.commit(batch(n, 1), true).unwrap();
        let Placed::Committed { index, leaf, .. } = &answer.placed[0] else { panic!("{answer:?}") };
        let checkpoint = verify(answer.checkpoint.note.as_bytes(), &[ledger.reader().verifier_key().clone()]).unwrap();
        assert_eq!((*index, checkpoint.size), (n + 1, n + 2));
        let proof = ledger.reader().inclusion(*index, &answer.checkpoint).unwrap();
        verify_inclusion(*index, checkpoint.size, leaf, &checkpoint.root, &proof).unwrap();
    }
    let reader = ledger.reader().clone();
    for index in 0..reader.size() {
        let proof = reader.prove(index).unwrap();
        proof.verify(&reader.stored(index).unwrap().bytes, &[reader.verifier_key().clone()]).unwrap();
    }
    ledger.close().unwrap();
    assert_eq!(rig.check().size(), 701);
}

#[test]
fn proofs_and_tiles_of_old_entries_come_from_tiles_on_disk() {
    let rig = new_rig();
    let ledger = rig.open();
    for from in (0..20_000).step_by(2_000) {
        ledger.commit(batch(from, 2_000), true).unwrap();
    }
    let reader = ledger.reader();
    for index in [0, 1, 255, 256, 5_000, 11_807, 11_808, 19_999, 20_000] {
        reader.prove(index).unwrap();
    }
    for tile in Tile::all(reader.size()) {
        assert!(reader.tile(&tile).unwrap().is_some(), "{tile}");
    }
    assert!(reader.tile(&Tile::parse("tile/0/078.p/200").unwrap()).unwrap().is_none());
}

#[test]
fn proofs_of_old_entries_are_given_while_the_writer_writes() {
    let rig = new_rig();
    let ledger = Arc::new(rig.open());
    for from in (0..20_000).step_by(2_000) {
        ledger.commit(batch(from, 2_000), true).unwrap();
    }
    let writer = {
        let ledger = ledger.clone();
        std::thread::spawn(move || {
            for n in 20_000..20_600 {
                ledger.commit(batch(n, 1), true).unwrap();
            }
        })
    };
    let readers: Vec<_> = (0..3u64)
        .map(|reader| {
            let ledger = ledger.clone();
            std::thread::spawn(move || {
                for index in 0..300 {
                    ledger.reader().prove(reader * 1_000 + index).unwrap();
                }
            })
        })
        .collect();
    for thread in readers.into_iter().chain([writer]) {
        thread.join().unwrap();
    }
    assert_eq!(ledger.reader().size(), 20_601);
}

#[test]
fn every_stored_checkpoint_is_signed_and_consistent_with_the_newest() {
    let rig = new_rig();
    let ledger = rig.open();
    for n in 0..300u64 {
        ledger.commit(batch(n * 3, 1 + n % 3), true).unwrap();
    }
    let reader = ledger.reader();
    let newest = reader.checkpoint();
    let mut last = 0;
    for size in 1..=newest.size {
        let old = reader.checkpoint_at_or_before(size).unwrap().unwrap();
        assert!(old.size <= size && old.size >= last);
        last = old.size;
        verify(old.note.as_bytes(), &[reader.verifier_key().clone()]).unwrap();
        let proof = sealbook_core::tree::consistency_proof(reader, old.size, newest.size).unwrap();
        verify_consistency(old.size, newest.size, &old.root, &newest.root, &proof).unwrap();
    }
    assert!(reader.checkpoint_at_or_before(0).unwrap().is_none());
}

#[test]
fn the_same_event_twice_is_one_entry_and_other_content_is_a_conflict() {
    let rig = new_rig();
    let ledger = rig.open();
    let first = ledger.commit(vec![submission("s", "a", "x"), submission("t", "a", "x")], true).unwrap();
    assert_eq!(first.placed.iter().map(Placed::index).collect::<Vec<_>>(), [1, 2]);
    let again = ledger
        .commit(vec![submission("s", "a", "x"), submission("s", "b", "x"), submission("s", "b", "x")], true)
        .unwrap();
    assert!(matches!(
        again.placed[..],
        [Placed::Duplicate { index: 1 }, Placed::Committed { index: 3, .. }, Placed::Duplicate { index: 3 }]
    ));
    let refused = ledger.commit(vec![submission("s", "c", "x"), submission("s", "a", "y")], true).unwrap_err();
    assert!(matches!(refused, CommitError::Refused(Refusal::Conflict { position: 1, index: 1, .. })), "{refused}");
    let refused = ledger.commit(vec![submission("s", "d", "x"), submission("s", "d", "y")], true).unwrap_err();
    assert!(matches!(refused, CommitError::Refused(Refusal::Conflict { position: 1, .. })));
    let mixed = ledger.commit(vec![submission("s", "a", "y"), submission("s", "e", "x")], false).unwrap();
    assert!(matches!(mixed.placed[..], [Placed::Conflict { index: 1 }, Placed::Committed { index: 4, .. }]));
    ledger.close().unwrap();
    let ledger = rig.open();
    assert!(matches!(
        ledger.commit(vec![submission("s", "a", "x")], true).unwrap().placed[..],
        [Placed::Duplicate { index: 1 }]
    ));
    assert_eq!(ledger.reader().size(), 5);
}

#[test]
fn sealed_values_lie_beside_the_entry_and_nowhere_in_it() {
    let rig = new_rig();
    let ledger = rig.open();
    ledger.commit(vec![submission("s", "a", "a secret reason")], true).unwrap();
    let stored = ledger.reader().stored(1).unwrap();
    let contains = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"secret");
    assert!(!contains(&stored.bytes));
    assert!(contains(&stored.sealed));
    let entry = stored.entry().unwrap();
    assert_eq!(entry.event.reason, None);
    assert_eq!(entry.unsealed(&stored.openings().unwrap()).reason.as_deref(), Some("a secret reason"));
}

#[test]
fn threads_lead_from_the_newest_entry_about_a_subject_to_its_first() {
    let rig = new_rig();
    let ledger = rig.open();
    ledger.commit(batch(0, 30), true).unwrap();
    ledger.close().unwrap();
    let ledger = rig.open();
    ledger.commit(batch(30, 30), true).unwrap();
    let reader = ledger.reader();
    let of = |index| reader.stored(index).unwrap().entry().unwrap();
    let newest = (0..reader.size()).rev().map(of).find(|entry| entry.event.subject.id == "user-3").unwrap();
    let (mut n, mut at) = (newest.thread.n, newest);
    while let Some(prev) = at.thread.prev {
        at = of(prev);
        n -= 1;
        assert_eq!((at.thread.n, at.event.subject.id.as_str()), (n, "user-3"));
    }
    assert_eq!(n, 1);
}

#[test]
fn ledger_time_never_decreases_and_a_step_back_is_an_entry() {
    let rig = new_rig();
    let ledger = rig.open();
    ledger.commit(batch(0, 1), true).unwrap();
    rig.clock.set(1_780_000_000_000_000);
    ledger.commit(batch(1, 1), true).unwrap();
    ledger.commit(batch(2, 1), true).unwrap();
    let actions: Vec<_> = ledger.reader().entries(0, 99).map(|e| e.unwrap().entry().unwrap()).collect();
    assert!(actions.windows(2).all(|pair| pair[0].recorded_at <= pair[1].recorded_at));
    let steps = actions.iter().filter(|e| e.event.action.as_deref() == Some("ledger.clock-stepped-back")).count();
    assert_eq!((steps, actions.len()), (1, 5));
}

#[test]
fn a_failed_sync_answers_nobody_and_poisons_the_log_until_a_restart() {
    let rig = new_rig();
    let ledger = rig.open();
    ledger.commit(batch(0, 5), true).unwrap();
    rig.disk.fail_syncs_after(0);
    assert!(matches!(ledger.commit(batch(5, 5), true), Err(CommitError::Refused(Refusal::Poisoned(_)))));
    assert!(matches!(ledger.commit(batch(10, 5), true), Err(CommitError::Refused(Refusal::Poisoned(_)))));
    assert!(ledger.poisoned().is_some());
    assert!(ledger.close().is_err());
    let after = rig_on(rig.disk.crash(3), 2);
    let ledger = after.open();
    assert!(ledger.reader().size() >= 6);
    ledger.commit(batch(0, 20), true).unwrap();
    ledger.close().unwrap();
    let reader = after.check();
    let ids: std::collections::BTreeSet<_> = reader
        .entries(0, u64::MAX)
        .map(|e| e.unwrap().entry().unwrap())
        .filter(|e| e.source.id == "s")
        .map(|e| e.event.id)
        .collect();
    assert_eq!(ids.len(), 20);
}

#[test]
fn only_one_process_writes() {
    let rig = new_rig();
    let ledger = rig.open();
    assert!(matches!(Ledger::open(&rig.world, Path::new(ROOT), Sealing::default()), Err(LogError::Locked { .. })));
    drop(ledger);
    rig.open();
}

#[test]
fn a_log_shorter_than_its_checkpoint_does_not_open() {
    let rig = new_rig();
    let segment = Path::new(ROOT).join("log/00000000.seg");
    let ledger = rig.open();
    ledger.commit(batch(0, 5), true).unwrap();
    ledger.close().unwrap();
    let older = rig.disk.bytes(&segment).unwrap();
    let ledger = rig.open();
    ledger.commit(batch(5, 5), true).unwrap();
    ledger.close().unwrap();
    rig.disk.tamper(&segment, older);
    let error = Ledger::open(&rig.world, Path::new(ROOT), Sealing::default()).unwrap_err();
    assert!(matches!(error, LogError::RolledBack { size: 6, signed: 11 }), "{error}");
}

#[test]
fn every_flipped_byte_of_the_committed_log_is_refused() {
    let rig = new_rig();
    let segment = Path::new(ROOT).join("log/00000000.seg");
    let ledger = rig.open();
    ledger.commit(batch(0, 4), true).unwrap();
    ledger.commit(batch(4, 4), true).unwrap();
    ledger.close().unwrap();
    let good = rig.disk.bytes(&segment).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for at in 0..used {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        rig.disk.tamper(&segment, bad);
        let opened = Ledger::open(&rig.world, Path::new(ROOT), Sealing::default());
        assert!(opened.is_err(), "byte {at} of {used}");
    }
}

#[test]
fn a_batch_that_somebody_else_put_behind_the_last_one_is_refused() {
    let rig = new_rig();
    let segment = Path::new(ROOT).join("log/00000000.seg");
    let ledger = rig.open();
    ledger.commit(batch(0, 3), true).unwrap();
    ledger.close().unwrap();
    let before = rig.disk.bytes(&segment).unwrap();
    let stored = rig.disk.bytes(&Path::new(ROOT).join("checkpoint")).unwrap();
    let ledger = rig.open();
    ledger.commit(batch(3, 2), true).unwrap();
    ledger.close().unwrap();
    // Without the newer checkpoint the batch is one that was killed before its signature: it is the log's own.
    rig.disk.tamper(&Path::new(ROOT).join("checkpoint"), stored.clone());
    assert_eq!(rig.open().reader().size(), 6);
    // The same with another seal: whoever has no key could have made it.
    let after = rig.disk.bytes(&segment).unwrap();
    let end = after.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let start = before.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut forged = after[..start].to_vec();
    let mut rest = &after[start..end];
    while let Ok((frame, taken)) = read_frame(rest) {
        let frame = match frame {
            Frame::Commit(commit) => Frame::Commit(Commit { seal: [7; 32], ..commit }),
            other => other,
        };
        push_frame(&mut forged, &frame);
        rest = &rest[taken..];
    }
    forged.resize(after.len(), 0);
    rig.disk.tamper(&segment, forged);
    rig.disk.tamper(&Path::new(ROOT).join("checkpoint"), stored);
    let error = Ledger::open(&rig.world, Path::new(ROOT), Sealing::default()).unwrap_err();
    assert!(error.to_string().contains("not made by this log's writer"), "{error}");
}

/// Properties: what was answered is there after every crash, in order and exactly once; the ledger opens; a crash is
/// never called damage.
#[test]
fn nothing_answered_is_lost_in_any_crash() {
    for seed in 0..400u64 {
        let rig = rig_on(SimulatedDisk::default(), seed);
        create(&rig.world, Path::new(ROOT), ORIGIN).unwrap();
        let ledger = rig.open();
        let (sender, receiver) = mpsc::channel();
        let batches = 1 + seed % 7;
        for n in 0..batches {
            let entries =
                batch(n * 10, 1 + (seed * 7 + n) % 10).into_iter().map(|s| ledger.prepare(s).unwrap()).collect();
            let sender = sender.clone();
            ledger.submit(Group { entries, all_or_nothing: true }, move |answer| sender.send(answer).unwrap()).unwrap();
            if (seed + n) % 3 == 0 {
                receiver.recv().unwrap().unwrap();
            }
        }
        // The power goes while the rest is on its way: whatever was answered before this line must be there.
        let answered: u64 = ledger.reader().size();
        let disk = rig.disk.crash(seed.wrapping_mul(31));
        drop(ledger);
        let after = rig_on(disk, seed + 1);
        let ledger = Ledger::open(&after.world, Path::new(ROOT), Sealing::default())
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        assert!(ledger.reader().size() >= answered, "seed {seed}");
        for n in 0..batches {
            ledger.commit(batch(n * 10, 1 + (seed * 7 + n) % 10), true).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        }
        ledger.close().unwrap();
        let reader = after.check();
        let mut ids: Vec<_> = reader
            .entries(0, u64::MAX)
            .map(|e| e.unwrap().entry().unwrap())
            .filter(|e| e.source.id == "s")
            .map(|e| e.event.id)
            .collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "seed {seed}");
        let expected: u64 = (0..batches).map(|n| 1 + (seed * 7 + n) % 10).sum();
        assert_eq!(all as u64, expected, "seed {seed}");
    }
}

#[test]
fn leaves_are_hashes_of_the_stored_bytes() {
    let rig = new_rig();
    let ledger = rig.open();
    ledger.commit(batch(0, 300), true).unwrap();
    let reader = ledger.reader();
    let tile = reader.tile(&Tile::parse("tile/0/000").unwrap()).unwrap().unwrap();
    for (index, hash) in tile.chunks(32).enumerate() {
        assert_eq!(leaf_hash(&reader.stored(index as u64).unwrap().bytes).0, hash);
    }
}
