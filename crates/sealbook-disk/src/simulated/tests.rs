//! What the simulated disk keeps, and everything that it can do to the rest.

use std::collections::BTreeSet;

use super::*;
use crate::{Clock as _, read_file, replace_file};

const DIR: &str = "/l";

fn new_disk(seed: u64) -> SimulatedDisk {
    let disk = SimulatedDisk::seeded(seed);
    disk.create_dir_all(Path::new(DIR)).unwrap();
    disk
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn met(disk: &SimulatedDisk) -> Vec<(Fault, Operation)> {
    disk.met().iter().map(|met| (met.fault, met.operation)).collect()
}

#[test]
fn what_was_synced_survives_every_crash_and_the_rest_survives_some() {
    let disk = new_disk(0);
    replace_file(&disk, &path("a"), &[1; 2000], false).unwrap();
    let file = disk.open(&path("a"), true).unwrap();
    file.write_at(&[2; 3000], 2000).unwrap();
    let mut tails = BTreeSet::new();
    for seed in 0..256 {
        let bytes = read_file(&disk.crash(seed), &path("a"), 10_000).unwrap();
        assert_eq!(bytes[..2000], [1; 2000], "seed {seed}");
        tails.insert(bytes[2000..].to_vec());
    }
    assert!(tails.len() > 8, "{}", tails.len());
}

#[test]
fn sectors_are_lost_torn_reordered_misdirected_flipped_and_left_in_an_earlier_version() {
    let disk = new_disk(0);
    let file = disk.create(&path("a"), false).unwrap();
    file.write_at(&[0; 64 * 512], 0).unwrap();
    file.sync().unwrap();
    disk.sync_dir(Path::new(DIR)).unwrap();
    file.write_at(&[3; 512], 512).unwrap();
    file.write_at(&[1; 512], 0).unwrap();
    file.write_at(&[2; 512], 512).unwrap();
    let (mut outcomes, mut done) = (BTreeSet::new(), Damage::default());
    for seed in 0..4000 {
        let (after, damage) = disk.crash_report(seed);
        let bytes = after.bytes(&path("a")).unwrap();
        assert_eq!(bytes.len(), 64 * 512);
        let sector = |at: usize| match &bytes[at * 512..(at + 1) * 512] {
            sector if sector.iter().all(|byte| *byte == sector[0]) => i32::from(sector[0]),
            _ => -1,
        };
        outcomes.insert((sector(0), sector(1)));
        done.flipped += damage.flipped;
        done.misdirected += damage.misdirected;
    }
    for expected in [(0, 0), (1, 0), (0, 2), (1, 2), (1, 3), (0, 3), (-1, 2), (2, 0)] {
        assert!(outcomes.contains(&expected), "{expected:?} never happened");
    }
    assert!(done.flipped > 10 && done.misdirected > 10, "{done:?}");
}

#[test]
fn names_that_were_not_synced_may_be_lost_and_a_rename_is_old_or_new() {
    let disk = new_disk(0);
    replace_file(&disk, &path("a"), b"old", false).unwrap();
    replace_file(&disk, &path("gone"), b"x", false).unwrap();
    let file = disk.create(&path("b"), false).unwrap();
    file.write_at(b"new", 0).unwrap();
    file.sync().unwrap();
    disk.rename(&path("b"), &path("a")).unwrap();
    disk.remove(&path("gone")).unwrap();
    let found: BTreeSet<_> = (0..200)
        .map(|seed| {
            let after = disk.crash(seed);
            (after.bytes(&path("a")).unwrap(), after.exists(&path("b")), after.exists(&path("gone")))
        })
        .collect();
    for a in [b"old", b"new"] {
        for gone in [false, true] {
            assert!(found.contains(&(a.to_vec(), false, gone)), "{a:?} {gone}");
        }
    }
    disk.sync_dir(Path::new(DIR)).unwrap();
    for seed in 0..50 {
        let after = disk.crash(seed);
        assert_eq!(after.bytes(&path("a")).unwrap(), b"new");
        assert!(!after.exists(&path("gone")));
    }
}

#[test]
fn a_cut_that_was_not_synced_may_be_undone() {
    let disk = new_disk(0);
    replace_file(&disk, &path("a"), &[7; 9000], false).unwrap();
    let file = disk.open(&path("a"), true).unwrap();
    file.set_length(5000).unwrap();
    file.write_at(&[8; 100], 5000).unwrap();
    assert_eq!(read_file(&disk, &path("a"), 9000).unwrap()[4999..5001], [7, 8]);
    let lengths: BTreeSet<_> = (0..200).map(|seed| disk.crash(seed).bytes(&path("a")).unwrap().len()).collect();
    assert_eq!(lengths, BTreeSet::from([5000, 5100, 9000]));
    for seed in 0..200 {
        let bytes = disk.crash(seed).bytes(&path("a")).unwrap();
        assert_eq!(bytes[..5000], [7; 5000]);
        assert!(bytes.len() < 9000 || bytes == [7; 9000]);
    }
    file.sync().unwrap();
    assert_eq!(disk.crash(1).bytes(&path("a")).unwrap().len(), 5100);
}

#[test]
fn after_a_failed_sync_no_second_one_brings_the_pages_back_unless_they_are_written_again() {
    let mut lost = 0;
    for seed in 0..64 {
        let disk = new_disk(seed);
        let file = disk.create(&path("a"), false).unwrap();
        file.write_at(&[1; 512], 0).unwrap();
        file.sync().unwrap();
        disk.sync_dir(Path::new(DIR)).unwrap();
        disk.plan(Fault::FailedSync, 0, 1);
        file.write_at(&[2; 512], 512).unwrap();
        assert!(file.sync().is_err());
        file.sync().unwrap();
        let after = disk.restart(seed).crash(seed).bytes(&path("a")).unwrap();
        assert_eq!(after[..512], [1; 512]);
        lost += usize::from(after[512..] != [2; 512]);
        file.write_at(&[2; 512], 512).unwrap();
        file.sync().unwrap();
        assert_eq!(disk.crash(seed).bytes(&path("a")).unwrap()[512..], [2; 512]);
    }
    assert!(20 < lost && lost < 64, "{lost}");
}

#[test]
fn a_failed_write_is_done_in_part_and_a_full_disk_says_so() {
    let mut lengths = BTreeSet::new();
    for seed in 0..32 {
        let disk = new_disk(seed);
        let file = disk.create(&path("a"), false).unwrap();
        disk.plan(Fault::ShortWrite, 0, 1);
        disk.plan(Fault::Enospc, 1, 1);
        assert_eq!(file.write_at(&[1; 9000], 100).unwrap_err().raw_os_error(), Some(5));
        lengths.insert(file.length().unwrap());
        assert_eq!(file.write_at(&[1; 10], 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
        file.write_at(&[1; 10], 0).unwrap();
        assert_eq!(met(&disk), [(Fault::ShortWrite, Operation::Write), (Fault::Enospc, Operation::Write)]);
    }
    assert!(lengths.len() > 5 && lengths.iter().all(|length| *length < 9100 && length % 512 == 0));
}

#[test]
fn every_operation_can_fail() {
    type Act = fn(&SimulatedDisk) -> io::Result<()>;
    let acts: [(Operation, Act); 13] = [
        (Operation::Open, |disk| disk.open(&path("a"), true).map(drop)),
        (Operation::Create, |disk| disk.create(&path("n"), true).map(drop)),
        (Operation::CreateFolders, |disk| disk.create_dir_all(&path("d/e"))),
        (Operation::List, |disk| disk.list(Path::new(DIR)).map(drop)),
        (Operation::Rename, |disk| disk.rename(&path("a"), &path("c"))),
        (Operation::Remove, |disk| disk.remove(&path("a"))),
        (Operation::SyncFolder, |disk| disk.sync_dir(Path::new(DIR))),
        (Operation::Lock, |disk| disk.lock(&path("lock")).map(drop)),
        (Operation::Length, |disk| disk.open(&path("a"), false)?.length().map(drop)),
        (Operation::Read, |disk| disk.open(&path("a"), false)?.read_at(&mut [0; 4], 0).map(drop)),
        (Operation::Write, |disk| disk.open(&path("a"), true)?.write_at(b"x", 0)),
        (Operation::SetLength, |disk| disk.open(&path("a"), true)?.set_length(1)),
        (Operation::Sync, |disk| disk.open(&path("a"), true)?.sync()),
    ];
    for (operation, act) in acts {
        let disk = new_disk(1);
        replace_file(&disk, &path("a"), b"abc", false).unwrap();
        let opens = u64::from(operation >= Operation::Length);
        disk.plan(Fault::Eio, opens, 1);
        assert_eq!(act(&disk).unwrap_err().raw_os_error(), Some(5), "{operation:?}");
        assert_eq!(met(&disk), [(Fault::Eio, operation)]);
        act(&disk).unwrap();
    }
}

#[test]
fn nothing_happens_after_a_kill_and_the_next_process_sees_what_was_written() {
    let disk = new_disk(0);
    let held = disk.lock(&path("lock")).unwrap();
    let file = disk.create(&path("a"), false).unwrap();
    file.write_at(b"one", 0).unwrap();
    disk.kill();
    assert!(file.write_at(b"two", 0).is_err() && file.sync().is_err() && disk.sync_dir(Path::new(DIR)).is_err());
    let next = disk.restart(0);
    assert!(disk.is_dead() && !next.is_dead());
    assert_eq!(next.bytes(&path("a")).unwrap(), b"one");
    assert!(next.lock(&path("lock")).is_ok());
    drop(held);
    let found = (0..64).filter(|seed| next.crash(*seed).exists(&path("a"))).count();
    assert!(0 < found && found < 64);
}

#[test]
fn a_lock_is_held_once() {
    let disk = new_disk(0);
    let held = disk.lock(&path("lock")).unwrap();
    assert!(disk.lock(&path("lock")).is_err());
    drop(held);
    assert!(disk.lock(&path("lock")).is_ok());
}

#[test]
fn a_flipped_bit_is_on_the_disk_and_a_file_has_no_bits_behind_its_end() {
    let disk = new_disk(0);
    replace_file(&disk, &path("a"), &[0; 5000], false).unwrap();
    assert!(disk.flip(&path("a"), 4999 * 8 + 3));
    assert!(!disk.flip(&path("a"), 5000 * 8));
    assert_eq!(disk.crash(0).bytes(&path("a")).unwrap()[4999], 8);
}

#[test]
fn reads_and_writes_anywhere_agree_with_a_plain_vector() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let disk = new_disk(seed);
        let file = disk.create(&path("a"), false).unwrap();
        let mut model: Vec<u8> = Vec::new();
        for _ in 0..40 {
            let at = usize::try_from(dice.below(12_000)).unwrap();
            match dice.below(5) {
                0 => {
                    file.set_length(at as u64).unwrap();
                    model.resize(at, 0);
                }
                1 => file.sync().unwrap(),
                _ => {
                    let byte = u8::try_from(dice.below(3)).unwrap();
                    let bytes = vec![byte; usize::try_from(dice.below(9_000)).unwrap() + 1];
                    file.write_at(&bytes, at as u64).unwrap();
                    model.resize(model.len().max(at + bytes.len()), 0);
                    model[at..at + bytes.len()].copy_from_slice(&bytes);
                }
            }
            assert!(disk.bytes(&path("a")).unwrap() == model, "seed {seed}");
        }
        file.sync().unwrap();
        disk.sync_dir(Path::new(DIR)).unwrap();
        assert!(disk.crash(seed).bytes(&path("a")).unwrap() == model, "seed {seed}: not durable");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_operation_another_one() {
    let run = |seed: u64, last: &[u8]| {
        let disk = new_disk(seed);
        disk.keep_steps();
        disk.plan(Fault::ShortWrite, 1, 1);
        replace_file(&disk, &path("a"), &[1; 900], false).unwrap();
        let _ = replace_file(&disk, &path("a"), &[2; 900], false);
        let after = disk.crash(seed);
        replace_file(&after, &path("a"), last, false).unwrap();
        (after.digest(), after.trace().iter().map(Step::to_string).collect::<Vec<_>>())
    };
    assert_eq!(run(1, b"x"), run(1, b"x"));
    assert_ne!(run(1, b"x").0, run(1, b"y").0);
    assert_ne!(run(1, b"x").0, run(2, b"x").0);
    assert!(run(1, b"x").1.iter().any(|step| step.ends_with("Write /l/a.tmp at 0 900 bytes: Failed")));
}

#[test]
fn a_jumping_clock_goes_both_ways_and_the_same_way_for_the_same_seed() {
    let read = |seed| {
        let clock = JumpingClock::new(1_000_000_000_000, seed, 4);
        (0..200).map(|_| clock.now()).collect::<Vec<_>>()
    };
    let times = read(3);
    assert_eq!(times, read(3));
    assert!(
        times.windows(2).any(|pair| pair[1] < pair[0]) && times.windows(2).any(|pair| pair[1] > pair[0] + 1_000_000)
    );
}
