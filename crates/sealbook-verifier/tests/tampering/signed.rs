//! Keys, genesis, checkpoints and tiles.

use sealbook_core::entry::Genesis;
use sealbook_core::hash::TreeHash;
use sealbook_verifier::Trust;

use crate::book::{Book, CHECKPOINT, KEY_FILE, Key};
use crate::fixture::{Fixture, ORIGIN};
use crate::folder::Folder;
use crate::table::Case;

const TILE: &str = "tiles/tile/0/000";

pub const CASES: &[Case] = &[
    // Keys and genesis.
    ("re-signed-with-another-key", |f| {
        let mut book = f.book.clone();
        book.resign(&Key::new(ORIGIN, 9));
        book.folder()
    }),
    ("re-made-with-another-key", |f| {
        let given = f.book.key.verifier.clone();
        usurped(f).folder().trusting(Trust { keys: vec![given], at_least: None })
    }),
    ("re-made-with-another-key-no-key-given", |f| usurped(f).folder().trusting(Trust::default())),
    ("re-made-with-another-key-at-least", |f| {
        usurped(f).folder().trusting(Trust::default()).at_least(&f.kept.files[CHECKPOINT])
    }),
    ("another-key-given", |f| {
        f.book.folder().trusting(Trust { keys: vec![Key::new(ORIGIN, 9).verifier], at_least: None })
    }),
    ("no-key-given", |f| f.book.folder().trusting(Trust::default())),
    ("key-file-of-another-key", |f| {
        file(f, KEY_FILE, |bytes| *bytes = format!("{}\n", Key::new(ORIGIN, 9).verifier).into_bytes())
    }),
    ("key-file-altered", |f| file(f, KEY_FILE, |bytes| bytes[30] ^= 1)),
    ("key-file-emptied", |f| file(f, KEY_FILE, Vec::clear)),
    ("key-file-longer", |f| file(f, KEY_FILE, |bytes| bytes.push(b'\n'))),
    ("key-file-missing", |f| missing(f, KEY_FILE)),
    ("genesis-origin-changed-chain-roots", |f| {
        let mut book = f.book.clone();
        genesis(&mut book, |genesis| "example.org/another".clone_into(&mut genesis.origin));
        book.remake_unsigned();
        book.folder()
    }),
    ("genesis-key-changed-chain-roots", |f| {
        let mut book = f.book.clone();
        let other = Key::new(ORIGIN, 9).verifier.to_string();
        genesis(&mut book, |genesis| genesis.verifier_key = other);
        book.remake_unsigned();
        book.folder()
    }),
    ("genesis-key-garbled-real-key", |f| remade(f, |book| genesis(book, |genesis| genesis.verifier_key.push('x')))),
    ("genesis-without-key-real-key", |f| remade(f, |book| book.edit(0, |entry| entry.genesis = None))),
    ("genesis-twice-real-key", |f| {
        remade(f, |book| {
            let genesis = book.entry(0).genesis;
            book.edit(17, |entry| entry.genesis = genesis);
        })
    }),
    ("genesis-origin-other-than-key-name-real-key", |f| {
        remade(f, |book| {
            genesis(book, |genesis| "example.org/another".clone_into(&mut genesis.origin));
            "example.org/another".clone_into(&mut book.origin);
        })
    }),
    ("origin-changed-in-commits-real-key", |f| remade(f, |book| "example.org/another".clone_into(&mut book.origin))),
    // The checkpoint.
    ("checkpoint-of-another-ledger", |f| file(f, CHECKPOINT, |bytes| *bytes = f.stranger.files[CHECKPOINT].clone())),
    ("checkpoint-of-a-namesake", |f| file(f, CHECKPOINT, |bytes| *bytes = f.namesake.files[CHECKPOINT].clone())),
    ("checkpoint-of-another-origin-real-key", |f| {
        checkpoint(f, |checkpoint| "example.org/another".clone_into(&mut checkpoint.origin))
    }),
    ("checkpoint-of-a-future-size-real-key", |f| checkpoint(f, |checkpoint| checkpoint.size += 1)),
    ("checkpoint-with-another-root-real-key", |f| checkpoint(f, |checkpoint| checkpoint.root.0[0] ^= 1)),
    ("checkpoint-of-size-0-with-a-root-real-key", |f| checkpoint(f, |checkpoint| checkpoint.size = 0)),
    ("checkpoint-of-size-0-real-key", |f| {
        checkpoint(f, |checkpoint| {
            (checkpoint.size, checkpoint.root) = (0, sealbook_core::tree::empty_root());
        })
    }),
    ("checkpoint-between-commits-real-key", |f| {
        let root = {
            let mut tree = sealbook_core::tree::Frontier::default();
            for n in 0..18 {
                tree.append(sealbook_core::tree::leaf_hash(&f.book.entry(n).encode()), |_, _, _| {});
            }
            tree.root()
        };
        checkpoint(f, |checkpoint| (checkpoint.size, checkpoint.root) = (18, root))
    }),
    ("checkpoint-with-an-unknown-signature", |f| {
        file(f, CHECKPOINT, |bytes| bytes.extend_from_slice("\u{2014} witness.example/w AQIDBAUG\n".as_bytes()))
    }),
    ("checkpoint-signature-altered", |f| {
        file(f, CHECKPOINT, |bytes| {
            let at = bytes.len() - 20;
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        })
    }),
    ("checkpoint-with-a-bad-second-signature-of-its-key", |f| {
        file(f, CHECKPOINT, |bytes| {
            let line = format!("{}\n", std::str::from_utf8(bytes).unwrap().lines().last().unwrap());
            let other = f.kept.files[CHECKPOINT].clone();
            let other = format!("{}\n", String::from_utf8(other).unwrap().lines().last().unwrap());
            assert_ne!(line, other);
            bytes.extend_from_slice(other.as_bytes());
        })
    }),
    ("checkpoint-without-signature", |f| {
        file(f, CHECKPOINT, |bytes| {
            let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
            bytes.truncate(end + 2);
        })
    }),
    ("checkpoint-unparsable", |f| file(f, CHECKPOINT, |bytes| *bytes = b"signed: yes\n".to_vec())),
    ("checkpoint-emptied", |f| file(f, CHECKPOINT, Vec::clear)),
    ("checkpoint-with-an-extension-line-real-key", |f| {
        file(f, CHECKPOINT, |bytes| {
            let text = format!("{}extension\n", f.book.checkpoint().text());
            *bytes = f.book.key.note(&text);
        })
    }),
    ("checkpoint-larger-than-any-note", |f| file(f, CHECKPOINT, |bytes| bytes.resize(1_000_001, b'x'))),
    ("checkpoint-missing", |f| missing(f, CHECKPOINT)),
    ("checkpoint-missing-at-least", |f| missing(f, CHECKPOINT).at_least(&f.book.files[CHECKPOINT])),
    ("at-least-of-another-ledger", |f| f.book.folder().at_least(&f.stranger.files[CHECKPOINT])),
    ("at-least-of-a-namesake", |f| f.book.folder().at_least(&f.namesake.files[CHECKPOINT])),
    ("at-least-unparsable", |f| f.book.folder().at_least(b"a text")),
    ("at-least-the-kept", |f| f.book.folder().at_least(&f.kept.files[CHECKPOINT])),
    // Tiles.
    ("tile-altered", |f| file(f, TILE, |bytes| bytes[5000] ^= 1)),
    ("tile-cut", |f| file(f, TILE, |bytes| bytes.truncate(4000))),
    ("tile-emptied", |f| file(f, TILE, Vec::clear)),
    ("tile-longer", |f| file(f, TILE, |bytes| bytes.push(0))),
    ("tile-missing", |f| missing(f, TILE)),
    ("tile-of-another-level", |f| {
        // The hashes of level 1 where those of the leaves should lie.
        file(f, TILE, |bytes| {
            let hash = |at: usize| TreeHash(bytes[at * 32..][..32].try_into().unwrap());
            let level: Vec<_> =
                (0..128).map(|n| sealbook_core::tree::node_hash(&hash(2 * n), &hash(2 * n + 1))).collect();
            *bytes = level.iter().flat_map(|hash| hash.0).collect();
        })
    }),
    ("tile-of-another-ledger", |f| file(f, TILE, |bytes| *bytes = f.namesake.files[TILE].clone())),
    ("tile-beyond-the-log", |f| {
        let mut folder = f.book.folder();
        let bytes = folder.files[TILE].clone();
        folder.files.insert("tiles/tile/0/001".to_owned(), bytes);
        folder
    }),
];

/// Everything re-made under another key, from entry 0 on.
fn usurped(f: &Fixture) -> Book {
    let mut book = f.book.clone();
    book.key = Key::new(ORIGIN, 9);
    let key = book.key.verifier.to_string();
    genesis(&mut book, |genesis| genesis.verifier_key.clone_from(&key));
    book.files.insert(KEY_FILE.to_owned(), format!("{key}\n").into_bytes());
    book.remake();
    book
}

fn genesis(book: &mut Book, change: impl FnOnce(&mut Genesis)) {
    book.edit(0, |entry| change(entry.genesis.as_mut().unwrap()));
}

fn remade(f: &Fixture, change: impl FnOnce(&mut Book)) -> Folder {
    let mut book = f.book.clone();
    change(&mut book);
    book.remake();
    book.folder()
}

fn file(f: &Fixture, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> Folder {
    let mut folder = f.book.folder();
    change(folder.bytes(name));
    folder
}

fn missing(f: &Fixture, name: &str) -> Folder {
    let mut folder = f.book.folder();
    folder.files.remove(name);
    folder
}

fn checkpoint(f: &Fixture, change: impl FnOnce(&mut sealbook_core::checkpoint::Checkpoint)) -> Folder {
    let mut book = f.book.clone();
    book.sign_checkpoint(change);
    book.folder()
}
