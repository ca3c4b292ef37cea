//! Entries and batches: edited, inserted, deleted, doubled, moved; with and without making again what follows from them.

use sealbook_core::entry::Entry;
use sealbook_core::time::Micros;

use crate::book::{Book, Item, Key};
use crate::fixture::Fixture;
use crate::table::Case;

/// An entry in the middle of the batch of entries 14 to 20, with values sealed beside it.
const E: u64 = 17;
/// First and last entry of that batch.
const FIRST: u64 = 14;
const LAST: u64 = 20;

pub const CASES: &[Case] = &[
    ("edit", |f| {
        let mut folder = f.book.folder();
        let spot = folder.spot("frame of entry 17");
        folder.flip(&spot, 30);
        folder
    }),
    ("edit-crc", |f| edited(f).folder()),
    ("edit-last-of-batch-crc", |f| {
        let mut book = f.book.clone();
        book.edit(LAST, another_action);
        book.folder()
    }),
    ("edit-last-entry-crc", |f| {
        let mut book = f.book.clone();
        book.edit(299, another_action);
        book.folder()
    }),
    ("edit-chain", |f| {
        let mut book = edited(f);
        book.relink();
        book.folder()
    }),
    ("edit-chain-roots", |f| {
        let mut book = edited(f);
        book.remake_unsigned();
        book.folder()
    }),
    ("edit-last-entry-chain-roots", |f| {
        let mut book = f.book.clone();
        book.edit(299, another_action);
        book.remake_unsigned();
        book.folder()
    }),
    ("edit-chain-roots-other-key", |f| {
        let mut book = edited(f);
        book.remake_unsigned();
        let key = Key::new(&book.origin, 9);
        book.resign(&key);
        book.folder()
    }),
    ("edit-everything-real-key", |f| remade(f, |book| book.edit(E, another_action)).folder()),
    ("edit-everything-real-key-at-least", |f| {
        remade(f, |book| book.edit(E, another_action)).folder().at_least(&f.kept.files["checkpoint"])
    }),
    ("edit-after-at-least-real-key", |f| {
        remade(f, |book| book.edit(250, another_action)).folder().at_least(&f.kept.files["checkpoint"])
    }),
    ("insert", |f| {
        let mut book = f.book.clone();
        let copy = invented(&book, E);
        book.insert_before(E, vec![copy]);
        book.folder()
    }),
    ("insert-renumber-chain-roots", |f| {
        let mut book = f.book.clone();
        let copy = invented(&book, E);
        book.insert_before(E, vec![copy]);
        unsigned(book)
    }),
    ("insert-everything-real-key", |f| {
        remade(f, |book| {
            let copy = invented(book, E);
            book.insert_before(E, vec![copy]);
        })
        .folder()
    }),
    ("duplicate", |f| {
        let mut book = f.book.clone();
        let entry = book.clone().take(E);
        book.insert_before(E, entry);
        book.folder()
    }),
    ("duplicate-batch", |f| {
        let mut book = f.book.clone();
        let (s, range) = book.batch(E);
        let batch = book.segments[s].items[range.clone()].to_vec();
        book.segments[s].items.splice(range.end() + 1..range.end() + 1, batch);
        book.folder()
    }),
    ("delete", |f| {
        let mut book = f.book.clone();
        book.take(E);
        book.folder()
    }),
    ("delete-renumber-chain-roots", |f| {
        let mut book = f.book.clone();
        book.take(E);
        unsigned(book)
    }),
    ("delete-everything-real-key", |f| remade(f, |book| drop(book.take(E))).folder()),
    ("delete-everything-real-key-at-least", |f| {
        remade(f, |book| drop(book.take(E))).folder().at_least(&f.kept.files["checkpoint"])
    }),
    ("delete-first-of-batch", |f| {
        let mut book = f.book.clone();
        book.take(FIRST);
        book.folder()
    }),
    ("delete-last-of-batch", |f| {
        let mut book = f.book.clone();
        book.take(LAST);
        book.folder()
    }),
    ("delete-entry-0", |f| {
        let mut book = f.book.clone();
        book.take(0);
        book.folder()
    }),
    ("delete-batch", |f| {
        let mut book = f.book.clone();
        let (s, range) = book.batch(E);
        book.segments[s].items.drain(range);
        book.folder()
    }),
    ("delete-batch-renumber-chain-roots", |f| {
        let mut book = f.book.clone();
        let (s, range) = book.batch(E);
        book.segments[s].items.drain(range);
        unsigned(book)
    }),
    ("swap-entries", |f| {
        let mut book = f.book.clone();
        let (a, b) = (book.take(E), book.take(E));
        book.insert_before(E, [b, a].concat());
        book.folder()
    }),
    ("swap-entries-renumber-chain-roots", |f| {
        let mut book = f.book.clone();
        let (a, b) = (book.take(E), book.take(E));
        book.insert_before(E, [b, a].concat());
        unsigned(book)
    }),
    ("swap-batches", |f| {
        let mut book = f.book.clone();
        let (s, range) = book.batch(E);
        let batch: Vec<_> = book.segments[s].items.drain(range).collect();
        let (s, next) = book.batch(FIRST);
        book.segments[s].items.splice(next.end() + 1..next.end() + 1, batch);
        book.folder()
    }),
    ("move-entry-to-another-batch", |f| {
        let mut book = f.book.clone();
        let entry = book.take(E);
        book.insert_before(30, entry);
        book.folder()
    }),
    ("back-date-crc", |f| {
        let mut book = f.book.clone();
        book.edit(FIRST, |entry| entry.recorded_at.0 -= 3_600_000_000);
        book.folder()
    }),
    ("back-date-chain-roots", |f| {
        let mut book = f.book.clone();
        book.edit(FIRST, |entry| entry.recorded_at.0 -= 1);
        unsigned(book)
    }),
    ("back-date-before-the-one-before-real-key", |f| {
        remade(f, |book| book.edit(FIRST, |entry| entry.recorded_at.0 -= 3_600_000_000)).folder()
    }),
    ("back-date-within-order-real-key", |f| {
        remade(f, |book| book.edit(FIRST, |entry| entry.recorded_at.0 -= 1)).folder()
    }),
    ("equal-times-real-key", |f| {
        let time = f.book.entry(E).recorded_at;
        remade(f, |book| book.each_entry(|_, entry| entry.recorded_at = time)).folder()
    }),
    ("post-date-real-key", |f| {
        remade(f, |book| book.edit(FIRST, |entry| entry.recorded_at.0 += 3_600_000_000)).folder()
    }),
    ("post-date-last-entry-real-key", |f| {
        remade(f, |book| book.edit(299, |entry| entry.recorded_at = Micros(i64::MAX))).folder()
    }),
    ("index-gap-real-key", |f| {
        remade(f, |book| {
            book.each_entry(|n, entry| entry.index += u64::from(n >= E));
        })
        .folder()
    }),
    ("index-gap-counted-real-key", |f| {
        let mut book = f.book.clone();
        book.each_entry(|n, entry| entry.index += u64::from(n >= E));
        for at in book.commits() {
            book.edit_commit(at, |commit| {
                commit.first += u64::from(commit.first >= E);
                commit.size += u64::from(commit.size > E);
            });
        }
        for segment in &mut book.segments {
            segment.header.first += u64::from(segment.header.first > E);
        }
        let sealed = book.segments.len() - 1;
        for segment in 0..sealed {
            book.edit_footer(segment, |footer| footer.size += 1);
        }
        book.remake();
        book.folder()
    }),
    ("thread-number-real-key", |f| remade(f, |book| book.edit(E, |entry| entry.thread.n += 1)).folder()),
    ("thread-link-real-key", |f| {
        remade(f, |book| book.edit(E, |entry| entry.thread.prev = entry.thread.prev.map(|prev| prev - 1))).folder()
    }),
    ("thread-restarted-real-key", |f| {
        remade(f, |book| {
            book.edit(E, |entry| (entry.thread.n, entry.thread.prev) = (1, None));
        })
        .folder()
    }),
    ("thread-entry-skipped-real-key", |f| {
        let mut book = f.book.clone();
        book.take(E);
        book.renumber();
        book.remake();
        book.folder()
    }),
    ("thread-subject-changed-real-key", |f| {
        remade(f, |book| book.edit(E, |entry| entry.event.subject.id.push('x'))).folder()
    }),
    ("thread-removed-real-key", |f| {
        remade(f, |book| {
            let about = book.entry(E).event.subject.id;
            let of_thread = (0..300).rev().filter(|n| book.entry(*n).event.subject.id == about);
            for n in of_thread.collect::<Vec<_>>() {
                book.take(n);
            }
            drop_empty_batches(book);
        })
        .folder()
    }),
    ("not-deterministic-real-key", |f| {
        let mut book = f.book.clone();
        let at = book.entry_at(E);
        if let Item::Entry(bytes) = book.item(at) {
            // The version 1 in two bytes instead of one.
            assert_eq!(bytes[1..3], [1, 1]);
            bytes.splice(2..3, [0x18, 1]);
        }
        book.remake();
        book.folder()
    }),
    ("unsorted-keys-real-key", |f| {
        let mut book = f.book.clone();
        let at = book.entry_at(E);
        if let Item::Entry(bytes) = book.item(at) {
            // Version and index change places.
            assert_eq!(bytes[1..5], [1, 1, 2, 17]);
            bytes[1..5].copy_from_slice(&[2, 17, 1, 1]);
        }
        book.remake();
        book.folder()
    }),
    ("unknown-pair-real-key", |f| {
        let mut book = f.book.clone();
        let at = book.entry_at(E);
        if let Item::Entry(bytes) = book.item(at) {
            bytes[0] += 1;
            bytes.extend_from_slice(&[0x17, 0x00]);
        }
        book.remake();
        book.folder()
    }),
    ("other-version-real-key", |f| {
        let mut book = f.book.clone();
        let at = book.entry_at(E);
        if let Item::Entry(bytes) = book.item(at) {
            bytes[2] = 2;
        }
        book.remake();
        book.folder()
    }),
    ("garbage-as-entry-real-key", |f| {
        let mut book = f.book.clone();
        let at = book.entry_at(E);
        *book.item(at) = Item::Entry(b"{\"id\":\"not CBOR\"}".to_vec());
        book.remake();
        book.folder()
    }),
    ("over-the-size-limit-real-key", |f| remade(f, |book| book.edit(E, enlarge)).folder()),
];

fn another_action(entry: &mut Entry) {
    entry.event.action = Some("rite".to_owned());
}

/// More labels than an entry has room for.
fn enlarge(entry: &mut Entry) {
    for n in 0..70 {
        entry.event.labels.insert(format!("label-{n:02}"), "x".repeat(1_000));
    }
}

fn edited(f: &Fixture) -> Book {
    let mut book = f.book.clone();
    book.edit(E, another_action);
    book
}

/// A made-up entry that follows the one before `n`.
fn invented(book: &Book, n: u64) -> Item {
    let mut entry = book.entry(n);
    entry.event.id.push_str("-invented");
    Item::Entry(entry.encode())
}

/// Everything made again that needs no key.
fn unsigned(mut book: Book) -> crate::folder::Folder {
    book.renumber();
    book.rethread();
    book.remake_unsigned();
    book.folder()
}

/// Everything made again with the real key, except what the change says on purpose.
fn remade(f: &Fixture, change: impl FnOnce(&mut Book)) -> Book {
    let mut book = f.book.clone();
    change(&mut book);
    let moved =
        book.segments.iter().flat_map(|s| &s.items).filter(|item| matches!(item, Item::Entry(_))).count() != 300;
    if moved {
        book.renumber();
        book.rethread();
    }
    book.remake();
    book
}

fn drop_empty_batches(book: &mut Book) {
    for segment in &mut book.segments {
        let mut entries = 0;
        segment.items.retain(|item| match item {
            Item::Entry(_) => {
                entries += 1;
                true
            }
            Item::Commit(_) => std::mem::take(&mut entries) > 0,
            _ => true,
        });
    }
}
