//! A ledger that is open for writing: creating, opening, submitting, changing the key, closing.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use sealbook_core::checkpoint::Checkpoint;
use sealbook_core::entry::{Genesis, Place, Statement};
use sealbook_core::hash::hex;
use sealbook_core::limits::ORIGIN_BYTES_MAX;
use sealbook_core::note::{VerifierKey, name_is_valid};
use sealbook_core::planted::{Bug, is};
use sealbook_core::segment::{Commit, Frame, Header, push_frame};
use sealbook_core::time::Micros;
use sealbook_disk::{World, replace_file};

use crate::acts::act;
use crate::batch::Batch;
use crate::error::{LogError, Refusal};
use crate::files::{OpenSegment, SEGMENT_BYTES};
use crate::keeper::{Jobs, Keeper};
use crate::keys::{LogKey, forget_next, install, list, lookup_secret, signed_note};
use crate::layout::Layout;
use crate::prepare::{PrepareError, Prepared, Sealing, Submission};
use crate::queue::{Answer, Group, Queue};
use crate::reader::{Reader, Shared};
use crate::recovery::{Mode, Recovered, Resume, Torn, recover};
use crate::ring::Ring;
use crate::sequencer::Sequencer;
use crate::sink::Sink;
use crate::state::{State, next_in_thread};
use crate::writer::{Threads, Writer};

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
    install(world, &layout, &key, &Ring::new(key.verifier().clone()))?;
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
    let statement = Statement { genesis: Some(&genesis), successor: None };
    let prepared = Prepared::stating(submission, &Sealing::default(), &*world.entropy, statement)
        .map_err(|error| LogError::BadKey { path: layout.signing_key(), detail: error.to_string() })?;
    let mut state = State::default();
    let place = Place { index: 0, recorded_at: now, prev: state.chain, thread: next_in_thread(None) };
    let bytes = prepared.body.place(&place);
    state.apply(&bytes, now, |_, _| {});
    let mut frames = Vec::new();
    push_frame(&mut frames, &Frame::Entry(&bytes));
    let root = state.frontier.root();
    let mut commit = Commit { first: 0, size: 1, chain: state.chain, root, signature_before: [0; 64], seal: [0; 32] };
    commit.seal = key.seal(&commit);
    push_frame(&mut frames, &Frame::Commit(commit));
    let header = Header { number: 0, first: 0, prev: place.prev };
    let mut segment = OpenSegment::create(world, layout, &header, SEGMENT_BYTES)?;
    segment.append(&frames).map_err(LogError::io(layout.segment(0)))?;
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: 1, root };
    let note = signed_note(key.verifier(), &checkpoint, &key.sign(&checkpoint));
    let path = layout.checkpoint();
    replace_file(&*world.disk, &path, note.as_bytes(), false).map_err(LogError::io(path))
}

fn take_lock(world: &World, layout: &Layout) -> Result<Box<dyn Send + Sync>, LogError> {
    let path = layout.lock();
    if is(Bug::LockNotTaken) {
        return Ok(Box::new(()));
    }
    world.disk.lock(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::WouldBlock => LogError::Locked { path: layout.root().to_owned() },
        _ => LogError::Io { path, source },
    })
}

/// Who drives the writer.
enum Drive {
    Threads(Option<Threads>),
    Caller(Box<Mutex<Writer>>),
}

/// A ledger that is open for writing.
pub struct Ledger {
    reader: Reader,
    queue: Arc<Queue>,
    sealing: Sealing,
    recovered: Recovered,
    drive: Drive,
    /// Held while a key takes over.
    rotation: Mutex<()>,
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

    /// Without threads: the log goes on only in [`Self::step`], [`Self::rest`] and [`Self::close`], on the caller's
    /// thread. For simulations that must run the same way twice.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_stepped(world: &World, root: &Path, options: Options) -> Result<Self, LogError> {
        Self::start(world, root, options, false)
    }

    fn start(world: &World, root: &Path, options: Options, threads: bool) -> Result<Self, LogError> {
        let layout = Layout::new(root);
        if !world.disk.exists(&layout.segment(0)) {
            return Err(LogError::NotALedger { path: root.to_owned() });
        }
        let lock = take_lock(world, &layout)?;
        let key = LogKey::load(world, &layout)?;
        let secret = lookup_secret(world, &layout)?;
        let (shared, resume) = recover(world, &layout, Mode::Write { key: &key, secret: &secret })?;
        let shared = Arc::new(shared);
        let keeper = Keeper { shared: shared.clone(), secret };
        let (jobs, receiver) = if threads {
            let (jobs, receiver) = Jobs::for_thread(keeper.clone());
            (jobs, Some(receiver))
        } else {
            (Jobs::at_once(keeper.clone()), None)
        };
        let last = shared.read().segments.last().cloned();
        let last = last.ok_or_else(|| LogError::NotALedger { path: root.to_owned() })?;
        let segment = OpenSegment::resume(world, &layout, &last, options.segment_bytes)?;
        segment.write_again(world, &layout, resume.unproven)?;
        let torn = resume.torn;
        let recovered =
            Recovered { torn: torn.as_ref().map(|torn| set_aside(world, &layout, torn, &segment)).transpose()? };
        let resume = Resume { torn: None, ..resume };
        let (sink, state) = Self::resume(&shared, key, resume, jobs, segment)?;
        let queue = Arc::new(Queue::default());
        let writer = Writer::new(queue.clone(), Sequencer::new(shared.clone(), state), sink);
        let drive = match receiver {
            Some(receiver) => Drive::Threads(Some(Threads::start(writer, keeper, receiver)?)),
            None => Drive::Caller(Box::new(Mutex::new(writer))),
        };
        let reader = Reader { shared };
        let ledger =
            Self { reader, queue, sealing: options.sealing, recovered, drive, rotation: Mutex::default(), _lock: lock };
        ledger.record_recovery(torn.as_ref())?;
        Ok(ledger)
    }

    /// The sink over the recovered log: signs its newest state, finishes a change of key and a roll.
    fn resume(
        shared: &Arc<Shared>,
        key: LogKey,
        resume: Resume,
        jobs: Jobs,
        mut segment: OpenSegment,
    ) -> Result<(Sink, State), LogError> {
        let Shared { world, layout, .. } = &**shared;
        let ring = shared.read().ring.clone();
        let number = segment.number();
        let state = resume.state;
        let size = state.size();
        let expected = ring.at(size);
        let next = LogKey::load_next(world, layout)?;
        if key.verifier() != expected && key.verifier() != ring.newest().1 {
            let detail = format!("is the key {}, the ledger's is {expected}", key.verifier());
            return Err(LogError::BadKey { path: layout.signing_key(), detail });
        }
        if resume.sealed {
            segment.end_sealed().map_err(LogError::io(layout.segment(number)))?;
        }
        let mut batch = Batch::default();
        batch.end(&state);
        let remembered = resume.remembered;
        let shared = shared.clone();
        let signs = key.verifier() == expected;
        let mut sink = Sink { shared, key, segment, jobs, signature: [0; 64], remembered, unstored: 0, failed: None };
        if signs {
            sink.sign(&batch)?;
        } else {
            // The key that took over was installed already, so the checkpoint over the change is stored.
            sink.resume_signature(size)?;
        }
        sink.store_checkpoint()?;
        let newest = ring.newest().1;
        match next {
            Some(next) if next.verifier() == newest && sink.key.verifier() != newest => {
                install(&sink.shared.world, &sink.shared.layout, &next, &ring)?;
                sink.key = next;
            }
            _ => {
                list(&sink.shared.world, &sink.shared.layout, &ring)?;
                forget_next(&sink.shared.world, &sink.shared.layout)?;
            }
        }
        if sink.key.verifier() != newest {
            let detail = format!("is the key {}; the ledger goes on with {newest}", sink.key.verifier());
            return Err(LogError::BadKey { path: sink.shared.layout.signing_key(), detail });
        }
        if resume.sealed {
            sink.begin_segment(&Header { number: number + 1, first: size, prev: state.chain })?;
        }
        Ok((sink, state))
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
            .map_err(LogError::from)
            .map(|_| ())
    }

    /// Makes a new signing key and lets it take over: from the next checkpoint on the log is signed with it. The old
    /// key signs the entry that names the new one. Gives the new verifier key.
    ///
    /// # Errors
    /// When the key cannot be stored or the entry cannot be committed; the old key then stays.
    pub fn rotate_key(&self) -> Result<VerifierKey, LogError> {
        let Shared { world, layout, .. } = &*self.reader.shared;
        // One change at a time, and none on a poisoned log: the file of the next key may hold the one that an entry names
        // already, and without it nobody could sign any more.
        let _held = self.rotation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = self.poisoned() {
            return Err(LogError::Refused(Refusal::Poisoned(why)));
        }
        let before = self.reader.ring().newest().1.clone();
        let key = LogKey::generate(world, self.reader.origin())?;
        key.store(world, &layout.next_key())?;
        let verifier = key.verifier().clone();
        let now = Micros(world.clock.now());
        let labels = [("key", verifier.to_string()), ("key_before", before.to_string())];
        let submission = act(self.reader.origin(), "key.rotated", &hex(&verifier.id()), now, &labels);
        let text = verifier.to_string();
        let statement = Statement { genesis: None, successor: Some(&text) };
        let prepared = Prepared::stating(submission, &Sealing::default(), &*world.entropy, statement);
        let mut prepared = prepared.map_err(|error| CommitError::Prepare { position: 0, error })?;
        prepared.successor = Some(Arc::new(key));
        self.commit_group(Group { entries: vec![prepared], all_or_nothing: true })?;
        Ok(verifier)
    }

    /// Commits what waits, where the caller drives the log; says whether anything did.
    ///
    /// # Errors
    /// What poisoned the log.
    pub fn step(&self) -> Result<bool, LogError> {
        let Drive::Caller(writer) = &self.drive else { return Ok(false) };
        let waiting = self.queue.take_all();
        let any = !waiting.is_empty();
        if any {
            writer.lock().unwrap_or_else(PoisonError::into_inner).turn(waiting)?;
        }
        Ok(any)
    }

    /// Does what is done when nothing came for a while, where the caller drives the log.
    ///
    /// # Errors
    /// What poisoned the log.
    pub fn rest(&self) -> Result<(), LogError> {
        match &self.drive {
            Drive::Caller(writer) => writer.lock().unwrap_or_else(PoisonError::into_inner).rest(),
            Drive::Threads(_) => Ok(()),
        }
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

    /// Queues a group; `reply` is called once, on a thread of the log, after the group is durable or refused.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`], [`Refusal::Poisoned`] or [`Refusal::Closed`]; `reply` is then not called.
    pub fn submit(
        &self,
        mut group: Group,
        reply: impl FnOnce(Result<Answer, Refusal>) + Send + 'static,
    ) -> Result<(), Refusal> {
        let shared = &self.reader.shared;
        let lookup = shared.lookup();
        for prepared in &mut group.entries {
            // What cannot be read here is asked again, and answered for, by the writer.
            prepared.known = lookup.find(&shared.world, prepared.keys).ok();
        }
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
        // What goes wrong here is in the answer.
        let _ = self.step();
        receiver.recv().unwrap_or(Err(Refusal::Closed))
    }

    /// Why the log can no longer be written, if so.
    #[must_use]
    pub fn poisoned(&self) -> Option<String> {
        self.queue.poisoned()
    }

    /// The first thing that went wrong with a derived store since the ledger was opened. Nothing is lost by it.
    #[must_use]
    pub fn derived_problem(&self) -> Option<String> {
        self.reader.shared.derived_problem()
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
        match &mut self.drive {
            Drive::Threads(threads) => threads.take().map_or(Ok(()), Threads::join),
            Drive::Caller(writer) => {
                let writer = writer.get_mut().unwrap_or_else(PoisonError::into_inner);
                writer.turn(self.queue.take_all())?;
                writer.rest()
            }
        }
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

impl From<CommitError> for LogError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refusal) => Self::Refused(refusal),
            prepare @ CommitError::Prepare { .. } => Self::Refused(Refusal::Poisoned(prepare.to_string())),
        }
    }
}

/// Keeps the bytes of a torn write beside the segment and puts zeros where they stood.
fn set_aside(world: &World, layout: &Layout, torn: &Torn, segment: &OpenSegment) -> Result<(u64, PathBuf), LogError> {
    let path = layout.torn(torn.number, torn.offset);
    replace_file(&*world.disk, &path, &torn.bytes, false).map_err(LogError::io(&path))?;
    if is(Bug::TornTailLeft) {
        return Ok((torn.bytes.len() as u64, path));
    }
    let zeros = vec![0; torn.bytes.len()];
    let file = segment.file();
    file.write_at(&zeros, torn.offset).and_then(|()| file.sync()).map_err(LogError::io(layout.segment(torn.number)))?;
    Ok((torn.bytes.len() as u64, path))
}

/// Makes every full tile anew from the log; gives how many. Maps and lookup runs are thrown away: the next writer makes
/// them anew.
///
/// # Errors
/// When the log is damaged or a tile cannot be written.
pub fn rebuild_tiles(world: &World, root: &Path) -> Result<u64, LogError> {
    let layout = Layout::new(root);
    let dir = layout.lookup();
    if world.disk.exists(&dir) {
        for name in world.disk.list(&dir).map_err(LogError::io(&dir))? {
            world.disk.remove(&dir.join(&name)).map_err(LogError::io(dir.join(name)))?;
        }
    }
    Reader::open(world, root)?.store_all_tiles()
}
