//! Chunks: the parts of a block file, each under a digest that also binds its place. All of a file lies in chunks.

use std::fs::File;

use crate::error::Damage;
use crate::files::read_at;

/// Context of the digest of a chunk (BLAKE3 derive-key mode).
const CONTEXT: &str = "sealbook index chunk v1: first entry, offset, content";
/// Bytes of the digest that are kept: enough against accidents; the index is never believed against attackers.
const DIGEST_BYTES: usize = 16;
/// Bytes before the content: its length, then its digest.
const HEAD_BYTES: usize = 4 + DIGEST_BYTES;

fn digest(first: u64, offset: u64, content: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(&first.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(content);
    let mut digest = [0; DIGEST_BYTES];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// Appends chunks to the bytes of a block file.
#[derive(Debug)]
pub(crate) struct ChunkWriter {
    first: u64,
    bytes: Vec<u8>,
}

impl ChunkWriter {
    /// A file that begins with `magic`, about the entries from `first` on.
    pub(crate) fn new(first: u64, magic: &[u8]) -> Self {
        Self { first, bytes: magic.to_vec() }
    }

    /// Appends a chunk and gives its offset; `None` where the content is too long for one.
    pub(crate) fn push(&mut self, content: &[u8]) -> Option<u64> {
        let offset = self.bytes.len() as u64;
        let length = u32::try_from(content.len()).ok()?;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(&digest(self.first, offset, content));
        self.bytes.extend_from_slice(content);
        Some(offset)
    }

    /// The file: the last eight bytes say where the last chunk is.
    pub(crate) fn finish(mut self, last: u64) -> Vec<u8> {
        self.bytes.extend_from_slice(&last.to_le_bytes());
        self.bytes
    }
}

/// Reads chunks of a block file.
#[derive(Debug)]
pub(crate) struct ChunkReader<'f> {
    file: &'f File,
    first: u64,
    length: u64,
}

impl<'f> ChunkReader<'f> {
    /// A reader of the chunks of `file`, which is about the entries from `first` on.
    pub(crate) fn new(file: &'f File, first: u64) -> Result<Self, Damage> {
        let length = file.metadata()?.len();
        Ok(Self { file, first, length })
    }

    /// The last chunk; nothing but its place follows it.
    pub(crate) fn last(&self) -> Result<Vec<u8>, Damage> {
        let mut place = [0; 8];
        let end = self.length.checked_sub(8).ok_or(Damage::Bytes("cut short"))?;
        read_at(self.file, &mut place, end)?;
        let offset = u64::from_le_bytes(place);
        let content = self.read(offset)?;
        let after = offset + (HEAD_BYTES + content.len()) as u64;
        if after == end { Ok(content) } else { Err(Damage::Bytes("bytes after the last chunk")) }
    }

    /// Reads every chunk from `offset` on: all of the file.
    pub(crate) fn check_all(&self, mut offset: u64) -> Result<(), Damage> {
        self.last()?;
        while offset < self.length.saturating_sub(8) {
            offset += (HEAD_BYTES + self.read(offset)?.len()) as u64;
        }
        Ok(())
    }

    /// The chunk at `offset`.
    pub(crate) fn read(&self, offset: u64) -> Result<Vec<u8>, Damage> {
        let room = self.length.saturating_sub(offset);
        if room < HEAD_BYTES as u64 {
            return Err(Damage::Bytes("a chunk lies outside the file"));
        }
        let (mut length, mut stated) = ([0; 4], [0; DIGEST_BYTES]);
        read_at(self.file, &mut length, offset)?;
        read_at(self.file, &mut stated, offset + 4)?;
        let length = u32::from_le_bytes(length);
        if u64::from(length) > room - HEAD_BYTES as u64 {
            return Err(Damage::Bytes("a chunk is longer than the file"));
        }
        let mut content = vec![0; usize::try_from(length).map_err(|_| Damage::Bytes("a chunk is too long"))?];
        read_at(self.file, &mut content, offset + HEAD_BYTES as u64)?;
        if digest(self.first, offset, &content) == stated {
            Ok(content)
        } else {
            Err(Damage::Bytes("a digest does not match"))
        }
    }
}
