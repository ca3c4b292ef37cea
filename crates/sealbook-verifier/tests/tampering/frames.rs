//! Frames, commits, heads, footers and sealed values: altered, dropped, doubled, moved, made up.

use sealbook_core::entry::Opening;
use sealbook_core::hash::SALT_BYTES;
use sealbook_core::segment::{FRAME_HEAD_BYTES, Footer};

use crate::book::{Book, Item};
use crate::fixture::Fixture;
use crate::folder::{Folder, segment_file};
use crate::table::Case;

/// An entry with a reason and the original bytes sealed beside it.
const E: u64 = 17;
/// Another one.
const OTHER: u64 = 21;
/// An entry with nothing sealed beside it.
const BARE: u64 = 18;

pub const CASES: &[Case] = &[
    // Sealed values.
    ("sealed-values-damaged", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("sealed values after entry 17");
        folder.flip(&spot, 20);
        folder
    }),
    ("sealed-value-forged", |f| opened(f, |openings| openings[0].value[0] ^= 1)),
    ("sealed-salt-forged", |f| opened(f, |openings| openings[0].salt[0] ^= 1)),
    ("sealed-path-changed", |f| opened(f, |openings| "actor.name".clone_into(&mut openings[0].path))),
    ("sealed-value-doubled", |f| opened(f, |openings| openings.insert(0, openings[0].clone()))),
    ("sealed-value-added", |f| {
        opened(f, |openings| {
            openings.push(Opening { path: "subject.name".into(), salt: [1; SALT_BYTES], value: b"Eve".to_vec() });
        })
    }),
    ("sealed-value-beside-an-entry-that-seals-nothing", |f| {
        let mut book = f.book.clone();
        let sealed = book.sealed(E).unwrap().clone();
        book.insert_before(BARE + 1, vec![Item::Sealed(sealed)]);
        book.folder()
    }),
    ("sealed-values-swapped", |f| {
        let mut book = f.book.clone();
        let (a, b) = (book.sealed(E).unwrap().clone(), book.sealed(OTHER).unwrap().clone());
        (*book.sealed(E).unwrap(), *book.sealed(OTHER).unwrap()) = (b, a);
        book.folder()
    }),
    ("sealed-values-erased", |f| {
        let mut book = f.book.clone();
        for n in [E, OTHER] {
            let (s, i) = book.entry_at(n);
            book.segments[s].items.remove(i + 1);
        }
        book.folder()
    }),
    ("one-sealed-value-erased", |f| opened(f, |openings| drop(openings.remove(0)))),
    ("sealed-values-emptied", |f| opened(f, Vec::clear)),
    ("garbage-as-sealed-values", |f| {
        let mut book = f.book.clone();
        *book.sealed(E).unwrap() = b"garbage".to_vec();
        book.folder()
    }),
    ("sealed-values-not-deterministic", |f| {
        let mut book = f.book.clone();
        let bytes = book.sealed(E).unwrap();
        // The number of openings in two bytes instead of one.
        let count = bytes[0] & 0x1f;
        bytes.splice(0..1, [0x98, count]);
        book.folder()
    }),
    ("sealed-values-twice", |f| {
        let mut book = f.book.clone();
        let sealed = Item::Sealed(book.sealed(E).unwrap().clone());
        let (s, i) = book.entry_at(E);
        book.segments[s].items.insert(i + 2, sealed);
        book.folder()
    }),
    ("sealed-values-before-any-entry", |f| {
        let mut book = f.book.clone();
        book.insert_before(0, vec![Item::Sealed(vec![0x80])]);
        book.folder()
    }),
    ("sealed-values-after-a-commit", |f| {
        let mut book = f.book.clone();
        book.insert_before(21, vec![Item::Sealed(vec![0x80])]);
        book.folder()
    }),
    // Frames.
    ("frame-longer", |f| resized(f, "frame of entry 17", 8)),
    ("frame-longer-by-megabytes", |f| resized(f, "frame of entry 17", 1 << 23)),
    ("frame-shorter", |f| resized(f, "frame of entry 17", -8)),
    ("frame-length-zero", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("frame of entry 17");
        folder.bytes(&spot.file)[spot.offset..spot.offset + 4].fill(0);
        folder
    }),
    ("frame-longer-crc", |f| swallow(f, 40)),
    ("frame-shorter-crc", |f| swallow(f, -8)),
    ("frame-kind", |f| kind(f, 2, false)),
    ("frame-kind-crc-sealed", |f| kind(f, 2, true)),
    ("frame-kind-crc-commit", |f| kind(f, 3, true)),
    ("frame-kind-crc-unknown", |f| kind(f, 9, true)),
    ("frame-checksum", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("frame of entry 17");
        folder.flip(&spot, 5);
        folder
    }),
    ("frame-zeroed", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("frame of entry 17");
        folder.bytes(&spot.file)[spot.offset..spot.offset + spot.length].fill(0);
        folder
    }),
    ("byte-inserted-between-frames", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("frame of entry 17");
        folder.bytes(&spot.file).insert(spot.offset, 7);
        folder
    }),
    ("byte-removed", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("frame of entry 17");
        folder.bytes(&spot.file).remove(spot.offset + 20);
        folder
    }),
    // Commits.
    ("commit-damaged", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("commit after entry 20");
        folder.flip(&spot, 60);
        folder
    }),
    ("commit-first", |f| commit(f, |commit| commit.first -= 1)),
    ("commit-size", |f| commit(f, |commit| commit.size += 1)),
    ("commit-chain", |f| commit(f, |commit| commit.chain.0[0] ^= 1)),
    ("commit-root", |f| commit(f, |commit| commit.root.0[0] ^= 1)),
    ("commit-signature-zeroed", |f| commit(f, |commit| commit.signature_before = [0; 64])),
    ("commit-signature-of-another", |f| {
        let mut book = f.book.clone();
        let Item::Commit(later) = book.item(book.commit_after(40)) else { panic!("a commit") };
        let signature = later.signature_before;
        book.edit_commit(book.commit_after(E), |commit| commit.signature_before = signature);
        book.folder()
    }),
    ("commit-seal", |f| commit(f, |commit| commit.seal = [7; 32])),
    ("first-commit-with-a-signature", |f| {
        let mut book = f.book.clone();
        book.edit_commit(book.commit_after(0), |commit| commit.signature_before = [1; 64]);
        book.folder()
    }),
    ("commit-removed", |f| {
        let mut book = f.book.clone();
        let (s, i) = book.commit_after(E);
        book.segments[s].items.remove(i);
        book.folder()
    }),
    ("commit-removed-and-counted", |f| {
        let mut book = f.book.clone();
        let (s, i) = book.commit_after(E);
        book.segments[s].items.remove(i);
        book.edit_commit(book.commit_after(E), |commit| commit.first = 14);
        book.folder()
    }),
    ("commit-doubled", |f| {
        let mut book = f.book.clone();
        let (s, i) = book.commit_after(E);
        let commit = book.segments[s].items[i].clone();
        book.segments[s].items.insert(i, commit);
        book.folder()
    }),
    ("commit-moved", |f| {
        let mut book = f.book.clone();
        let (s, i) = book.commit_after(E);
        let commit = book.segments[s].items.remove(i);
        book.insert_before(20, vec![commit]);
        book.folder()
    }),
    ("commit-of-nothing-real-key", |f| {
        let mut book = f.book.clone();
        let (s, i) = book.commit_after(E);
        let commit = book.segments[s].items[i].clone();
        book.segments[s].items.insert(i + 1, commit);
        book.edit_commit((s, i + 1), |commit| commit.first = commit.size);
        book.remake();
        book.folder()
    }),
    // Heads and footers.
    ("header-damaged", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("head of segment 1");
        folder.flip(&spot, 30);
        folder
    }),
    ("header-reserved-bytes", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("head of segment 1");
        folder.flip(&spot, 63);
        folder
    }),
    ("header-number", |f| header(f, |book| book.segments[1].header.number = 7)),
    ("header-first-index", |f| header(f, |book| book.segments[1].header.first += 1)),
    ("header-chain-value", |f| header(f, |book| book.segments[1].header.prev.0[0] ^= 1)),
    ("footer-damaged", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("footer of segment 1");
        folder.flip(&spot, 20);
        folder
    }),
    ("footer-count", |f| footer(f, |footer| footer.entries += 1)),
    ("footer-size", |f| footer(f, |footer| footer.size += 1)),
    ("footer-chain", |f| footer(f, |footer| footer.chain.0[0] ^= 1)),
    ("footer-root", |f| footer(f, |footer| footer.root.0[0] ^= 1)),
    ("footer-removed", |f| {
        let mut book = f.book.clone();
        book.segments[1].items.pop();
        book.folder()
    }),
    ("footer-zeroed", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("footer of segment 1");
        folder.bytes(&spot.file)[spot.offset..].fill(0);
        folder
    }),
    ("footer-doubled", |f| {
        let mut book = f.book.clone();
        let last = book.segments[1].items.last().unwrap().clone();
        book.segments[1].items.push(last);
        book.folder()
    }),
    ("footer-within-a-batch", |f| {
        let mut book = f.book.clone();
        let (s, i) = book.entry_at(E);
        let Some(Item::Footer(footer)) = book.segments[s].items.pop() else { panic!("a footer") };
        book.segments[s].items.insert(i, Item::Footer(Footer { entries: E, size: E, ..footer }));
        book.folder()
    }),
    ("entry-after-the-footer", |f| {
        let mut book = f.book.clone();
        let entry = book.entry(E).encode();
        book.segments[1].items.push(Item::Entry(entry));
        book.folder()
    }),
    ("bytes-after-the-footer", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("after the last frame of segment 1");
        folder.bytes(&spot.file).resize(spot.offset, 0);
        folder.bytes(&spot.file).extend_from_slice(b"hidden");
        folder
    }),
    ("bytes-far-after-the-footer", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("after the last frame of segment 1");
        folder.bytes(&spot.file).resize(spot.offset + 100, 0);
        folder.bytes(&spot.file).extend_from_slice(b"hidden");
        folder.name(&spot.file, spot.offset + 100, "the hidden bytes");
        folder
    }),
    ("zeros-after-the-footer", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("after the last frame of segment 1");
        folder.bytes(&spot.file).resize(spot.offset + 4096, 0);
        folder
    }),
];

fn opened(f: &Fixture, change: impl FnOnce(&mut Vec<Opening>)) -> Folder {
    let mut book = f.book.clone();
    book.edit_openings(E, change);
    book.folder()
}

fn commit(f: &Fixture, change: impl FnOnce(&mut sealbook_core::segment::Commit)) -> Folder {
    let mut book = f.book.clone();
    book.edit_commit(book.commit_after(E), change);
    book.folder()
}

fn header(f: &Fixture, change: impl FnOnce(&mut Book)) -> Folder {
    let mut book = f.book.clone();
    change(&mut book);
    book.folder()
}

fn footer(f: &Fixture, change: impl FnOnce(&mut Footer)) -> Folder {
    let mut book = f.book.clone();
    book.edit_footer(1, change);
    book.folder()
}

/// Another length in the head of a frame; its checksum stays.
fn resized(f: &Fixture, name: &str, by: i64) -> Folder {
    let mut folder = f.book.folder();
    let spot = folder.spot(name);
    let length = i64::try_from(spot.length - FRAME_HEAD_BYTES).unwrap() + by;
    let bytes = folder.bytes(&spot.file);
    bytes[spot.offset..spot.offset + 4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    folder
}

/// A frame of entry 17 that is longer or shorter than its entry, with a right checksum.
fn swallow(f: &Fixture, by: i64) -> Folder {
    let mut folder = f.book.folder();
    let spot = folder.spot("frame of entry 17");
    let start = spot.offset + FRAME_HEAD_BYTES;
    let end = i64::try_from(spot.offset + spot.length).unwrap() + by;
    let bytes = folder.bytes(&spot.file);
    let mut frame = Vec::new();
    Item::Entry(bytes[start..usize::try_from(end).unwrap()].to_vec()).push(&mut frame);
    bytes[spot.offset..spot.offset + frame.len()].copy_from_slice(&frame);
    folder
}

/// Another kind in the head of the frame of entry 17.
fn kind(f: &Fixture, kind: u8, checksum: bool) -> Folder {
    let mut folder = f.book.folder();
    let spot = folder.spot("frame of entry 17");
    let bytes = folder.bytes(&spot.file);
    bytes[spot.offset + 4] = kind;
    if checksum {
        let (head, payload) = bytes[spot.offset..spot.offset + spot.length].split_at(FRAME_HEAD_BYTES);
        let checked = [&head[..5], payload].concat();
        let checksum = crc32c(&checked).to_le_bytes();
        bytes[spot.offset + 5..spot.offset + FRAME_HEAD_BYTES].copy_from_slice(&checksum);
    }
    assert!(segment_file(0) == spot.file);
    folder
}

/// CRC-32C, bit by bit.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0x82f6_3b78 & 0u32.wrapping_sub(crc & 1));
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
