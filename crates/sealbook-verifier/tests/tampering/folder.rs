//! The files of a ledger after tampering, what its places are called, and what verification says about them.

use std::collections::BTreeMap;
use std::path::Path;

use sealbook_core::segment::HEADER_BYTES;
use sealbook_verifier::{Failure, Report, Trust, verify_ledger};

use crate::book::{Book, Item};

/// The files of a ledger.
pub struct Folder {
    pub files: BTreeMap<String, Vec<u8>>,
    /// File and byte, and what lies there.
    places: BTreeMap<(String, u64), String>,
    trust: Trust,
}

/// A frame and where it lies.
#[derive(Clone, Debug)]
pub struct Spot {
    pub file: String,
    pub offset: usize,
    pub length: usize,
}

pub fn segment_file(number: usize) -> String {
    format!("log/{number:08}.seg")
}

impl Folder {
    pub fn of(book: &Book) -> Self {
        let (mut files, mut places, mut n) = (book.files.clone(), BTreeMap::new(), 0u64);
        for (number, segment) in book.segments.iter().enumerate() {
            let file = segment_file(number);
            let mut bytes = segment.header.encode();
            places.insert((file.clone(), 0), format!("head of segment {number}"));
            for (at, name) in [(8, "number"), (16, "first index"), (24, "chain value")] {
                places.insert((file.clone(), at), format!("{name} in the head of segment {number}"));
            }
            assert_eq!(bytes.len(), HEADER_BYTES);
            for item in &segment.items {
                let before = n.checked_sub(1).map_or("no entry".to_owned(), |before| format!("entry {before}"));
                let name = match item {
                    Item::Entry(_) => {
                        n += 1;
                        format!("frame of entry {}", n - 1)
                    }
                    Item::Sealed(_) => format!("sealed values after {before}"),
                    Item::Commit(_) => format!("commit after {before}"),
                    Item::Footer(_) => format!("footer of segment {number}"),
                };
                places.insert((file.clone(), bytes.len() as u64), name);
                item.push(&mut bytes);
            }
            places.insert((file.clone(), bytes.len() as u64), format!("after the last frame of segment {number}"));
            bytes.resize(bytes.len() + segment.room, 0);
            files.insert(file, bytes);
        }
        Self { files, places, trust: Trust { keys: vec![book.key.verifier.clone()], at_least: None } }
    }

    /// Verifies with these keys, and nothing else known.
    pub fn trusting(mut self, trust: Trust) -> Self {
        self.trust = trust;
        self
    }

    /// Verifies against an earlier checkpoint too.
    pub fn at_least(mut self, note: &[u8]) -> Self {
        self.trust.at_least = Some(note.to_vec());
        self
    }

    /// The place that is called so.
    pub fn spot(&self, name: &str) -> Spot {
        let ((file, offset), _) = self.places.iter().find(|(_, called)| *called == name).unwrap();
        let after = self.places.range((file.clone(), offset + 1)..).next().map(|((_, next), _)| *next);
        let (offset, end) = (usize::try_from(*offset).unwrap(), after.map_or(0, |end| usize::try_from(end).unwrap()));
        Spot { file: file.clone(), offset, length: end.saturating_sub(offset) }
    }

    /// Names a place that is none before.
    pub fn name(&mut self, file: &str, offset: usize, name: &str) {
        self.places.insert((file.to_owned(), offset as u64), name.to_owned());
    }

    pub fn bytes(&mut self, file: &str) -> &mut Vec<u8> {
        self.files.get_mut(file).unwrap()
    }

    /// Turns over one bit, at a byte after a place.
    pub fn flip(&mut self, spot: &Spot, byte: usize) {
        self.bytes(&spot.file)[spot.offset + byte] ^= 1;
    }

    pub fn save(&self, root: &Path) {
        for (name, bytes) in &self.files {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    pub fn verify(&self) -> Report {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("log")).unwrap();
        self.save(dir.path());
        verify_ledger(dir.path(), &self.trust, &mut |_| {})
    }

    /// Entry, file and byte of a failure, in the words of the table.
    pub fn place(&self, failure: &Failure) -> String {
        let mut words = Vec::new();
        words.extend(failure.index.map(|index| format!("entry {index}")));
        match (&failure.file, failure.offset) {
            (Some(file), Some(offset)) => match self.places.get(&(file.clone(), offset)) {
                Some(name) => words.push(name.clone()),
                None => words.push(format!("{file}, byte {offset}")),
            },
            (file, _) => words.extend(file.clone()),
        }
        words.join(", ")
    }
}
