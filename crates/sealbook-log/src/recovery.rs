//! Opening a log: every frame is walked, every entry goes through the same function as in a commit, and what is found
//! at the end decides between a clean start, a torn write, and a refusal.

use std::path::PathBuf;
use std::sync::Arc;

use sealbook_core::checkpoint::{Checkpoint, VerifiedCheckpoint, verify};
use sealbook_core::hash::TreeHash;
use sealbook_core::limits::NOTE_BYTES_MAX;
use sealbook_core::note::{Note, VerifierKey};
use sealbook_core::planted::{Bug, is};
use sealbook_core::segment::{Commit, Footer, Frame, HEADER_BYTES, Header, scan_commits};
use sealbook_core::view::EntryView;
use sealbook_disk::{DiskFile, World, read_file};

use crate::error::LogError;
use crate::files::Segment;
use crate::frames::{FrameReader, WalkError};
use crate::keeper::{Sealed, keep};
use crate::keys::{LogKey, signed_note};
use crate::layout::Layout;
use crate::lookup::{Lookup, Remembered, Secret};
use crate::nodes::RecentNodes;
use crate::queue::Published;
use crate::reader::{Shared, View};
use crate::ring::Ring;
use crate::sealed::{Prefix, open_prefix, read_entry};
use crate::segment_map::SegmentMap;
use crate::state::{Keys, State, next_in_thread};

/// Most bytes of a torn write that recovery looks at: a segment with its preallocated room.
const TAIL_BYTES_MAX: u64 = 1 << 30;

/// What a log is opened for. Whoever writes has its key, and takes no commit behind the last signed one for the log's
/// own that it does not know again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode<'k> {
    ReadOnly,
    Write { key: &'k LogKey, secret: &'k Secret },
}

/// What opening a ledger for writing found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Bytes of an unacknowledged write that were moved out of the log, and the file that holds them now.
    pub torn: Option<(u64, PathBuf)>,
}

/// What the writer goes on from.
pub(crate) struct Resume {
    pub(crate) state: State,
    /// Entries of the last segment.
    pub(crate) remembered: Vec<Remembered>,
    /// The last segment has its footer, but no successor yet.
    pub(crate) sealed: bool,
    pub(crate) torn: Option<Torn>,
    /// From here to here in the last segment nothing says yet that it reached the disk: the last batch, and the footer.
    pub(crate) unproven: (u64, u64),
}

/// Bytes after the last commit.
pub(crate) struct Torn {
    pub(crate) number: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Size, chain and root of the log where a commit ends.
#[derive(Clone, Copy)]
struct Point {
    size: u64,
    root: TreeHash,
}

struct Walk<'w> {
    world: &'w World,
    layout: &'w Layout,
    mode: Mode<'w>,
    lookup: Lookup,
    state: State,
    remembered: Vec<Remembered>,
    /// What a derived store met.
    problem: Option<LogError>,
    nodes: RecentNodes,
    segments: Vec<Segment>,
    ring: Option<Ring>,
    last: Option<Point>,
    /// Where the last batch of the last segment begins, and where it or the footer ends.
    unproven: (u64, u64),
    /// The commit before the last, and the signature over it that the last one carries.
    before: Option<(Point, [u8; 64])>,
    /// Size in the stored checkpoint, and the root of the commit of that size.
    wanted: Option<u64>,
    root_at_wanted: Option<TreeHash>,
}

/// Opens the log of `layout`: the segments that were sealed and have a map are not read again.
pub(crate) fn recover(world: &World, layout: &Layout, mode: Mode<'_>) -> Result<(Shared, Resume), LogError> {
    let numbers = segment_numbers(world, layout)?;
    let stored = stored_checkpoint(world, layout)?.filter(|_| !is(Bug::StoredCheckpointIgnored));
    let secret = match mode {
        Mode::Write { secret, .. } => Some(secret),
        Mode::ReadOnly => None,
    };
    // The last segment is always read: where it has a footer and no successor, the footer may not be on the disk yet.
    let prefix = open_prefix(world, layout, numbers.saturating_sub(1), secret)?;
    let known = prefix.segments.len() as u64;
    let mut walk = Walk::after(world, layout, mode, prefix, stored.as_ref().map(|(_, checkpoint)| checkpoint.size))?;
    let (mut sealed, mut torn) = (false, None);
    for number in known..numbers {
        let last = number + 1 == numbers;
        sealed = walk.segment(number)?;
        if !sealed && !last {
            let offset = walk.segments.last().map_or(0, |segment| segment.end);
            let detail = "the segment has no footer, though another follows it".to_owned();
            return Err(walk.damaged(number, offset, detail));
        }
        if last {
            torn = walk.tail(number, sealed)?;
        }
    }
    let unfinished = "no commit in the log: its creation was not finished".to_owned();
    let (Some(ring), Some(last)) = (walk.ring.take(), walk.last) else {
        return Err(walk.damaged(0, HEADER_BYTES as u64, unfinished));
    };
    let published = walk.published(&ring, stored.map(|(note, _)| note), last)?;
    let view = View { segments: walk.segments, nodes: walk.nodes, ring, published: Arc::new(published) };
    let shared = Shared::new(world, layout, view, walk.lookup);
    if let Some(problem) = &walk.problem {
        shared.note_derived_problem(problem);
    }
    Ok((shared, Resume { state: walk.state, remembered: walk.remembered, sealed, torn, unproven: walk.unproven }))
}

/// How many segments there are; their numbers must run from 0.
fn segment_numbers(world: &World, layout: &Layout) -> Result<u64, LogError> {
    let names = match world.disk.list(&layout.log()) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(source) => {
            return Err(LogError::Io { path: layout.log(), source });
        }
    };
    let numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".seg")?.parse().ok()).collect();
    for (expected, number) in (0..).zip(&numbers) {
        if *number != expected {
            let path = layout.segment(expected);
            return Err(LogError::Damaged { path, offset: 0, index: 0, detail: "the segment is missing".to_owned() });
        }
    }
    if numbers.is_empty() {
        Err(LogError::NotALedger { path: layout.root().to_owned() })
    } else {
        Ok(numbers.len() as u64)
    }
}

/// The stored checkpoint, read but not yet believed; `None` where there is no file.
fn stored_checkpoint(world: &World, layout: &Layout) -> Result<Option<(Vec<u8>, Checkpoint)>, LogError> {
    let path = layout.checkpoint();
    let bytes = match read_file(&*world.disk, &path, NOTE_BYTES_MAX as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LogError::Io { path, source }),
    };
    let checkpoint = Note::parse(&bytes).and_then(|note| Checkpoint::parse(note.unverified_text()));
    let checkpoint = checkpoint.map_err(|error| LogError::BadCheckpoint { path, detail: error.to_string() })?;
    Ok(Some((bytes, checkpoint)))
}

impl<'w> Walk<'w> {
    /// Begins after the segments that need not be read.
    fn after(
        world: &'w World,
        layout: &'w Layout,
        mode: Mode<'w>,
        prefix: Prefix,
        wanted: Option<u64>,
    ) -> Result<Self, LogError> {
        let Prefix { segments, footers, nodes, time, lookup } = prefix;
        let mut walk = Self {
            world,
            layout,
            mode,
            lookup,
            state: State::default(),
            remembered: Vec::new(),
            problem: None,
            nodes,
            segments,
            ring: None,
            last: None,
            before: None,
            unproven: (0, 0),
            wanted,
            root_at_wanted: None,
        };
        let Some(footer) = footers.last() else { return Ok(walk) };
        let frontier = walk.nodes.frontier(footer.size).unwrap_or_default();
        walk.state = State::after(footer.chain, frontier, time);
        walk.last = Some(Point { size: footer.size, root: footer.root });
        if let Some(first) = walk.segments.first() {
            let genesis = read_entry(first, 0, layout)?.and_then(|(entry, _)| entry.genesis);
            let Some(genesis) = genesis else {
                return Err(walk.damaged(0, HEADER_BYTES as u64, "entry 0 names neither origin nor key".to_owned()));
            };
            walk.begin_ring(&genesis.verifier_key)?;
        }
        let named: Vec<_> = walk.segments.iter().flat_map(|segment| segment.keys.clone()).collect();
        for (index, key) in named {
            walk.name_key(index, &key, 0)?;
        }
        if let Some(wanted) = wanted {
            walk.root_at_wanted = match footers.iter().find(|footer| footer.size == wanted) {
                Some(footer) => Some(footer.root),
                None => walk.root_of_commit(wanted)?,
            };
        }
        Ok(walk)
    }

    /// The root that the commit over `size` entries names, in a segment that is not read again.
    fn root_of_commit(&self, size: u64) -> Result<Option<TreeHash>, LogError> {
        let Some(segment) = self.segments.iter().rev().find(|segment| segment.first < size) else { return Ok(None) };
        let mark = segment.commits.iter().rev().find(|(committed, _)| *committed <= size);
        let offset = mark.map_or(HEADER_BYTES as u64, |(_, offset)| *offset);
        let mut frames = FrameReader::new(&*segment.file, offset, segment.end);
        loop {
            match frames.next() {
                Ok(Some((_, Frame::Commit(commit)))) if commit.size >= size => {
                    return Ok((commit.size == size).then_some(commit.root));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(WalkError::Frame(_)) => return Ok(None),
                Err(WalkError::Io(source)) => {
                    return Err(LogError::Io { path: self.layout.segment(segment.number), source });
                }
            }
        }
    }

    fn begin_ring(&mut self, key: &str) -> Result<(), LogError> {
        let key = VerifierKey::parse(key)
            .map_err(|error| self.damaged(0, HEADER_BYTES as u64, format!("key in the genesis entry: {error}")))?;
        self.ring = Some(Ring::new(key));
        Ok(())
    }

    /// The entry at `index` names the key that takes over.
    fn name_key(&mut self, index: u64, key: &str, offset: u64) -> Result<(), LogError> {
        let number = self.segments.last().map_or(0, |segment| segment.number);
        let key = VerifierKey::parse(key)
            .map_err(|error| self.damaged(number, offset, format!("key that entry {index} names: {error}")))?;
        if let Some(ring) = &mut self.ring {
            ring.push(index, key);
        }
        Ok(())
    }

    fn damaged(&self, number: u64, offset: u64, detail: String) -> LogError {
        LogError::Damaged { path: self.layout.segment(number), offset, index: self.state.size(), detail }
    }

    /// Walks one segment up to its last commit; true where its footer follows.
    fn segment(&mut self, number: u64) -> Result<bool, LogError> {
        let path = self.layout.segment(number);
        let file: Arc<dyn DiskFile> = self.world.disk.open(&path, false).map_err(LogError::io(&path))?.into();
        let length = file.length().map_err(LogError::io(&path))?;
        let mut head = [0; HEADER_BYTES];
        let read = file.read_at(&mut head, 0).map_err(LogError::io(&path))?;
        let header = head.get(..read).and_then(Header::decode);
        let expected = Header { number, first: self.state.size(), prev: self.state.chain };
        if header != Some(expected) {
            return Err(self.damaged(number, 0, "the header is not that of the segment that belongs here".to_owned()));
        }
        self.segments.push(Segment::new(&expected, file.clone()));
        let mut frames = FrameReader::new(&*file, HEADER_BYTES as u64, length);
        let mut batch: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut sealed = false;
        self.unproven = (HEADER_BYTES as u64, HEADER_BYTES as u64);
        loop {
            let offset = frames.offset();
            let frame = match frames.next() {
                Ok(Some((_, frame))) => frame,
                Ok(None) | Err(WalkError::Frame(_)) => break,
                Err(WalkError::Io(source)) => return Err(LogError::Io { path, source }),
            };
            match frame {
                Frame::Entry(bytes) => batch.push((offset, bytes.to_owned())),
                Frame::Sealed(_) => {}
                Frame::Commit(commit) => {
                    self.commit(number, offset, &commit, &batch)?;
                    batch.clear();
                    let end = frames.offset();
                    self.unproven = (self.unproven.1, end);
                    if let Some(segment) = self.segments.last_mut() {
                        segment.mark_commit(commit.size, offset);
                        segment.end = end;
                    }
                }
                Frame::Footer(footer) => {
                    self.footer(number, offset, &footer, batch.is_empty())?;
                    self.unproven.1 = frames.offset();
                    self.seal(number, footer);
                    sealed = true;
                    break;
                }
            }
        }
        Ok(sealed)
    }

    fn commit(&mut self, number: u64, at: u64, commit: &Commit, batch: &[(u64, Vec<u8>)]) -> Result<(), LogError> {
        if commit.first != self.state.size() || commit.size != commit.first + batch.len() as u64 || batch.is_empty() {
            return Err(self.damaged(number, at, "the commit does not count the entries before it".to_owned()));
        }
        for (offset, bytes) in batch {
            self.entry(number, *offset, bytes)?;
        }
        let same = commit.chain == self.state.chain && commit.root == self.state.frontier.root();
        if !same && !is(Bug::CommitNotCompared) {
            return Err(self.damaged(
                number,
                at,
                "chain or tree of the commit are not those of its entries".to_owned(),
            ));
        }
        if !self.knows(commit) {
            let detail = "the commit was not made by this log's writer, and no checkpoint signs it".to_owned();
            return Err(self.damaged(number, at, detail));
        }
        if self.wanted == Some(commit.size) {
            self.root_at_wanted = Some(commit.root);
        }
        self.before = self.last.map(|before| (before, commit.signature_before));
        self.last = Some(Point { size: commit.size, root: commit.root });
        Ok(())
    }

    /// A segment that was read to its end gets its map and its run, so that it need not be read the next time.
    fn seal(&mut self, number: u64, footer: Footer) {
        let (Mode::Write { secret, .. }, Some(segment)) = (self.mode, self.segments.last()) else { return };
        let map = SegmentMap::of(segment, &self.nodes, footer.size);
        let sealed = Sealed { number, footer, map, remembered: std::mem::take(&mut self.remembered) };
        match keep(self.world, self.layout, secret, &self.lookup, &sealed) {
            Ok(lookup) => {
                self.lookup = lookup;
                self.state.forget(self.lookup.upto());
            }
            Err(error) => self.problem = self.problem.take().or(Some(error)),
        }
    }

    /// Whether a commit is signed, or sealed by the key of this log, or nobody here could tell.
    fn knows(&self, commit: &Commit) -> bool {
        let Mode::Write { key, .. } = self.mode else { return true };
        let signed = self.wanted.is_some_and(|signed| commit.size <= signed);
        let own = self.ring.as_ref().is_some_and(|ring| ring.at(commit.size) == key.verifier());
        signed || !own || key.seal(commit) == commit.seal || is(Bug::SealNotChecked)
    }

    fn entry(&mut self, number: u64, offset: u64, bytes: &[u8]) -> Result<(), LogError> {
        let entry = EntryView::decode(bytes).map_err(|error| self.damaged(number, offset, error.to_string()))?;
        let fits = entry.index == self.state.size()
            && entry.prev == self.state.chain
            && entry.recorded_at >= self.state.time
            && entry.genesis.is_some() == (entry.index == 0)
            && self.remember(&entry)?;
        if !fits {
            return Err(self.damaged(number, offset, "the entry does not follow the one before it".to_owned()));
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.mark_entry(entry.index, offset);
            segment.keys.extend(entry.successor.map(|key| (entry.index, key.to_owned())));
        }
        let nodes = &mut self.nodes;
        self.state.apply(bytes, entry.recorded_at, |level, hash| nodes.push(level, hash));
        if let Some(genesis) = &entry.genesis {
            self.begin_ring(genesis.verifier_key)?;
        }
        entry.successor.map_or(Ok(()), |key| self.name_key(entry.index, key, offset))
    }

    /// Remembers an entry for the writer; false where it does not stand where its thread says.
    fn remember(&mut self, entry: &EntryView<'_>) -> Result<bool, LogError> {
        if matches!(self.mode, Mode::ReadOnly) {
            return Ok(true);
        }
        let keys = Keys::of(entry.event.subject, entry.source.id, entry.event.id);
        let newest = match self.state.newest(keys) {
            Some(newest) => Some(newest),
            None => self.lookup.find(self.world, keys)?.newest,
        };
        self.state.remember(keys, entry.thread.n);
        self.remembered.push(Remembered { keys, n: entry.thread.n });
        Ok(entry.thread == next_in_thread(newest))
    }

    fn footer(&mut self, number: u64, offset: u64, footer: &Footer, batch_is_empty: bool) -> Result<(), LogError> {
        let first = self.segments.last().map_or(0, |segment| segment.first);
        let size = self.state.size();
        let expected =
            Footer { entries: size - first, size, chain: self.state.chain, root: self.state.frontier.root() };
        if (*footer == expected || is(Bug::FooterNotChecked)) && batch_is_empty {
            Ok(())
        } else {
            Err(self.damaged(number, offset, "the footer is not that of this segment".to_owned()))
        }
    }

    /// What stands after the last commit of the last segment.
    fn tail(&self, number: u64, sealed: bool) -> Result<Option<Torn>, LogError> {
        let (Mode::Write { key, .. }, Some(segment), false) = (self.mode, self.segments.last(), sealed) else {
            return Ok(None);
        };
        let path = self.layout.segment(number);
        let length = segment.file.length().map_err(LogError::io(&path))?;
        let room = length.saturating_sub(segment.end).min(TAIL_BYTES_MAX);
        let mut bytes = vec![0; usize::try_from(room).unwrap_or(0)];
        let read = segment.file.read_at(&mut bytes, segment.end).map_err(LogError::io(&path))?;
        bytes.truncate(read);
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(used);
        if bytes.is_empty() {
            return Ok(None);
        }
        // A commit of this writer that begins further on means that one before it was damaged. Others are pieces of what
        // was written last, in the wrong place, or bytes that a producer sent.
        let further = |commit: &Commit| commit.first > self.state.size() && key.seal(commit) == commit.seal;
        let torn = self.wanted.unwrap_or(0) <= self.state.size() && !scan_commits(&bytes).iter().any(further);
        if torn {
            return Ok(Some(Torn { number, offset: segment.end, bytes }));
        }
        Err(self.damaged(number, segment.end, "a frame is damaged, though what follows it was committed".to_owned()))
    }

    /// The newest checkpoint for which there is a signature.
    fn published(&self, ring: &Ring, stored: Option<Vec<u8>>, last: Point) -> Result<Published, LogError> {
        let stored = stored.map(|note| self.believe(ring, note)).transpose()?;
        let before = self.before.map(|(before, signature)| {
            let key = ring.at(before.size);
            let checkpoint = Checkpoint { origin: key.name().to_owned(), size: before.size, root: before.root };
            Published { size: before.size, root: before.root, note: signed_note(key, &checkpoint, &signature) }
        });
        let newest = stored.into_iter().chain(before).max_by_key(|published| published.size);
        // A log that was killed within its first batches may have no signature yet; the writer signs when it opens it.
        Ok(newest.unwrap_or(Published { size: 0, root: last.root, note: String::new() }))
    }

    fn believe(&self, ring: &Ring, note: Vec<u8>) -> Result<Published, LogError> {
        let path = self.layout.checkpoint();
        let bad = |detail: String| LogError::BadCheckpoint { path: path.clone(), detail };
        let key = ring.at(self.wanted.unwrap_or(0));
        let checkpoint: VerifiedCheckpoint =
            verify(&note, std::slice::from_ref(key)).map_err(|error| bad(error.to_string()))?;
        if checkpoint.origin != key.name() {
            return Err(bad(format!("is of the log {:?}", checkpoint.origin)));
        }
        if checkpoint.size > self.state.size() {
            return Err(LogError::RolledBack { size: self.state.size(), signed: checkpoint.size });
        }
        if self.root_at_wanted != Some(checkpoint.root) {
            return Err(bad(format!("signs another history: no commit of {} entries has its root", checkpoint.size)));
        }
        let note = String::from_utf8(note).map_err(|error| bad(error.to_string()))?;
        Ok(Published { size: checkpoint.size, root: checkpoint.root, note })
    }
}
