//! A disk in memory that forgets what was not synced, a clock that is set, randomness from a seed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Clock, Disk, DiskFile, Entropy};

/// Unit in which an unsynced write survives a crash or does not, in bytes.
const SECTOR_BYTES: usize = 512;

/// A file's content: what a crash leaves for certain, and what it may or may not leave.
#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    visible: Vec<u8>,
}

type Shared = Arc<Mutex<Content>>;

#[derive(Default)]
struct State {
    /// What a program sees.
    names: BTreeMap<PathBuf, Shared>,
    /// What is certain to be there after a crash.
    durable_names: BTreeMap<PathBuf, Shared>,
    locks: BTreeMap<PathBuf, std::sync::Weak<()>>,
    /// Syncs that will still succeed; then every sync fails.
    syncs_left: Option<u64>,
}

/// A disk in memory. After [`SimulatedDisk::crash`] only what was synced is certain to be left; of each 512-byte
/// sector written since, and of each name changed since, the seed says whether it is.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

struct SimulatedFile {
    content: Shared,
    state: Arc<Mutex<State>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", path.display()))
}

/// SplitMix64: a stream of numbers from a seed.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl SimulatedDisk {
    /// Power is cut: gives the disk as it is found afterwards, by `seed`.
    #[must_use]
    pub fn crash(&self, mut seed: u64) -> Self {
        let state = lock(&self.state);
        let mut names = state.durable_names.clone();
        for (path, content) in &state.names {
            if !names.contains_key(path) && next(&mut seed).is_multiple_of(2) {
                names.insert(path.clone(), content.clone());
            }
        }
        for path in state.durable_names.keys() {
            if !state.names.contains_key(path) && next(&mut seed).is_multiple_of(2) {
                names.remove(path);
            }
        }
        let after: BTreeMap<_, _> = names
            .into_iter()
            .map(|(path, content)| {
                let bytes = lock(&content).after_crash(&mut seed);
                (path, Arc::new(Mutex::new(Content { durable: bytes.clone(), visible: bytes })))
            })
            .collect();
        let state = State { names: after.clone(), durable_names: after, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// After `count` more syncs every sync fails with EIO.
    pub fn fail_syncs_after(&self, count: u64) {
        lock(&self.state).syncs_left = Some(count);
    }

    /// The visible bytes of a file.
    #[must_use]
    pub fn bytes(&self, path: &Path) -> Option<Vec<u8>> {
        lock(&self.state).names.get(path).map(|content| lock(content).visible.clone())
    }

    /// Replaces the bytes of a file behind everybody's back, durably.
    pub fn tamper(&self, path: &Path, bytes: Vec<u8>) {
        if let Some(content) = lock(&self.state).names.get(path) {
            *lock(content) = Content { durable: bytes.clone(), visible: bytes };
        }
    }
}

impl Content {
    fn after_crash(&self, seed: &mut u64) -> Vec<u8> {
        if self.durable == self.visible {
            return self.durable.clone();
        }
        let length = if next(seed).is_multiple_of(2) { self.visible.len() } else { self.durable.len() };
        let mut bytes = self.durable.clone();
        bytes.resize(length, 0);
        for (sector, chunk) in bytes.chunks_mut(SECTOR_BYTES).enumerate() {
            let new = self.visible.iter().skip(sector * SECTOR_BYTES);
            if next(seed).is_multiple_of(2) {
                chunk.iter_mut().zip(new).for_each(|(old, new)| *old = *new);
            }
        }
        bytes
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, _write: bool) -> io::Result<Box<dyn DiskFile>> {
        let state = lock(&self.state);
        let content = state.names.get(path).ok_or_else(|| missing(path))?.clone();
        Ok(Box::new(SimulatedFile { content, state: self.state.clone() }))
    }

    fn create(&self, path: &Path, _private: bool) -> io::Result<Box<dyn DiskFile>> {
        let mut state = lock(&self.state);
        if state.names.contains_key(path) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} exists", path.display())));
        }
        let content = Shared::default();
        state.names.insert(path.to_owned(), content.clone());
        Ok(Box::new(SimulatedFile { content, state: self.state.clone() }))
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = lock(&self.state);
        let names = state.names.keys().filter(|path| path.parent() == Some(dir)).filter_map(|path| path.file_name());
        Ok(names.map(|name| name.to_string_lossy().into_owned()).collect())
    }

    fn exists(&self, path: &Path) -> bool {
        lock(&self.state).names.keys().any(|name| name.starts_with(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = lock(&self.state);
        let content = state.names.remove(from).ok_or_else(|| missing(from))?;
        state.names.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        lock(&self.state).names.remove(path).map(|_| ()).ok_or_else(|| missing(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        state.durable_names.retain(|path, _| path.parent() != Some(dir) || state.names.contains_key(path));
        for (path, content) in state.names.iter().filter(|(path, _)| path.parent() == Some(dir)) {
            state.durable_names.insert(path.clone(), content.clone());
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = lock(&self.state);
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
        Ok(lock(&self.content).visible.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let content = lock(&self.content);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let source = content.visible.get(start..).unwrap_or_default();
        Ok(buffer.iter_mut().zip(source).map(|(to, from)| *to = *from).count())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = lock(&self.content);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let end = start + bytes.len();
        if content.visible.len() < end {
            content.visible.resize(end, 0);
        }
        content.visible.iter_mut().skip(start).zip(bytes).for_each(|(to, from)| *to = *from);
        Ok(())
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        lock(&self.content).visible.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if let Some(left) = &mut lock(&self.state).syncs_left {
            *left = left.checked_sub(1).ok_or_else(|| io::Error::other("simulated I/O error"))?;
        }
        let mut content = lock(&self.content);
        content.durable = content.visible.clone();
        Ok(())
    }
}

/// A clock that shows what it was last set to.
#[derive(Clone, Debug, Default)]
pub struct SetClock(Arc<AtomicI64>);

impl SetClock {
    /// A clock that shows `micros` since the Unix epoch.
    #[must_use]
    pub fn new(micros: i64) -> Self {
        Self(Arc::new(AtomicI64::new(micros)))
    }

    /// Sets it.
    pub fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Bytes from a seed: the same seed, the same bytes. Never for real keys.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<u64>);

impl SeededEntropy {
    /// A stream from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut seed = lock(&self.0);
        for chunk in bytes.chunks_mut(8) {
            chunk.iter_mut().zip(next(&mut seed).to_le_bytes()).for_each(|(to, from)| *to = from);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{read_file, replace_file};

    #[test]
    fn what_was_synced_survives_every_crash_and_the_rest_survives_some() {
        let disk = SimulatedDisk::default();
        let path = Path::new("/l/a");
        replace_file(&disk, path, &[1; 2000], false).unwrap();
        let file = disk.open(path, true).unwrap();
        file.write_at(&[2; 2000], 2000).unwrap();
        let mut tails = std::collections::BTreeSet::new();
        for seed in 0..64 {
            let bytes = read_file(&disk.crash(seed), path, 10_000).unwrap();
            assert_eq!(bytes[..2000], [1; 2000]);
            tails.insert(bytes[2000..].to_vec());
        }
        assert!(tails.len() > 4);
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_lost() {
        let disk = SimulatedDisk::default();
        let path = Path::new("/l/b");
        disk.create(path, false).unwrap();
        let found = (0..32).filter(|seed| disk.crash(*seed).exists(path)).count();
        assert!(0 < found && found < 32);
    }

    #[test]
    fn a_lock_is_held_once() {
        let disk = SimulatedDisk::default();
        let held = disk.lock(Path::new("/l/lock")).unwrap();
        assert!(disk.lock(Path::new("/l/lock")).is_err());
        drop(held);
        assert!(disk.lock(Path::new("/l/lock")).is_ok());
    }
}
