//! Hashes of the Merkle tree: the newest in memory, the older in tiles.

use std::collections::VecDeque;

use sealbook_core::hash::TreeHash;
use sealbook_core::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind};
use sealbook_core::tree::{Frontier, node_hash};
use sealbook_disk::{World, read_file};

use crate::error::LogError;
use crate::layout::Layout;

/// Hashes kept in memory per level whose hashes stand in tiles; a batch must fit.
const KEPT: u64 = 32 * TILE_WIDTH;

/// Bytes of a full hash tile.
const TILE_BYTES: u64 = TILE_WIDTH * 32;

#[derive(Clone, Debug, Default)]
struct Window {
    first: u64,
    hashes: VecDeque<TreeHash>,
}

/// The newest nodes of every level.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecentNodes {
    levels: Vec<Window>,
}

fn kept(level: u32) -> u64 {
    (KEPT >> (level % TILE_HEIGHT)).max(2)
}

impl RecentNodes {
    /// Takes a node that became complete; those of a level come in order.
    pub(crate) fn push(&mut self, level: u32, hash: TreeHash) {
        let at = usize::try_from(level).unwrap_or(usize::MAX);
        while self.levels.len() <= at {
            self.levels.push(Window::default());
        }
        let Some(window) = self.levels.get_mut(at) else {
            return;
        };
        window.hashes.push_back(hash);
        while window.hashes.len() as u64 > kept(level) {
            window.hashes.pop_front();
            window.first += 1;
        }
    }

    pub(crate) fn get(&self, level: u32, index: u64) -> Option<TreeHash> {
        let window = self.levels.get(usize::try_from(level).ok()?)?;
        window.hashes.get(usize::try_from(index.checked_sub(window.first)?).ok()?).copied()
    }

    /// The bytes of a full tile, while all of it is in memory.
    pub(crate) fn tile(&self, level: u8, index: u64, width: u64) -> Option<Vec<u8>> {
        let level = u32::from(level) * TILE_HEIGHT;
        let mut bytes = Vec::with_capacity(width.saturating_mul(32).try_into().ok()?);
        for at in 0..width {
            bytes.extend_from_slice(&self.get(level, index * TILE_WIDTH + at)?.0);
        }
        Some(bytes)
    }
}

impl RecentNodes {
    /// The hashes of the incomplete tiles of a tree of `size` leaves, by tile level.
    pub(crate) fn edge(&self, size: u64) -> Vec<Vec<TreeHash>> {
        let levels = (0..).map_while(|level| size.checked_shr(TILE_HEIGHT * level).filter(|nodes| *nodes > 0));
        let hashes = |(level, nodes): (u32, u64)| {
            let first = nodes - nodes % TILE_WIDTH;
            (first..nodes).filter_map(|index| self.get(level * TILE_HEIGHT, index)).collect()
        };
        (0..).zip(levels).map(hashes).collect()
    }

    /// The newest nodes of a tree of `size` leaves, from the hashes of its incomplete tiles; `None` where these are not
    /// as many as they must be.
    pub(crate) fn from_edge(size: u64, edge: &[Vec<TreeHash>]) -> Option<Self> {
        let mut levels = Vec::new();
        let mut nodes = size;
        for hashes in edge {
            let first = nodes - nodes % TILE_WIDTH;
            if nodes == 0 || hashes.len() as u64 != nodes - first {
                return None;
            }
            let mut row = hashes.clone();
            for height in 0..TILE_HEIGHT {
                let above = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
                levels.push(Window { first: first >> height, hashes: core::mem::replace(&mut row, above).into() });
            }
            nodes /= TILE_WIDTH;
        }
        (nodes == 0).then_some(Self { levels })
    }

    /// The right edge of a tree of `size` leaves, as far as its peaks are in memory.
    pub(crate) fn frontier(&self, size: u64) -> Option<Frontier> {
        let levels = (0..u64::BITS).rev().filter(|level| (size >> level) & 1 == 1);
        let peaks = levels.map(|level| self.get(level, (size >> level) - 1)).collect::<Option<Vec<_>>>()?;
        Frontier::from_peaks(size, peaks)
    }
}

/// Reads a full hash tile of the ledger; `None` where it is missing or not whole.
pub(crate) fn read_tile(world: &World, layout: &Layout, level: u8, index: u64) -> Result<Option<Vec<u8>>, LogError> {
    let path = layout.tile(&Tile { kind: TileKind::Hashes(level), index, width: 256 });
    match read_file(&*world.disk, &path, TILE_BYTES) {
        Ok(bytes) => Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == TILE_BYTES)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LogError::Io { path, source }),
    }
}

/// The node `height` levels above the hashes of a full tile that begins at its hash `start`.
pub(crate) fn tile_node(tile: &[u8], height: u32, start: u64) -> Option<TreeHash> {
    let hashes = tile.as_chunks::<32>().0.iter().skip(usize::try_from(start).ok()?).take(1 << height);
    let mut row: Vec<TreeHash> = hashes.map(|hash| TreeHash(*hash)).collect();
    while let [_, _, ..] = row.as_slice() {
        row = row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied()
}

/// Stores a full hash tile, unless it is there.
pub(crate) fn store_tile(world: &World, layout: &Layout, level: u8, index: u64, bytes: &[u8]) -> Result<(), LogError> {
    let path = layout.tile(&Tile { kind: TileKind::Hashes(level), index, width: 256 });
    if read_file(&*world.disk, &path, TILE_BYTES).is_ok_and(|stored| stored == bytes) {
        return Ok(());
    }
    // Durable before it has its name: a crash must not leave a tile that looks like tampering.
    let temporary = path.with_extension("tmp");
    let write = || {
        if let Some(parent) = path.parent() {
            world.disk.create_dir_all(parent)?;
        }
        if world.disk.exists(&temporary) {
            world.disk.remove(&temporary)?;
        }
        let file = world.disk.create(&temporary, false)?;
        file.write_at(bytes, 0)?;
        file.sync()?;
        world.disk.rename(&temporary, &path)
    };
    write().map_err(LogError::io(&path))
}
