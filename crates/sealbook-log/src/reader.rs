//! A read-only view of a log: entries, checkpoints, proofs, tiles.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::{Entry, Opening, decode_openings};
use sealbook_core::hash::{ChainValue, TreeHash};
use sealbook_core::note::VerifierKey;
use sealbook_core::proof::TlogProof;
use sealbook_core::segment::{Commit, Frame, Header};
use sealbook_core::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind, push_entry};
use sealbook_core::tree::{Nodes, inclusion_proof, leaf_hash, verify_inclusion};
use sealbook_disk::World;

use crate::error::LogError;
use crate::files::Segment;
use crate::frames::{FrameReader, WalkError};
use crate::keys::signed_note;
use crate::layout::Layout;
use crate::lookup::Lookup;
use crate::nodes::{RecentNodes, read_tile, store_tile, tile_node};
use crate::queue::Published;
use crate::recovery::{Mode, recover};
use crate::ring::Ring;

/// What is committed: changed by the writer after each sync, read by everybody else.
pub(crate) struct View {
    pub(crate) segments: Vec<Segment>,
    pub(crate) nodes: RecentNodes,
    pub(crate) ring: Ring,
    pub(crate) published: Arc<Published>,
}

pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) layout: Layout,
    origin: String,
    view: RwLock<View>,
    lookup: RwLock<Arc<Lookup>>,
    derived_problem: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn new(world: &World, layout: &Layout, view: View, lookup: Lookup) -> Self {
        let origin = view.ring.newest().1.name().to_owned();
        let (view, lookup) = (RwLock::new(view), RwLock::new(Arc::new(lookup)));
        Self { world: world.clone(), layout: layout.clone(), origin, view, lookup, derived_problem: Mutex::default() }
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lookup(&self) -> Arc<Lookup> {
        self.lookup.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_lookup(&self, lookup: Lookup) {
        *self.lookup.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(lookup);
    }

    /// Keeps the first thing that a derived store met.
    pub(crate) fn note_derived_problem(&self, error: &LogError) {
        let mut problem = self.derived_problem.lock().unwrap_or_else(PoisonError::into_inner);
        problem.get_or_insert_with(|| error.to_string());
    }

    pub(crate) fn derived_problem(&self) -> Option<String> {
        self.derived_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A read-only view of a log. Cheap to clone. The one of a [`crate::Ledger`] follows its commits; one that was opened
/// by itself stays at the size it found.
#[derive(Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl core::fmt::Debug for Reader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reader({}, {} entries)", self.origin(), self.size())
    }
}

/// An entry as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Index.
    pub index: u64,
    /// The bytes that are hashed.
    pub bytes: Vec<u8>,
    /// Openings of its sealed values, encoded; empty where there are none.
    pub sealed: Vec<u8>,
}

impl Stored {
    /// The entry. Its bytes were checked when the log was opened or written.
    ///
    /// # Errors
    /// When the bytes have changed on disk since.
    pub fn entry(&self) -> Result<Entry, sealbook_core::cbor::DecodeError> {
        Entry::decode(&self.bytes)
    }

    /// The openings of its sealed values.
    ///
    /// # Errors
    /// When the bytes have changed on disk.
    pub fn openings(&self) -> Result<Vec<Opening>, sealbook_core::cbor::DecodeError> {
        if self.sealed.is_empty() { Ok(Vec::new()) } else { decode_openings(&self.sealed) }
    }
}

impl Reader {
    /// Opens a ledger for reading. A torn write at its end is passed over and left alone; another process may be
    /// writing.
    ///
    /// # Errors
    /// When there is no ledger, or it is damaged.
    pub fn open(world: &World, root: &Path) -> Result<Self, LogError> {
        let (shared, _) = recover(world, &Layout::new(root), Mode::ReadOnly)?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Entries.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.shared.read().published.size
    }

    /// Name of the log.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.shared.origin()
    }

    /// The key that checks its newest checkpoint.
    #[must_use]
    pub fn verifier_key(&self) -> VerifierKey {
        let view = self.shared.read();
        view.ring.at(view.published.size).clone()
    }

    /// Every key that it was signed with.
    #[must_use]
    pub fn ring(&self) -> Ring {
        self.shared.read().ring.clone()
    }

    /// Where its files lie.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.shared.layout
    }

    /// The newest signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Arc<Published> {
        self.shared.read().published.clone()
    }

    /// The entry at `index`.
    ///
    /// # Errors
    /// [`LogError::NoEntry`], or what reading it met.
    pub fn stored(&self, index: u64) -> Result<Stored, LogError> {
        let found = self.entries(index, index.saturating_add(1)).next();
        found.unwrap_or_else(|| Err(LogError::NoEntry { index, size: self.size() }))
    }

    /// The entries from `start` to before `end`, as far as there are any now.
    #[must_use]
    pub fn entries(&self, start: u64, end: u64) -> Entries {
        Entries {
            reader: self.clone(),
            next: start,
            end: end.min(self.size()),
            ready: Vec::new().into_iter(),
            single: end.saturating_sub(start) == 1,
        }
    }

    /// The newest signed checkpoint over at most `size` entries; `None` where the first commit was already larger.
    ///
    /// # Errors
    /// What reading the log met.
    pub fn checkpoint_at_or_before(&self, size: u64) -> Result<Option<Published>, LogError> {
        let newest = self.checkpoint();
        if size >= newest.size {
            let note = newest.note.clone();
            return Ok(Some(Published { size: newest.size, root: newest.root, note }));
        }
        let segments = self.shared.read().segments.clone();
        let at = segments.partition_point(|segment| segment.commits.first().is_some_and(|(first, _)| *first <= size));
        let Some(segment) = at.checked_sub(1).and_then(|at| segments.get(at)) else {
            return self.first_commits(&segments, size);
        };
        let mark = segment.commits.partition_point(|(committed, _)| *committed <= size).saturating_sub(1);
        let Some((_, offset)) = segment.commits.get(mark) else {
            return Ok(None);
        };
        self.walk_commits(&segments, at - 1, *offset, size)
    }

    fn first_commits(&self, segments: &[Segment], size: u64) -> Result<Option<Published>, LogError> {
        match segments.first() {
            Some(_) => self.walk_commits(segments, 0, sealbook_core::segment::HEADER_BYTES as u64, size),
            None => Ok(None),
        }
    }

    /// Walks commits from an offset on: the last one of at most `size`, with the signature that the one after carries.
    fn walk_commits(
        &self,
        segments: &[Segment],
        from: usize,
        offset: u64,
        size: u64,
    ) -> Result<Option<Published>, LogError> {
        let mut best: Option<Commit> = None;
        for (position, segment) in segments.iter().enumerate().skip(from) {
            let start = if position == from { offset } else { sealbook_core::segment::HEADER_BYTES as u64 };
            let mut frames = FrameReader::new(&*segment.file, start, segment.end);
            while let Some((_, frame)) = frames.next().map_err(|error| self.damage(segment, start, size, &error))? {
                let Frame::Commit(commit) = frame else {
                    continue;
                };
                if commit.size <= size {
                    best = Some(commit);
                    continue;
                }
                let Some(best) = best else { return Ok(None) };
                let checkpoint = Checkpoint { origin: self.origin().to_owned(), size: best.size, root: best.root };
                let ring = self.ring();
                let note = signed_note(ring.at(best.size), &checkpoint, &commit.signature_before);
                return Ok(Some(Published { size: best.size, root: best.root, note }));
            }
        }
        Ok(None)
    }

    fn damage(&self, segment: &Segment, offset: u64, index: u64, error: &WalkError) -> LogError {
        let path = self.shared.layout.segment(segment.number);
        match error {
            WalkError::Io(error) => LogError::Io { path, source: std::io::Error::new(error.kind(), error.to_string()) },
            WalkError::Frame(error) => LogError::Damaged { path, offset, index, detail: error.to_string() },
        }
    }

    /// The proof file of an entry against the newest checkpoint. It was checked before it is given.
    ///
    /// # Errors
    /// [`LogError::NoEntry`], or a derived tile that is missing or wrong.
    pub fn prove(&self, index: u64) -> Result<TlogProof, LogError> {
        let published = self.checkpoint();
        if index >= published.size {
            return Err(LogError::NoEntry { index, size: published.size });
        }
        let hashes = self.inclusion(index, &published)?;
        Ok(TlogProof { index, hashes, checkpoint: published.note.clone() })
    }

    /// The inclusion proof of an entry in the tree of a checkpoint of this log, checked before it is given.
    ///
    /// # Errors
    /// A derived tile that is missing or wrong.
    pub fn inclusion(&self, index: u64, checkpoint: &Published) -> Result<Vec<TreeHash>, LogError> {
        // The lock is let go before the entry is read: that takes it again, and a waiting writer would stand between.
        let recent = self.shared.read().nodes.get(0, index);
        let leaf = match recent {
            Some(leaf) => leaf,
            None => leaf_hash(&self.stored(index)?.bytes),
        };
        let touched = Touched { reader: self, tiles: RefCell::default() };
        let hashes = inclusion_proof(&touched, index, checkpoint.size)?;
        if verify_inclusion(index, checkpoint.size, &leaf, &checkpoint.root, &hashes).is_ok() {
            return Ok(hashes);
        }
        // A tile was spoilt since it was written.
        for (level, tile) in touched.tiles.into_inner() {
            self.mend_tile(level, tile)?;
        }
        let hashes = inclusion_proof(self, index, checkpoint.size)?;
        verify_inclusion(index, checkpoint.size, &leaf, &checkpoint.root, &hashes).map_err(|error| {
            LogError::BadTile { path: self.shared.layout.derived("tiles"), detail: format!("entry {index}: {error}") }
        })?;
        Ok(hashes)
    }

    /// The bytes of a tile of the tlog-tiles interface; `None` where the log is too small for it.
    ///
    /// # Errors
    /// What reading met.
    pub fn tile(&self, tile: &Tile) -> Result<Option<Vec<u8>>, LogError> {
        let TileKind::Hashes(level) = tile.kind else {
            return self.bundle(tile);
        };
        let nodes = self.size().checked_shr(8 * u32::from(level)).unwrap_or(0);
        let width = u64::from(tile.width);
        if tile.index.checked_mul(TILE_WIDTH).and_then(|first| first.checked_add(width)).is_none_or(|end| end > nodes) {
            return Ok(None);
        }
        if let Some(bytes) = self.shared.read().nodes.tile(level, tile.index, width) {
            return Ok(Some(bytes));
        }
        let mut bytes = self.full_tile(level, tile.index)?;
        bytes.truncate(usize::from(tile.width) * 32);
        Ok(Some(bytes))
    }

    /// The bytes of a full hash tile: stored, or made from the log where the stored one is missing.
    fn full_tile(&self, level: u8, index: u64) -> Result<Vec<u8>, LogError> {
        let Shared { world, layout, .. } = &*self.shared;
        if let Some(bytes) = read_tile(world, layout, level, index)? {
            return Ok(bytes);
        }
        let bytes = self.make_tile(level, index)?;
        // Only so that it is there the next time: a reader may not be allowed to write.
        if let Err(error) = store_tile(world, layout, level, index, &bytes) {
            self.shared.note_derived_problem(&error);
        }
        Ok(bytes)
    }

    /// Makes a full hash tile from the entries, or from the tiles below it.
    pub(crate) fn make_tile(&self, level: u8, index: u64) -> Result<Vec<u8>, LogError> {
        let first = index * TILE_WIDTH;
        let Some(below) = level.checked_sub(1) else {
            let leaves = self.entries(first, first + TILE_WIDTH).map(|stored| Ok(leaf_hash(&stored?.bytes).0));
            return leaves.collect::<Result<Vec<_>, LogError>>().map(|hashes| hashes.concat());
        };
        let roots = (first..first + TILE_WIDTH).map(|index| {
            let tile = self.full_tile(below, index)?;
            Ok(tile_node(&tile, TILE_HEIGHT, 0).unwrap_or_default().0)
        });
        roots.collect::<Result<Vec<_>, LogError>>().map(|hashes| hashes.concat())
    }

    /// Compares a stored tile with what lies below it, down to the entries where they differ, and stores what is right.
    fn mend_tile(&self, level: u8, index: u64) -> Result<Vec<u8>, LogError> {
        let Shared { world, layout, .. } = &*self.shared;
        let stored = read_tile(world, layout, level, index)?.unwrap_or_default();
        let bytes = match level.checked_sub(1) {
            None => self.make_tile(level, index)?,
            Some(below) => {
                let mut bytes = Vec::with_capacity(stored.len());
                let root = |tile: &[u8]| tile_node(tile, TILE_HEIGHT, 0).unwrap_or_default();
                for (position, child) in (0..).zip(index * TILE_WIDTH..(index + 1) * TILE_WIDTH) {
                    let mut hash = root(&self.full_tile(below, child)?);
                    if stored.as_chunks::<32>().0.get::<usize>(position) != Some(&hash.0) {
                        hash = root(&self.mend_tile(below, child)?);
                    }
                    bytes.extend_from_slice(&hash.0);
                }
                bytes
            }
        };
        if bytes != stored {
            store_tile(world, layout, level, index, &bytes)?;
        }
        Ok(bytes)
    }

    /// Makes every full tile from the log and stores it; gives how many.
    pub(crate) fn store_all_tiles(&self) -> Result<u64, LogError> {
        let mut stored = 0;
        for level in 0u8..8 {
            let full = self.size().checked_shr(TILE_HEIGHT * (u32::from(level) + 1)).unwrap_or(0);
            for index in 0..full {
                let bytes = self.make_tile(level, index)?;
                store_tile(&self.shared.world, &self.shared.layout, level, index, &bytes)?;
                stored += 1;
            }
        }
        Ok(stored)
    }

    fn bundle(&self, tile: &Tile) -> Result<Option<Vec<u8>>, LogError> {
        let (Some(first), width) = (tile.index.checked_mul(TILE_WIDTH), u64::from(tile.width)) else {
            return Ok(None);
        };
        if first.saturating_add(width) > self.size() {
            return Ok(None);
        }
        let mut bundle = Vec::new();
        for stored in self.entries(first, first + width) {
            push_entry(&mut bundle, &stored?.bytes);
        }
        Ok(Some(bundle))
    }

    /// The segment of the entry at `index`, without what lies where in it, and the index and offset of an entry at or
    /// before it.
    fn locate(&self, index: u64) -> Option<(Segment, (u64, u64))> {
        let view = self.shared.read();
        let at = view.segments.partition_point(|segment| segment.first <= index).checked_sub(1)?;
        let segment = view.segments.get(at)?;
        let mark = segment.marks.partition_point(|(marked, _)| *marked <= index).checked_sub(1)?;
        let header = Header { number: segment.number, first: segment.first, prev: ChainValue::default() };
        let bare = Segment { end: segment.end, ..Segment::new(&header, segment.file.clone()) };
        Some((bare, *segment.marks.get(mark)?))
    }

    /// Reads the entries from `index` on to before `end`, at most `limit` of them, all from one segment.
    fn read_from(&self, index: u64, end: u64, limit: usize, near: bool) -> Result<Vec<Stored>, LogError> {
        let size = self.size();
        let (segment, (mut at, offset)) = self.locate(index).ok_or(LogError::NoEntry { index, size })?;
        let mut frames = FrameReader::new(&*segment.file, offset, segment.end);
        if near {
            frames = frames.near();
        }
        let mut found: Vec<Stored> = Vec::new();
        while let Some((_, frame)) = frames.next().map_err(|error| self.damage(&segment, offset, at, &error))? {
            match frame {
                Frame::Entry(bytes) => {
                    if at >= end || found.len() >= limit {
                        break;
                    }
                    if at >= index {
                        found.push(Stored { index: at, bytes: bytes.to_owned(), sealed: Vec::new() });
                    }
                    at += 1;
                }
                Frame::Sealed(bytes) => {
                    if let Some(last) = found.last_mut().filter(|last| last.index + 1 == at) {
                        last.sealed = bytes.to_owned();
                    }
                }
                Frame::Commit(_) => {}
                Frame::Footer(_) => break,
            }
        }
        if found.is_empty() { Err(LogError::NoEntry { index, size }) } else { Ok(found) }
    }
}

/// The tile that holds a node: its level and index, the height of the node in it and the place of its first hash.
fn tile_of(level: u32, index: u64) -> (u8, u64, u32, u64) {
    let (height, tile_level) = (level % TILE_HEIGHT, u8::try_from(level / TILE_HEIGHT).unwrap_or(u8::MAX));
    let first = index << height;
    (tile_level, first / TILE_WIDTH, height, first % TILE_WIDTH)
}

impl Nodes for Reader {
    type Error = LogError;

    fn node(&self, level: u32, index: u64) -> Result<TreeHash, LogError> {
        let recent = self.shared.read().nodes.get(level, index);
        if let Some(hash) = recent {
            return Ok(hash);
        }
        let (tile_level, tile, height, start) = tile_of(level, index);
        tile_node(&self.full_tile(tile_level, tile)?, height, start).ok_or_else(|| LogError::BadTile {
            path: self.shared.layout.derived("tiles"),
            detail: format!("no node {index} at level {level}"),
        })
    }
}

/// Nodes of a log, and which tiles were read for them.
struct Touched<'r> {
    reader: &'r Reader,
    tiles: RefCell<BTreeSet<(u8, u64)>>,
}

impl Nodes for Touched<'_> {
    type Error = LogError;

    fn node(&self, level: u32, index: u64) -> Result<TreeHash, LogError> {
        let recent = self.reader.shared.read().nodes.get(level, index).is_some();
        if !recent {
            let (tile_level, tile, ..) = tile_of(level, index);
            self.tiles.borrow_mut().insert((tile_level, tile));
        }
        self.reader.node(level, index)
    }
}

/// Entries in order.
#[derive(Debug)]
pub struct Entries {
    reader: Reader,
    next: u64,
    end: u64,
    ready: std::vec::IntoIter<Stored>,
    single: bool,
}

/// Entries read at once.
const READ_AHEAD: usize = 1024;

impl Iterator for Entries {
    type Item = Result<Stored, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(stored) = self.ready.next() {
            return Some(Ok(stored));
        }
        if self.next >= self.end {
            return None;
        }
        match self.reader.read_from(self.next, self.end, READ_AHEAD, self.single) {
            Ok(found) => {
                self.next += found.len() as u64;
                self.ready = found.into_iter();
                self.ready.next().map(Ok)
            }
            Err(error) => {
                self.next = self.end;
                Some(Err(error))
            }
        }
    }
}
