//! Segment files: the bytes of header, frames, commits and footer, and the walk over them.
//!
//! Integers are little-endian. A frame is `length u32, kind u8, CRC-32C u32, payload`; the checksum covers length,
//! kind and payload. Zeros after the last frame are room for more.

use crate::hash::{ChainValue, TreeHash};
use crate::limits::{ENTRY_BYTES_MAX, RAW_BYTES_MAX};
use crate::planted::{Bug, is};

/// First bytes of every segment file.
pub const MAGIC: [u8; 8] = *b"SEALSEG1";
/// Bytes of the header.
pub const HEADER_BYTES: usize = 64;
/// Bytes before the payload of a frame.
pub const FRAME_HEAD_BYTES: usize = 9;
/// Most bytes of a payload: sealed values hold the original and every sealed field of an entry.
pub const PAYLOAD_BYTES_MAX: usize = RAW_BYTES_MAX + 4 * ENTRY_BYTES_MAX;

const ENTRY: u8 = 1;
const SEALED: u8 = 2;
const COMMIT: u8 = 3;
const FOOTER: u8 = 4;
const COMMIT_BYTES: usize = 8 + 8 + 32 + 32 + 64 + 32;
const FOOTER_BYTES: usize = 8 + 8 + 32 + 32;
/// Bytes of the frame of a footer, which ends a sealed segment.
pub const FOOTER_FRAME_BYTES: usize = FRAME_HEAD_BYTES + FOOTER_BYTES;

/// What a segment file begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of the segment, from 0.
    pub number: u64,
    /// Index of its first entry.
    pub first: u64,
    /// Chain value of the entry before.
    pub prev: ChainValue,
}

/// End of a batch: everything up to here was made durable together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Index of the first entry of the batch.
    pub first: u64,
    /// Entries in the log after it.
    pub size: u64,
    /// Chain value of the last entry.
    pub chain: ChainValue,
    /// Root of the tree over all entries.
    pub root: TreeHash,
    /// The log key's signature over the checkpoint of the commit before; zeros in the first commit of a log.
    pub signature_before: [u8; 64],
    /// Keyed digest over the other fields, by which the holder of the log key knows the commit as his own before it is
    /// signed; nobody else can check it.
    pub seal: [u8; 32],
}

/// End of a full segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// Entries in the segment.
    pub entries: u64,
    /// Entries in the log after it.
    pub size: u64,
    /// Chain value of the last entry.
    pub chain: ChainValue,
    /// Root of the tree over all entries.
    pub root: TreeHash,
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Bytes of an entry.
    Entry(&'a [u8]),
    /// Sealed values of the entry before this frame.
    Sealed(&'a [u8]),
    /// End of a batch.
    Commit(Commit),
    /// End of the segment.
    Footer(Footer),
}

/// Why there is no frame at an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Zeros or the end of the file: nothing was written here.
    End,
    /// The frame runs past the end of the file.
    Cut,
    /// The checksum does not match.
    Checksum,
    /// Kind or length that no writer makes.
    Nonsense,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::End => "nothing written here",
            Self::Cut => "the frame runs past the end of the file",
            Self::Checksum => "the checksum of the frame does not match",
            Self::Nonsense => "no frame that Sealbook writes",
        })
    }
}

impl core::error::Error for FrameError {}

/// Takes fixed-size fields off the front of a payload.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

impl Header {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.number.to_le_bytes());
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes.extend_from_slice(&self.prev.0);
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes
    }

    /// Reads the header of a segment file; `None` where there is none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes.get(..HEADER_BYTES)?);
        if fields.take::<8>()? != MAGIC {
            return None;
        }
        let header = Self { number: fields.u64()?, first: fields.u64()?, prev: ChainValue(fields.take()?) };
        (header.encode() == bytes.get(..HEADER_BYTES)?).then_some(header)
    }
}

impl Commit {
    /// What the seal is over: every other field.
    #[must_use]
    pub fn sealed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(COMMIT_BYTES);
        bytes.extend_from_slice(&self.first.to_le_bytes());
        bytes.extend_from_slice(&self.size.to_le_bytes());
        bytes.extend_from_slice(&self.chain.0);
        bytes.extend_from_slice(&self.root.0);
        bytes.extend_from_slice(&self.signature_before);
        bytes
    }

    fn decode(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        let commit = Self {
            first: fields.u64()?,
            size: fields.u64()?,
            chain: ChainValue(fields.take()?),
            root: TreeHash(fields.take()?),
            signature_before: fields.take()?,
            seal: fields.take()?,
        };
        fields.0.is_empty().then_some(commit)
    }
}

impl Footer {
    fn decode(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        let footer = Self {
            entries: fields.u64()?,
            size: fields.u64()?,
            chain: ChainValue(fields.take()?),
            root: TreeHash(fields.take()?),
        };
        fields.0.is_empty().then_some(footer)
    }
}

fn checksum(length: [u8; 4], kind: u8, payload: &[u8]) -> u32 {
    let head = crc32c::crc32c_append(crc32c::crc32c(&length), &[kind]);
    crc32c::crc32c_append(head, payload)
}

fn push(out: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    push_with(out, kind, |out| out.extend_from_slice(payload));
}

/// Appends a frame whose payload `write` appends; gives where the payload begins.
fn push_with(out: &mut Vec<u8>, kind: u8, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
    write(out);
    let Some((head, payload)) = out.get_mut(start..).and_then(<[u8]>::split_first_chunk_mut::<FRAME_HEAD_BYTES>) else {
        return out.len();
    };
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = checksum(length, kind, payload).to_le_bytes();
    let [l0, l1, l2, l3] = length;
    let [c0, c1, c2, c3] = sum;
    *head = [l0, l1, l2, l3, kind, c0, c1, c2, c3];
    start + FRAME_HEAD_BYTES
}

/// Appends the frame of an entry whose bytes `write` appends, without a copy; gives where these begin.
pub fn push_entry_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    push_with(out, ENTRY, write)
}

/// Appends a frame to `out`.
pub fn push_frame(out: &mut Vec<u8>, frame: &Frame<'_>) {
    match frame {
        Frame::Entry(bytes) => push(out, ENTRY, bytes),
        Frame::Sealed(bytes) => push(out, SEALED, bytes),
        Frame::Commit(commit) => {
            let mut payload = commit.sealed_bytes();
            payload.extend_from_slice(&commit.seal);
            push(out, COMMIT, &payload);
        }
        Frame::Footer(footer) => {
            let mut payload = Vec::with_capacity(FOOTER_BYTES);
            payload.extend_from_slice(&footer.entries.to_le_bytes());
            payload.extend_from_slice(&footer.size.to_le_bytes());
            payload.extend_from_slice(&footer.chain.0);
            payload.extend_from_slice(&footer.root.0);
            push(out, FOOTER, &payload);
        }
    }
}

/// Bytes that [`push_frame`] appends for a payload of `payload` bytes.
#[must_use]
pub fn framed_bytes(payload: usize) -> usize {
    FRAME_HEAD_BYTES + payload
}

/// Reads the frame at the start of `bytes` and how many bytes it takes.
///
/// # Errors
/// Why there is none.
pub fn read_frame(bytes: &[u8]) -> Result<(Frame<'_>, usize), FrameError> {
    let Some((head, rest)) = bytes.split_first_chunk::<FRAME_HEAD_BYTES>() else {
        return Err(if bytes.iter().all(|byte| *byte == 0) { FrameError::End } else { FrameError::Cut });
    };
    if *head == [0; FRAME_HEAD_BYTES] {
        return Err(FrameError::End);
    }
    let [l0, l1, l2, l3, kind, c0, c1, c2, c3] = *head;
    let length_bytes = [l0, l1, l2, l3];
    let length = usize::try_from(u32::from_le_bytes(length_bytes)).map_err(|_| FrameError::Nonsense)?;
    if !(ENTRY..=FOOTER).contains(&kind) || length > PAYLOAD_BYTES_MAX {
        return Err(FrameError::Nonsense);
    }
    let payload = rest.get(..length).ok_or(FrameError::Cut)?;
    let sum = u32::from_le_bytes([c0, c1, c2, c3]);
    if checksum(length_bytes, kind, payload) != sum && !is(Bug::ChecksumIgnored) {
        return Err(FrameError::Checksum);
    }
    let frame = match kind {
        ENTRY => Frame::Entry(payload),
        SEALED => Frame::Sealed(payload),
        COMMIT => Frame::Commit(Commit::decode(payload).ok_or(FrameError::Nonsense)?),
        _ => Frame::Footer(Footer::decode(payload).ok_or(FrameError::Nonsense)?),
    };
    Ok((frame, framed_bytes(length)))
}

/// Finds the commits whose frames are whole, wherever they begin in `bytes`; for telling a torn write from damage.
#[must_use]
pub fn scan_commits(bytes: &[u8]) -> Vec<Commit> {
    let length = u32::try_from(COMMIT_BYTES).unwrap_or(u32::MAX).to_le_bytes();
    let [l0, l1, l2, l3] = length;
    let needle = [l0, l1, l2, l3, COMMIT];
    let at = bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).map(|(at, _)| at);
    at.filter_map(|at| match read_frame(bytes.get(at..)?) {
        Ok((Frame::Commit(commit), _)) => Some(commit),
        _ => None,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(first: u64) -> Commit {
        Commit {
            first,
            size: first + 2,
            chain: ChainValue([1; 32]),
            root: TreeHash([2; 32]),
            signature_before: [3; 64],
            seal: [4; 32],
        }
    }

    #[test]
    fn frames_read_back_and_zeros_end_them() {
        let footer = Footer { entries: 3, size: 9, chain: ChainValue([4; 32]), root: TreeHash([5; 32]) };
        let frames = [Frame::Entry(b"entry"), Frame::Sealed(b""), Frame::Commit(commit(7)), Frame::Footer(footer)];
        let mut bytes = Vec::new();
        for frame in &frames {
            push_frame(&mut bytes, frame);
        }
        bytes.extend_from_slice(&[0; 40]);
        let mut at = 0;
        for frame in &frames {
            let (read, length) = read_frame(&bytes[at..]).unwrap();
            assert_eq!(read, *frame);
            at += length;
        }
        assert_eq!(read_frame(&bytes[at..]), Err(FrameError::End));
        assert_eq!(read_frame(&bytes[bytes.len() - 3..]), Err(FrameError::End));
        assert_eq!(scan_commits(&bytes), [commit(7)]);
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_seen() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, &Frame::Entry(b"an entry of some bytes"));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(read_frame(&flipped).is_err(), "bit {bit}");
        }
        for cut in 1..bytes.len() {
            assert!(read_frame(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let header = Header { number: 3, first: 1000, prev: ChainValue([8; 32]) };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes), Some(header));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&flipped), None, "bit {bit}");
        }
    }
}
