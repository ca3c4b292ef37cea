//! Keeps every processor busy: one thread reads, several examine, and the caller takes what they found in order.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use super::aside::{Aside, Outcome};
use super::examine::{Located, examine};
use super::pieces::Piece;
use super::segments::{Begun, Ended, read_segments};

/// What the reader and the examiners give, in the order of the files.
pub enum Unit {
    /// A segment was opened.
    Begun(Begun),
    /// Its next frames.
    Frames(Frames),
    /// There are no more frames in it.
    Ended(Ended),
    /// There are no more segments.
    Finished,
}

/// Frames that were examined; when they were taken, [`Crew::give_back`] them, so that their memory is used again.
#[derive(Default)]
pub struct Frames {
    pub piece: Piece,
    pub found: Vec<Located>,
}

enum Job {
    Examine(u64, Frames),
    Aside(u64, Aside),
}

enum Done {
    Unit(u64, Unit),
    Aside(u64, Outcome),
    Broken,
}

/// Work that waits for an examiner.
#[derive(Default)]
struct Jobs {
    waiting: Mutex<(VecDeque<Job>, bool)>,
    changed: Condvar,
}

impl Jobs {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<Job>, bool)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job) {
        let mut waiting = self.lock();
        match job {
            Job::Examine(..) => waiting.0.push_back(job),
            // The caller waits for these at the end of every segment.
            Job::Aside(..) => waiting.0.push_front(job),
        }
        drop(waiting);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.lock().1 = true;
        self.changed.notify_all();
    }

    /// The next job; `None` once there will be no more.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.1 {
                return None;
            }
            if let Some(job) = waiting.0.pop_front() {
                return Some(job);
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The segments that are read, and where they lie.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub dir: &'a Path,
    pub segments: &'a [u64],
}

/// What the reader sends on: pieces to the examiners, the rest past them.
pub struct Sending<'a> {
    jobs: &'a Shared,
    done: Sender<Done>,
    free: Receiver<Frames>,
    /// Whether room was taken and nothing sent for it.
    kept: bool,
    order: u64,
}

impl Sending<'_> {
    /// Room to read the next piece into; `None` when nobody takes any.
    pub fn room(&mut self) -> Option<Frames> {
        if core::mem::take(&mut self.kept) { Some(Frames::default()) } else { self.free.recv().ok() }
    }

    /// Says that nothing will be sent for the last room.
    pub fn keep_one(&mut self) {
        self.kept = true;
    }

    /// Sends a piece.
    pub fn piece(&mut self, frames: Frames) {
        self.jobs.0.push(Job::Examine(self.order, frames));
        self.order += 1;
    }

    /// Sends whatever is no piece.
    pub fn unit(&mut self, unit: Unit) {
        // Nobody listens any more: then `room` says so.
        let _ = self.done.send(Done::Unit(self.order, unit));
        self.order += 1;
    }
}

/// The queue that all threads share; made before them.
#[derive(Default)]
pub struct Shared(Jobs);

/// The threads at work, seen from the caller.
pub struct Crew<'a> {
    shared: &'a Shared,
    done: Receiver<Done>,
    free: SyncSender<Frames>,
    units: BTreeMap<u64, Unit>,
    next: u64,
    asides: u64,
    outcomes: BTreeMap<u64, Outcome>,
    outstanding: u64,
    broken: bool,
}

/// The threads cannot go on.
pub const STOPPED: &str = "a thread of the verifier stopped";

impl<'a> Crew<'a> {
    /// Starts a reader and `threads` examiners.
    pub fn start<'s>(scope: &'s Scope<'s, 'a>, shared: &'a Shared, source: Source<'a>, threads: usize) -> Self {
        let (done_in, done) = channel();
        // One for each thread that reads, examines or takes, and one for the time that the caller waits for signatures.
        let pieces = threads + 3;
        let (free, free_out) = sync_channel(pieces);
        for _ in 0..pieces {
            let _ = free.try_send(Frames::default());
        }
        let sender = done_in.clone();
        scope.spawn(move || {
            let mut sending = Sending { jobs: shared, done: sender.clone(), free: free_out, kept: false, order: 0 };
            if catch_unwind(AssertUnwindSafe(|| read_segments(source, &mut sending))).is_err() {
                let _ = sender.send(Done::Broken);
            }
        });
        for _ in 0..threads {
            let sender = done_in.clone();
            scope.spawn(move || {
                if catch_unwind(AssertUnwindSafe(|| work(source.dir, shared, &sender))).is_err() {
                    let _ = sender.send(Done::Broken);
                }
            });
        }
        Self {
            shared,
            done,
            free,
            units: BTreeMap::new(),
            next: 0,
            asides: 0,
            outcomes: BTreeMap::new(),
            outstanding: 0,
            broken: false,
        }
    }

    fn receive(&mut self) {
        match self.done.recv() {
            Ok(Done::Unit(order, unit)) => drop(self.units.insert(order, unit)),
            Ok(Done::Aside(number, outcome)) => {
                self.outstanding -= 1;
                self.outcomes.insert(number, outcome);
            }
            Ok(Done::Broken) | Err(_) => self.broken = true,
        }
    }

    /// The next unit in order; `None` when a thread stopped.
    pub fn unit(&mut self) -> Option<Unit> {
        loop {
            if let Some(unit) = self.units.remove(&self.next) {
                self.next += 1;
                return Some(unit);
            }
            if self.broken {
                return None;
            }
            self.receive();
        }
    }

    /// Gives frames back that were taken: only then another piece is read.
    pub fn give_back(&self, frames: Frames) {
        // The reader is gone when the last segment is read.
        let _ = self.free.try_send(frames);
    }

    /// Has something done aside, whose outcome can wait.
    pub fn aside(&mut self, aside: Aside) {
        self.shared.0.push(Job::Aside(self.asides, aside));
        self.asides += 1;
        self.outstanding += 1;
    }

    /// Waits for what was done aside, and gives it in order.
    pub fn settle(&mut self) -> impl Iterator<Item = Outcome> + use<> {
        while self.outstanding > 0 && !self.broken {
            self.receive();
        }
        core::mem::take(&mut self.outcomes).into_values()
    }
}

impl Drop for Crew<'_> {
    fn drop(&mut self) {
        self.shared.0.close();
    }
}

fn work(dir: &Path, shared: &Shared, done: &Sender<Done>) {
    while let Some(job) = shared.0.next() {
        let result = match job {
            Job::Examine(order, mut frames) => {
                examine(&frames.piece, &mut frames.found);
                Done::Unit(order, Unit::Frames(frames))
            }
            Job::Aside(number, aside) => Done::Aside(number, aside.look(dir)),
        };
        if done.send(result).is_err() {
            return;
        }
    }
}
