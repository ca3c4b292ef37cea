//! A disk in memory that does to the bytes what real ones do when the power goes, a process is killed or a cable is
//! loose; clocks that are set or jump; randomness from a seed. The same seed gives the same of everything.
//!
//! | what | at a crash |
//! |---|---|
//! | synced bytes, names in a synced folder, folders made by [`Disk::create_dir_all`] | are there |
//! | each 512-byte sector written since | is there, is not, is there in an earlier version, with a flipped bit, or in another place of the file where nothing synced stands |
//! | the length of a file, when it changed since | the old or the new one |
//! | a file created, renamed or removed since its folder was synced | either, each for itself or the first ones only |
//! | what a failed sync should have made durable | some sectors are there, the others never will be: no later sync brings them |

mod clock;
mod content;
mod faults;
mod names;
mod random;
#[cfg(test)]
mod tests;
mod trace;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub use clock::{JumpingClock, SetClock};
pub use content::{Damage, SECTOR_BYTES};
pub use faults::{Fault, Met};
pub use random::{Dice, SeededEntropy};
pub use trace::{Operation, Outcome, Step};

use crate::{Disk, DiskFile};
use content::Content;
use faults::Faults;
use names::{Names, Shared};
use trace::Trace;

#[derive(Default)]
struct State {
    names: Names,
    locks: BTreeMap<PathBuf, Weak<()>>,
    faults: Faults,
    trace: Trace,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

struct SimulatedFile {
    path: Arc<Path>,
    content: Shared,
    state: Arc<Mutex<State>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size(n: usize) -> u64 {
    n as u64
}

/// What is asked of the disk.
struct Ask<'a> {
    operation: Operation,
    path: Arc<Path>,
    offset: u64,
    bytes: u64,
    written: &'a [u8],
}

impl<'a> Ask<'a> {
    fn of(operation: Operation, path: &Path) -> Self {
        Self { operation, path: trace::shared(path), offset: 0, bytes: 0, written: &[] }
    }

    fn at(operation: Operation, path: &Arc<Path>, offset: u64, bytes: u64, written: &'a [u8]) -> Self {
        Self { operation, path: path.clone(), offset, bytes, written }
    }
}

impl State {
    /// Does what is asked, unless a fault hits it: then `partly` may do some of it.
    fn ask<T>(
        &mut self,
        ask: Ask<'_>,
        act: impl FnOnce(&mut Names) -> io::Result<T>,
        partly: impl FnOnce(&mut Names, Fault, &mut Dice),
    ) -> io::Result<T> {
        let (result, outcome) = if self.faults.dead {
            (Err(Fault::Kill.error()), Outcome::Dead)
        } else if let Some(fault) = self.faults.hit(ask.operation, &ask.path) {
            partly(&mut self.names, fault, &mut self.faults.dice);
            (Err(fault.error()), Outcome::Failed)
        } else {
            let result = act(&mut self.names);
            let outcome = if result.is_ok() { Outcome::Done } else { Outcome::Refused };
            (result, outcome)
        };
        let Ask { operation, path, offset, bytes, written } = ask;
        self.trace.add(trace::Step { operation, path, offset, bytes, outcome }, written);
        result
    }

    /// The same where a killed process may have done all of it or nothing.
    fn ask_whole<T>(
        &mut self,
        operation: Operation,
        path: &Path,
        mut act: impl FnMut(&mut Names) -> io::Result<T>,
    ) -> io::Result<T> {
        let act = std::cell::RefCell::new(&mut act);
        self.ask(
            Ask::of(operation, path),
            |names| (act.borrow_mut())(names),
            |names, fault, dice| {
                if fault == Fault::Kill && dice.one_in(2) {
                    // The process is gone: nobody hears how it went.
                    let _ = (act.borrow_mut())(names);
                }
            },
        )
    }
}

impl SimulatedDisk {
    /// An empty disk whose faults do in part what `seed` says.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let disk = Self::default();
        lock(&disk.state).faults = Faults::new(Dice::new(seed));
        disk
    }

    /// The power is cut: gives the disk as it is found afterwards, by `seed`. The old one stays as it was.
    #[must_use]
    pub fn crash(&self, seed: u64) -> Self {
        self.crash_report(seed).0
    }

    /// [`SimulatedDisk::crash`], and what became of the unsynced.
    #[must_use]
    pub fn crash_report(&self, seed: u64) -> (Self, Damage) {
        let state = lock(&self.state);
        let (mut dice, mut done) = (Dice::new(seed), Damage::default());
        let names = state.names.after_crash(&mut dice, &mut done, |content, dice, done| {
            let content = lock(content);
            content.after_crash(dice, done)
        });
        (Self::after(&state, names, &mut dice), done)
    }

    /// The process is gone and another is started on the same machine: the system still has every write in memory, and
    /// no more of it is durable than before.
    #[must_use]
    pub fn restart(&self, seed: u64) -> Self {
        let state = lock(&self.state);
        let names = state.names.detached(|content| lock(content).clone());
        Self::after(&state, names, &mut Dice::new(seed))
    }

    fn after(state: &State, names: Names, dice: &mut Dice) -> Self {
        let mut trace = state.trace.clone();
        trace.mark(dice.roll());
        let faults = Faults::new(dice.fork());
        Self { state: Arc::new(Mutex::new(State { names, faults, trace, ..State::default() })) }
    }

    /// After `left` more operations that `fault` could hit, it hits the next `times` of them.
    pub fn plan(&self, fault: Fault, left: u64, times: u64) {
        lock(&self.state).faults.plan(fault, left, times);
    }

    /// Forgets every fault that was planned and not met.
    pub fn forget_faults(&self) {
        lock(&self.state).faults.forget();
    }

    /// After `count` more syncs every sync fails with EIO.
    pub fn fail_syncs_after(&self, count: u64) {
        self.plan(Fault::FailedSync, count, u64::MAX);
    }

    /// The process is killed now: every later operation fails and does nothing.
    pub fn kill(&self) {
        lock(&self.state).faults.dead = true;
    }

    /// Whether [`Fault::Kill`] or [`SimulatedDisk::kill`] struck.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        lock(&self.state).faults.dead
    }

    /// The faults that were met since the last crash or restart.
    #[must_use]
    pub fn met(&self) -> Vec<Met> {
        lock(&self.state).faults.met.clone()
    }

    /// Keeps every operation from now on for [`SimulatedDisk::trace`].
    pub fn keep_steps(&self) {
        lock(&self.state).trace.steps.get_or_insert_default();
    }

    /// The operations since [`SimulatedDisk::keep_steps`], those before crashes and restarts too; at most the first 20,000.
    #[must_use]
    pub fn trace(&self) -> Vec<Step> {
        lock(&self.state).trace.steps.clone().unwrap_or_default()
    }

    /// How many operations there were, and one number over all of them and the bytes they wrote: the same twice means
    /// that the same happened.
    #[must_use]
    pub fn digest(&self) -> (u64, u64) {
        let state = lock(&self.state);
        (state.trace.count, state.trace.digest)
    }

    /// Every file and its length, as a program sees them.
    #[must_use]
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = lock(&self.state);
        state.names.files().map(|(path, content)| (path.clone(), lock(content).length())).collect()
    }

    /// The visible bytes of a file.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        lock(&self.state).names.file(path).ok().map(|content| lock(&content).bytes())
    }

    /// Replaces the bytes of a file behind everybody's back, durably.
    pub fn tamper(&self, path: &Path, bytes: Vec<u8>) {
        if let Ok(content) = lock(&self.state).names.file(path) {
            *lock(&content) = Content::durably(&bytes);
        }
    }

    /// Flips a bit of a file on the disk itself, counted from its start; false where there is no such bit.
    #[must_use]
    pub fn flip(&self, path: &Path, bit: u64) -> bool {
        lock(&self.state).names.file(path).is_ok_and(|content| lock(&content).flip(bit))
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, _write: bool) -> io::Result<Box<dyn DiskFile>> {
        let content = lock(&self.state).ask_whole(Operation::Open, path, |names| names.file(path))?;
        Ok(Box::new(SimulatedFile { path: trace::shared(path), content, state: self.state.clone() }))
    }

    fn create(&self, path: &Path, _private: bool) -> io::Result<Box<dyn DiskFile>> {
        let content = lock(&self.state).ask_whole(Operation::Create, path, |names| names.create(path))?;
        Ok(Box::new(SimulatedFile { path: trace::shared(path), content, state: self.state.clone() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).ask(
            Ask::of(Operation::CreateFolders, path),
            |names| names.create_folders(path, false),
            |names, _, dice| {
                if dice.one_in(2) {
                    // It failed or nobody is there to hear it.
                    let _ = names.create_folders(path, true);
                }
            },
        )
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        lock(&self.state).ask_whole(Operation::List, dir, |names| names.list(dir))
    }

    fn exists(&self, path: &Path) -> bool {
        let mut state = lock(&self.state);
        state.ask_whole(Operation::Exists, path, |names| Ok(names.exists(path))).unwrap_or(false)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        lock(&self.state).ask_whole(Operation::Rename, to, |names| names.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).ask_whole(Operation::Remove, path, |names| names.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        lock(&self.state).ask_whole(Operation::SyncFolder, dir, |names| names.sync(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = lock(&self.state);
        state.ask_whole(Operation::Lock, path, |_| Ok(()))?;
        if state.locks.get(path).is_some_and(|held| held.strong_count() > 0) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let held = Arc::new(());
        state.locks.insert(path.to_owned(), Arc::downgrade(&held));
        Ok(Box::new(held))
    }
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        let ask = Ask::at(Operation::Length, &self.path, 0, 0, &[]);
        lock(&self.state).ask(ask, |_| Ok(lock(&self.content).length()), |_, _, _| {})
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let ask = Ask::at(Operation::Read, &self.path, offset, size(buffer.len()), &[]);
        lock(&self.state).ask(ask, |_| Ok(lock(&self.content).read(buffer, offset)), |_, _, _| {})
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let ask = Ask::at(Operation::Write, &self.path, offset, size(bytes.len()), bytes);
        let write = |bytes: &[u8]| lock(&self.content).write(bytes, offset);
        lock(&self.state).ask(
            ask,
            |_| {
                write(bytes);
                Ok(())
            },
            |_, _, dice| {
                // Memory takes a write block by block: it ends where a sector does.
                let end = (offset + dice.below(size(bytes.len()))) / size(SECTOR_BYTES) * size(SECTOR_BYTES);
                let done = usize::try_from(end.saturating_sub(offset)).unwrap_or(0);
                write(bytes.get(..done).unwrap_or_default());
            },
        )
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let ask = Ask::at(Operation::SetLength, &self.path, length, 0, &[]);
        let set = || lock(&self.content).set_length(length);
        lock(&self.state).ask(
            ask,
            |_| {
                set();
                Ok(())
            },
            |_, fault, dice| {
                if fault == Fault::Kill && dice.one_in(2) {
                    set();
                }
            },
        )
    }

    fn sync(&self) -> io::Result<()> {
        let ask = Ask::at(Operation::Sync, &self.path, 0, 0, &[]);
        lock(&self.state).ask(
            ask,
            |_| {
                lock(&self.content).sync();
                Ok(())
            },
            |_, fault, dice| match fault {
                Fault::Kill if dice.one_in(2) => lock(&self.content).sync(),
                Fault::Kill => {}
                _ => lock(&self.content).sync_failed(dice),
            },
        )
    }
}
