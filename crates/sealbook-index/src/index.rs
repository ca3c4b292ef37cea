//! The index of a ledger: its blocks, the open block, catching up with the log, making it anew.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sealbook_core::entry::Entry;
use sealbook_core::hash::chain_value;
use sealbook_log::Reader;

use crate::block::{Block, Place};
use crate::encode::encode;
use crate::error::{Damage, IndexError};
use crate::field::{Field, event_key};
use crate::files::{put, remove_dir};
use crate::open_block::OpenBlock;
use crate::query::{Candidates, Lookup as _, Query};
use crate::search::{Hit, Part, Search, decode};

/// Entries of a block.
pub const BLOCK_ENTRIES: u32 = 65_536;
/// Entries that are decoded before the open block is locked for adding them.
const BATCH_ENTRIES: u64 = 1024;

/// How far an index has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexStatus {
    /// Every entry before this index is in the index.
    pub indexed_through: u64,
    /// Blocks in use.
    pub blocks: u64,
    /// Blocks that are missing, foreign or damaged: answered by reading the log until they are made anew.
    pub holes: u64,
    /// Entries in memory.
    pub open: u64,
}

/// Lookups over one ledger. Share it: asking and catching up take `&self`, and asking never waits for a file.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    origin: String,
    block_entries: u32,
    inner: RwLock<Inner>,
    catching_up: Mutex<()>,
}

#[derive(Debug)]
struct Inner {
    /// One for each full block of the log, in order; `None` where there is no usable file.
    blocks: Vec<Option<Arc<Block>>>,
    open: OpenBlock,
}

impl Index {
    /// Opens the index of the log of `reader`. Writes nothing. Blocks that are damaged or of another log are left out;
    /// [`Index::catch_up`] makes them anew.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn open(reader: &Reader) -> Result<Self, IndexError> {
        Self::open_sized(reader, BLOCK_ENTRIES)
    }

    /// As [`Index::open`], with blocks of another size (1 to [`BLOCK_ENTRIES`]): for tests, and for small machines.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn open_sized(reader: &Reader, block_entries: u32) -> Result<Self, IndexError> {
        let block_entries = block_entries.clamp(1, BLOCK_ENTRIES);
        let dir = reader.layout().derived("index");
        let full = reader.size() / u64::from(block_entries);
        let mut blocks = Vec::new();
        for number in 0..full {
            let first = number * u64::from(block_entries);
            let place = Place { origin: reader.origin(), first, count: block_entries };
            let opened = open_block(&block_path(&dir, number), &place, reader);
            blocks.push(opened?.map(Arc::new));
        }
        // Nothing after the last usable block is known: those blocks are built in order, from memory.
        while blocks.last().is_some_and(Option::is_none) {
            blocks.pop();
        }
        let open = OpenBlock::new(blocks.len() as u64 * u64::from(block_entries));
        Ok(Self {
            dir,
            origin: reader.origin().to_owned(),
            block_entries,
            inner: RwLock::new(Inner { blocks, open }),
            catching_up: Mutex::new(()),
        })
    }

    /// Reads every block file to its end and says how far the index can be used. Questions check only what they touch.
    #[must_use]
    pub fn check(&self) -> IndexStatus {
        let blocks = self.read().blocks.clone();
        blocks.iter().flatten().for_each(|block| block.check());
        self.status()
    }

    /// Throws the index away and makes it anew from the log.
    ///
    /// # Errors
    /// When the files cannot be removed or written, or the log cannot be read.
    pub fn rebuild(reader: &Reader) -> Result<Self, IndexError> {
        let dir = reader.layout().derived("index");
        remove_dir(&dir).map_err(IndexError::io(&dir))?;
        let index = Self::open(reader)?;
        index.catch_up(reader)?;
        Ok(index)
    }

    /// How far it has come.
    #[must_use]
    pub fn status(&self) -> IndexStatus {
        let inner = self.read();
        let usable = |block: &Option<Arc<Block>>| block.as_ref().is_some_and(|block| !block.is_damaged());
        let good = inner.blocks.iter().filter(|block| usable(block)).count() as u64;
        let whole = inner.blocks.iter().position(|block| !usable(block));
        let indexed_through = whole.map_or(inner.open.next(), |at| at as u64 * u64::from(self.block_entries));
        IndexStatus {
            indexed_through,
            blocks: good,
            holes: inner.blocks.len() as u64 - good,
            open: u64::from(inner.open.count()),
        }
    }

    /// Every entry before this index is in the index; the rest is answered by reading the log.
    #[must_use]
    pub fn indexed_through(&self) -> u64 {
        self.status().indexed_through
    }

    /// Indexes what the log has and the index has not, damaged blocks included. Gives [`Index::indexed_through`].
    /// After an error the index is still good for asking.
    ///
    /// # Errors
    /// When the log cannot be read, a block cannot be written, or `reader` is of another ledger.
    pub fn catch_up(&self, reader: &Reader) -> Result<u64, IndexError> {
        self.check_origin(reader)?;
        let _alone = self.catching_up.lock().unwrap_or_else(PoisonError::into_inner);
        let holes: Vec<u64> = {
            let inner = self.read();
            let bad = |block: &Option<Arc<Block>>| block.as_ref().is_none_or(|block| block.is_damaged());
            (0..).zip(&inner.blocks).filter(|(_, block)| bad(block)).map(|(number, _)| number).collect()
        };
        for number in holes {
            self.refill(reader, number)?;
        }
        let size = reader.size();
        loop {
            // Also where an earlier attempt failed to write it: until then the full block is answered from memory.
            if self.read().open.count() >= self.block_entries {
                self.seal(reader)?;
            }
            let next = self.read().open.next();
            let end = size.min(next + BATCH_ENTRIES).min(self.block_end(next));
            if next >= end {
                return Ok(self.indexed_through());
            }
            let entries = read_entries(reader, next, end)?;
            add_all(&mut self.write().open, &entries)?;
        }
    }

    /// The entries that meet a query. What is not indexed is read from the log, so the answer is complete for the size
    /// that the log has now.
    ///
    /// # Errors
    /// When `reader` is of another ledger.
    pub fn search(&self, reader: &Reader, query: Query) -> Result<Search, IndexError> {
        self.check_origin(reader)?;
        let size = reader.size();
        let entries = u64::from(self.block_entries);
        let mut parts = VecDeque::new();
        let mut next = 0;
        {
            let inner = self.read();
            for block in &inner.blocks {
                if next + entries > size {
                    break;
                }
                parts.push_back(match block {
                    Some(block) if !block.is_damaged() => Part::Block(block.clone()),
                    _ => whole(next, self.block_entries),
                });
                next += entries;
            }
            let open = &inner.open;
            if next == open.first() && open.next() <= size && open.count() > 0 {
                let found = query.candidates(open);
                let set = found.map_or_else(|_| Candidates::all(open.count(), false).set, |found| found.set);
                parts.push_back(Part::Set { first: next, set });
                next = open.next();
            }
        }
        while next < size {
            let count = u32::try_from(size - next).unwrap_or(u32::MAX).min(BLOCK_ENTRIES);
            parts.push_back(whole(next, count));
            next += u64::from(count);
        }
        Ok(Search::new(reader.clone(), query, parts))
    }

    /// The entry that holds the event with this id of this source.
    ///
    /// # Errors
    /// When the log cannot be read, or `reader` is of another ledger.
    pub fn event(&self, reader: &Reader, source: &str, event_id: &str) -> Result<Option<Hit>, IndexError> {
        for hit in self.search(reader, Query::is(Field::Event, event_key(source, event_id)))? {
            let hit = hit?;
            if hit.entry.source.id == source && hit.entry.event.id == event_id {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    /// Builds one block from the log and puts it in place.
    fn refill(&self, reader: &Reader, number: u64) -> Result<(), IndexError> {
        let first = number * u64::from(self.block_entries);
        let end = first + u64::from(self.block_entries);
        let mut block = OpenBlock::new(first);
        while block.next() < end {
            let next = block.next();
            add_all(&mut block, &read_entries(reader, next, end.min(next + BATCH_ENTRIES))?)?;
        }
        let written = self.put_block(reader, &block)?;
        let mut inner = self.write();
        if let Some(place) = usize::try_from(number).ok().and_then(|at| inner.blocks.get_mut(at)) {
            *place = Some(Arc::new(written));
        }
        Ok(())
    }

    /// Writes the full open block as a file and opens the next.
    fn seal(&self, reader: &Reader) -> Result<(), IndexError> {
        let written = self.put_block(reader, &self.read().open)?;
        let mut inner = self.write();
        let next = inner.open.next();
        inner.blocks.push(Some(Arc::new(written)));
        inner.open = OpenBlock::new(next);
        Ok(())
    }

    fn put_block(&self, reader: &Reader, block: &OpenBlock) -> Result<Block, IndexError> {
        let last = reader.stored(block.next().saturating_sub(1))?;
        let bytes = encode(block, &self.origin, chain_value(&last.bytes))?;
        let path = block_path(&self.dir, block.first() / u64::from(self.block_entries));
        fs::create_dir_all(&self.dir).map_err(IndexError::io(&self.dir))?;
        put(&path, &bytes).map_err(IndexError::io(&path))?;
        let place = Place { origin: &self.origin, first: block.first(), count: self.block_entries };
        Block::open(&path, &place).map_err(|damage| IndexError::Io {
            path,
            source: std::io::Error::other(format!("just written, but {damage}")),
        })
    }

    fn block_end(&self, index: u64) -> u64 {
        let entries = u64::from(self.block_entries);
        (index / entries + 1) * entries
    }

    fn check_origin(&self, reader: &Reader) -> Result<(), IndexError> {
        if reader.origin() == self.origin {
            return Ok(());
        }
        Err(IndexError::OtherLedger { expected: self.origin.clone(), found: reader.origin().to_owned() })
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn block_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.idx"))
}

/// All entries of a range, to be read from the log.
fn whole(first: u64, count: u32) -> Part {
    let set = Candidates::all(count, false).set;
    Part::Set { first, set }
}

/// Opens a block and compares it with the log; `None` where it cannot be used.
fn open_block(path: &Path, place: &Place<'_>, reader: &Reader) -> Result<Option<Block>, IndexError> {
    let block: Result<Block, Damage> = Block::open(path, place);
    let Ok(block) = block else { return Ok(None) };
    let last = reader.stored(place.first + u64::from(place.count) - 1)?;
    Ok((block.chain() == chain_value(&last.bytes)).then_some(block))
}

/// The entries of a range.
fn read_entries(reader: &Reader, start: u64, end: u64) -> Result<Vec<Entry>, IndexError> {
    reader.entries(start, end).map(|stored| decode(&stored?)).collect()
}

fn add_all(block: &mut OpenBlock, entries: &[Entry]) -> Result<(), IndexError> {
    if entries.is_empty() {
        return Err(unplaced(block.next()));
    }
    for entry in entries {
        if !block.add(entry) {
            return Err(unplaced(entry.index));
        }
    }
    Ok(())
}

fn unplaced(index: u64) -> IndexError {
    IndexError::Entry { index, detail: "it is not where the log says".to_owned() }
}
