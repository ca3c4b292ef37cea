//! The archive of a pack: read in pieces, every byte of its structure compared with what its contents determine.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};

use sealbook_core::pack::archive::{ARCHIVE_BYTES_MAX, Crc, HEADER_BYTES_MAX, Member, directory};
use sealbook_core::pack::{FILES_MAX, ListedFile, MANIFEST_BYTES_MAX, names};
use sha2::{Digest as _, Sha256};

use crate::failure::{Class, Failure};
use crate::report::Report;

/// Bytes read at a time.
const PIECE_BYTES: usize = 1 << 20;

/// An archive that is open.
#[derive(Debug)]
pub struct Archive {
    file: Mutex<File>,
    length: u64,
    /// Its files, in order.
    pub members: Vec<Member>,
}

impl Archive {
    /// Finds the files of an archive. What is wrong with its structure is put in `report`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn scan(file: File, report: &mut Report) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let mut archive = Self { file: Mutex::new(file), length, members: Vec::new() };
        let mut offset = 0;
        while archive.members.len() < FILES_MAX
            && let Ok(header) = u32::try_from(offset)
        {
            let head = archive.read_at(offset, HEADER_BYTES_MAX)?;
            let Some(member) = Member::read(&head, header).filter(|member| member.end() <= length) else { break };
            offset = member.end();
            archive.members.push(member);
        }
        report.checked.bytes = length.min(ARCHIVE_BYTES_MAX);
        archive.compare_directory(offset, report)?;
        Ok(archive)
    }

    /// Compares what follows the last file with what must follow it.
    fn compare_directory(&self, offset: u64, report: &mut Report) -> io::Result<()> {
        let after =
            self.members.last().map_or_else(|| "at the start".to_owned(), |last| format!("after {}", last.name));
        let wrong = |at: u64, what: &str| {
            let detail = format!("{what}: neither the next file nor the directory that these files determine {after}");
            Failure::new(Class::ArchiveBytes, detail).offset(at)
        };
        let Some(expected) = directory(&self.members) else {
            report.fail(wrong(offset, "too many files or bytes"));
            return Ok(());
        };
        let found = self.read_at(offset, expected.len().saturating_add(1))?;
        let same = found.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        if found != expected {
            report.fail(wrong(offset + same as u64, "a byte that no pack has here"));
        }
        Ok(())
    }

    /// At most `bytes_max` bytes from `offset` on; fewer at the end of the file.
    fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        (&mut *file)
            .take(bytes_max.min(self.length.saturating_sub(offset).try_into().unwrap_or(bytes_max)) as u64)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The content of a file that must not be larger than `bytes_max`.
    pub fn content(&self, member: &Member, bytes_max: usize) -> Result<Vec<u8>, String> {
        if member.bytes as usize > bytes_max {
            return Err(format!("{} bytes, at most {bytes_max} are allowed", member.bytes));
        }
        self.read_at(member.content(), member.bytes as usize).map_err(|error| error.to_string())
    }

    /// The file of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// Reads a file through and gives its SHA-256; false where its CRC-32 is not that of its header.
    pub fn digest(&self, member: &Member) -> io::Result<([u8; 32], bool)> {
        let (mut sha256, mut crc) = (Sha256::new(), Crc::default());
        let mut offset = member.content();
        while offset < member.end() {
            let want = usize::try_from(member.end() - offset).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let piece = self.read_at(offset, want)?;
            if piece.is_empty() {
                break;
            }
            sha256.update(&piece);
            crc.update(&piece);
            offset += piece.len() as u64;
        }
        Ok((sha256.finalize().into(), crc.value() == member.crc))
    }

    /// Compares the files with those that the manifest lists: names, order, lengths, digests.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn compare_files(&self, listed: &[ListedFile], report: &mut Report) -> io::Result<()> {
        let by_name: BTreeMap<&str, &ListedFile> = listed.iter().map(|file| (file.name.as_str(), file)).collect();
        for member in &self.members {
            report.checked.files += 1;
            let fail = |report: &mut Report, class, detail: &str| {
                report.fail(Failure::new(class, detail).file(&member.name).offset(0));
            };
            let (sha256, crc_holds) = self.digest(member)?;
            let signed_apart = [names::MANIFEST, names::MANIFEST_SIGNATURE].contains(&member.name.as_str());
            match by_name.get(member.name.as_str()) {
                Some(file) if file.bytes != u64::from(member.bytes) || file.sha256 != sha256 => {
                    fail(report, Class::FileDigest, "the content is not the one that the manifest lists");
                }
                None if !signed_apart => fail(report, Class::FileUnlisted, "the manifest does not list this file"),
                _ if !crc_holds => {
                    let detail = format!("the CRC-32 in the header of {} is not that of its content", member.name);
                    report.fail(Failure::new(Class::ArchiveBytes, detail).offset(u64::from(member.header) + 14));
                }
                _ => {}
            }
        }
        let order = ["README.txt", names::MANIFEST, names::MANIFEST_SIGNATURE];
        let order = order.into_iter().chain(listed.iter().skip(1).map(|file| file.name.as_str()));
        let found = self.members.iter().map(|member| member.name.as_str());
        for name in by_name.keys().chain(&order_heads()) {
            if self.member(name).is_none() {
                report
                    .fail(Failure::new(Class::FileMissing, "the manifest lists a file that is not there").file(*name));
            }
        }
        if !report.has_failed() && !order.eq(found) {
            report.fail(Failure::new(Class::ArchiveBytes, "the files are in another order than the manifest lists"));
        }
        Ok(())
    }

    /// The manifest's bytes.
    pub fn manifest(&self) -> Result<Vec<u8>, String> {
        let member = self.member(names::MANIFEST).ok_or("the archive has no manifest.json")?;
        self.content(member, MANIFEST_BYTES_MAX)
    }
}

fn order_heads() -> [&'static str; 2] {
    [names::MANIFEST, names::MANIFEST_SIGNATURE]
}
