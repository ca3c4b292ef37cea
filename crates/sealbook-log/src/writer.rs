//! The one writer: a thread that takes from the queue and commits; creating, opening and closing a ledger.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::{Genesis, Place, Statement};
use sealbook_core::limits::ORIGIN_BYTES_MAX;
use sealbook_core::note::{VerifierKey, name_is_valid};
use sealbook_core::segment::{Commit, Frame, Header, push_frame};
use sealbook_core::time::Micros;
use sealbook_disk::{World, replace_file};

use crate::acts::act;
use crate::commit::Committer;
use crate::error::{LogError, Refusal};
use crate::files::{OpenSegment, SEGMENT_BYTES};
use crate::keys::{LogKey, signed_note};
use crate::layout::Layout;
use crate::nodes::TileKeeper;
use crate::prepare::{PrepareError, Prepared, Sealing, Submission};
use crate::queue::{Answer, Group, Queue, Waiting};
use crate::reader::Reader;
use crate::recovery::{Mode, Recovered, Torn, recover};
use crate::state::State;

/// Commits between two writes of the checkpoint file while the log is busy.
const STORE_EVERY_COMMITS: u32 = 256;
/// How long the log is idle before the checkpoint file is written.
const IDLE: Duration = Duration::from_millis(50);

/// Creates a ledger at `root` and its signing key; gives the key that checks its checkpoints.
///
/// # Errors
/// When something stands there already, or the origin cannot name a log.
pub fn create(world: &World, root: &Path, origin: &str) -> Result<VerifierKey, LogError> {
    let layout = Layout::new(root);
    let bad = |why| Err(LogError::BadOrigin { origin: origin.to_owned(), why });
    if !name_is_valid(origin) {
        return bad("a name is not empty and has no white space and no plus sign");
    }
    if origin.len() > ORIGIN_BYTES_MAX {
        return bad("a name has at most 255 bytes");
    }
    if world.disk.exists(root) && world.disk.list(root).map_err(LogError::io(root))?.iter().any(|name| name != "lock") {
        return Err(LogError::Occupied { path: root.to_owned() });
    }
    for dir in [root.to_owned(), layout.log(), layout.keys()] {
        world.disk.create_dir_all(&dir).map_err(LogError::io(&dir))?;
    }
    let _lock = take_lock(world, &layout)?;
    let key = LogKey::generate(world, origin)?;
    key.store(world, &layout)?;
    write_genesis(world, &layout, &key)?;
    world.disk.sync_dir(root).map_err(LogError::io(root))?;
    Ok(key.verifier().clone())
}

/// Segment 0 with entry 0 and its commit, and the checkpoint over it.
fn write_genesis(world: &World, layout: &Layout, key: &LogKey) -> Result<(), LogError> {
    let origin = key.verifier().name();
    let now = Micros(world.clock.now());
    let names = [("entry", "1"), ("segment", "1"), ("chain", "blake3-derive-key/1"), ("tree", "rfc6962-sha256")];
    let formats = names.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect();
    let genesis = Genesis { origin: origin.to_owned(), verifier_key: key.verifier().to_string(), formats };
    let submission = act(origin, "ledger.created", "0", now, &[]);
    let prepared = Prepared::stating(
        submission,
        &Sealing::default(),
        &*world.entropy,
        Statement { genesis: Some(&genesis), successor: None },
    )
    .map_err(|error| LogError::BadKey { path: layout.signing_key(), detail: error.to_string() })?;
    let mut state = State::default();
    let body = &prepared.body;
    let place = Place { index: 0, recorded_at: now, prev: state.chain, thread: state.thread(prepared.keys) };
    let bytes = body.place(&place);
    state.apply(&bytes, now, prepared.keys, |_, _| {});
    let mut frames = Vec::new();
    push_frame(&mut frames, &Frame::Entry(&bytes));
    let root = state.frontier.root();
    let mut commit = Commit { first: 0, size: 1, chain: state.chain, root, signature_before: [0; 64], seal: [0; 32] };
    commit.seal = key.seal(&commit);
    push_frame(&mut frames, &Frame::Commit(commit));
    let mut segment =
        OpenSegment::create(world, layout, &Header { number: 0, first: 0, prev: place.prev }, SEGMENT_BYTES)?;
    segment.append(&frames).map_err(LogError::io(layout.segment(0)))?;
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: 1, root };
    let note = signed_note(key.verifier(), &checkpoint, &key.sign(&checkpoint));
    let path = layout.checkpoint();
    replace_file(&*world.disk, &path, note.as_bytes(), false).map_err(LogError::io(path))
}

fn take_lock(world: &World, layout: &Layout) -> Result<Box<dyn Send + Sync>, LogError> {
    let path = layout.lock();
    world.disk.lock(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => LogError::Locked { path: layout.root().to_owned() },
        _ => LogError::Io { path, source },
    })
}

/// How a ledger is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// Which fields are sealed.
    pub sealing: Sealing,
    /// Bytes after which a segment is full and the next one is begun.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { sealing: Sealing::default(), segment_bytes: SEGMENT_BYTES }
    }
}

/// The writer and how many commits it made since it last stored the checkpoint.
struct Writer {
    committer: Committer,
    unstored: u32,
}

/// A ledger that is open for writing.
pub struct Ledger {
    reader: Reader,
    queue: Arc<Queue>,
    sealing: Sealing,
    recovered: Recovered,
    thread: Option<JoinHandle<Result<(), LogError>>>,
    /// Where the caller drives the writer.
    stepped: Option<Mutex<Writer>>,
    _lock: Box<dyn Send + Sync>,
}

impl core::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Ledger({:?})", self.reader)
    }
}

impl Ledger {
    /// Opens a ledger for writing: recovers, signs the newest state, starts the writer.
    ///
    /// # Errors
    /// When it is open elsewhere, damaged, rolled back, or its key does not belong to it.
    pub fn open(world: &World, root: &Path, sealing: Sealing) -> Result<Self, LogError> {
        Self::open_with(world, root, Options { sealing, ..Options::default() })
    }

    /// As [`Self::open`], with everything that can be chosen.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(world: &World, root: &Path, options: Options) -> Result<Self, LogError> {
        Self::start(world, root, options, true)
    }

    /// Without threads: the log goes on only in [`Self::step`] and [`Self::rest`], on the caller's thread. For
    /// simulations that must run the same way twice.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_stepped(world: &World, root: &Path, options: Options) -> Result<Self, LogError> {
        Self::start(world, root, options, false)
    }

    /// Commits what waits; says whether anything did. Does nothing where threads do it.
    ///
    /// # Errors
    /// What poisoned the log.
    pub fn step(&self) -> Result<bool, LogError> {
        let Some(writer) = &self.stepped else { return Ok(false) };
        let waiting = self.queue.take_all();
        let any = !waiting.is_empty();
        if any {
            writer.lock().unwrap_or_else(PoisonError::into_inner).turn(waiting, &self.queue)?;
        }
        Ok(any)
    }

    /// Does what the writer does when nothing came for a while.
    ///
    /// # Errors
    /// What poisoned the log.
    pub fn rest(&self) -> Result<(), LogError> {
        let Some(writer) = &self.stepped else { return Ok(()) };
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.unstored > 0 { writer.turn(Vec::new(), &self.queue) } else { Ok(()) }
    }

    fn start(world: &World, root: &Path, options: Options, threads: bool) -> Result<Self, LogError> {
        let layout = Layout::new(root);
        if !world.disk.exists(&layout.segment(0)) {
            return Err(LogError::NotALedger { path: root.to_owned() });
        }
        let lock = take_lock(world, &layout)?;
        let key = LogKey::load(world, &layout)?;
        let mut tiles = TileKeeper { world, layout: &layout, anew: false, full: 0, failed: None };
        let (shared, resume) =
            recover(world, &layout, Mode::Write(&key), &mut |nodes, level, count| tiles.node(nodes, level, count))?;
        if let Some(error) = tiles.failed {
            return Err(error);
        }
        if *key.verifier() != shared.verifier {
            let detail = format!("is the key {}, the ledger's is {}", key.verifier(), shared.verifier);
            return Err(LogError::BadKey { path: layout.signing_key(), detail });
        }
        let shared = Arc::new(shared);
        let last_segment =
            shared.read().segments.last().cloned().ok_or(LogError::NotALedger { path: root.to_owned() })?;
        let segment = OpenSegment::resume(world, &layout, &last_segment, options.segment_bytes)?;
        segment.write_again(world, &layout, resume.unproven)?;
        let mut recovered = Recovered::default();
        if let Some(torn) = &resume.torn {
            recovered.torn = Some(set_aside(world, &layout, torn, &segment)?);
        }
        let state = resume.state;
        let mut committer =
            Committer { shared: shared.clone(), key, state, segment, signature: [0; 64], clock_is_behind: false };
        committer.sign();
        if resume.sealed {
            committer.begin_segment(last_segment.number + 1)?;
        }
        committer.store_checkpoint()?;
        let queue = Arc::new(Queue::default());
        let writer = Writer { committer, unstored: 0 };
        let (thread, stepped) = if threads {
            let queue = queue.clone();
            let spawned =
                std::thread::Builder::new().name("sealbook-writer".to_owned()).spawn(move || run(writer, &queue));
            (Some(spawned.map_err(LogError::io("the writer's thread"))?), None)
        } else {
            (None, Some(Mutex::new(writer)))
        };
        let reader = Reader { shared };
        let sealing = options.sealing;
        let ledger = Self { reader, queue, sealing, recovered, thread, stepped, _lock: lock };
        ledger.record_recovery(resume.torn.as_ref())?;
        Ok(ledger)
    }

    fn record_recovery(&self, torn: Option<&Torn>) -> Result<(), LogError> {
        let Some(torn) = torn else { return Ok(()) };
        let labels = [
            ("segment", torn.number.to_string()),
            ("offset", torn.offset.to_string()),
            ("bytes", torn.bytes.len().to_string()),
        ];
        let now = Micros(self.reader.shared.world.clock.now());
        let id = self.reader.size().to_string();
        self.commit(vec![act(self.reader.origin(), "ledger.torn-tail-removed", &id, now, &labels)], true)
            .map_err(|error| match error {
                CommitError::Refused(refusal) => LogError::Refused(refusal),
                CommitError::Prepare { error, .. } => LogError::Refused(Refusal::Poisoned(error.to_string())),
            })
            .map(|_| ())
    }

    /// What opening found.
    #[must_use]
    pub fn recovered(&self) -> &Recovered {
        &self.recovered
    }

    /// The read-only view; it follows the commits.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Checks, seals and encodes a submission on the caller's thread.
    ///
    /// # Errors
    /// Names the field that breaks a limit.
    pub fn prepare(&self, submission: Submission) -> Result<Prepared, PrepareError> {
        Prepared::new(submission, &self.sealing, &*self.reader.shared.world.entropy)
    }

    /// Queues a group; `reply` is called once, on the writer's thread, after the group is durable or refused.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`], [`Refusal::Poisoned`] or [`Refusal::Closed`]; `reply` is then not called.
    pub fn submit(
        &self,
        group: Group,
        reply: impl FnOnce(Result<Answer, Refusal>) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.queue.submit(group, Box::new(reply))
    }

    /// Prepares and commits submissions as one group, and waits for the answer.
    ///
    /// # Errors
    /// Which submission cannot be an entry, or why the group was refused.
    pub fn commit(&self, submissions: Vec<Submission>, all_or_nothing: bool) -> Result<Answer, CommitError> {
        let mut entries = Vec::with_capacity(submissions.len());
        for (position, submission) in submissions.into_iter().enumerate() {
            entries.push(self.prepare(submission).map_err(|error| CommitError::Prepare { position, error })?);
        }
        self.commit_group(Group { entries, all_or_nothing }).map_err(CommitError::Refused)
    }

    /// Commits a prepared group and waits for the answer.
    ///
    /// # Errors
    /// Why the group was refused.
    pub fn commit_group(&self, group: Group) -> Result<Answer, Refusal> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.submit(group, move |answer| {
            // The receiver waits below; it can only be gone if this call was unwound.
            let _ = sender.send(answer);
        })?;
        // An error of the writer's comes as the answer, too.
        let _ = self.step();
        receiver.recv().unwrap_or(Err(Refusal::Closed))
    }

    /// Why the log can no longer be written, if so.
    #[must_use]
    pub fn poisoned(&self) -> Option<String> {
        self.queue.poisoned()
    }

    /// Entries and bytes that wait for the writer.
    #[must_use]
    pub fn queue_depth(&self) -> (usize, usize) {
        self.queue.depth()
    }

    /// The log's key, for signing what is not a checkpoint, such as a pack's manifest.
    ///
    /// # Errors
    /// When the key file cannot be read.
    pub fn load_key(&self) -> Result<LogKey, LogError> {
        LogKey::load(&self.reader.shared.world, &self.reader.shared.layout)
    }

    /// Commits what waits, stores the checkpoint, stops.
    ///
    /// # Errors
    /// What the writer met.
    pub fn close(mut self) -> Result<(), LogError> {
        self.stop()
    }

    fn stop(&mut self) -> Result<(), LogError> {
        self.queue.close();
        if let Some(writer) = self.stepped.take() {
            let mut writer = writer.into_inner().unwrap_or_else(PoisonError::into_inner);
            let waiting = self.queue.take_all();
            if self.queue.poisoned().is_none() {
                writer.turn(waiting, &self.queue)?;
                writer.turn(Vec::new(), &self.queue)?;
            }
            return Ok(());
        }
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        thread
            .join()
            .unwrap_or_else(|_| Err(LogError::Refused(Refusal::Poisoned("the writer's thread panicked".to_owned()))))
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        // Whoever wants to know what went wrong calls `close`; entries that were answered are durable either way.
        let _ = self.stop();
    }
}

/// Why submissions were not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A submission cannot be an entry.
    #[error("event {position}: {error}")]
    Prepare {
        /// Position in the group, from 0.
        position: usize,
        /// What is wrong with it.
        error: PrepareError,
    },
    /// The group was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// The writer's thread.
fn run(mut writer: Writer, queue: &Queue) -> Result<(), LogError> {
    loop {
        let wait = (writer.unstored > 0).then_some(IDLE);
        let Some(waiting) = queue.take(wait) else {
            return writer.committer.store_checkpoint();
        };
        writer.turn(waiting, queue)?;
    }
}

impl Writer {
    /// Commits what waits; stores the checkpoint when nothing does, or when it is time.
    fn turn(&mut self, waiting: Vec<Waiting>, queue: &Queue) -> Result<(), LogError> {
        let idle = waiting.is_empty();
        let step = || {
            if !idle {
                self.committer.commit(waiting)?;
                self.unstored += 1;
            }
            if idle || self.unstored >= STORE_EVERY_COMMITS {
                self.committer.store_checkpoint()?;
                self.unstored = 0;
            }
            Ok(())
        };
        step().inspect_err(|error: &LogError| queue.poison(&error.to_string()))
    }
}

/// Keeps the bytes of a torn write beside the segment and puts zeros where they stood.
fn set_aside(
    world: &World,
    layout: &Layout,
    torn: &Torn,
    segment: &OpenSegment,
) -> Result<(u64, std::path::PathBuf), LogError> {
    let path = layout.torn(torn.number, torn.offset);
    replace_file(&*world.disk, &path, &torn.bytes, false).map_err(LogError::io(&path))?;
    let zeros = vec![0; torn.bytes.len()];
    let file = segment.file();
    file.write_at(&zeros, torn.offset).and_then(|()| file.sync()).map_err(LogError::io(layout.segment(torn.number)))?;
    Ok((torn.bytes.len() as u64, path))
}

/// Makes every full tile anew from the log; gives how many.
///
/// # Errors
/// When the log is damaged or a tile cannot be written.
pub fn rebuild_tiles(world: &World, root: &Path) -> Result<u64, LogError> {
    let layout = Layout::new(root);
    let mut tiles = TileKeeper { world, layout: &layout, anew: true, full: 0, failed: None };
    recover(world, &layout, Mode::ReadOnly, &mut |nodes, level, count| tiles.node(nodes, level, count))?;
    tiles.failed.map_or(Ok(tiles.full), Err)
}
