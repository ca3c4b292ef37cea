//! The index follows the log beside the requests, and never delays one; how far it is can be read.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sealbook_index::{Index, IndexError};
use sealbook_log::Reader;
use tokio::sync::watch;

use crate::app::App;

/// Pause between two steps.
const PAUSE: Duration = Duration::from_secs(1);

/// An index that is opened at the first step.
#[derive(Default)]
pub(crate) struct Follower {
    index: OnceLock<Index>,
    failures: AtomicU64,
}

impl Follower {
    /// Entries that the index covers.
    pub(crate) fn through(&self) -> u64 {
        self.index.get().map_or(0, Index::indexed_through)
    }

    /// The index; whoever is first opens it.
    pub(crate) fn index(&self, reader: &Reader) -> Result<&Index, IndexError> {
        match self.index.get() {
            Some(index) => Ok(index),
            None => {
                let opened = Index::open(reader)?;
                Ok(self.index.get_or_init(|| opened))
            }
        }
    }

    /// Steps that failed; the log is searched without the index then.
    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    fn step(&self, reader: &Reader) -> Result<u64, IndexError> {
        self.index(reader)?.catch_up(reader)
    }
}

/// Steps until the service stops.
pub(crate) async fn follow(app: Arc<App>, mut stopping: watch::Receiver<bool>) {
    loop {
        let (follower, reader) = (app.follower.clone(), app.reader.clone());
        let stepped = tokio::task::spawn_blocking(move || follower.step(&reader)).await;
        if !matches!(stepped, Ok(Ok(_))) {
            app.follower.failures.fetch_add(1, Relaxed);
        }
        tokio::select! {
            _ = stopping.changed() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
