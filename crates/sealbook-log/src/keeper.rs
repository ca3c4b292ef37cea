//! Keeps what is derived from the log: tiles, maps of sealed segments, lookup runs. No answer waits for it, and what it
//! could not write is made anew when it is needed.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use sealbook_core::segment::Footer;
use sealbook_disk::World;

use crate::error::LogError;
use crate::layout::Layout;
use crate::lookup::{Lookup, Remembered, Secret};
use crate::nodes::store_tile;
use crate::reader::Shared;
use crate::segment_map::SegmentMap;

/// Jobs that may wait; beyond that tiles are left out, and a sealed segment waits for its turn.
const JOBS_MAX: usize = 256;

/// Tiles of leaves that may wait for a quiet time: 32 MiB, over a million entries.
const TILES_MAX: usize = 4096;

/// How long nothing came when it is quiet.
const QUIET: Duration = Duration::from_millis(50);

/// A full tile that is in memory.
pub(crate) struct TileJob {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
}

/// A segment that was sealed, and what is remembered of its entries.
pub(crate) struct Sealed {
    pub(crate) number: u64,
    pub(crate) footer: Footer,
    pub(crate) map: SegmentMap,
    pub(crate) remembered: Vec<Remembered>,
}

pub(crate) enum Job {
    Tile(TileJob),
    Sealed(Sealed),
}

/// Writes run and map of a sealed segment; gives the runs with the new one.
pub(crate) fn keep(
    world: &World,
    layout: &Layout,
    secret: &Secret,
    lookup: &Lookup,
    sealed: &Sealed,
) -> Result<Lookup, LogError> {
    let Sealed { number, footer, map, remembered } = sealed;
    // After a failure the runs stay behind until the ledger is opened again; the writer then remembers the rest.
    let lookup = if lookup.upto() + footer.entries == footer.size {
        lookup.with(world, layout, secret, footer.chain, remembered)?
    } else {
        lookup.clone()
    };
    map.store(world, layout, *number, footer)?;
    Ok(lookup)
}

/// Does the jobs.
#[derive(Clone)]
pub(crate) struct Keeper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) secret: Secret,
}

impl Keeper {
    fn tile(&self, tile: &TileJob) -> Result<(), LogError> {
        store_tile(&self.shared.world, &self.shared.layout, tile.level, tile.index, &tile.bytes)
    }

    fn sealed(&self, sealed: &Sealed) -> Result<(), LogError> {
        let Shared { world, layout, .. } = &*self.shared;
        let lookup = keep(world, layout, &self.secret, &self.shared.lookup(), sealed)?;
        self.shared.set_lookup(lookup);
        Ok(())
    }

    fn run(&self, job: &Job) {
        let done = match job {
            Job::Tile(tile) => self.tile(tile),
            Job::Sealed(sealed) => self.sealed(sealed),
        };
        if let Err(error) = done {
            self.shared.note_derived_problem(&error);
        }
    }

    /// Does what comes, until nobody can send any more. Tiles wait until there is time for them; those that would wait
    /// too long are left out, and made from the log when somebody asks for one.
    pub(crate) fn serve(&self, jobs: &Receiver<Job>) {
        let mut tiles = Vec::new();
        loop {
            match jobs.recv_timeout(QUIET) {
                Ok(Job::Tile(tile)) if tile.level == 0 && tiles.len() < TILES_MAX => tiles.push(tile),
                Ok(Job::Tile(tile)) if tile.level == 0 => {}
                Ok(job) => self.run(&job),
                Err(stop) => {
                    for tile in tiles.drain(..) {
                        self.run(&Job::Tile(tile));
                    }
                    if stop == RecvTimeoutError::Disconnected {
                        return;
                    }
                }
            }
        }
    }
}

/// Where jobs go: to the keeper's thread, or nowhere beyond this one.
pub(crate) struct Jobs {
    keeper: Keeper,
    thread: Option<SyncSender<Job>>,
}

impl Jobs {
    /// Jobs that are done at once.
    pub(crate) fn at_once(keeper: Keeper) -> Self {
        Self { keeper, thread: None }
    }

    /// Jobs for a thread that serves the receiver.
    pub(crate) fn for_thread(keeper: Keeper) -> (Self, Receiver<Job>) {
        let (sender, receiver) = sync_channel(JOBS_MAX);
        (Self { keeper, thread: Some(sender) }, receiver)
    }

    /// A tile that finds no room is left out: whoever commits must not wait for it, and a reader makes it from the log.
    pub(crate) fn tile(&self, tile: TileJob) {
        match &self.thread {
            Some(sender) => drop(sender.try_send(Job::Tile(tile))),
            None => self.keeper.run(&Job::Tile(tile)),
        }
    }

    /// Sealed segments are taken in order, so this one waits for its turn.
    pub(crate) fn sealed(&self, sealed: Sealed) {
        match &self.thread {
            Some(sender) => {
                if let Err(unsent) = sender.send(Job::Sealed(sealed)) {
                    self.keeper.run(&unsent.0);
                }
            }
            None => self.keeper.run(&Job::Sealed(sealed)),
        }
    }
}
