//! Walks over the frames of a segment file with bounded memory.

use std::io;

use sealbook_core::segment::{FRAME_HEAD_BYTES, Frame, FrameError, PAYLOAD_BYTES_MAX, framed_bytes, read_frame};
use sealbook_disk::DiskFile;

/// Bytes read at once when walking on.
const CHUNK_BYTES: usize = 256 * 1024;

/// Why the walk cannot go on at [`FrameReader::offset`].
#[derive(Debug)]
pub(crate) enum WalkError {
    Io(io::Error),
    Frame(FrameError),
}

/// Reads frame after frame from `offset` on, never past `end`.
pub(crate) struct FrameReader<'f> {
    file: &'f dyn DiskFile,
    buffer: Vec<u8>,
    /// File offset of the first byte of the buffer.
    base: u64,
    /// Next frame, within the buffer.
    at: usize,
    end: u64,
    chunk: usize,
}

impl<'f> FrameReader<'f> {
    pub(crate) fn new(file: &'f dyn DiskFile, offset: u64, end: u64) -> Self {
        Self { file, buffer: Vec::new(), base: offset, at: 0, end, chunk: CHUNK_BYTES }
    }

    /// Reads in smaller steps: for a single entry.
    pub(crate) fn near(mut self) -> Self {
        self.chunk = 8 * 1024;
        self
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// The next frame and its offset; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Frame<'_>)>, WalkError> {
        self.fill(FRAME_HEAD_BYTES)?;
        let length =
            self.buffer.get(self.at..).and_then(|rest| rest.first_chunk::<4>()).map(|l| u32::from_le_bytes(*l));
        if let Some(length) = length.and_then(|l| usize::try_from(l).ok()).filter(|l| *l <= PAYLOAD_BYTES_MAX) {
            self.fill(framed_bytes(length))?;
        }
        let offset = self.offset();
        match read_frame(self.buffer.get(self.at..).unwrap_or_default()) {
            Ok((frame, taken)) => {
                self.at += taken;
                Ok(Some((offset, frame)))
            }
            Err(FrameError::End) => Ok(None),
            Err(error) => Err(WalkError::Frame(error)),
        }
    }

    /// Has at least `wanted` bytes in the buffer, as far as the file goes.
    fn fill(&mut self, wanted: usize) -> Result<(), WalkError> {
        if self.buffer.len() - self.at >= wanted {
            return Ok(());
        }
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        let held = self.buffer.len();
        let start = self.base + held as u64;
        let room = usize::try_from(self.end.saturating_sub(start)).unwrap_or(usize::MAX);
        let more = self.chunk.max(wanted - held).min(room);
        self.buffer.resize(held + more, 0);
        let target = self.buffer.get_mut(held..).unwrap_or_default();
        let read = self.file.read_at(target, start).map_err(WalkError::Io)?;
        self.buffer.truncate(held + read);
        Ok(())
    }
}
