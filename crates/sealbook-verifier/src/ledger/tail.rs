//! What lies after the last whole batch: the remains of a write that a crash cut off, or damage.

use std::io;

use sealbook_core::limits::ENTRY_BYTES_MAX;
use sealbook_core::segment::{
    Commit, FRAME_HEAD_BYTES, Frame, PAYLOAD_BYTES_MAX, framed_bytes, read_frame, scan_commits,
};

use super::pieces::{ENTRY, FOOTER, KIND_AT, PIECE_BYTES, Pieces, SEALED, is_zero};

/// What a disk writes as one: after a crash each sector of an unfinished write holds the old bytes or the new ones.
const SECTOR_BYTES: u64 = 512;

/// One byte less than a commit frame: what pieces overlap by when commits are looked for.
const OVERLAP: usize = FRAME_HEAD_BYTES + 176 - 1;

/// Payload of a footer.
const FOOTER_BYTES: usize = 80;

/// What the bytes after the last whole batch are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Zeros, or the end of the file.
    Nothing,
    /// A write that was not finished: it begins as one, and a cut or lost sectors explain what is wrong with it.
    Torn,
    /// No beginning of a write, but from this byte on what may be left of one whose beginning was lost.
    Unclear(u64),
    /// Nothing that a crash leaves.
    Damage,
}

/// What lies from a byte on.
struct Survey {
    /// First and last byte that is not zero.
    set: Option<(u64, u64)>,
    /// Whether a whole sector of zeros lies before the last byte that is not zero.
    lost_sector: bool,
    /// Commits whose frames are whole, two at most; copies of those that lie before are passed over: a producer may have
    /// sent the bytes of a segment.
    commits: Vec<Commit>,
}

/// Judges what lies from byte `from` on, where `committed` entries end.
pub fn judge(pieces: &mut Pieces, from: u64, committed: u64) -> io::Result<Tail> {
    let survey = survey(pieces, from, committed)?;
    let Some((first, last)) = survey.set else { return Ok(Tail::Nothing) };
    match survey.commits.as_slice() {
        [] => {}
        // Its commit is there and continues the log: then something before it must have been lost.
        [only] if only.first == committed && only.size > committed && survey.lost_sector => return Ok(Tail::Torn),
        _ => return Ok(Tail::Damage),
    }
    let head = pieces.head(from)?;
    if begins(head) {
        let explained = survey.lost_sector || is_cut(pieces, from, last)?;
        return Ok(if explained { Tail::Torn } else { Tail::Damage });
    }
    // Too few bytes to show a kind.
    let head_is_cut = last < from + KIND_AT as u64;
    let head_is_split = from % SECTOR_BYTES + FRAME_HEAD_BYTES as u64 > SECTOR_BYTES;
    let first_is_lost = first / SECTOR_BYTES > from / SECTOR_BYTES;
    Ok(if first_is_lost || head_is_cut || head_is_split { Tail::Unclear(first) } else { Tail::Damage })
}

/// Whether the writer went on while the log was read: behind byte `from`, where `committed` entries end, now follows a whole
/// batch or a footer whose end was not yet there when reading stopped at byte `stop`.
pub fn has_grown(pieces: &mut Pieces, from: u64, committed: u64, stop: u64) -> io::Result<bool> {
    let mut at = from;
    while let Some((kind, length)) = pieces.head(at)?.filter(|(_, length)| *length <= PAYLOAD_BYTES_MAX) {
        let bytes = pieces.read_at(at, framed_bytes(length))?;
        match read_frame(&bytes) {
            Ok((Frame::Commit(commit), _)) => return Ok(at >= stop && commit.first == committed),
            Ok((Frame::Footer(footer), _)) => return Ok(at >= stop && footer.size == committed),
            Ok(_) if matches!(kind, ENTRY | SEALED) => at += bytes.len() as u64,
            _ => return Ok(false),
        }
    }
    Ok(false)
}

/// Whether a write begins so: with an entry, or it is a footer.
pub fn begins(head: Option<(u8, usize)>) -> bool {
    match head {
        Some((ENTRY, length)) => (1..=ENTRY_BYTES_MAX).contains(&length),
        Some((FOOTER, length)) => length == FOOTER_BYTES,
        _ => false,
    }
}

/// Whether the frames from `from` on run past the last byte that was written.
fn is_cut(pieces: &mut Pieces, mut at: u64, last: u64) -> io::Result<bool> {
    while at <= last {
        let Some((kind, length)) = pieces.head(at)? else { return Ok(true) };
        let after = at + framed_bytes(length) as u64;
        if !(ENTRY..=FOOTER).contains(&kind) || length > PAYLOAD_BYTES_MAX {
            // Its head may itself be cut.
            return Ok(at + FRAME_HEAD_BYTES as u64 > last);
        }
        if after > last + 1 {
            return Ok(true);
        }
        if !matches!(kind, ENTRY | SEALED) {
            return Ok(false);
        }
        at = after;
    }
    Ok(true)
}

fn survey(pieces: &mut Pieces, from: u64, committed: u64) -> io::Result<Survey> {
    let mut found = Survey { set: None, lost_sector: false, commits: Vec::new() };
    let mut zeros_since: Option<u64> = Some(from);
    let (mut at, mut before) = (from, Vec::new());
    loop {
        // Up to the end of a sector, so that none is looked at in two parts.
        let wanted = PIECE_BYTES - usize::try_from(at % SECTOR_BYTES).unwrap_or(0);
        let bytes = pieces.read_at(at, wanted)?;
        if bytes.is_empty() {
            return Ok(found);
        }
        if is_zero(&bytes) {
            zeros_since = zeros_since.or(Some(at));
            before.clear();
            at += bytes.len() as u64;
            continue;
        }
        let mut sector = at;
        for part in sectors(&bytes, at) {
            let set = |byte: &u8| *byte != 0;
            if let (Some(first), Some(last)) = (part.iter().position(set), part.iter().rposition(set)) {
                let first = found.set.map_or(sector + first as u64, |(first, _)| first);
                found.lost_sector |= zeros_since.is_some_and(|since| since < sector);
                found.set = Some((first, sector + last as u64));
                zeros_since = None;
            } else {
                zeros_since = zeros_since.or(Some(sector));
            }
            sector += part.len() as u64;
        }
        if found.commits.len() < 2 {
            before.extend_from_slice(&bytes);
            found.commits.extend(scan_commits(&before).into_iter().filter(|commit| commit.first >= committed));
            before.drain(..before.len().saturating_sub(OVERLAP));
        }
        at += bytes.len() as u64;
    }
}

/// The sectors of bytes that lie at `at`, the first one as far as it reaches.
fn sectors(bytes: &[u8], at: u64) -> impl Iterator<Item = &[u8]> {
    let first = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).unwrap_or(0).min(bytes.len());
    let (head, rest) = bytes.split_at_checked(first).unwrap_or((bytes, &[]));
    std::iter::once(head).chain(rest.chunks(usize::try_from(SECTOR_BYTES).unwrap_or(usize::MAX)))
}
