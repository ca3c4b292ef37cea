//! Tiles: coordinates and paths of hashes and entry bundles (C2SP tlog-tiles).

use core::fmt;

/// Entries or hashes of a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Levels of the tree that one tile spans.
pub const TILE_HEIGHT: u32 = 8;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;
/// [`TILE_WIDTH`], for counting in memory.
const FULL: usize = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Entries, each with its length in two bytes.
    Entries,
    /// Hashes at this tile level (0 holds leaf hashes).
    Hashes(u8),
}

/// A tile. `width` is 1 to 256; 256 is a full tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Which, from the left.
    pub index: u64,
    /// How much of it is there.
    pub width: u16,
}

impl Tile {
    /// The tiles of a tree of `size` leaves, hash tiles of every level and entry bundles, full ones and the partial
    /// one at the right edge of each level.
    pub fn all(size: u64) -> impl Iterator<Item = Tile> {
        let levels = (0u8..8).take_while(move |level| size >> (TILE_HEIGHT * u32::from(*level)) > 0);
        let kinds = levels.flat_map(|level| {
            (level == 0).then_some((TileKind::Entries, 0)).into_iter().chain([(TileKind::Hashes(level), level)])
        });
        kinds.flat_map(move |(kind, level)| {
            let nodes = size >> (TILE_HEIGHT * u32::from(level));
            let full = (0..nodes / TILE_WIDTH).map(move |index| Tile { kind, index, width: 256 });
            let rest = u16::try_from(nodes % TILE_WIDTH).unwrap_or(0);
            full.chain((rest > 0).then_some(Tile { kind, index: nodes / TILE_WIDTH, width: rest }))
        })
    }

    /// The full tile at the same place. A partial one may be deleted once that exists.
    #[must_use]
    pub fn full(&self) -> Self {
        Self { width: 256, ..*self }
    }

    /// This tile's bytes out of those of a tile at the same place that is as wide or wider; `None` where these are too
    /// few, or no tile at all.
    #[must_use]
    pub fn cut<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let width = usize::from(self.width);
        let length = match self.kind {
            TileKind::Hashes(_) => {
                let fits = bytes.len().is_multiple_of(HASH_BYTES) && bytes.len() <= HASH_BYTES * FULL;
                fits.then_some(width * HASH_BYTES)?
            }
            TileKind::Entries => {
                let entries = split_bundle(bytes)?;
                entries.get(..width)?.iter().map(|entry| 2 + entry.len()).sum()
            }
        };
        bytes.get(..length)
    }

    /// Reads a path as [`Tile`] prints it; `None` for any other spelling.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|width| (1..256).contains(width))?),
            None => (rest, 256),
        };
        let mut index = 0u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = Self { kind, index, width };
        (tile.to_string() == path).then_some(tile)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Entries => write!(f, "tile/entries/")?,
            TileKind::Hashes(level) => write!(f, "tile/{level}/")?,
        }
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        f.write_str(&groups.join("/"))?;
        if self.width < 256 { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

/// Appends an entry to a bundle: its length in two bytes (big-endian) and its bytes. False, and nothing is appended,
/// where it is too long for that.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else {
        return false;
    };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// Splits a bundle into its entries; `None` where it ends in the middle of one or has more than 256.
#[must_use]
pub fn split_bundle(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    (bundle.is_empty() && entries.len() <= FULL).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        for (index, width, path) in [
            (0, 256, "tile/0/000"),
            (999, 256, "tile/0/999"),
            (1000, 256, "tile/0/x001/000"),
            (1_234_067, 256, "tile/0/x001/x234/067"),
            (999_999, 7, "tile/0/x999/999.p/7"),
            (1_000_000, 255, "tile/0/x001/x000/000.p/255"),
        ] {
            let tile = Tile { kind: TileKind::Hashes(0), index, width };
            assert_eq!(tile.to_string(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        for bad in [
            "tile/0/0",
            "tile/0/x000/001",
            "tile/00/000",
            "tile/0/000.p/256",
            "tile/0/000.p/0",
            "tile/0/000.p/07",
            "tile/64/000",
            "tile/0/",
            "tile/0/001/000",
            "tile/e/000",
        ] {
            assert_eq!(Tile::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_tiles_of_a_size_are_those_of_the_specification() {
        let of = |size| Tile::all(size).map(|tile| tile.to_string()).collect::<Vec<_>>();
        assert!(of(0).is_empty());
        assert_eq!(of(1), ["tile/entries/000.p/1", "tile/0/000.p/1"]);
        assert_eq!(of(256), ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
        let many = of(70_000);
        assert_eq!(many.len(), 2 * 274 + 2 + 1);
        for path in [
            "tile/0/272",
            "tile/0/273.p/112",
            "tile/1/000",
            "tile/1/001.p/17",
            "tile/2/000.p/1",
            "tile/entries/273.p/112",
        ] {
            assert!(many.iter().any(|p| p == path), "{path}");
        }
    }

    #[test]
    fn a_bundle_splits_into_what_was_pushed_and_a_cut_one_is_refused() {
        let mut bundle = Vec::new();
        let entries: [&[u8]; 3] = [b"", b"one", &[7; 65_535]];
        for entry in entries {
            assert!(push_entry(&mut bundle, entry));
        }
        assert!(!push_entry(&mut bundle, &[0; 65_536]));
        assert_eq!(split_bundle(&bundle).unwrap(), entries);
        bundle.pop();
        assert_eq!(split_bundle(&bundle), None);
    }
}
