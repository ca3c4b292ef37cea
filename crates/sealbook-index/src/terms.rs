//! Terms of a field that repeat: a dictionary of them, and the offsets of their entries.

use fst::{Map, MapBuilder};
use roaring::RoaringBitmap;

use crate::chunk::{ChunkReader, ChunkWriter};
use crate::error::Damage;

/// Writes the terms, sorted by their bytes, with ascending offsets; gives the place of the dictionary.
///
/// A value of the dictionary is twice the offset of a chunk with the postings, or, for a term of a single entry, twice
/// that entry's offset plus one.
pub(crate) fn write(out: &mut ChunkWriter, terms: &[(&str, &[u16])]) -> Result<u64, Box<dyn std::error::Error>> {
    let mut dictionary = MapBuilder::memory();
    for (term, offsets) in terms {
        let value = match offsets {
            [only] => u64::from(*only) << 1 | 1,
            many => {
                let mut postings = RoaringBitmap::from_sorted_iter(many.iter().copied().map(u32::from))?;
                postings.optimize();
                let mut bytes = Vec::with_capacity(postings.serialized_size());
                postings.serialize_into(&mut bytes)?;
                out.push(&bytes).ok_or("postings too long")? << 1
            }
        };
        dictionary.insert(term, value)?;
    }
    let bytes = dictionary.into_inner()?;
    Ok(out.push(&bytes).ok_or("dictionary too long")?)
}

/// The offsets of a term.
pub(crate) fn find(chunks: &ChunkReader<'_>, root: u64, term: &str) -> Result<RoaringBitmap, Damage> {
    let dictionary = Map::new(chunks.read(root)?).map_err(|_| Damage::Bytes("no dictionary where one should be"))?;
    match dictionary.get(term) {
        None => Ok(RoaringBitmap::new()),
        Some(single) if single & 1 == 1 => {
            let offset = u32::try_from(single >> 1).map_err(|_| Damage::Bytes("an offset is too large"))?;
            Ok(std::iter::once(offset).collect())
        }
        Some(place) => Ok(RoaringBitmap::deserialize_from(&*chunks.read(place >> 1)?)?),
    }
}
