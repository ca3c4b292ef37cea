//! What can be said about frames without knowing the ones before: the part of verification that runs in parallel.

use sealbook_core::cbor::DecodeError;
use sealbook_core::entry::{Entry, Genesis, Opening, Thread, decode_openings, encode_openings};
use sealbook_core::hash::{ChainValue, TreeHash, chain_value, sha256};
use sealbook_core::segment::{Commit, Footer, Frame, read_frame};
use sealbook_core::time::Micros;
use sealbook_core::tree::leaf_hash;

use super::pieces::{ENTRY, KIND_AT, Piece, SEALED, Span};

/// Stands for a subject in the map of threads: 128 bits of its SHA-256.
pub type SubjectDigest = u128;

/// What the walk needs of an entry.
#[derive(Debug)]
pub struct Examined {
    /// Its index.
    pub index: u64,
    /// Its ledger time.
    pub recorded_at: Micros,
    /// Link to the entry before.
    pub prev: ChainValue,
    /// Its own chain value.
    pub chain: ChainValue,
    /// Its leaf in the tree.
    pub leaf: TreeHash,
    /// Its subject.
    pub subject: SubjectDigest,
    /// Its place in the thread of the subject.
    pub thread: Thread,
    /// What entry 0 says about the ledger.
    pub genesis: Option<Genesis>,
    /// Commitments in it.
    pub commitments: u64,
    /// Sealed values beside it that open one of them.
    pub opened: u64,
    /// What is wrong with the values beside it.
    pub openings_wrong: Option<OpeningsWrong>,
}

/// What is wrong with sealed values.
#[derive(Debug)]
pub enum OpeningsWrong {
    /// They cannot be read.
    Encoding(String),
    /// This path has no commitment that the value opens, or is there twice.
    Commitment(String),
}

/// What a frame is.
#[derive(Debug)]
pub enum Found {
    /// An entry.
    Entry(Box<Examined>),
    /// An entry that cannot be decoded.
    Undecodable(DecodeError),
    /// Sealed values without an entry before them.
    StraySealed,
    /// End of a batch.
    Commit(Box<Commit>),
    /// End of the segment.
    Footer(Box<Footer>),
    /// The checksum is wrong; this is the kind that the damaged head names.
    Damaged(u8),
}

/// What was found at a byte of the file.
#[derive(Debug)]
pub struct Located {
    /// Byte of the file.
    pub offset: u64,
    /// What.
    pub found: Found,
}

/// Examines an entry and what is sealed beside it.
pub fn examine_entry(bytes: &[u8]) -> Result<(Entry, Examined), DecodeError> {
    let entry = Entry::decode(bytes)?;
    let digest = sha256(entry.event.subject.id.as_bytes());
    let subject = digest.first_chunk::<16>().map_or(0, |half| u128::from_be_bytes(*half));
    let examined = Examined {
        index: entry.index,
        recorded_at: entry.recorded_at,
        prev: entry.prev,
        chain: chain_value(bytes),
        leaf: leaf_hash(bytes),
        subject,
        thread: entry.thread,
        genesis: entry.genesis.clone(),
        commitments: entry.commitments.len() as u64 + u64::from(entry.raw.is_some()),
        opened: 0,
        openings_wrong: None,
    };
    Ok((entry, examined))
}

/// Checks the sealed values beside an entry.
pub fn examine_openings(entry: &Entry, examined: &mut Examined, openings: &[Opening]) {
    let mut seen: Vec<&str> = Vec::with_capacity(openings.len());
    for opening in openings {
        if seen.contains(&opening.path.as_str()) || !entry.opened_by(opening) {
            examined.openings_wrong = Some(OpeningsWrong::Commitment(opening.path.clone()));
        } else {
            examined.opened += 1;
        }
        seen.push(&opening.path);
    }
}

/// Reads openings strictly: another spelling of the same values is refused.
pub fn read_openings(bytes: &[u8]) -> Result<Vec<Opening>, String> {
    let openings = decode_openings(bytes).map_err(|error| error.to_string())?;
    if encode_openings(&openings) == bytes { Ok(openings) } else { Err("not in deterministic encoding".to_owned()) }
}

/// Examines every frame of a piece.
pub fn examine(piece: &Piece) -> Vec<Located> {
    let mut out: Vec<Located> = Vec::with_capacity(piece.frames.len());
    let mut before: Option<Entry> = None;
    for span in &piece.frames {
        let offset = piece.offset + span.at as u64;
        let mut entry = None;
        let found = match frame_of(piece, *span) {
            Err(kind) => Some(Found::Damaged(kind)),
            Ok(Frame::Commit(commit)) => Some(Found::Commit(Box::new(commit))),
            Ok(Frame::Footer(footer)) => Some(Found::Footer(Box::new(footer))),
            Ok(Frame::Entry(bytes)) => Some(match examine_entry(bytes) {
                Ok((decoded, examined)) => {
                    entry = Some(decoded);
                    Found::Entry(Box::new(examined))
                }
                Err(error) => Found::Undecodable(error),
            }),
            Ok(Frame::Sealed(bytes)) => sealed(before.as_ref(), out.last_mut(), bytes),
        };
        before = entry;
        out.extend(found.map(|found| Located { offset, found }));
    }
    out
}

/// Puts what is said about sealed values with their entry; where there is none, they are strays.
fn sealed(entry: Option<&Entry>, last: Option<&mut Located>, bytes: &[u8]) -> Option<Found> {
    match (entry, last.map(|located| &mut located.found)) {
        (Some(entry), Some(Found::Entry(examined))) => {
            match read_openings(bytes) {
                Ok(openings) => examine_openings(entry, examined, &openings),
                Err(why) => examined.openings_wrong = Some(OpeningsWrong::Encoding(why)),
            }
            None
        }
        // The entry before is damaged and was reported; its values cannot be judged.
        (None, Some(Found::Undecodable(_) | Found::Damaged(ENTRY))) => None,
        _ => Some(Found::StraySealed),
    }
}

fn frame_of(piece: &Piece, span: Span) -> Result<Frame<'_>, u8> {
    let bytes = piece.bytes.get(span.at..).unwrap_or_default();
    match read_frame(bytes) {
        Ok((frame, _)) if span.whole => Ok(frame),
        _ => Err(bytes.get(KIND_AT).copied().unwrap_or(SEALED)),
    }
}
