//! A segment as a file: created zero-filled, appended to, cut to length when it is full.

use std::sync::Arc;

use sealbook_core::planted::{Bug, is};
use sealbook_core::segment::{FOOTER_FRAME_BYTES, HEADER_BYTES, Header};
use sealbook_disk::{DiskFile, World};

use crate::error::LogError;
use crate::layout::Layout;

/// Bytes after which a segment is full. A batch may run past it.
pub(crate) const SEGMENT_BYTES: u64 = 64 << 20;

/// Room filled with zeros ahead of the writer, in bytes: as much again as is written, within these bounds.
/// `fdatasync` then changes no file length, which halves its time.
const ROOM_BYTES_MIN: u64 = 64 << 10;
const ROOM_BYTES_MAX: u64 = 4 << 20;

/// What room is filled with.
static ZEROS: [u8; 256 << 10] = [0; 256 << 10];

/// Entries between two places that a reader can jump to.
pub(crate) const MARK_ENTRIES: u64 = 64;

/// A segment and where things lie in it.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    pub(crate) first: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Offset after the last commit.
    pub(crate) end: u64,
    /// Index and offset of some entry frames, ascending.
    pub(crate) marks: Vec<(u64, u64)>,
    /// Size of the log after some commits, and the offset of their frames, ascending.
    pub(crate) commits: Vec<(u64, u64)>,
    /// Entries that name a key that takes over, and the key.
    pub(crate) keys: Vec<(u64, String)>,
}

impl Segment {
    pub(crate) fn new(header: &Header, file: Arc<dyn DiskFile>) -> Self {
        let end = HEADER_BYTES as u64;
        Self {
            number: header.number,
            first: header.first,
            file,
            end,
            marks: Vec::new(),
            commits: Vec::new(),
            keys: Vec::new(),
        }
    }

    pub(crate) fn mark_entry(&mut self, index: u64, offset: u64) {
        if self.marks.last().is_none_or(|(last, _)| index >= last + MARK_ENTRIES) {
            self.marks.push((index, offset));
        }
    }

    pub(crate) fn mark_commit(&mut self, size: u64, offset: u64) {
        if self.commits.last().is_none_or(|(last, _)| size >= last + MARK_ENTRIES) {
            self.commits.push((size, offset));
        }
    }
}

/// The segment that is written to.
pub(crate) struct OpenSegment {
    file: Arc<dyn DiskFile>,
    number: u64,
    /// Where the next batch goes.
    pub(crate) end: u64,
    filled: u64,
    /// Bytes after which it is full.
    bytes_max: u64,
}

impl OpenSegment {
    /// Creates a segment: header, zeros after it, all of it durable, its name too.
    pub(crate) fn create(world: &World, layout: &Layout, header: &Header, bytes_max: u64) -> Result<Self, LogError> {
        let path = layout.segment(header.number);
        let temporary = path.with_extension("new");
        if world.disk.exists(&temporary) {
            world.disk.remove(&temporary).map_err(LogError::io(&temporary))?;
        }
        let file: Arc<dyn DiskFile> = world.disk.create(&temporary, false).map_err(LogError::io(&temporary))?.into();
        let mut bytes = header.encode();
        bytes.resize(usize::try_from(ROOM_BYTES_MIN).unwrap_or(HEADER_BYTES), 0);
        file.write_at(&bytes, 0).map_err(LogError::io(&temporary))?;
        if !is(Bug::SegmentNamedBeforeSync) {
            file.sync().map_err(LogError::io(&temporary))?;
        }
        world.disk.rename(&temporary, &path).map_err(LogError::io(&path))?;
        if !is(Bug::NameNotSynced) {
            world.disk.sync_dir(&layout.log()).map_err(LogError::io(layout.log()))?;
        }
        Ok(Self { file, number: header.number, end: HEADER_BYTES as u64, filled: ROOM_BYTES_MIN, bytes_max })
    }

    /// Goes on with the next segment.
    pub(crate) fn succeed(&mut self, world: &World, layout: &Layout, header: &Header) -> Result<(), LogError> {
        *self = Self::create(world, layout, header, self.bytes_max)?;
        Ok(())
    }

    /// Goes on with an existing segment after its last commit.
    pub(crate) fn resume(world: &World, layout: &Layout, segment: &Segment, bytes_max: u64) -> Result<Self, LogError> {
        let path = layout.segment(segment.number);
        let file: Arc<dyn DiskFile> = world.disk.open(&path, true).map_err(LogError::io(&path))?.into();
        let filled = file.length().map_err(LogError::io(&path))?;
        Ok(Self { file, number: segment.number, end: segment.end, filled, bytes_max })
    }

    pub(crate) fn file(&self) -> &Arc<dyn DiskFile> {
        &self.file
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the next batch belongs into another segment; never while there is no entry in this one.
    pub(crate) fn is_full(&self) -> bool {
        self.end >= self.bytes_max && self.end > HEADER_BYTES as u64
    }

    /// Writes `bytes` after the last commit and makes them durable with one sync.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let after = self.end + bytes.len() as u64;
        if after > self.filled {
            let target = after + after.clamp(ROOM_BYTES_MIN, ROOM_BYTES_MAX);
            while self.filled < target {
                let piece = usize::try_from(target - self.filled).map_or(ZEROS.len(), |rest| rest.min(ZEROS.len()));
                self.file.write_at(ZEROS.get(..piece).unwrap_or_default(), self.filled)?;
                self.filled += piece as u64;
            }
        }
        let written = self.file.write_at(bytes, self.end);
        if !is(Bug::WriteErrorIgnored) {
            written?;
        }
        self.sync()?;
        self.end = after;
        Ok(())
    }

    fn sync(&self) -> std::io::Result<()> {
        if is(Bug::SyncForgotten) {
            return Ok(());
        }
        let synced = self.file.sync();
        if is(Bug::SyncRetried) && synced.is_err() { self.file.sync() } else { synced }
    }

    /// Takes the footer into account that stands behind the last commit, and cuts off what a crash left there.
    pub(crate) fn end_sealed(&mut self) -> std::io::Result<()> {
        self.end += FOOTER_FRAME_BYTES as u64;
        if self.filled == self.end { Ok(()) } else { self.cut() }
    }

    /// Writes again what a process before this one wrote last, makes it durable, and the segment's name too. Where its
    /// sync failed, or its end came between, the bytes may stand in the system's memory only, and count as written there.
    pub(crate) fn write_again(&self, world: &World, layout: &Layout, range: (u64, u64)) -> Result<(), LogError> {
        if is(Bug::LastBatchTrusted) {
            return Ok(());
        }
        let path = layout.segment(self.number);
        let mut bytes = vec![0; usize::try_from(range.1.saturating_sub(range.0)).unwrap_or(0)];
        let mut again = || {
            let read = self.file.read_at(&mut bytes, range.0)?;
            self.file.write_at(bytes.get(..read).unwrap_or_default(), range.0)?;
            self.file.sync()
        };
        again().map_err(LogError::io(path))?;
        world.disk.sync_dir(&layout.log()).map_err(LogError::io(layout.log()))
    }

    /// Appends the footer, makes it durable, and cuts off the zeros behind it.
    pub(crate) fn append_footer(&mut self, footer: &[u8]) -> std::io::Result<()> {
        if is(Bug::FooterNotSynced) {
            self.file.write_at(footer, self.end)?;
            self.end += footer.len() as u64;
            return self.file.set_length(self.end);
        }
        self.append(footer)?;
        self.cut()
    }

    /// Cuts the zeros off a segment whose footer is durable.
    fn cut(&self) -> std::io::Result<()> {
        self.file.set_length(self.end)?;
        self.file.sync()
    }
}
