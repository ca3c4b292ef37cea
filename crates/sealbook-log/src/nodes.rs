//! Hashes of the Merkle tree: the newest in memory, the older in tiles.

use std::collections::VecDeque;

use sealbook_core::hash::TreeHash;
use sealbook_core::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind};
use sealbook_core::tree::node_hash;
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

/// Reads a full hash tile of the ledger.
pub(crate) fn read_tile(world: &World, layout: &Layout, level: u8, index: u64) -> Result<Vec<u8>, LogError> {
    let path = layout.tile(&Tile { kind: TileKind::Hashes(level), index, width: 256 });
    let bytes = read_file(&*world.disk, &path, TILE_BYTES).map_err(LogError::io(&path))?;
    if bytes.len() as u64 == TILE_BYTES {
        Ok(bytes)
    } else {
        Err(LogError::BadTile { path, detail: format!("{} bytes, a full tile has {TILE_BYTES}", bytes.len()) })
    }
}

/// The node at `level` and `index`, from a tile.
pub(crate) fn node_from_tile(world: &World, layout: &Layout, level: u32, index: u64) -> Result<TreeHash, LogError> {
    let height = level % TILE_HEIGHT;
    let first = index << height;
    let tile_level = u8::try_from(level / TILE_HEIGHT).unwrap_or(u8::MAX);
    let bytes = read_tile(world, layout, tile_level, first / TILE_WIDTH)?;
    let start = usize::try_from(first % TILE_WIDTH).unwrap_or(0) * 32;
    let (hashes, _) = bytes.get(start..).unwrap_or_default().as_chunks::<32>();
    let mut row: Vec<TreeHash> = hashes.iter().take(1 << height).map(|hash| TreeHash(*hash)).collect();
    while let [_, _, ..] = row.as_slice() {
        let (pairs, _) = row.as_chunks::<2>();
        row = pairs.iter().map(|[left, right]| node_hash(left, right)).collect();
    }
    row.first().copied().ok_or_else(|| LogError::BadTile {
        path: layout.tile(&Tile { kind: TileKind::Hashes(tile_level), index: first / TILE_WIDTH, width: 256 }),
        detail: "holds no hash at this place".to_owned(),
    })
}

/// Stores a full hash tile whose hashes are in memory; one that is there and whole stays, unless it is to be made anew.
pub(crate) fn store_tile(
    world: &World,
    layout: &Layout,
    nodes: &RecentNodes,
    level: u32,
    index: u64,
    anew: bool,
) -> Result<(), LogError> {
    let Ok(level) = u8::try_from(level) else { return Ok(()) };
    let path = layout.tile(&Tile { kind: TileKind::Hashes(level), index, width: 256 });
    let Some(bytes) = nodes.tile(level, index, TILE_WIDTH) else { return Ok(()) };
    if !anew && read_file(&*world.disk, &path, TILE_BYTES).is_ok_and(|stored| stored == bytes) {
        return Ok(());
    }
    // Derived: written without a sync. A torn one is found by its length or by a proof that fails, and made anew.
    let temporary = path.with_extension("tmp");
    let write = || {
        if let Some(parent) = path.parent() {
            world.disk.create_dir_all(parent)?;
        }
        if world.disk.exists(&temporary) {
            world.disk.remove(&temporary)?;
        }
        world.disk.create(&temporary, false)?.write_at(&bytes, 0)?;
        world.disk.rename(&temporary, &path)
    };
    write().map_err(LogError::io(&path))
}

/// Stores tiles while a log is walked; keeps the first error.
pub(crate) struct TileKeeper<'w> {
    pub(crate) world: &'w World,
    pub(crate) layout: &'w Layout,
    pub(crate) anew: bool,
    pub(crate) full: u64,
    pub(crate) failed: Option<LogError>,
}

impl TileKeeper<'_> {
    /// Is told that `level` has `count` complete nodes now.
    pub(crate) fn node(&mut self, nodes: &RecentNodes, level: u32, count: u64) {
        if level.is_multiple_of(TILE_HEIGHT) && count.is_multiple_of(TILE_WIDTH) && self.failed.is_none() {
            let (level, index) = (level / TILE_HEIGHT, count / TILE_WIDTH - 1);
            match store_tile(self.world, self.layout, nodes, level, index, self.anew) {
                Ok(()) => self.full += 1,
                Err(error) => self.failed = Some(error),
            }
        }
    }
}
