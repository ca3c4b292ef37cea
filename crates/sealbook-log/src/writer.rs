//! The writer's threads: one puts entries in order, one makes them durable, one keeps what is derived.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sealbook_core::planted::{Bug, is};

use crate::batch::Batch;
use crate::error::{LogError, Refusal};
use crate::keeper::{Job, Keeper};
use crate::queue::{Queue, Turn, Waiting};
use crate::sequencer::Sequencer;
use crate::sink::Sink;

/// How long the log is idle before the checkpoint file is written.
const IDLE: Duration = Duration::from_millis(50);

/// Puts entries in order and hands them to the sink. While the sink is busy the batch grows.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    sequencer: Sequencer,
    sink: Arc<Mutex<Sink>>,
    hand: Arc<Hand>,
}

/// Where a batch goes from the one thread to the other, and comes back empty.
#[derive(Default)]
pub(crate) struct Hand {
    inner: Mutex<InHand>,
    filled: Condvar,
}

#[derive(Default)]
struct InHand {
    batch: Option<Batch>,
    spent: Batch,
    closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hand {
    fn give(&self, batch: Batch) {
        lock(&self.inner).batch = Some(batch);
        self.filled.notify_one();
    }

    fn take(&self) -> Option<Batch> {
        let mut inner = lock(&self.inner);
        loop {
            if let Some(batch) = inner.batch.take() {
                return Some(batch);
            }
            if inner.closed {
                return None;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, batch: Batch) {
        lock(&self.inner).spent = batch;
    }

    fn spent(&self) -> Batch {
        core::mem::take(&mut lock(&self.inner).spent)
    }

    fn close(&self) {
        lock(&self.inner).closed = true;
        self.filled.notify_one();
    }
}

impl Writer {
    pub(crate) fn new(queue: Arc<Queue>, sequencer: Sequencer, sink: Sink) -> Self {
        Self { queue, sequencer, sink: Arc::new(Mutex::new(sink)), hand: Arc::default() }
    }

    /// Commits groups on this thread.
    pub(crate) fn turn(&mut self, waiting: Vec<Waiting>) -> Result<(), LogError> {
        let mut waiting = waiting;
        loop {
            self.place(waiting)?;
            if !self.sequencer.holds() {
                return Ok(());
            }
            self.commit_here()?;
            waiting = self.sequencer.postponed();
        }
    }

    /// What is done when nothing came for a while.
    pub(crate) fn rest(&mut self) -> Result<(), LogError> {
        let mut sink = lock(&self.sink);
        let stored = if sink.unstored > 0 && sink.failed.is_none() { sink.store_checkpoint() } else { Ok(()) };
        stored.inspect_err(|error| self.queue.poison(&error.to_string()))
    }

    fn place(&mut self, waiting: Vec<Waiting>) -> Result<(), LogError> {
        let queue = &self.queue;
        let sink = &self.sink;
        self.sequencer.place(waiting).inspect_err(|error| {
            let why = error.to_string();
            lock(sink).failed.get_or_insert_with(|| why.clone());
            queue.poison(&why);
        })
    }

    fn commit_here(&mut self) -> Result<(), LogError> {
        let mut batch = self.sequencer.hand(self.hand.spent());
        let done = commit(&self.sink, &self.queue, &mut batch);
        self.hand.give_back(batch);
        if let Err(error) = &done {
            for waiting in self.sequencer.postponed() {
                (waiting.reply)(Err(Refusal::Poisoned(error.to_string())));
            }
        }
        done
    }

    /// The thread that puts entries in order.
    fn run(&mut self) -> Result<(), LogError> {
        let mut idle = None;
        loop {
            match self.queue.next(self.sequencer.holds(), self.sequencer.room(), idle) {
                Turn::Place(waiting) => self.place(waiting)?,
                Turn::Hand { alone } => {
                    if alone {
                        // Nobody gains from another thread: this one saves the way there and back.
                        self.commit_here()?;
                    } else {
                        self.queue.sink_is_busy(true);
                        self.hand.give(self.sequencer.hand(self.hand.spent()));
                    }
                    idle = Some(IDLE);
                    let postponed = self.sequencer.postponed();
                    if !postponed.is_empty() {
                        self.place(postponed)?;
                    }
                }
                Turn::Idle => {
                    self.rest()?;
                    idle = None;
                }
                Turn::End => return self.rest(),
            }
        }
    }
}

fn commit(sink: &Mutex<Sink>, queue: &Queue, batch: &mut Batch) -> Result<(), LogError> {
    lock(sink).commit(batch).inspect_err(|error| {
        if !is(Bug::PoisonForgotten) {
            queue.poison(&error.to_string());
        }
    })
}

/// The threads of an open ledger.
pub(crate) struct Threads {
    writer: JoinHandle<Result<(), LogError>>,
    keeper: JoinHandle<()>,
}

impl Threads {
    pub(crate) fn start(
        mut writer: Writer,
        keeper: Keeper,
        jobs: std::sync::mpsc::Receiver<Job>,
    ) -> Result<Self, LogError> {
        let spawn = |name: &str| std::thread::Builder::new().name(format!("sealbook-{name}"));
        let failed = || LogError::io("a thread of the log");
        let keeper = spawn("keeper").spawn(move || keeper.serve(&jobs)).map_err(failed())?;
        let (sink, queue, hand) = (writer.sink.clone(), writer.queue.clone(), writer.hand.clone());
        let sinking = spawn("sink").spawn(move || {
            let mut result = Ok(());
            while let Some(mut batch) = hand.take() {
                result = result.and(commit(&sink, &queue, &mut batch));
                hand.give_back(batch);
                queue.sink_is_busy(false);
            }
            result
        });
        let sinking = sinking.map_err(failed())?;
        let writer = spawn("writer").spawn(move || {
            let written = writer.run();
            writer.hand.close();
            let sunk = sinking.join().unwrap_or_else(|_| Err(panicked()));
            sunk.and(written)
        });
        Ok(Self { writer: writer.map_err(failed())?, keeper })
    }

    /// Waits until everything is done.
    pub(crate) fn join(self) -> Result<(), LogError> {
        let written = self.writer.join().unwrap_or_else(|_| Err(panicked()));
        let kept = self.keeper.join().map_err(|_| panicked());
        written.and(kept)
    }
}

fn panicked() -> LogError {
    LogError::Refused(Refusal::Poisoned("a thread of the log panicked".to_owned()))
}
