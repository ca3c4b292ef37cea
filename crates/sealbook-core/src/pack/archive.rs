//! The zip layout of a pack: every byte follows from names, lengths, checksums and contents.
//!
//! Files are stored, not compressed, in a fixed order, at a fixed time, without extra fields. So an archive can be
//! written down again from its contents and compared byte by byte, by any version of any software.

use super::{FILES_MAX, NAME_BYTES_MAX, name_is_valid};

/// Bytes of a pack: offsets in a zip archive without extensions have 32 bits.
pub const ARCHIVE_BYTES_MAX: u64 = u32::MAX as u64;
/// Bytes before the name in the header of a file.
pub const LOCAL_HEADER_BYTES: usize = 30;
/// Comment at the end of the archive.
pub const COMMENT: &[u8] = b"Sealbook evidence pack 1";

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Version that a reader needs: 1.0, nothing compressed.
const VERSION: u16 = 10;
/// 1 January 1980, midnight: the earliest time of the format.
const DATE: u16 = 0x0021;

/// A file of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Name.
    pub name: String,
    /// Bytes of the content.
    pub bytes: u32,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Where its header begins.
    pub header: u32,
}

impl Member {
    /// Where its content begins.
    #[must_use]
    pub fn content(&self) -> u64 {
        u64::from(self.header) + (LOCAL_HEADER_BYTES + self.name.len()) as u64
    }

    /// Where its content ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.content() + u64::from(self.bytes)
    }

    /// What the header in front of the content and the one in the directory have in common.
    fn shared(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(26);
        for field in [VERSION, 0, 0, 0, DATE] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        for field in [self.crc, self.bytes, self.bytes] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out
    }

    /// The header in front of the content, name included.
    #[must_use]
    pub fn local_header(&self) -> Vec<u8> {
        [&LOCAL.to_le_bytes(), self.shared().as_slice(), self.name.as_bytes()].concat()
    }

    /// Name, length and checksum that the header at the start of `bytes` gives; `None` where there is no header of a
    /// pack. `header` is where it lies.
    #[must_use]
    pub fn read(bytes: &[u8], header: u32) -> Option<Self> {
        let field = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let name_bytes = bytes.get(26..28)?.try_into().ok().map(u16::from_le_bytes)?;
        let name = bytes.get(LOCAL_HEADER_BYTES..LOCAL_HEADER_BYTES + usize::from(name_bytes))?;
        let name = core::str::from_utf8(name).ok().filter(|name| name_is_valid(name))?;
        let member = Self { name: name.to_owned(), bytes: field(22)?, crc: field(14)?, header };
        bytes.starts_with(&member.local_header()).then_some(member)
    }
}

/// Bytes that a header with its name can have.
pub const HEADER_BYTES_MAX: usize = LOCAL_HEADER_BYTES + NAME_BYTES_MAX;

/// What follows the last content: directory and end. `None` where there are too many files or bytes for the format.
#[must_use]
pub fn directory(members: &[Member]) -> Option<Vec<u8>> {
    let count = u16::try_from(members.len()).ok().filter(|_| members.len() <= FILES_MAX)?;
    let mut out = Vec::new();
    for member in members {
        out.extend_from_slice(&CENTRAL.to_le_bytes());
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&member.shared());
        // Comment length, disk, internal attributes (2 bytes each), external attributes (4).
        out.extend_from_slice(&[0; 10]);
        out.extend_from_slice(&member.header.to_le_bytes());
        out.extend_from_slice(member.name.as_bytes());
    }
    let start = members.last().map_or(0, Member::end);
    let size = u32::try_from(out.len()).ok()?;
    out.extend_from_slice(&END.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&u32::try_from(start).ok()?.to_le_bytes());
    out.extend_from_slice(&u16::try_from(COMMENT.len()).ok()?.to_le_bytes());
    out.extend_from_slice(COMMENT);
    let whole = start.checked_add(out.len() as u64)?;
    (whole <= ARCHIVE_BYTES_MAX).then_some(out)
}

/// The CRC-32 of zip archives, in pieces.
#[derive(Clone, Debug, Default)]
pub struct Crc(crc32fast::Hasher);

impl Crc {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum.
    #[must_use]
    pub fn value(self) -> u32 {
        self.0.finalize()
    }
}

/// Assembles an archive in memory or on its way to a file.
#[derive(Debug, Default)]
pub struct Assembly {
    members: Vec<Member>,
}

impl Assembly {
    /// The header to write before `content`, which follows it; `None` where the archive would grow too large or the
    /// name is no name of a file of a pack.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Option<Vec<u8>> {
        let header = u32::try_from(self.members.last().map_or(0, Member::end)).ok()?;
        let mut crc = Crc::default();
        crc.update(content);
        let bytes = u32::try_from(content.len()).ok()?;
        let member = Member { name: name.to_owned(), bytes, crc: crc.value(), header };
        let local = name_is_valid(name).then(|| member.local_header())?;
        self.members.push(member);
        Some(local)
    }

    /// What to write at the end.
    #[must_use]
    pub fn finish(&self) -> Option<Vec<u8>> {
        directory(&self.members)
    }
}
