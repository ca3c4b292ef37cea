//! Terms of a field that hardly repeat: a sorted list of 40-bit digests, in pages with a fence before them.
//! A digest may stand for two terms; candidates are read back and compared, so that costs a read and no more.

use roaring::RoaringBitmap;

use crate::chunk::{ChunkReader, ChunkWriter};
use crate::error::Damage;
use crate::field::KEY_BITS;

/// Rows of a page: one read of less than 2 KB.
const PAGE_ROWS: usize = 256;
/// Bytes of a key in a row.
const KEY_BYTES: usize = KEY_BITS.div_ceil(8) as usize;
/// Bytes of a row: key, offset.
const ROW_BYTES: usize = KEY_BYTES + 2;
/// Bytes of a post of the fence: first digest of a page, place of the page.
const POST_BYTES: usize = 8 + 8;

/// Writes the rows, sorted; gives the place of the fence.
pub(crate) fn write(out: &mut ChunkWriter, rows: &[(u64, u16)]) -> Option<u64> {
    let mut fence = Vec::new();
    for page in rows.chunks(PAGE_ROWS) {
        let mut bytes = Vec::with_capacity(page.len() * ROW_BYTES);
        for (key, offset) in page {
            bytes.extend(key.to_le_bytes().iter().take(KEY_BYTES));
            bytes.extend_from_slice(&offset.to_le_bytes());
        }
        let (first, _) = page.first()?;
        fence.extend_from_slice(&first.to_le_bytes());
        fence.extend_from_slice(&out.push(&bytes)?.to_le_bytes());
    }
    out.push(&fence)
}

/// The offsets of a digest.
pub(crate) fn find(chunks: &ChunkReader<'_>, root: u64, key: u64) -> Result<RoaringBitmap, Damage> {
    let fence = chunks.read(root)?;
    let (posts, rest) = fence.as_chunks::<POST_BYTES>();
    if !rest.is_empty() {
        return Err(Damage::Bytes("a fence is cut short"));
    }
    let posts: Vec<(u64, u64)> = posts.iter().map(post).collect();
    // The key may begin in the last page that starts below it, and go on in pages that start with it.
    let from = posts.partition_point(|(first, _)| *first < key).saturating_sub(1);
    let mut found = RoaringBitmap::new();
    for (first, place) in posts.iter().skip(from) {
        if *first > key {
            break;
        }
        let page = chunks.read(*place)?;
        let (rows, rest) = page.as_chunks::<ROW_BYTES>();
        if !rest.is_empty() {
            return Err(Damage::Bytes("a page is cut short"));
        }
        found.extend(rows.iter().map(row).filter(|(k, _)| *k == key).map(|(_, offset)| u32::from(offset)));
    }
    Ok(found)
}

fn post(bytes: &[u8; POST_BYTES]) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h, place @ ..] = *bytes;
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]), u64::from_le_bytes(place))
}

fn row(bytes: &[u8; ROW_BYTES]) -> (u64, u16) {
    let [a, b, c, d, e, offset @ ..] = *bytes;
    (u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]), u16::from_le_bytes(offset))
}
