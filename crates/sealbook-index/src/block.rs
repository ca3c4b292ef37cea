//! A block file: opened and checked against the log, then asked for terms.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sealbook_core::hash::ChainValue;
use sealbook_core::time::Micros;

use crate::chunk::ChunkReader;
use crate::encode::{Encoding, HeadWire, MAGIC, SectionWire, VERSION};
use crate::error::Damage;
use crate::field::{Field, lookup_key};
use crate::files::read_at;
use crate::query::{Candidates, Lookup};
use crate::{keys, terms};

/// What a block must be of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The log.
    pub(crate) origin: &'a str,
    /// Index of the first entry.
    pub(crate) first: u64,
    /// Entries.
    pub(crate) count: u32,
}

/// An immutable block. The file is opened for each question, so that many blocks need no open files.
#[derive(Debug)]
pub(crate) struct Block {
    path: PathBuf,
    first: u64,
    count: u32,
    chain: ChainValue,
    happened: (Micros, Micros),
    recorded: (Micros, Micros),
    sections: Vec<SectionWire>,
    damaged: AtomicBool,
}

impl Block {
    /// Opens the block at `path`. Whether its chain value is that of the log is left to the caller.
    pub(crate) fn open(path: &Path, place: &Place<'_>) -> Result<Self, Damage> {
        let file = File::open(path)?;
        let mut magic = [0; MAGIC.len()];
        read_at(&file, &mut magic, 0)?;
        if &magic != MAGIC {
            return Err(Damage::Foreign("not a block file"));
        }
        let head = ChunkReader::new(&file, place.first)?.last()?;
        let head: HeadWire =
            ciborium::from_reader(&*head).map_err(|_| Damage::Foreign("another version of the head"))?;
        if head.version != VERSION {
            return Err(Damage::Foreign("another version"));
        }
        if head.origin != place.origin {
            return Err(Damage::Foreign("another ledger"));
        }
        if (head.first, head.count) != (place.first, place.count) {
            return Err(Damage::Foreign("other entries"));
        }
        Ok(Self {
            path: path.to_owned(),
            first: head.first,
            count: head.count,
            chain: ChainValue(head.chain),
            happened: (Micros(head.happened.0), Micros(head.happened.1)),
            recorded: (Micros(head.recorded.0), Micros(head.recorded.1)),
            sections: head.sections,
            damaged: AtomicBool::new(false),
        })
    }

    /// Chain value of its last entry, as the block says.
    pub(crate) fn chain(&self) -> ChainValue {
        self.chain
    }

    /// Whether something in it was found damaged since it was opened.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Reads all of the file, also what no question has touched; what is damaged is remembered.
    pub(crate) fn check(&self) {
        let _ = self.guarded(|block| {
            let file = File::open(&block.path)?;
            ChunkReader::new(&file, block.first)?.check_all(MAGIC.len() as u64)
        });
    }

    /// Runs a question. What is damaged is remembered, so that the block is made anew.
    pub(crate) fn guarded<T>(&self, ask: impl FnOnce(&Self) -> Result<T, Damage>) -> Result<T, Damage> {
        // The dictionary's own format is parsed by a library that may panic on bytes made to mislead it.
        let answer = catch_unwind(AssertUnwindSafe(|| ask(self)))
            .unwrap_or(Err(Damage::Bytes("a dictionary that cannot be read")));
        if answer.is_err() {
            self.damaged.store(true, Ordering::Relaxed);
        }
        answer
    }
}

impl Lookup for Block {
    fn first(&self) -> u64 {
        self.first
    }

    fn count(&self) -> u32 {
        self.count
    }

    fn happened(&self) -> (Micros, Micros) {
        self.happened
    }

    fn recorded(&self) -> (Micros, Micros) {
        self.recorded
    }

    fn term(&self, field: Field, value: &str) -> Result<Candidates, Damage> {
        let section = self.sections.iter().find(|section| section.field == field.code());
        let section = section.ok_or(Damage::Bytes("a field is missing"))?;
        let file = File::open(&self.path)?;
        let chunks = ChunkReader::new(&file, self.first)?;
        let (set, exact) = match section.encoding {
            Encoding::Terms => (terms::find(&chunks, section.root, value)?, true),
            Encoding::Keys => (keys::find(&chunks, section.root, lookup_key(value))?, false),
        };
        if set.max().is_some_and(|last| last >= self.count) {
            return Err(Damage::Bytes("an offset lies outside the block"));
        }
        let exact = exact || set.is_empty();
        Ok(Candidates { set, exact })
    }
}
