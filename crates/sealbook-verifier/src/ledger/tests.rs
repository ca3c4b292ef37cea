//! What the verifier says about ledgers that somebody touched.

use sealbook_core::entry::Thread;
use sealbook_core::hash::TreeHash;
use sealbook_core::segment::{Frame, push_frame};

use crate::testing::{Plan, Signer, Spoil, Written};
use crate::{Class, Report, Trust, Verdict};

fn trusted() -> Trust {
    Trust { keys: vec![Plan::default().signer.verifier()], at_least: None }
}

fn classes(report: &Report) -> Vec<Class> {
    report.failures().iter().map(|failure| failure.class).collect()
}

fn refuted(report: &Report, class: Class) {
    assert_eq!(report.verdict(), Verdict::Refuted, "{report}");
    assert!(classes(report).contains(&class), "{class:?} is not in\n{report}");
}

fn verified(report: &Report) {
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
}

fn with(change: impl Fn(&mut Written)) -> Report {
    let mut written = Plan::default().write();
    change(&mut written);
    written.verify(&trusted())
}

fn spoiled(spoil: Spoil<'_>) -> Report {
    Plan { spoil, ..Plan::default() }.write().verify(&trusted())
}

const LAST: &str = "log/00000002.seg";
const SECTOR: usize = 512;

#[test]
fn an_untouched_ledger_is_verified_and_not_anchored() {
    let report = with(|_| {});
    verified(&report);
    assert!(!report.anchored());
    assert_eq!((report.size(), report.origin()), (Some(14), Some("example.org/test")));
    let checked = report.checked();
    assert_eq!((checked.entries, checked.commits, checked.subjects), (14, 6, 3));
    assert_eq!((checked.signatures, checked.files), (6, 3));
    assert!(checked.disclosed > 0 && checked.withheld > 0);
    assert!(report.to_string().starts_with("VERIFIED, not anchored\n"), "{report}");
    assert_eq!(report.json()["key_from"], "outside");
}

#[test]
fn without_a_key_from_outside_the_report_says_where_the_key_came_from() {
    let report = Plan::default().write().verify(&Trust::default());
    verified(&report);
    assert_eq!(report.json()["key_from"], "itself");
    assert!(report.to_string().contains("taken from the ledger itself"));
}

#[test]
fn every_flipped_byte_of_log_checkpoint_and_key_is_refuted() {
    let written = Plan { batches: vec![1, 2, 1], room: 60, ..Plan::default() }.write();
    let dir = tempfile::tempdir().unwrap();
    written.save(dir.path());
    let mut wrong = Vec::new();
    for (name, bytes) in &written.files {
        for at in 0..bytes.len() {
            for mask in [1 << (at % 8), 0xff] {
                let mut flipped = bytes.clone();
                flipped[at] ^= mask;
                std::fs::write(dir.path().join(name), &flipped).unwrap();
                let report = crate::verify_ledger(dir.path(), &trusted(), &mut |_| {});
                let named = report.failures().iter().any(|failure| failure.file.as_deref() == Some(name));
                // In the room for more, as a length without a kind or in a later sector, nobody can tell it from what a
                // crash leaves.
                let end = bytes.len() - 60;
                let room = *name == "log/00000001.seg" && at >= end && (at < end + 4 || at >= SECTOR);
                let undecided = room && report.verdict() == Verdict::Undecided && report.failures().is_empty();
                if !undecided && (report.verdict() != Verdict::Refuted || !named) {
                    wrong.push(format!("{name} byte {at} mask {mask}: {report}"));
                }
            }
        }
        std::fs::write(dir.path().join(name), bytes).unwrap();
    }
    assert!(wrong.is_empty(), "{} of them, for example {}", wrong.len(), wrong[0]);
}

#[test]
fn a_flipped_byte_is_located_to_its_entry_file_and_frame() {
    let report = with(|written| {
        let segment = written.files.get_mut("log/00000001.seg").unwrap();
        let needle = segment.windows(2).position(|pair| pair == b"e5").unwrap();
        segment[needle] ^= 1;
    });
    let failure = &report.failures()[0];
    assert_eq!((failure.class, failure.index), (Class::FrameChecksum, Some(5)), "{report}");
    assert_eq!(failure.file.as_deref(), Some("log/00000001.seg"));
    assert_eq!(report.failures().len(), 1, "{report}");
}

#[test]
fn a_changed_entry_with_a_right_checksum_breaks_link_and_root() {
    let good = Plan::default().write();
    let report = with(|written| {
        let old = &good.entries[5].0;
        let mut new = old.clone();
        let at = new.windows(2).position(|pair| pair == b"e5").unwrap();
        new[at + 1] = b'6';
        let (mut from, mut to) = (Vec::new(), Vec::new());
        push_frame(&mut from, &Frame::Entry(old));
        push_frame(&mut to, &Frame::Entry(&new));
        let segment = written.files.get_mut("log/00000001.seg").unwrap();
        let at = segment.windows(from.len()).position(|window| window == from).unwrap();
        segment[at..at + to.len()].copy_from_slice(&to);
    });
    refuted(&report, Class::ChainLink);
    refuted(&report, Class::RootMismatch);
    assert!(report.failures().iter().all(|failure| failure.file.as_deref() == Some("log/00000001.seg")));
}

#[test]
fn wrong_order_time_link_and_thread_each_have_their_name() {
    refuted(&spoiled(&|index, entry, _| entry.index += u64::from(index == 6)), Class::IndexOrder);
    let back: Spoil<'_> = &|index, entry, _| entry.recorded_at.0 -= if index == 6 { 5_000_000 } else { 0 };
    let report = spoiled(back);
    refuted(&report, Class::TimeOrder);
    assert_eq!(report.failures()[0].index, Some(6));
    assert_eq!(report.failures().len(), 1);
    let link: Spoil<'_> = &|index, entry, _| entry.prev.0[0] ^= u8::from(index == 6);
    assert_eq!(classes(&spoiled(link)), [Class::ChainLink]);
    let skipped: Spoil<'_> = &|index, entry, _| {
        if index == 7 {
            entry.thread = Thread { n: 2, prev: Some(1) };
        }
    };
    assert_eq!(classes(&spoiled(skipped)), [Class::ThreadLink, Class::ThreadLink]);
    let first: Spoil<'_> = &|index, entry, _| entry.prev.0[3] ^= u8::from(index == 0);
    refuted(&spoiled(first), Class::ChainLink);
}

#[test]
fn a_ledger_that_names_no_key_or_names_it_twice_is_refuted() {
    refuted(&spoiled(&|_, entry, _| entry.genesis = None), Class::Genesis);
    let bad: Spoil<'_> = &|_, entry, _| {
        if let Some(genesis) = &mut entry.genesis {
            genesis.verifier_key.push('x');
        }
    };
    refuted(&spoiled(bad), Class::Genesis);
}

#[test]
fn a_value_that_opens_no_commitment_is_refuted_and_an_absent_one_is_not() {
    let other: Spoil<'_> = &|index, _, openings| {
        if index == 3 {
            openings[0].value.push(b'x');
        }
    };
    let report = spoiled(other);
    assert_eq!(classes(&report), [Class::Commitment]);
    assert_eq!(report.failures()[0].index, Some(3));
    let twice: Spoil<'_> = &|index, _, openings| {
        if index == 3 {
            openings.push(openings[0].clone());
        }
    };
    refuted(&spoiled(twice), Class::Commitment);
    let report = spoiled(&|_, _, openings| openings.clear());
    verified(&report);
    assert_eq!(report.checked().disclosed, 0);
}

#[test]
fn a_commit_that_says_something_else_is_refuted() {
    let spoil = |spoil_commit: &dyn Fn(u64, &mut sealbook_core::segment::Commit)| {
        Plan { spoil_commit, ..Plan::default() }.write().verify(&trusted())
    };
    refuted(&spoil(&|n, commit| commit.signature_before[5] ^= u8::from(n == 3)), Class::Signature);
    refuted(&spoil(&|n, commit| commit.signature_before[5] ^= u8::from(n == 0)), Class::Signature);
    refuted(&spoil(&|n, commit| commit.root.0[5] ^= u8::from(n == 3)), Class::RootMismatch);
    refuted(&spoil(&|n, commit| commit.chain.0[5] ^= u8::from(n == 3)), Class::ChainLink);
    refuted(&spoil(&|n, commit| commit.first += u64::from(n == 3)), Class::Commit);
    refuted(&spoil(&|n, commit| commit.size += u64::from(n == 3)), Class::Commit);
}

#[test]
fn another_key_is_refuted() {
    let report = Plan { signer: Signer::new("example.org/test", 8), ..Plan::default() }.write().verify(&trusted());
    assert_eq!(classes(&report), [Class::KeyMismatch]);
}

#[test]
fn a_cut_ledger_is_refuted_by_its_checkpoint() {
    let full = Plan::default().write();
    let mut short = Plan { batches: vec![1, 3, 2, 4], ..Plan::default() }.write();
    verified(&short.verify(&trusted()));
    short.files.insert("checkpoint".into(), full.files["checkpoint"].clone());
    let report = short.verify(&trusted());
    refuted(&report, Class::RolledBack);
}

#[test]
fn an_old_copy_is_seen_with_an_earlier_checkpoint_and_only_with_it() {
    let (full, short) = (Plan::default().write(), Plan { batches: vec![1, 3, 2], ..Plan::default() }.write());
    verified(&short.verify(&trusted()));
    let anchor = |note: &Vec<u8>| Trust { at_least: Some(note.clone()), ..trusted() };
    for note in &full.notes {
        let report = full.verify(&anchor(note));
        verified(&report);
        assert!(report.anchored());
    }
    refuted(&short.verify(&anchor(full.notes.last().unwrap())), Class::RolledBack);
}

#[test]
fn a_rewritten_history_is_seen_with_an_earlier_checkpoint() {
    let old = Plan::default().write();
    let spoil: Spoil<'_> = &|index, entry, _| entry.event.id.push_str(if index == 4 { "x" } else { "" });
    let rewritten = Plan { spoil, ..Plan::default() }.write();
    verified(&rewritten.verify(&trusted()));
    let trust = Trust { at_least: Some(old.notes[3].clone()), ..trusted() };
    refuted(&rewritten.verify(&trust), Class::NotConsistent);
    let by_another = Plan { signer: Signer::new("example.org/test", 8), ..Plan::default() }.write();
    let trust = Trust { keys: vec![], at_least: Some(old.notes[3].clone()) };
    refuted(&by_another.verify(&trust), Class::Signature);
}

#[test]
fn an_earlier_checkpoint_that_cannot_be_used_leaves_it_undecided() {
    let other = Plan { origin: "example.org/other".into(), ..Plan::default() }.write();
    for note in [b"not a note".to_vec(), other.notes[2].clone()] {
        let report = Plan::default().write().verify(&Trust { at_least: Some(note), ..trusted() });
        assert_eq!(report.verdict(), Verdict::Undecided, "{report}");
    }
}

#[test]
fn a_missing_segment_is_named_and_the_others_are_still_read() {
    for number in 0..2 {
        let report = with(|written| {
            written.files.remove(&format!("log/0000000{number}.seg"));
        });
        assert_eq!(classes(&report), [Class::SegmentMissing], "{report}");
        assert!(report.checked().entries > 3);
    }
    refuted(&with(|written| drop(written.files.remove(LAST))), Class::RolledBack);
}

#[test]
fn a_cut_segment_is_told_once_and_what_follows_is_not_blamed() {
    let report = with(|written| written.files.get_mut("log/00000001.seg").unwrap().truncate(200));
    assert_eq!(classes(&report), [Class::FrameMalformed], "{report}");
    assert!(report.notes().is_empty(), "{report}");
}

#[test]
fn swapped_segments_are_refuted() {
    let report = with(|written| {
        let (a, b) = (written.files["log/00000001.seg"].clone(), written.files[LAST].clone());
        written.files.insert("log/00000001.seg".into(), b);
        written.files.insert(LAST.into(), a);
    });
    refuted(&report, Class::SegmentHeader);
}

#[test]
fn a_torn_batch_that_was_never_acknowledged_is_a_remark() {
    let longer = Plan { batches: vec![1, 3, 2, 4, 1, 3, 2], ..Plan::default() }.write();
    let plan = Plan { batches_per_segment: 9, ..Plan::default() };
    let good = plan.write();
    let all = &Plan { batches: vec![1, 3, 2, 4, 1, 3, 2], batches_per_segment: 9, ..Plan::default() }.write().files["log/00000000.seg"];
    let from = good.files["log/00000000.seg"].len() - 300;
    for cut in from + 1..all.len() - 300 {
        let mut written = plan.write();
        let mut segment = all[..cut].to_vec();
        segment.resize(all.len(), 0);
        written.files.insert("log/00000000.seg".into(), segment);
        let report = written.verify(&trusted());
        if matches!(report.verdict(), Verdict::Verified(_)) {
            assert_eq!(report.size(), Some(14), "{report}");
            let told = report.notes().iter().any(|note| note.contains("torn") || note.contains("not yet signed"));
            assert!(told, "{cut}: {report}");
        } else {
            // Less than the head of a frame: nobody can tell what it was.
            assert!(cut < from + 9, "{cut}: {report}");
        }
    }
    assert!(longer.files.len() > good.files.len());
}

#[test]
fn a_durable_batch_whose_checkpoint_was_not_yet_written_is_a_remark() {
    let mut written = Plan::default().write();
    written.files.insert("checkpoint".into(), written.notes[4].clone());
    let report = written.verify(&trusted());
    verified(&report);
    assert_eq!(report.size(), Some(11));
    assert!(report.notes()[0].contains("3 entries after"), "{report}");
}

#[test]
fn a_missing_checkpoint_leaves_it_undecided_and_missing_derived_files_do_not() {
    let report = with(|written| drop(written.files.remove("checkpoint")));
    assert_eq!(report.verdict(), Verdict::Undecided, "{report}");
    verified(&with(|written| drop(written.files.remove("keys/verifier.key"))));
}

#[test]
fn tiles_are_computed_again() {
    let plan = Plan { batches: vec![1, 300, 300], ..Plan::default() };
    let mut written = plan.write();
    assert_eq!(written.verify(&trusted()).checked().tiles, 2);
    for spoil in [0usize, 8191] {
        let mut bytes = written.files["tiles/tile/0/001"].clone();
        bytes[spoil] ^= 4;
        written.files.insert("tiles/tile/0/001".into(), bytes);
        let report = written.verify(&trusted());
        assert_eq!(classes(&report), [Class::TileMismatch]);
    }
    written.files.remove("tiles/tile/0/001");
    verified(&written.verify(&trusted()));
}

#[test]
fn a_stale_size_zero_checkpoint_and_a_wrong_root_are_refuted() {
    let signer = Plan::default().signer;
    let wrong = [(14, 3, Class::NotConsistent), (0, 3, Class::Signature), (9, 0, Class::NotConsistent)];
    for (size, byte, class) in wrong {
        let root = TreeHash([byte; 32]);
        let checkpoint = sealbook_core::checkpoint::Checkpoint { origin: "example.org/test".into(), size, root };
        let report = with(|written| {
            written.files.insert("checkpoint".into(), signer.note(&checkpoint.text()));
        });
        refuted(&report, class);
    }
}

#[test]
fn failures_beyond_the_limit_are_counted() {
    let plan = Plan { batches: vec![1, 200, 200], spoil: &|_, entry, _| entry.prev.0[0] ^= 1, ..Plan::default() };
    let report = plan.write().verify(&trusted());
    assert_eq!(report.failures().len(), crate::FAILURES_MAX);
    assert!(report.failures_more() >= 300);
}

#[test]
fn a_folder_without_a_log_leaves_it_undecided() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(crate::verify_ledger(dir.path(), &trusted(), &mut |_| {}).verdict(), Verdict::Undecided);
    std::fs::create_dir(dir.path().join("log")).unwrap();
    assert_eq!(crate::verify_ledger(dir.path(), &trusted(), &mut |_| {}).verdict(), Verdict::Undecided);
}
