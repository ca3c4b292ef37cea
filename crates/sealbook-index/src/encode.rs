//! Writing a full block: every field in the encoding that suits it, then the head that says what the block is of.

use sealbook_core::hash::ChainValue;
use serde::{Deserialize, Serialize};

use crate::chunk::ChunkWriter;
use crate::error::IndexError;
use crate::field::{Field, lookup_key};
use crate::open_block::{Gathered, OpenBlock};
use crate::query::Lookup as _;
use crate::{keys, terms};

/// First bytes of a block file.
pub(crate) const MAGIC: &[u8; 8] = b"SBINDEX\n";
/// Version of the block format, and of which terms an entry has: another version is made anew.
pub(crate) const VERSION: u32 = 1;
/// A field is kept as a dictionary where its terms have at least this many entries on average. Below, a dictionary
/// takes more room (about half a term's length, and 36 bytes for its postings) than seven bytes for each entry.
const ENTRIES_PER_TERM_MIN: usize = 8;

/// How a field is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encoding {
    /// See `terms.rs`.
    Terms,
    /// See `keys.rs`.
    Keys,
}

/// Where a field lies in a block file, as it is written there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SectionWire {
    pub(crate) field: u8,
    pub(crate) encoding: Encoding,
    pub(crate) root: u64,
}

/// The head of a block file, as it is written there (CBOR).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct HeadWire {
    pub(crate) version: u32,
    pub(crate) origin: String,
    pub(crate) first: u64,
    pub(crate) count: u32,
    /// Chain value of the block's last entry: binds it to one history.
    pub(crate) chain: [u8; 32],
    pub(crate) happened: (i64, i64),
    pub(crate) recorded: (i64, i64),
    pub(crate) sections: Vec<SectionWire>,
}

/// The bytes of the file of a block whose last entry has the chain value `chain`.
pub(crate) fn encode(block: &OpenBlock, origin: &str, chain: ChainValue) -> Result<Vec<u8>, IndexError> {
    write(block, origin, chain).map_err(|error| IndexError::Encode { first: block.first(), detail: error.to_string() })
}

fn write(block: &OpenBlock, origin: &str, chain: ChainValue) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut out = ChunkWriter::new(block.first(), MAGIC);
    let mut sections = Vec::new();
    for field in Field::ALL {
        if let Some(gathered) = block.gathered(field) {
            let (encoding, root) = write_field(&mut out, gathered)?;
            let field = field.code();
            sections.push(SectionWire { field, encoding, root });
        }
    }
    let (happened, recorded) = (block.happened(), block.recorded());
    let head = HeadWire {
        version: VERSION,
        origin: origin.to_owned(),
        first: block.first(),
        count: block.count(),
        chain: chain.0,
        happened: (happened.0.0, happened.1.0),
        recorded: (recorded.0.0, recorded.1.0),
        sections,
    };
    let mut bytes = Vec::new();
    ciborium::into_writer(&head, &mut bytes)?;
    let place = out.push(&bytes).ok_or("head too long")?;
    Ok(out.finish(place))
}

fn write_field(out: &mut ChunkWriter, gathered: &Gathered) -> Result<(Encoding, u64), Box<dyn std::error::Error>> {
    let mut rows: Vec<(u64, u16)> = match gathered {
        Gathered::Keys(rows) => rows.clone(),
        Gathered::Terms(found) => {
            let pairs: usize = found.values().map(Vec::len).sum();
            if found.len() * ENTRIES_PER_TERM_MIN <= pairs {
                let mut sorted: Vec<(&str, &[u16])> =
                    found.iter().map(|(term, offsets)| (&**term, &**offsets)).collect();
                sorted.sort_unstable_by_key(|(term, _)| term.as_bytes());
                return Ok((Encoding::Terms, terms::write(out, &sorted)?));
            }
            found
                .iter()
                .flat_map(|(term, offsets)| {
                    let key = lookup_key(term);
                    offsets.iter().map(move |offset| (key, *offset))
                })
                .collect()
        }
    };
    rows.sort_unstable();
    rows.dedup();
    Ok((Encoding::Keys, keys::write(out, &rows).ok_or("keys too long")?))
}
