//! The small views that change with every entry, kept in sled: what is known of each source, and how far each derived
//! store has come. They are held in memory; sled only saves reading the whole log again at the next start.

mod store;
mod views;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sealbook_core::hash::{ChainValue, chain_value};
use sealbook_core::time::Micros;
use sealbook_log::Reader;

use crate::error::IndexError;
use crate::search::decode;
use store::{Store, remove};
use views::Views;
pub use views::{GAP_ACT, GAPS_LISTED_MAX, Gap, HEARD_ACT, SILENT_ACT, SourceState};

/// Entries after which what is known is saved while catching up, so that a stop does not lose all of it.
const SAVE_EVERY_ENTRIES: u64 = 65_536;

/// What the views say of the log as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Entries that the views are made of.
    pub entries: u64,
    /// Subjects, which is the number of threads.
    pub subjects: u64,
    /// Ledger time of the newest entry.
    pub recorded_at: Micros,
}

/// Where the views were made: they are used only on a log that has this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    origin: String,
    size: u64,
    chain: ChainValue,
}

/// The views of one ledger. One process owns them at a time.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    views: Views,
    position: Position,
    /// How far each derived store has come, by its name.
    stores: BTreeMap<String, u64>,
    store: Store,
    /// Why what was found at opening was set aside.
    set_aside: Option<String>,
}

impl State {
    /// Opens the views of the log of `reader`, or begins them anew: where there are none, where they are of another log
    /// or history, and where there is any doubt about the store. What is in doubt is set aside beside them.
    ///
    /// # Errors
    /// [`IndexError::InUse`] where another process has them open; or the system refused.
    pub fn open(reader: &Reader) -> Result<Self, IndexError> {
        let dir = reader.layout().derived("state");
        let store = Store::lock(&dir)?;
        let inner = Inner::load(store, reader)?;
        Ok(Self { dir, inner: Mutex::new(inner) })
    }

    /// Throws the views away and makes them anew from the log.
    ///
    /// # Errors
    /// When the store cannot be removed or written, or the log cannot be read.
    pub fn rebuild(&self, reader: &Reader) -> Result<(), IndexError> {
        {
            let mut inner = self.lock();
            inner.store.clear()?;
            (inner.views, inner.position) = (Views::default(), Position::default());
            inner.stores.clear();
        }
        self.catch_up(reader).map(|_| ())
    }

    /// Takes in what the log has and the views have not, and saves it. Gives the number of entries taken in so far.
    ///
    /// # Errors
    /// When the log cannot be read, is another one, or the views cannot be saved; they are then still good for asking.
    pub fn catch_up(&self, reader: &Reader) -> Result<u64, IndexError> {
        let mut inner = self.lock();
        let known = &inner.position.origin;
        if !known.is_empty() && known != reader.origin() {
            let (expected, found) = (known.clone(), reader.origin().to_owned());
            return Err(IndexError::OtherLedger { expected, found });
        }
        let size = reader.size();
        while inner.position.size < size {
            let start = inner.position.size;
            let end = size.min(start.saturating_add(SAVE_EVERY_ENTRIES));
            for stored in reader.entries(start, end) {
                let stored = stored?;
                inner.views.apply(&decode(&stored)?);
                inner.position.size = stored.index + 1;
                if inner.position.size == end {
                    inner.position.chain = chain_value(&stored.bytes);
                }
            }
            if inner.position.size != end {
                return Err(IndexError::Entry {
                    index: inner.position.size,
                    detail: "it is not where the log says".to_owned(),
                });
            }
            reader.origin().clone_into(&mut inner.position.origin);
            inner.save()?;
        }
        Ok(inner.position.size)
    }

    /// Entries taken in so far.
    #[must_use]
    pub fn through(&self) -> u64 {
        self.lock().position.size
    }

    /// What is known of each source, by its id.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceState> {
        self.lock().views.sources()
    }

    /// What is known of the log as a whole.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let inner = self.lock();
        inner.views.totals(inner.position.size)
    }

    /// How far a derived store said it has come.
    #[must_use]
    pub fn store_position(&self, name: &str) -> Option<u64> {
        self.lock().stores.get(name).copied()
    }

    /// Notes how far a derived store has come; saved with the next entries that are taken in, or here and now.
    ///
    /// # Errors
    /// When the views cannot be saved.
    pub fn set_store_position(&self, name: &str, entries: u64) -> Result<(), IndexError> {
        let mut inner = self.lock();
        if inner.stores.insert(name.to_owned(), entries) == Some(entries) {
            return Ok(());
        }
        inner.save()
    }

    /// Why the views that were found at opening were set aside; `None` where they were good or there were none.
    #[must_use]
    pub fn set_aside(&self) -> Option<String> {
        self.lock().set_aside.clone()
    }

    /// Folder of the store.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Removes the views of a ledger that are not open.
    ///
    /// # Errors
    /// [`IndexError::InUse`] where another process has them open; or the system refused.
    pub fn remove(reader: &Reader) -> Result<(), IndexError> {
        remove(&reader.layout().derived("state"))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn load(mut store: Store, reader: &Reader) -> Result<Self, IndexError> {
        let (mut views, mut position, mut stores) = (Views::default(), Position::default(), BTreeMap::new());
        let mut set_aside = None;
        match store.open() {
            Ok(None) => {}
            Ok(Some(saved)) => match position_fits(&saved.position, reader)? {
                None => (views, position, stores) = (saved.views, saved.position, saved.stores),
                Some(why) => set_aside = Some(why.to_owned()),
            },
            Err(why) => set_aside = Some(why),
        }
        if set_aside.is_some() {
            store.set_aside()?;
        }
        Ok(Self { views, position, stores, store, set_aside })
    }

    fn save(&mut self) -> Result<(), IndexError> {
        self.store.save(&mut self.views, &self.position, &self.stores)
    }
}

/// Why views made at `position` cannot be used on this log.
fn position_fits(position: &Position, reader: &Reader) -> Result<Option<&'static str>, IndexError> {
    if position.size == 0 {
        return Ok(None);
    }
    if position.origin != reader.origin() {
        return Ok(Some("made from another ledger"));
    }
    if position.size > reader.size() {
        return Ok(Some("made from more entries than the log has"));
    }
    let last = reader.stored(position.size - 1)?;
    Ok((chain_value(&last.bytes) != position.chain).then_some("made from another history"))
}
