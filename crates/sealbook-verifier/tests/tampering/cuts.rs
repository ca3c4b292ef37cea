//! Truncation, return to older copies, segments that are missing, moved or foreign, and what lies in the room for more.

use crate::book::{CHECKPOINT, Item};
use crate::fixture::Fixture;
use crate::folder::{Folder, segment_file};
use crate::table::Case;

/// Where something is cut.
const E: u64 = 17;
/// Bytes that a disk writes as one.
const SECTOR: usize = 512;

pub const CASES: &[Case] = &[
    // The end of the log.
    ("cut-at-a-frame", |f| cut(f, "frame of entry 299", 0)),
    ("cut-inside-a-frame", |f| cut(f, "frame of entry 299", 25)),
    ("cut-inside-the-head-of-a-frame", |f| cut(f, "frame of entry 299", 4)),
    ("cut-before-the-last-commit", |f| cut(f, "commit after entry 299", 0)),
    ("cut-inside-the-last-commit", |f| cut(f, "commit after entry 299", 100)),
    ("cut-at-a-commit", |f| {
        let name = format!("frame of entry {}", first_of_last_batch(f));
        let mut folder = cut(f, &name, 0);
        let spot = folder.spot(&name);
        folder.name(&spot.file, spot.offset, "where it was cut");
        folder
    }),
    ("cut-at-a-commit-and-zeroed", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot(&format!("frame of entry {}", first_of_last_batch(f)));
        folder.bytes(&spot.file)[spot.offset..].fill(0);
        folder
    }),
    ("cut-room", |f| {
        let mut folder = f.book.folder();
        let last = segment_file(f.book.segments.len() - 1);
        let spot = folder.spot(&format!("after the last frame of segment {}", f.book.segments.len() - 1));
        folder.bytes(&last).truncate(spot.offset);
        folder
    }),
    // Segments that others follow.
    ("cut-middle-segment-at-a-frame", |f| cut(f, "frame of entry 17", 0)),
    ("cut-middle-segment-inside-a-frame", |f| cut(f, "frame of entry 17", 25)),
    ("cut-middle-segment-at-a-commit", |f| cut(f, "frame of entry 14", 0)),
    ("cut-middle-segment-in-its-head", |f| cut(f, "head of segment 1", 30)),
    ("middle-segment-emptied", |f| cut(f, "head of segment 1", 0)),
    ("middle-segment-zeroed", |f| {
        let mut folder = f.book.folder();
        folder.bytes(&segment_file(1)).fill(0);
        folder
    }),
    ("last-segment-emptied", |f| {
        let mut folder = f.book.folder();
        folder.bytes(&segment_file(f.book.segments.len() - 1)).clear();
        folder
    }),
    ("segment-missing-first", |f| without(f, 0)),
    ("segment-missing-middle", |f| without(f, 1)),
    ("segment-missing-last", |f| without(f, f.book.segments.len() - 1)),
    ("segments-missing-all-but-last", |f| {
        let mut folder = f.book.folder();
        for number in 0..f.book.segments.len() - 1 {
            folder.files.remove(&segment_file(number));
        }
        folder
    }),
    ("segments-swapped", |f| {
        let mut folder = f.book.folder();
        let (a, b) = (folder.files[&segment_file(1)].clone(), folder.files[&segment_file(2)].clone());
        folder.files.insert(segment_file(1), b);
        folder.files.insert(segment_file(2), a);
        folder
    }),
    ("segments-swapped-and-renamed", |f| {
        let mut book = f.book.clone();
        book.segments.swap(1, 2);
        (book.segments[1].header.number, book.segments[2].header.number) = (1, 2);
        book.folder()
    }),
    ("segment-of-another-ledger", |f| foreign(f, &f.namesake.folder(), 1)),
    ("first-segment-of-another-ledger", |f| foreign(f, &f.namesake.folder(), 0)),
    ("last-segment-of-a-fork", |f| foreign(f, &f.fork.folder(), f.book.segments.len() - 1)),
    ("segment-of-the-older-copy", |f| foreign(f, &f.kept.folder(), f.kept.segments.len() - 1)),
    ("segment-copied-behind-the-last", |f| {
        let mut folder = f.book.folder();
        let copy = folder.files[&segment_file(1)].clone();
        folder.files.insert(segment_file(f.book.segments.len()), copy);
        folder
    }),
    ("log-of-another-ledger", |f| {
        let mut folder = f.book.folder();
        let log: Vec<_> = f.stranger.folder().files.into_iter().filter(|(name, _)| name.starts_with("log/")).collect();
        folder.files.retain(|name, _| !name.starts_with("log/"));
        folder.files.extend(log);
        folder
    }),
    ("stray-file-in-log", |f| {
        let mut folder = f.book.folder();
        folder.files.insert("log/00000000-64.torn".to_owned(), b"set aside".to_vec());
        folder
    }),
    ("segment-by-another-spelling", |f| {
        let mut folder = f.book.folder();
        let bytes = folder.files.remove(&segment_file(1)).unwrap();
        folder.files.insert("log/1.seg".to_owned(), bytes);
        folder
    }),
    // Older copies.
    ("roll-back-everything", |f| f.kept.folder()),
    ("roll-back-everything-at-least", |f| f.kept.folder().at_least(&f.book.files[CHECKPOINT])),
    ("roll-back-log", |f| {
        let mut book = f.kept.clone();
        book.files = f.book.files.clone();
        book.folder()
    }),
    ("roll-back-checkpoint", |f| {
        let mut book = f.book.clone();
        book.files.insert(CHECKPOINT.to_owned(), f.kept.files[CHECKPOINT].clone());
        book.folder()
    }),
    ("roll-back-checkpoint-at-least", |f| {
        let mut book = f.book.clone();
        book.files.insert(CHECKPOINT.to_owned(), f.kept.files[CHECKPOINT].clone());
        book.folder().at_least(&f.book.files[CHECKPOINT])
    }),
    ("fork", |f| f.fork.folder()),
    ("fork-at-least", |f| f.fork.folder().at_least(&f.book.files[CHECKPOINT])),
    ("fork-with-the-other-checkpoint", |f| {
        let mut book = f.fork.clone();
        book.files.insert(CHECKPOINT.to_owned(), f.book.files[CHECKPOINT].clone());
        book.folder()
    }),
    ("fork-shared-past-at-least", |f| f.fork.folder().at_least(&f.kept.files[CHECKPOINT])),
    // The room for more.
    ("bytes-in-the-room", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot(&format!("after the last frame of segment {}", f.book.segments.len() - 1));
        let at = spot.offset + 2000;
        folder.bytes(&spot.file)[at] = 1;
        folder.name(&spot.file, at, "the foreign byte");
        folder
    }),
    ("bytes-right-after-the-last-commit", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot(&format!("after the last frame of segment {}", f.book.segments.len() - 1));
        folder.bytes(&spot.file)[spot.offset..spot.offset + 6].copy_from_slice(b"hidden");
        folder
    }),
    ("torn-tail", |f| tail(f, |frames, _| frames.truncate(frames.len() - 300))),
    ("torn-tail-cut-in-the-commit", |f| tail(f, |frames, _| frames.truncate(frames.len() - 100))),
    ("torn-tail-a-sector-lost", |f| {
        tail(f, |frames, at| {
            let second = 2 * SECTOR - at % SECTOR;
            frames[second..second + SECTOR].fill(0);
        })
    }),
    ("torn-tail-beginning-lost", |f| tail(f, |frames, at| frames[..SECTOR - at % SECTOR].fill(0))),
    ("torn-tail-beginning-and-commit-lost", |f| {
        tail(f, |frames, at| {
            frames[..SECTOR - at % SECTOR].fill(0);
            frames.truncate(frames.len() - 100);
        })
    }),
    ("torn-tail-and-bytes-in-the-room", |f| {
        let mut folder = tail(f, |frames, _| frames.truncate(frames.len() - 300));
        let last = segment_file(f.kept.segments.len() - 1);
        let at = folder.files[&last].len() - 1;
        folder.bytes(&last)[at] = 1;
        folder
    }),
    ("torn-footer", |f| {
        tail(f, |frames, _| {
            let footer = f.book.segments[0].items.last().unwrap();
            frames.clear();
            footer.push(frames);
            frames.truncate(50);
        })
    }),
    ("torn-tail-of-sealed-values", |f| {
        tail(f, |frames, _| {
            frames.clear();
            Item::Sealed(vec![0x80; 100]).push(frames);
            frames.truncate(50);
        })
    }),
    ("batch-behind-the-checkpoint", |f| tail(f, |_, _| {})),
    ("batch-behind-the-checkpoint-damaged", |f| tail(f, |frames, _| frames[40] ^= 1)),
    ("batch-behind-the-checkpoint-commit-damaged", |f| {
        tail(f, |frames, _| {
            let at = frames.len() - 60;
            frames[at] ^= 1;
        })
    }),
    ("made-up-batch-behind-the-checkpoint", |f| {
        let mut book = f.book.clone();
        let mut entry = book.entry(E);
        entry.event.id.push_str("-invented");
        let commit = book.item(book.commit_after(299)).clone();
        let last = book.segments.len() - 1;
        book.segments[last].items.extend([Item::Entry(entry.encode()), commit]);
        book.renumber();
        book.rethread();
        book.edit(300, |entry| entry.recorded_at = f.book.entry(299).recorded_at);
        book.relink();
        book.reroot();
        let signature = signature_in(&f.book);
        book.edit_commit(book.commit_after(300), |commit| commit.signature_before = signature);
        book.folder()
    }),
];

/// The signature in the newest checkpoint.
fn signature_in(book: &crate::book::Book) -> [u8; 64] {
    book.key.sign(&book.checkpoint())
}

fn first_of_last_batch(f: &Fixture) -> u64 {
    let (s, range) = f.book.batch(299);
    let items = &f.book.segments[s].items[range];
    300 - items.iter().filter(|item| matches!(item, Item::Entry(_))).count() as u64
}

/// Cuts a segment, so many bytes after a place.
fn cut(f: &Fixture, name: &str, after: usize) -> Folder {
    let mut folder = f.book.folder();
    let spot = folder.spot(name);
    folder.bytes(&spot.file).truncate(spot.offset + after);
    folder
}

fn without(f: &Fixture, number: usize) -> Folder {
    let mut folder = f.book.folder();
    folder.files.remove(&segment_file(number));
    folder
}

fn foreign(f: &Fixture, other: &Folder, number: usize) -> Folder {
    let mut folder = f.book.folder();
    folder.files.insert(segment_file(number), other.files[&segment_file(number)].clone());
    folder
}

/// The kept copy, with the frames of the batch that followed behind its last commit, changed; the change is told where
/// they lie in the file.
fn tail(f: &Fixture, change: impl FnOnce(&mut Vec<u8>, usize)) -> Folder {
    let mut folder = f.kept.folder();
    let next = f.next.folder();
    let last = f.kept.segments.len() - 1;
    assert_eq!(f.next.segments.len() - 1, last);
    let after = format!("after the last frame of segment {last}");
    let (spot, end) = (folder.spot(&after), next.spot(&after).offset);
    let mut frames = next.files[&spot.file][spot.offset..end].to_vec();
    change(&mut frames, spot.offset);
    folder.bytes(&spot.file)[spot.offset..spot.offset + frames.len()].copy_from_slice(&frames);
    folder
}
