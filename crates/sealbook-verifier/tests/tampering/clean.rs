//! Ledgers that nobody tampered with never alarm: of every shape, after crashes, and while they are written.

use std::sync::atomic::{AtomicBool, Ordering};

use sealbook_verifier::{Report, Trust, Verdict, verify_ledger};

use crate::book::{CHECKPOINT, Key};
use crate::fixture::{ENTRIES, Fixture, KEPT, ORIGIN, Place, SEGMENT_BYTES, submission};
use crate::folder::segment_file;

/// Crashes that are tried.
const CRASHES: u64 = 1_000;
/// What a disk writes as one.
const SECTOR: usize = 512;

fn verify(place: &Place) -> Report {
    verify_ledger(&place.root(), &Trust::default(), &mut |_| {})
}

fn verified(report: &Report, size: u64) {
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
    assert_eq!(report.size(), Some(size), "{report}");
}

#[test]
fn ledgers_that_nobody_touched_are_verified() {
    let fixture = Fixture::write();
    for book in [&fixture.book, &fixture.kept, &fixture.fork, &fixture.next, &fixture.namesake, &fixture.stranger] {
        assert!(book.segments.len() > 2, "{}", book.segments.len());
        verified(&book.folder().verify(), book.checkpoint().size);
    }
    let rotated = &fixture.rotated.0;
    verified(&rotated.folder().verify(), rotated.checkpoint().size);
    // Taking apart and putting together changes nothing, nor does making everything again.
    let mut again = fixture.book.clone();
    again.renumber();
    again.rethread();
    again.remake();
    assert_eq!(again.folder().files, fixture.book.folder().files);
}

#[test]
fn a_ledger_is_verified_from_its_first_entry_on_after_every_batch_and_exactly_at_a_roll() {
    let place = Place::create(ORIGIN, 11);
    verified(&verify(&place), 1);
    let (mut segments, mut rolls) = (1, 0);
    for size in 1..80 {
        let ledger = place.open(2048);
        ledger.commit(vec![submission(size, "shape")], true).unwrap();
        ledger.close().unwrap();
        verified(&verify(&place), size + 1);
        let now = std::fs::read_dir(place.root().join("log")).unwrap().count();
        rolls += usize::from(now > segments);
        segments = now;
    }
    assert!(rolls > 5, "{rolls}");
}

#[test]
fn a_ledger_of_one_large_segment_and_one_whose_every_batch_fills_a_segment_are_verified() {
    for segment_bytes in [1, 1 << 30] {
        let place = Place::create(ORIGIN, 12);
        let ledger = place.open(segment_bytes);
        place.grow(&ledger, 150, "shape");
        ledger.close().unwrap();
        verified(&verify(&place), 150);
    }
}

#[test]
fn a_ledger_whose_sealed_values_were_all_erased_is_verified() {
    let mut book = Fixture::write().book;
    for segment in &mut book.segments {
        segment.items.retain(|item| !matches!(item, crate::book::Item::Sealed(_)));
    }
    let report = book.folder().verify();
    verified(&report, ENTRIES);
    assert_eq!(report.checked().disclosed, 0);
}

#[test]
fn a_ledger_without_anything_derived_is_verified() {
    let mut folder = Fixture::write().book.folder();
    folder.files.retain(|name, _| name.starts_with("log/") || name == CHECKPOINT);
    verified(&folder.verify(), ENTRIES);
}

#[test]
fn a_crash_is_never_called_tampering() {
    let fixture = Fixture::write();
    let last = fixture.kept.segments.len() - 1;
    let (mut folder, next) = (fixture.kept.folder(), fixture.next.folder());
    let after = format!("after the last frame of segment {last}");
    let (spot, end) = (folder.spot(&after), next.spot(&after).offset);
    let clean = folder.files[&segment_file(last)].clone();
    let write = next.files[&spot.file][spot.offset..end].to_vec();
    let (mut torn, mut undecided) = (0, 0);
    for seed in 0..CRASHES {
        let mut random = Random(seed);
        let mut written = write.clone();
        // What the operating system was given, and what of it the disk wrote.
        written.truncate(random.below(write.len()) + 1);
        let lost = random.below(100);
        for sector in 0..=written.len() / SECTOR {
            let begin = (sector * SECTOR).saturating_sub(spot.offset % SECTOR);
            let end = ((sector + 1) * SECTOR - spot.offset % SECTOR).min(written.len());
            if begin < end && random.below(100) < lost {
                written[begin..end].fill(0);
            }
        }
        let mut bytes = clean.clone();
        bytes[spot.offset..spot.offset + written.len()].copy_from_slice(&written);
        folder.files.insert(segment_file(last), bytes);
        let report = folder.verify();
        match report.verdict() {
            Verdict::Verified(_) => {
                assert!([KEPT, KEPT + 12].contains(&report.size().unwrap()), "seed {seed}: {report}");
                torn += u32::from(report.to_string().contains("torn write"));
            }
            Verdict::Undecided => {
                undecided += 1;
                assert!(report.to_string().contains("what a crash left"), "seed {seed}: {report}");
            }
            Verdict::Refuted => panic!("seed {seed}: {report}"),
        }
    }
    println!("{CRASHES} crashes: {torn} torn writes told as such, {undecided} that may be either, no other");
    assert!(torn > 200 && undecided > 50, "{torn} {undecided}");
}

#[test]
fn a_ledger_that_is_being_written_is_verified() {
    let place = Place::create(ORIGIN, 13);
    let ledger = place.open(SEGMENT_BYTES * 8);
    let done = AtomicBool::new(false);
    let mut sizes = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for from in (1..12_000).step_by(10) {
                ledger.commit((from..from + 10).map(|n| submission(n, "live")).collect(), true).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let report = verify(&place);
            // What is being written at the moment may be half there.
            assert_ne!(report.verdict(), Verdict::Refuted, "{report}");
            sizes.push((report.verdict().word(), report.size()));
        }
    });
    ledger.close().unwrap();
    verified(&verify(&place), 12_001);
    let decided = sizes.iter().filter(|(verdict, _)| *verdict == "VERIFIED").count();
    println!("{} verifications while it grew, {decided} of them VERIFIED", sizes.len());
    assert!(decided > 0, "{sizes:?}");
}

#[test]
fn a_further_key_of_another_ledger_does_not_disturb() {
    let fixture = Fixture::write();
    let keys = vec![Key::new("example.org/another", 40).verifier, fixture.book.key.verifier.clone()];
    verified(&fixture.book.folder().trusting(Trust { keys, at_least: None }).verify(), ENTRIES);
}

/// `splitmix64`.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }
}
