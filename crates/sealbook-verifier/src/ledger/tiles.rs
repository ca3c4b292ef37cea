//! Hash tiles: computed again from the leaves and compared with those that are there.

use sealbook_core::hash::TreeHash;
use sealbook_core::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, TileKind};

/// Bytes of a full hash tile.
pub const TILE_BYTES: usize = 32 * 256;

/// Collects the hashes of the tiles at the right edge of a growing tree.
#[derive(Clone, Debug, Default)]
pub struct TileBuilder {
    levels: Vec<Vec<u8>>,
}

impl TileBuilder {
    /// Takes a node that became complete (level 0 is a leaf) and gives the tile that it completes.
    /// Tiles whose first node was not taken are left out.
    pub fn take(&mut self, level: u32, index: u64, hash: TreeHash) -> Option<(Tile, Vec<u8>)> {
        if !level.is_multiple_of(TILE_HEIGHT) {
            return None;
        }
        let tile_level = (level / TILE_HEIGHT) as usize;
        if self.levels.len() <= tile_level {
            self.levels.resize_with(tile_level + 1, Vec::new);
        }
        let bytes = self.levels.get_mut(tile_level)?;
        let begun = bytes.len() as u64 / 32 == index % TILE_WIDTH;
        if !begun {
            bytes.clear();
            return None;
        }
        bytes.extend_from_slice(&hash.0);
        if bytes.len() < TILE_BYTES {
            return None;
        }
        let kind = TileKind::Hashes(u8::try_from(tile_level).ok()?);
        let tile = Tile { kind, index: index / TILE_WIDTH, width: 256 };
        Some((tile, core::mem::take(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealbook_core::tree::{Frontier, leaf_hash, node_hash};

    #[test]
    fn full_tiles_of_every_level_come_out_once_in_order() {
        let (mut builder, mut frontier) = (TileBuilder::default(), Frontier::default());
        let mut tiles = Vec::new();
        for i in 0..65_536u64 {
            let leaf = leaf_hash(&i.to_be_bytes());
            tiles.extend(builder.take(0, i, leaf));
            frontier.append(leaf, |level, index, hash| tiles.extend(builder.take(level, index, hash)));
        }
        assert_eq!(tiles.len(), 257);
        assert_eq!(tiles[0].0.to_string(), "tile/0/000");
        let (last, bytes) = &tiles[256];
        assert_eq!(last.to_string(), "tile/1/000");
        let mut row: Vec<_> = bytes.chunks(32).map(|hash| TreeHash(hash.try_into().unwrap())).collect();
        while row.len() > 1 {
            row = row.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        assert_eq!(row, [frontier.root()]);
    }
}
