//! The change of the signing key, and its misuse.

use sealbook_core::entry::Entry;
use sealbook_core::note::VerifierKey;
use sealbook_verifier::Trust;

use crate::book::{Book, CHECKPOINT, Item, KEY_FILE, Key};
use crate::fixture::{Fixture, ORIGIN, ROTATION};
use crate::folder::Folder;
use crate::table::Case;

/// The last size that the first key signs.
const LAST: u64 = ROTATION + 1;

pub const CASES: &[Case] = &[
    ("rotation", |f| f.rotated.0.folder()),
    ("rotation-first-key-given", |f| f.rotated.0.folder().trusting(trust(&[&f.rotated.1]))),
    ("rotation-both-keys-given", |f| f.rotated.0.folder().trusting(trust(&[&f.rotated.1, &f.rotated.0.key]))),
    ("rotation-another-key-given", |f| f.rotated.0.folder().trusting(trust(&[&Key::new(ORIGIN, 9)]))),
    ("rotation-key-file-of-before", |f| {
        let mut book = f.rotated.0.clone();
        book.files.insert(KEY_FILE.to_owned(), format!("{}\n", f.rotated.1.verifier).into_bytes());
        book.folder()
    }),
    ("rotation-old-key-goes-on", |f| remade(f, |_| {}, &|f, _| f.rotated.1.clone())),
    ("rotation-old-key-signs-one-more", |f| {
        remade(f, |_| {}, &|f, size| if size <= LAST + 3 { f.rotated.1.clone() } else { f.rotated.0.key.clone() })
    }),
    ("rotation-old-key-signs-the-newest-checkpoint", |f| {
        let mut book = f.rotated.0.clone();
        let text = book.checkpoint().text();
        book.files.insert(CHECKPOINT.to_owned(), f.rotated.1.note(&text));
        book.folder()
    }),
    ("rotation-new-key-signs-too-early", |f| {
        remade(f, |_| {}, &|f, size| if size < LAST { f.rotated.1.clone() } else { f.rotated.0.key.clone() })
    }),
    ("rotation-named-by-nobody", |f| remade(f, |book| book.edit(ROTATION, |entry| entry.successor = None), &by_size)),
    ("rotation-by-a-producer", |f| {
        remade(f, |book| book.edit(ROTATION, |entry| "gateway".clone_into(&mut entry.source.id)), &by_size)
    }),
    ("rotation-to-a-key-of-another-name", |f| {
        remade(
            f,
            |book| book.edit(ROTATION, |entry| name(entry, &Key::new("example.org/another", 9).verifier)),
            &by_size,
        )
    }),
    ("rotation-to-no-key", |f| {
        remade(f, |book| book.edit(ROTATION, |entry| entry.successor = Some("a key".to_owned())), &by_size)
    }),
    ("rotation-not-last-of-its-commit", |f| {
        remade(
            f,
            |book| {
                let (s, i) = book.commit_after(ROTATION);
                book.segments[s].items.remove(i);
                book.renumber();
            },
            &by_size,
        )
    }),
    ("rotation-to-a-usurper", |f| {
        // He holds no key of the ledger: he puts his own into the entry and signs everything from there on.
        let (mut book, keys) = to_another(f, LAST - 1);
        book.files.insert(KEY_FILE.to_owned(), keys.into_bytes());
        book.folder().trusting(trust(&[&f.rotated.1]))
    }),
    ("rotation-by-whom-holds-only-the-old-key", |f| {
        // Whoever has the old key can let another key take over than the one that did.
        let (mut book, keys) = to_another(f, LAST);
        book.files.insert(KEY_FILE.to_owned(), keys.into_bytes());
        book.folder().trusting(trust(&[&f.rotated.1]))
    }),
    ("rotation-by-whom-holds-only-the-old-key-new-key-given", |f| {
        let (mut book, _) = to_another(f, LAST);
        book.files.remove(KEY_FILE);
        book.folder()
    }),
    ("rotation-undone", |f| {
        // The entry that names the new key and all after it cut away: the old key could go on.
        let mut book = f.rotated.0.clone();
        let (s, range) = book.batch(ROTATION);
        book.segments.truncate(s + 1);
        book.segments[s].items.truncate(*range.start());
        let before = f.rotated.1.clone();
        book.resign(&before);
        book.files.insert(KEY_FILE.to_owned(), format!("{}\n", before.verifier).into_bytes());
        book.folder().trusting(trust(&[&before]))
    }),
    ("rotation-undone-new-key-given", |f| {
        let mut book = f.rotated.0.clone();
        let (s, range) = book.batch(ROTATION);
        book.segments.truncate(s + 1);
        book.segments[s].items.truncate(*range.start());
        book.resign(&f.rotated.1.clone());
        book.folder()
    }),
    ("rotation-at-least-by-the-old-key", |f| {
        let mut book = f.rotated.0.clone();
        let old = book.checkpoint_after(20);
        f.rotated.0.folder().at_least(&f.rotated.1.note(&old.text()))
    }),
    ("rotation-at-least-too-late-by-the-old-key", |f| {
        let text = f.rotated.0.checkpoint().text();
        f.rotated.0.folder().at_least(&f.rotated.1.note(&text))
    }),
    ("rotation-at-least-too-early-by-the-new-key", |f| {
        let mut book = f.rotated.0.clone();
        let old = book.checkpoint_after(20);
        f.rotated.0.folder().at_least(&f.rotated.0.key.note(&old.text()))
    }),
];

/// The entry of the change names another key, everything after it is made again, and the old key signs up to `last`; with
/// the list of keys that goes with it.
fn to_another(f: &Fixture, last: u64) -> (Book, String) {
    let (other, before) = (Key::new(ORIGIN, 9), f.rotated.1.clone());
    let mut book = f.rotated.0.clone();
    book.edit(ROTATION, |entry| name(entry, &other.verifier));
    book.remake_unsigned();
    book.resign_with(&|size| if size <= last { before.clone() } else { other.clone() });
    (book, format!("{}\n{}\n", other.verifier, before.verifier))
}

fn trust(keys: &[&Key]) -> Trust {
    Trust { keys: keys.iter().map(|key| key.verifier.clone()).collect(), at_least: None }
}

fn name(entry: &mut Entry, key: &VerifierKey) {
    entry.successor = Some(key.to_string());
}

/// The key that is valid for a size.
fn by_size(f: &Fixture, size: u64) -> Key {
    if size <= LAST { f.rotated.1.clone() } else { f.rotated.0.key.clone() }
}

/// Everything re-made after a change, each size signed with the key that `key` gives.
fn remade(f: &Fixture, change: impl FnOnce(&mut Book), key: &dyn Fn(&Fixture, u64) -> Key) -> Folder {
    let mut book = f.rotated.0.clone();
    assert!(matches!(book.item(book.entry_at(ROTATION)), Item::Entry(_)));
    change(&mut book);
    book.remake_unsigned();
    book.resign_with(&|size| key(f, size));
    book.folder()
}
