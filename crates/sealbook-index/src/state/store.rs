//! The views in sled: one owner, small batches, blocking flushes, and a digest over everything, because a store that
//! opens without complaint may still have lost or changed what was put in it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use sealbook_core::hash::ChainValue;
use serde::{Deserialize, Serialize};
use sled::{Batch, Config, Db};

use super::Position;
use super::views::{SourceWire, TotalsWire, Views};
use crate::error::IndexError;
use crate::files::remove_dir;

/// Version of what is kept; another one is made anew.
const VERSION: u32 = 2;
/// Context of the digest (BLAKE3 derive-key mode).
const CONTEXT: &str = "sealbook state v1: keys and values";
/// Bytes of memory that the store may use: the views are held outside it.
const CACHE_BYTES: u64 = 1 << 20;
/// Key of what everything else is checked against.
const HEAD: &[u8] = b"head";
/// Prefix of the keys of sources.
const SOURCE: &str = "source/";

/// What is kept under [`HEAD`] (CBOR).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeadWire {
    version: u32,
    origin: String,
    size: u64,
    chain: [u8; 32],
    totals: TotalsWire,
    stores: BTreeMap<String, u64>,
    /// Digest over the sources and everything above.
    digest: [u8; 32],
}

/// What was found.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) views: Views,
    pub(super) position: Position,
    pub(super) stores: BTreeMap<String, u64>,
}

/// The store of one process: the lock is held until it is dropped.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    _lock: File,
    db: Option<Db>,
    /// The sources' values as they are kept, for the digest.
    values: BTreeMap<String, Vec<u8>>,
}

impl Store {
    /// Takes the lock. It lies beside the folder, which may be set aside.
    pub(super) fn lock(dir: &Path) -> Result<Self, IndexError> {
        let path = dir.with_extension("lock");
        let options = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = options.map_err(IndexError::io(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock, db: None, values: BTreeMap::new() }),
            Err(TryLockError::WouldBlock) => Err(IndexError::InUse { path: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(IndexError::Io { path, source }),
        }
    }

    /// What is kept; `None` where nothing is, and why where it cannot be trusted.
    pub(super) fn open(&mut self) -> Result<Option<Saved>, String> {
        if !self.dir.exists() {
            return Ok(None);
        }
        let dir = self.dir.clone();
        let (db, found) = guarded(|| {
            let db = open_db(&dir)?;
            let found = read(&db)?;
            Ok((db, found))
        })?;
        let (saved, values) = found.ok_or("it holds no position")?;
        self.db = Some(db);
        self.values = values;
        Ok(Some(saved))
    }

    /// Saves what has changed, in one batch, and flushes. sled does not promise that a flush is durable, so a crash may
    /// lose it; nothing but time is lost.
    pub(super) fn save(
        &mut self,
        views: &mut Views,
        position: &Position,
        stores: &BTreeMap<String, u64>,
    ) -> Result<(), IndexError> {
        let saved = self.try_save(views, position, stores);
        if saved.is_ok() {
            views.changed.clear();
        }
        saved.map_err(|detail| IndexError::State { path: self.dir.clone(), detail })
    }

    fn try_save(&mut self, views: &Views, position: &Position, stores: &BTreeMap<String, u64>) -> Result<(), String> {
        let db = match self.db.take() {
            Some(db) => db,
            None => {
                let dir = self.dir.clone();
                guarded(|| open_db(&dir))?
            }
        };
        let mut batch = Batch::default();
        for id in &views.changed {
            let Some(source) = views.sources.get(id) else { continue };
            let value = encode(source)?;
            batch.insert(format!("{SOURCE}{id}").as_bytes(), &*value);
            self.values.insert(id.clone(), value);
        }
        let mut head = HeadWire {
            version: VERSION,
            origin: position.origin.clone(),
            size: position.size,
            chain: position.chain.0,
            totals: views.totals,
            stores: stores.clone(),
            digest: [0; 32],
        };
        head.digest = digest(&head, &self.values)?;
        batch.insert(HEAD, encode(&head)?);
        let kept = guarded(|| {
            db.apply_batch(batch)?;
            db.flush()?;
            Ok(())
        });
        if kept.is_ok() {
            self.db = Some(db);
        } else {
            // Whether it can be used again is not known: what is there is opened and checked anew at the next start.
            let _ = catch_unwind(AssertUnwindSafe(move || drop(db)));
        }
        kept
    }

    /// Closes the store and renames its folder; of those set aside before, only the newest is kept.
    pub(super) fn set_aside(&mut self) -> Result<(), IndexError> {
        self.close();
        if !self.dir.exists() {
            return Ok(());
        }
        let aside = self.dir.with_extension("set-aside");
        remove_dir(&aside).map_err(IndexError::io(&aside))?;
        fs::rename(&self.dir, &aside).map_err(IndexError::io(&aside))
    }

    /// Closes the store and removes its folder.
    pub(super) fn clear(&mut self) -> Result<(), IndexError> {
        self.close();
        remove_dir(&self.dir).map_err(IndexError::io(&self.dir))
    }

    fn close(&mut self) {
        self.values.clear();
        let db = self.db.take();
        // A store that panics while it is closed is one that is thrown away here.
        let _ = catch_unwind(AssertUnwindSafe(move || drop(db)));
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// Removes a store that nobody has open.
pub(super) fn remove(dir: &Path) -> Result<(), IndexError> {
    Store::lock(dir)?.clear()
}

fn open_db(dir: &Path) -> sled::Result<Db> {
    Config::new().path(dir).cache_capacity(CACHE_BYTES).use_compression(false).flush_every_ms(None).open()
}

/// Reads everything and compares it with the digest; `None` where nothing is kept.
type Found = Option<(Saved, BTreeMap<String, Vec<u8>>)>;

fn read(db: &Db) -> sled::Result<Found> {
    let damaged = |what: &str| sled::Error::ReportableBug(what.to_owned());
    let Some(bytes) = db.get(HEAD)? else { return Ok(None) };
    let head: HeadWire = decode(&bytes).ok_or_else(|| damaged("its position cannot be read"))?;
    if head.version != VERSION {
        return Err(damaged("it is of another version"));
    }
    let (mut values, mut views) = (BTreeMap::new(), Views { totals: head.totals, ..Views::default() });
    for pair in db.iter() {
        let (key, value) = pair?;
        if key == HEAD {
            continue;
        }
        let id = std::str::from_utf8(&key).ok().and_then(|key| key.strip_prefix(SOURCE));
        let id = id.ok_or_else(|| damaged("it holds a key that was not put there"))?.to_owned();
        let source: SourceWire = decode(&value).ok_or_else(|| damaged("a source cannot be read"))?;
        views.sources.insert(id.clone(), source);
        values.insert(id, value.to_vec());
    }
    if digest(&head, &values).ok() != Some(head.digest) {
        return Err(damaged("its digest does not match"));
    }
    let position = Position { origin: head.origin, size: head.size, chain: ChainValue(head.chain) };
    Ok(Some((Saved { views, position, stores: head.stores }, values)))
}

/// Digest over the head (its own digest as zeros) and the sources.
fn digest(head: &HeadWire, values: &BTreeMap<String, Vec<u8>>) -> Result<[u8; 32], String> {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    let head = HeadWire { digest: [0; 32], ..head.clone() };
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(&encode(&head)?);
    for (id, value) in values {
        part(id.as_bytes());
        part(value);
    }
    Ok(*hasher.finalize().as_bytes())
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<T> {
    ciborium::from_reader(bytes).ok()
}

/// Runs something in sled, which may panic on damaged files; a panic is an answer here: no.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("the store gave up (panic)".to_owned()),
    }
}
