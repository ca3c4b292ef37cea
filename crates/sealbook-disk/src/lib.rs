//! The only door to disk, clock and randomness: real, and simulated for tests.
//!
//! Takes: paths and bytes.
//! Gives: files whose durability is explicit, the time, random bytes.
//! Never: knows what the bytes mean.
//! Next:  `sealbook-log`.

mod real;
mod simulated;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::{RealDisk, SystemClock, SystemEntropy};
pub use simulated::{
    Damage, Dice, Fault, JumpingClock, Met, Operation, Outcome, SECTOR_BYTES, SeededEntropy, SetClock, SimulatedDisk,
    Step,
};

/// A file system, with durability said where it matters.
pub trait Disk: Send + Sync {
    /// Opens an existing file for reading and writing, or only for reading.
    ///
    /// # Errors
    /// As the system says.
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>>;
    /// Creates a file that must not exist, readable by its owner only where `private`.
    /// Durable after [`Disk::sync_dir`] of its folder.
    ///
    /// # Errors
    /// As the system says.
    fn create(&self, path: &Path, private: bool) -> io::Result<Box<dyn DiskFile>>;
    /// Creates a folder and its parents, as far as they are missing; durable on return.
    ///
    /// # Errors
    /// As the system says.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Names in a folder, sorted.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Whether there is a file or folder at `path`.
    fn exists(&self, path: &Path) -> bool;
    /// Renames, replacing what stands at `to`. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable after [`Disk::sync_dir`].
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// As the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the lock at `path` for this process until the value is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where another holds it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Length in bytes.
    ///
    /// # Errors
    /// As the system says.
    fn length(&self) -> io::Result<u64>;
    /// Fills `buffer` from `offset`; fewer bytes only at the end of the file.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes` at `offset`. Durable after [`DiskFile::sync`].
    ///
    /// # Errors
    /// As the system says; part of it may then have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or grows the file (with zeros).
    ///
    /// # Errors
    /// As the system says.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// Makes content and length durable (`fdatasync`). After an error nothing is known of what was written since the
    /// last success: never call it again to find out.
    ///
    /// # Errors
    /// As the system says.
    fn sync(&self) -> io::Result<()>;
}

/// µs since the Unix epoch.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> i64;
}

/// Random bytes fit for salts and keys.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// When the system has none to give.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;
}

/// Disk, clock and randomness together.
#[derive(Clone)]
pub struct World {
    /// Disk.
    pub disk: Arc<dyn Disk>,
    /// Clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl World {
    /// The real ones.
    #[must_use]
    pub fn real() -> Self {
        Self { disk: Arc::new(RealDisk), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) }
    }
}

/// Reads a whole file of at most `bytes_max` bytes.
///
/// # Errors
/// As the system says; [`io::ErrorKind::FileTooLarge`] above the limit.
pub fn read_file(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, false)?;
    let length = file.length()?;
    if length > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{length} bytes, at most {bytes_max} expected"),
        ));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Puts `bytes` at `path` in one step: after a crash the file holds the old or the new bytes, never a mixture.
/// Durable on return.
///
/// # Errors
/// As the system says; the old file is then still there.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let parent = path.parent().ok_or_else(|| io::Error::other("a file lies in a folder"))?;
    let temporary = path.with_extension("tmp");
    if disk.exists(&temporary) {
        disk.remove(&temporary)?;
    }
    let file = disk.create(&temporary, private)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    drop(file);
    disk.rename(&temporary, path)?;
    disk.sync_dir(parent)
}
