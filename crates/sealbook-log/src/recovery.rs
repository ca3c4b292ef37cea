//! Opening a log: every frame is walked, every entry goes through the same function as in a commit, and what is found
//! at the end decides between a clean start, a torn write, and a refusal.

use std::path::PathBuf;
use std::sync::{Arc, RwLock};

use sealbook_core::checkpoint::{Checkpoint, VerifiedCheckpoint, verify};
use sealbook_core::entry::{Entry, Genesis};
use sealbook_core::hash::TreeHash;
use sealbook_core::limits::NOTE_BYTES_MAX;
use sealbook_core::note::{Note, VerifierKey};
use sealbook_core::segment::{Commit, Footer, Frame, HEADER_BYTES, Header, scan_commits};
use sealbook_disk::{DiskFile, World, read_file};

use crate::error::LogError;
use crate::files::Segment;
use crate::frames::{FrameReader, WalkError};
use crate::keys::{LogKey, signed_note};
use crate::layout::Layout;
use crate::nodes::RecentNodes;
use crate::queue::Published;
use crate::reader::{Shared, View};
use crate::state::{Keys, State};

/// Most bytes of a torn write that recovery looks at: a segment with its preallocated room.
const TAIL_BYTES_MAX: u64 = 1 << 30;

/// What a log is opened for. Whoever writes has its key, and takes no commit behind the last signed one for the log's
/// own that it does not know again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode<'k> {
    ReadOnly,
    Write(&'k LogKey),
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

struct Walk<'w> {
    world: &'w World,
    layout: &'w Layout,
    state: State,
    nodes: RecentNodes,
    segments: Vec<Segment>,
    genesis: Option<Genesis>,
    last: Option<Commit>,
    /// Where the last batch of the last segment begins, and where it or the footer ends.
    unproven: (u64, u64),
    /// The commit before the last, and the signature over it that the last one carries.
    before: Option<(Commit, [u8; 64])>,
    /// Size in the stored checkpoint, and the root of the commit of that size.
    wanted: Option<u64>,
    root_at_wanted: Option<TreeHash>,
    on_nodes: &'w mut dyn FnMut(&RecentNodes, u32, u64),
    mode: Mode<'w>,
}

/// Opens the log of `layout`. `on_nodes` is told how many complete nodes a level has, whenever that changes.
pub(crate) fn recover(
    world: &World,
    layout: &Layout,
    mode: Mode<'_>,
    on_nodes: &mut dyn FnMut(&RecentNodes, u32, u64),
) -> Result<(Shared, Resume), LogError> {
    let numbers = segment_numbers(world, layout)?;
    let stored = stored_checkpoint(world, layout)?;
    let wanted = stored.as_ref().map(|(_, checkpoint)| checkpoint.size);
    let mut walk = Walk {
        world,
        layout,
        state: State::default(),
        nodes: RecentNodes::default(),
        segments: Vec::new(),
        genesis: None,
        last: None,
        before: None,
        unproven: (0, 0),
        wanted,
        root_at_wanted: None,
        on_nodes,
        mode,
    };
    let (mut sealed, mut torn) = (false, None);
    for number in 0..numbers {
        let last = number + 1 == numbers;
        sealed = walk.segment(number)?;
        if !sealed && !last {
            let offset = walk.segments.last().map_or(0, |segment| segment.end);
            return Err(walk.damaged(
                number,
                offset,
                "the segment has no footer, though another follows it".to_owned(),
            ));
        }
        if last {
            torn = walk.tail(number, sealed, mode)?;
        }
    }
    let (Some(genesis), Some(last)) = (walk.genesis.take(), walk.last) else {
        return Err(walk.damaged(
            0,
            HEADER_BYTES as u64,
            "no commit in the log: its creation was not finished".to_owned(),
        ));
    };
    let verifier = VerifierKey::parse(&genesis.verifier_key)
        .map_err(|error| walk.damaged(0, HEADER_BYTES as u64, format!("key in the genesis entry: {error}")))?;
    let published = walk.published(&verifier, stored.map(|(note, _)| note), &last)?;
    let view = View { segments: walk.segments, nodes: walk.nodes, published: Arc::new(published) };
    let shared = Shared { world: world.clone(), layout: layout.clone(), verifier, view: RwLock::new(view) };
    Ok((shared, Resume { state: walk.state, sealed, torn, unproven: walk.unproven }))
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

impl Walk<'_> {
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
        if commit.chain != self.state.chain || commit.root != self.state.frontier.root() {
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
        self.last = Some(*commit);
        Ok(())
    }

    /// Whether a commit is signed, or sealed by the key of this log, or nobody here could tell.
    fn knows(&self, commit: &Commit) -> bool {
        let Mode::Write(key) = self.mode else { return true };
        let signed = self.wanted.is_some_and(|signed| commit.size <= signed);
        let own = self.genesis.as_ref().is_some_and(|genesis| genesis.verifier_key == key.verifier().to_string());
        signed || !own || key.seal(commit) == commit.seal
    }

    fn entry(&mut self, number: u64, offset: u64, bytes: &[u8]) -> Result<(), LogError> {
        let entry = Entry::decode(bytes).map_err(|error| self.damaged(number, offset, error.to_string()))?;
        let keys = Keys::of(&entry.event.subject.id, &entry.source.id, &entry.event.id);
        let fits = entry.index == self.state.size()
            && entry.prev == self.state.chain
            && entry.recorded_at >= self.state.time
            && entry.thread == self.state.thread(keys)
            && entry.genesis.is_some() == (entry.index == 0);
        if !fits {
            return Err(self.damaged(number, offset, "the entry does not follow the one before it".to_owned()));
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.mark_entry(entry.index, offset);
        }
        let mut complete = Vec::new();
        self.state.apply(bytes, entry.recorded_at, keys, |level, hash| complete.push((level, hash)));
        for (level, hash) in complete {
            self.nodes.push(level, hash);
            (self.on_nodes)(&self.nodes, level, (entry.index + 1) >> level);
        }
        self.genesis = self.genesis.take().or(entry.genesis);
        Ok(())
    }

    fn footer(&mut self, number: u64, offset: u64, footer: &Footer, batch_is_empty: bool) -> Result<(), LogError> {
        let first = self.segments.last().map_or(0, |segment| segment.first);
        let size = self.state.size();
        let expected =
            Footer { entries: size - first, size, chain: self.state.chain, root: self.state.frontier.root() };
        if *footer == expected && batch_is_empty {
            Ok(())
        } else {
            Err(self.damaged(number, offset, "the footer is not that of this segment".to_owned()))
        }
    }

    /// What stands after the last commit of the last segment.
    fn tail(&self, number: u64, sealed: bool, mode: Mode<'_>) -> Result<Option<Torn>, LogError> {
        let (Mode::Write(key), Some(segment), false) = (mode, self.segments.last(), sealed) else {
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
    fn published(&self, verifier: &VerifierKey, stored: Option<Vec<u8>>, last: &Commit) -> Result<Published, LogError> {
        let stored = stored.map(|note| self.believe(verifier, note)).transpose()?;
        let before = self.before.map(|(before, signature)| {
            let origin = verifier.name().to_owned();
            let checkpoint = Checkpoint { origin, size: before.size, root: before.root };
            Published { size: before.size, root: before.root, note: signed_note(verifier, &checkpoint, &signature) }
        });
        let newest = stored.into_iter().chain(before).max_by_key(|published| published.size);
        // A log that was killed within its first batches may have no signature yet; the writer signs when it opens it.
        Ok(newest.unwrap_or(Published { size: 0, root: last.root, note: String::new() }))
    }

    fn believe(&self, verifier: &VerifierKey, note: Vec<u8>) -> Result<Published, LogError> {
        let path = self.layout.checkpoint();
        let bad = |detail: String| LogError::BadCheckpoint { path: path.clone(), detail };
        let checkpoint: VerifiedCheckpoint =
            verify(&note, std::slice::from_ref(verifier)).map_err(|error| bad(error.to_string()))?;
        if checkpoint.origin != verifier.name() {
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
