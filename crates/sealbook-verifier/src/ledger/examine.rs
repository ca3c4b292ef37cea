//! What can be said about frames without knowing the ones before: the part of verification that runs in parallel.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::LazyLock;

use sealbook_core::cbor::DecodeError;
use sealbook_core::entry::{Genesis, Opening, Thread};
use sealbook_core::hash::{ChainValue, TreeHash, chain_value};
use sealbook_core::segment::{Commit, FRAME_HEAD_BYTES, Footer, Frame, read_frame};
use sealbook_core::time::Micros;
use sealbook_core::tree::leaf_hash;
use sealbook_core::view::{EntryView, OpeningView, pass_openings};

use super::pieces::{ENTRY, KIND_AT, Piece, SEALED, Span};

/// Stands for a subject in the table of threads.
pub type SubjectDigest = u128;

/// Source id of what a ledger records about itself; no producer may use it.
const OWN_SOURCE: &str = "sealbook";

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
    /// What it says about the ledger; few entries do.
    pub statement: Option<Box<Stated>>,
    /// Commitments in it.
    pub commitments: u64,
    /// Sealed values beside it that open one of them.
    pub opened: u64,
    /// What is wrong with the values beside it.
    pub openings_wrong: Option<Box<OpeningsWrong>>,
}

/// What an entry says about the ledger itself.
#[derive(Debug)]
pub struct Stated {
    /// Origin, first key and formats.
    pub genesis: Option<Genesis>,
    /// The next signing key.
    pub successor: Option<String>,
    /// Whether the entry is of the ledger's own source.
    pub is_own: bool,
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
    Entry(Examined),
    /// An entry that cannot be decoded.
    Undecodable(DecodeError),
    /// Sealed values without an entry before them.
    StraySealed,
    /// End of a batch.
    Commit(Commit),
    /// End of the segment.
    Footer(Footer),
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

/// The key of the digest is another one in every process, so that nobody can look beforehand for subjects that share one.
fn subject_digest(subject: &str) -> SubjectDigest {
    static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let mut hasher = KEY.build_hasher();
    hasher.write(subject.as_bytes());
    let half = hasher.finish();
    hasher.write_u8(0);
    u128::from(half) << 64 | u128::from(hasher.finish())
}

/// Examines an entry.
pub fn examine_entry(bytes: &[u8]) -> Result<(EntryView<'_>, Examined), DecodeError> {
    let entry = EntryView::decode(bytes)?;
    let states = entry.genesis.is_some() || entry.successor.is_some();
    let statement = states.then(|| {
        Box::new(Stated {
            genesis: entry.genesis.as_ref().map(sealbook_core::view::GenesisView::genesis),
            successor: entry.successor.map(ToOwned::to_owned),
            is_own: entry.source.id == OWN_SOURCE,
        })
    });
    let examined = Examined {
        index: entry.index,
        recorded_at: entry.recorded_at,
        prev: entry.prev,
        chain: chain_value(bytes),
        leaf: leaf_hash(bytes),
        subject: subject_digest(entry.event.subject),
        thread: entry.thread,
        statement,
        commitments: entry.committed(),
        opened: 0,
        openings_wrong: None,
    };
    Ok((entry, examined))
}

/// Checks one sealed value beside an entry; `seen` are the paths of those before it.
fn examine_opening<'o>(
    entry: &EntryView<'_>,
    examined: &mut Examined,
    seen: &mut Vec<&'o str>,
    opening: OpeningView<'o>,
) {
    if seen.contains(&opening.path) || !entry.opened_by(&opening) {
        examined.openings_wrong = Some(Box::new(OpeningsWrong::Commitment(opening.path.to_owned())));
    } else {
        examined.opened += 1;
    }
    seen.push(opening.path);
}

/// Checks the sealed values beside an entry.
pub fn examine_openings(entry: &EntryView<'_>, examined: &mut Examined, openings: &[Opening]) {
    let mut seen = Vec::with_capacity(openings.len());
    for opening in openings {
        examine_opening(entry, examined, &mut seen, opening.view());
    }
}

/// Examines every frame of a piece; what is found replaces what is in `out`.
pub fn examine(piece: &Piece, out: &mut Vec<Located>) {
    out.clear();
    out.reserve(piece.frames.len());
    let mut frames = piece.frames.iter().map(|span| (piece.offset + span.at as u64, frame_of(piece, *span))).peekable();
    while let Some((offset, frame)) = frames.next() {
        let found = match frame {
            Err(kind) => Found::Damaged(kind),
            Ok(Frame::Commit(commit)) => Found::Commit(commit),
            Ok(Frame::Footer(footer)) => Found::Footer(footer),
            Ok(Frame::Sealed(_)) if belongs_to_damage(out.last()) => continue,
            Ok(Frame::Sealed(_)) => Found::StraySealed,
            Ok(Frame::Entry(bytes)) => match examine_entry(bytes) {
                Ok((entry, mut examined)) => {
                    if let Some((_, Ok(Frame::Sealed(bytes)))) = frames.next_if(|(_, frame)| is_sealed(frame)) {
                        examine_sealed(&entry, &mut examined, bytes);
                    }
                    Found::Entry(examined)
                }
                Err(error) => Found::Undecodable(error),
            },
        };
        out.push(Located { offset, found });
    }
}

fn is_sealed(frame: &Result<Frame<'_>, u8>) -> bool {
    matches!(frame, Ok(Frame::Sealed(_)))
}

/// Whether the entry before sealed values is damaged: that was reported, and its values cannot be judged.
fn belongs_to_damage(before: Option<&Located>) -> bool {
    before.is_some_and(|before| matches!(before.found, Found::Undecodable(_) | Found::Damaged(ENTRY)))
}

/// Checks the bytes beside an entry.
fn examine_sealed(entry: &EntryView<'_>, examined: &mut Examined, bytes: &[u8]) {
    let mut seen = Vec::new();
    let read = pass_openings(bytes, &mut |opening| examine_opening(entry, examined, &mut seen, opening));
    if let Err(error) = read {
        examined.openings_wrong = Some(Box::new(OpeningsWrong::Encoding(error.to_string())));
    }
}

/// The frame at `span`, whose checksum is known; the kind in its head where that is wrong.
fn frame_of(piece: &Piece, span: Span) -> Result<Frame<'_>, u8> {
    let bytes = piece.bytes.get(span.at..span.at + span.length).unwrap_or_default();
    let kind = bytes.get(KIND_AT).copied().unwrap_or(SEALED);
    let payload = bytes.get(FRAME_HEAD_BYTES..).unwrap_or_default();
    match kind {
        _ if !span.whole => Err(kind),
        ENTRY => Ok(Frame::Entry(payload)),
        SEALED => Ok(Frame::Sealed(payload)),
        _ => read_frame(bytes).map(|(frame, _)| frame).map_err(|_| kind),
    }
}
