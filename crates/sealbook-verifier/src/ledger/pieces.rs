//! Reads a segment file in pieces of whole frames, so that memory does not grow with the file.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use sealbook_core::segment::{FRAME_HEAD_BYTES, Frame, FrameError, PAYLOAD_BYTES_MAX, framed_bytes, read_frame};

/// Bytes read at a time: more than an entry with its sealed values, so that these always lie in one piece.
pub const PIECE_BYTES: usize = 3 << 20;
const _: () = assert!(PIECE_BYTES > 2 * (PAYLOAD_BYTES_MAX + FRAME_HEAD_BYTES));

/// A frame in a piece.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Where it starts in the piece.
    pub at: usize,
    /// Its bytes, head and payload.
    pub length: usize,
    /// False where its checksum does not match.
    pub whole: bool,
}

/// Why there are no more frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Where, in bytes from the start of the file.
    pub offset: u64,
    /// Why.
    pub why: FrameError,
}

/// Some frames that follow each other.
#[derive(Debug, Default)]
pub struct Piece {
    /// Where its bytes start in the file.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The frames in them.
    pub frames: Vec<Span>,
}

/// A segment file, read from front to back.
#[derive(Debug)]
pub struct Pieces {
    file: File,
    /// Bytes of the file.
    pub length: u64,
    position: u64,
    /// Why there are no more frames; set with the last piece.
    pub stop: Option<Stop>,
}

impl Pieces {
    /// Frames of `file` from byte `start` on.
    pub fn new(file: File, start: u64) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file, length, position: start, stop: None })
    }

    /// Reads the next frames into `piece`.
    pub fn next_piece(&mut self, piece: &mut Piece) -> io::Result<()> {
        piece.offset = self.position;
        piece.frames.clear();
        self.read_into(self.position, PIECE_BYTES, &mut piece.bytes)?;
        // A file can have become shorter since.
        let at_end = piece.bytes.len() < PIECE_BYTES || self.position + piece.bytes.len() as u64 >= self.length;
        let used = self.split(piece, at_end);
        piece.bytes.truncate(used);
        self.position += used as u64;
        Ok(())
    }

    /// Finds the frames of a piece and gives how many of its bytes they take.
    pub fn split(&mut self, piece: &mut Piece, at_end: bool) -> usize {
        let mut at = 0;
        let mut last_entry = None;
        loop {
            let rest = piece.bytes.get(at..).unwrap_or_default();
            if rest.len() < FRAME_HEAD_BYTES && !at_end {
                break;
            }
            match read_frame(rest) {
                Ok((frame, length)) => {
                    last_entry = matches!(frame, Frame::Entry(_)).then_some(at);
                    piece.frames.push(Span { at, length, whole: true });
                    at += length;
                }
                Err(FrameError::Cut) if !at_end && !piece.frames.is_empty() => break,
                Err(why) => match skip(rest, why) {
                    Skip::To(length) => {
                        last_entry = None;
                        piece.frames.push(Span { at, length, whole: false });
                        at += length;
                    }
                    Skip::NeedsMore if !at_end && !piece.frames.is_empty() => break,
                    _ => {
                        self.stop = Some(Stop { offset: piece.offset + at as u64, why });
                        return at;
                    }
                },
            }
        }
        // The sealed values of the last entry may follow in the next piece: leave the entry to it.
        match last_entry {
            Some(entry) if piece.frames.len() > 1 => {
                piece.frames.pop();
                entry
            }
            _ => at,
        }
    }

    fn read_into(&mut self, offset: u64, bytes_max: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        buffer.clear();
        buffer.reserve(bytes_max.min(usize::try_from(self.length.saturating_sub(offset)).unwrap_or(bytes_max)));
        (&mut self.file).take(bytes_max as u64).read_to_end(buffer).map(|_| ())
    }

    /// The bytes at `offset`, fewer only at the end of the file.
    pub fn read_at(&mut self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(offset, bytes_max, &mut bytes)?;
        Ok(bytes)
    }

    /// Where the first byte from `offset` on is that is not zero.
    pub fn first_set(&mut self, mut offset: u64) -> io::Result<Option<u64>> {
        loop {
            let bytes = self.read_at(offset, PIECE_BYTES)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            if !is_zero(&bytes)
                && let Some(at) = bytes.iter().position(|byte| *byte != 0)
            {
                return Ok(Some(offset + at as u64));
            }
            offset += bytes.len() as u64;
        }
    }

    /// Kind and length in the head of a frame at `offset`; `None` where the file ends before.
    pub fn head(&mut self, offset: u64) -> io::Result<Option<(u8, usize)>> {
        let head = self.read_at(offset, FRAME_HEAD_BYTES)?;
        let Some([l0, l1, l2, l3, kind]) = head.first_chunk::<5>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_le_bytes([*l0, *l1, *l2, *l3])).unwrap_or(usize::MAX);
        Ok(Some((*kind, length)))
    }
}

/// Whether all bytes are zero; compared in blocks, which is many times as fast as one by one.
pub fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|block| ZEROS.get(..block.len()) == Some(block))
}

/// Kind of an entry frame, as the segment format numbers it.
pub const ENTRY: u8 = 1;
/// Kind of a frame of sealed values.
pub const SEALED: u8 = 2;
/// Kind of a footer.
pub const FOOTER: u8 = 4;
/// Where the kind lies in the head of a frame.
pub const KIND_AT: usize = 4;

enum Skip {
    /// The length of the frame is right: another frame follows it.
    To(usize),
    /// More bytes are needed to know.
    NeedsMore,
    /// The length cannot be relied on.
    No,
}

/// How to pass a frame whose checksum is wrong.
fn skip(rest: &[u8], why: FrameError) -> Skip {
    let (FrameError::Checksum, Some(length)) = (why, rest.first_chunk::<4>()) else {
        return Skip::No;
    };
    let length = framed_bytes(u32::from_le_bytes(*length) as usize);
    match rest.get(length..).map(read_frame) {
        Some(Ok(_)) => Skip::To(length),
        Some(Err(FrameError::Cut)) | None => Skip::NeedsMore,
        Some(Err(_)) => Skip::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealbook_core::segment::push_frame;

    #[test]
    fn a_file_that_shrinks_while_it_is_read_ends_where_it_ends_now() {
        let (dir, mut bytes) = (tempfile::tempdir().unwrap(), Vec::new());
        while bytes.len() < 3 * PIECE_BYTES {
            push_frame(&mut bytes, &Frame::Entry(&[7; 1000]));
        }
        let path = dir.path().join("segment");
        for length in [0, 100, PIECE_BYTES, PIECE_BYTES + 500, 2 * PIECE_BYTES] {
            std::fs::write(&path, &bytes).unwrap();
            let mut pieces = Pieces::new(File::open(&path).unwrap(), 0).unwrap();
            let mut piece = Piece::default();
            pieces.next_piece(&mut piece).unwrap();
            File::options().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
            let mut many = || {
                pieces.next_piece(&mut piece).unwrap();
                piece.frames.len() > 1
            };
            let read = (0..9).take_while(|_| many()).count();
            assert!(read < 3 && pieces.stop.is_some(), "{length}: {read}");
        }
    }
}
