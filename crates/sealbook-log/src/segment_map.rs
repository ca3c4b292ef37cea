//! What a sealed segment holds and where, in a file beside the log, so that opening need not read the segment.
//!
//! Derived: the hashes in it must give the root that the segment's footer names, and an entry read at a place it gives is
//! checked like any other.

use sealbook_core::cbor::{DecodeError, Reader, Writer};
use sealbook_core::hash::TreeHash;
use sealbook_core::segment::Footer;
use sealbook_disk::{World, read_file, replace_file};

use crate::error::LogError;
use crate::files::Segment;
use crate::layout::Layout;
use crate::nodes::RecentNodes;

const VERSION: u64 = 1;
/// More than the map of any segment takes, in bytes.
const MAP_BYTES_MAX: u64 = 64 << 20;
const DIGEST_CONTEXT: &str = "sealbook 2026-11 map of a segment v1";

/// A sealed segment.
#[derive(Clone, Debug)]
pub(crate) struct SegmentMap {
    /// Index and offset of some entry frames.
    pub(crate) marks: Vec<(u64, u64)>,
    /// Size after some commits, and the offset of their frames.
    pub(crate) commits: Vec<(u64, u64)>,
    /// The hashes of the incomplete tiles at the right edge of the tree after it, by tile level.
    pub(crate) edge: Vec<Vec<TreeHash>>,
    /// Entries that name a key, and the key.
    pub(crate) keys: Vec<(u64, String)>,
}

impl SegmentMap {
    pub(crate) fn of(segment: &Segment, nodes: &RecentNodes, size: u64) -> Self {
        let (marks, commits) = (segment.marks.clone(), segment.commits.clone());
        Self { marks, commits, edge: nodes.edge(size), keys: segment.keys.clone() }
    }

    fn encode(&self, footer: &Footer) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(6);
        w.uint(VERSION);
        w.bytes(&footer.root.0);
        write_pairs(&mut w, &self.marks);
        write_pairs(&mut w, &self.commits);
        w.array(self.edge.len());
        for level in &self.edge {
            w.bytes(&level.iter().flat_map(|hash| hash.0).collect::<Vec<_>>());
        }
        w.array(self.keys.len());
        for (index, key) in &self.keys {
            w.uint(*index);
            w.text(key);
        }
        let mut bytes = w.into_bytes();
        let digest = blake3::derive_key(DIGEST_CONTEXT, &bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    fn decode(bytes: &[u8], footer: &Footer) -> Result<Option<Self>, DecodeError> {
        let Some((body, digest)) = bytes.split_last_chunk::<32>() else { return Ok(None) };
        if blake3::derive_key(DIGEST_CONTEXT, body) != *digest {
            return Ok(None);
        }
        let mut r = Reader::new(body);
        if r.array()? != 6 || r.uint()? != VERSION || r.array_of()? != footer.root.0 {
            return Ok(None);
        }
        let (marks, commits) = (read_pairs(&mut r)?, read_pairs(&mut r)?);
        let mut edge = Vec::new();
        for _ in 0..r.array()? {
            edge.push(r.bytes()?.as_chunks::<32>().0.iter().map(|hash| TreeHash(*hash)).collect());
        }
        let mut keys = Vec::new();
        for _ in 0..r.array()? {
            keys.push((r.uint()?, r.text()?.to_owned()));
        }
        Ok(Some(Self { marks, commits, edge, keys }))
    }

    /// Stores it.
    pub(crate) fn store(&self, world: &World, layout: &Layout, number: u64, footer: &Footer) -> Result<(), LogError> {
        let path = layout.map(number);
        if let Some(parent) = path.parent() {
            world.disk.create_dir_all(parent).map_err(LogError::io(parent))?;
        }
        replace_file(&*world.disk, &path, &self.encode(footer), false).map_err(LogError::io(path))
    }

    /// Reads the map of a segment with this footer, and the hashes at the edge of the tree; `None` where there is none
    /// that fits.
    pub(crate) fn load(world: &World, layout: &Layout, number: u64, footer: &Footer) -> Option<(Self, RecentNodes)> {
        // Any doubt is settled by reading the segment itself.
        let bytes = read_file(&*world.disk, &layout.map(number), MAP_BYTES_MAX).ok()?;
        let map = Self::decode(&bytes, footer).ok()??;
        let nodes = RecentNodes::from_edge(footer.size, &map.edge)?;
        let root = nodes.frontier(footer.size)?.root();
        (root == footer.root).then_some((map, nodes))
    }
}

fn write_pairs(w: &mut Writer, pairs: &[(u64, u64)]) {
    let bytes: Vec<u8> = pairs.iter().flat_map(|(a, b)| [a.to_le_bytes(), b.to_le_bytes()]).flatten().collect();
    w.bytes(&bytes);
}

fn read_pairs(r: &mut Reader<'_>) -> Result<Vec<(u64, u64)>, DecodeError> {
    let bytes = r.bytes()?;
    let numbers: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|number| u64::from_le_bytes(*number)).collect();
    Ok(numbers.as_chunks::<2>().0.iter().map(|[a, b]| (*a, *b)).collect())
}
