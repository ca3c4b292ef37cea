//! The segment files of a ledger: which there are, their frames in order, and what lies after the last one.

use std::fs::File;
use std::io;
use std::path::Path;

use sealbook_core::segment::{FrameError, HEADER_BYTES, Header};
use sealbook_core::tile::Tile;

use super::examine::{Located, examine};
use super::pieces::{Piece, Pieces, Stop};
use super::tail::{self, Tail};
use super::walk::Walk;
use super::{Claim, Progress, check_signatures, keys, processors};
use crate::failure::{Class, Failure};
use crate::files;
use crate::report::{Report, Trust};

/// Segments that are read: at 64 MiB each this is far beyond any disk.
pub const SEGMENTS_MAX: usize = 1 << 20;

/// Folder of the segments.
const LOG: &str = "log";

fn name(number: u64) -> String {
    format!("{LOG}/{number:08}.seg")
}

/// The numbers of the segments that are there, in order.
///
/// # Errors
/// A sentence for a person, when the folder cannot be listed.
pub fn list(dir: &Path, report: &mut Report) -> Result<Vec<u64>, String> {
    let folder = dir.join(LOG);
    let mut numbers = Vec::new();
    let cannot = |error: io::Error| format!("{}: {error}", folder.display());
    for item in std::fs::read_dir(&folder).map_err(cannot)? {
        let file = item.map_err(cannot)?.file_name();
        let file = file.to_string_lossy();
        let number = file.strip_suffix(".seg").and_then(|number| number.parse().ok());
        match number.filter(|number| name(*number) == format!("{LOG}/{file}")) {
            Some(number) => numbers.push(number),
            None => report.note(format!("{LOG}/{file} is no segment and was not read")),
        }
        if numbers.len() > SEGMENTS_MAX {
            return Err(format!("{}: more than {SEGMENTS_MAX} segments", folder.display()));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Goes through all segments.
pub fn walk(
    dir: &Path,
    segments: &[u64],
    walk: &mut Walk,
    trust: &Trust,
    checkpoint: Option<&Claim>,
    progress: &mut dyn FnMut(Progress),
) {
    let length = |number: &u64| std::fs::metadata(dir.join(name(*number))).map_or(0, |meta| meta.len());
    let bytes_total = segments.iter().map(length).sum();
    let mut expected = 0;
    for number in segments {
        if *number != expected {
            let detail = format!("segments {expected} to {number} should be there, up to the last one");
            walk.report.fail(Failure::new(Class::SegmentMissing, detail).file(name(expected)).index(walk.next));
            walk.lose_place();
        }
        expected = number.saturating_add(1);
        let is_last = Some(number) == segments.last();
        let mut segment = Segment { dir, number: *number, is_last, bytes_total, trust, checkpoint };
        if let Err(error) = segment.walk(walk, progress) {
            walk.report.miss(format!("{}: {error}", name(*number)));
            walk.lose_place();
        }
    }
}

/// One segment file.
struct Segment<'a> {
    dir: &'a Path,
    number: u64,
    is_last: bool,
    bytes_total: u64,
    trust: &'a Trust,
    checkpoint: Option<&'a Claim>,
}

impl Segment<'_> {
    fn walk(&mut self, walk: &mut Walk, progress: &mut dyn FnMut(Progress)) -> io::Result<()> {
        let file = files::open(&self.dir.join(name(self.number)))?;
        walk.report.checked.files += 1;
        if self.is_last && self.number > 0 && nothing_written(&file)? {
            walk.report.note(format!("{} is prepared and not yet begun", name(self.number)));
            return Ok(());
        }
        let mut head = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(&file, HEADER_BYTES as u64), &mut head)?;
        walk.begin_segment(name(self.number), self.number, Header::decode(&head));
        let mut pieces = Pieces::new(file, (head.len()) as u64)?;
        let stop = self.frames(walk, &mut pieces, progress)?;
        self.end(walk, &mut pieces, stop)
    }

    /// Goes through the frames: pieces are examined in parallel, while those before are taken in order.
    fn frames(
        &self,
        walk: &mut Walk,
        pieces: &mut Pieces,
        progress: &mut dyn FnMut(Progress),
    ) -> io::Result<Option<Stop>> {
        let mut stop = None;
        let mut examined: Vec<(Piece, Vec<Located>)> = Vec::new();
        loop {
            let mut batch = Vec::new();
            while batch.len() < processors()
                && let Some(piece) = pieces.next_piece()?
            {
                walk.report.checked.bytes += piece.bytes.len() as u64;
                stop = piece.stop;
                batch.push(piece);
            }
            if batch.is_empty() && examined.is_empty() {
                return Ok(stop);
            }
            examined = std::thread::scope(|scope| {
                let workers: Vec<_> = batch
                    .into_iter()
                    .map(|piece| {
                        scope.spawn(move || {
                            let found = examine(&piece);
                            (piece, found)
                        })
                    })
                    .collect();
                for (piece, found) in core::mem::take(&mut examined) {
                    self.take(walk, &piece, found);
                }
                workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Result<Vec<_>, _>>()
            })
            .map_err(|_| io::Error::other("a thread of the verifier stopped"))?;
            self.signatures(walk);
            progress(Progress {
                bytes: walk.report.checked.bytes,
                bytes_total: self.bytes_total,
                entries: walk.report.checked.entries,
            });
        }
    }

    fn take(&self, walk: &mut Walk, piece: &Piece, found: Vec<Located>) {
        let dir = self.dir;
        let mut tiles = |tile: &Tile, bytes: &[u8], report: &mut Report| compare_tile(dir, tile, bytes, report);
        let piece_end = piece.offset + piece.bytes.len() as u64;
        let mut found = found.into_iter().peekable();
        while let Some(located) = found.next() {
            let after = found.peek().map_or(piece_end, |next| next.offset);
            walk.take(located, after, &mut tiles);
        }
    }

    fn signatures(&self, walk: &mut Walk) {
        let jobs = core::mem::take(&mut walk.signatures);
        let wrong = check_signatures(&jobs, &keys(walk, self.trust));
        walk.report.checked.signatures += (jobs.len() - wrong.len()) as u64;
        for job in wrong.into_iter().filter_map(|at| jobs.get(at)) {
            let size = job.text.split('\n').nth(1).unwrap_or_default();
            let detail = format!("the signature over the checkpoint of {size} entries does not verify");
            let index = size.parse::<u64>().ok().and_then(|size| size.checked_sub(1));
            walk.report.fail(Failure::new(Class::Signature, detail).file(&job.file).offset(job.offset).index(index));
        }
    }

    /// Judges what lies after the last frame.
    fn end(&self, walk: &mut Walk, pieces: &mut Pieces, stop: Option<Stop>) -> io::Result<()> {
        let file = name(self.number);
        let Some(stop) = stop else { return Ok(()) };
        if self.is_last && !walk.footer && self.is_unfinished_write(walk, pieces)? {
            return Ok(());
        }
        let committed = walk.last_commit.map_or(0, |(size, _)| size);
        let uncommitted = walk.next != Some(committed) && walk.next.is_some();
        if stop.why == FrameError::End {
            if let Some(at) = pieces.first_set(stop.offset)? {
                let detail = "bytes that are not zero after the last frame";
                walk.report.fail(Failure::new(Class::ForeignBytes, detail).file(&file).offset(at).index(walk.next));
            }
            if !self.is_last && !walk.footer {
                let detail = "the segment ends without a footer, and another one follows";
                let failure = Failure::new(Class::SegmentFooter, detail).file(&file).offset(stop.offset);
                walk.report.fail(failure.index(walk.next));
                walk.unfinished = true;
            }
            if !(self.is_last && uncommitted) {
                return Ok(());
            }
        }
        self.damage(walk, pieces, stop)
    }

    /// Whether nothing follows the last whole batch but what a crash may have left; then it is told as such.
    fn is_unfinished_write(&self, walk: &mut Walk, pieces: &mut Pieces) -> io::Result<bool> {
        let signed = self.checkpoint.map_or(0, |claim| claim.checkpoint.size);
        let (from, committed) = walk.settled();
        if signed > committed {
            return Ok(false);
        }
        let file = name(self.number);
        match tail::judge(pieces, from, committed)? {
            Tail::Nothing => {}
            Tail::Torn => {
                walk.settle_back();
                let what = "lies the beginning of a batch that was never acknowledged (torn write)";
                walk.report.note(format!("{file}: from byte {from} on {what}"));
            }
            Tail::Unclear(at) => {
                walk.settle_back();
                let what = "what a crash left of a write that nobody was answered about, or foreign bytes";
                let remedy = "opening the ledger for writing sets them aside";
                walk.report
                    .miss(format!("{file}: at byte {at}, after the last commit, lie bytes that are {what}; {remedy}"));
            }
            Tail::Damage => return Ok(false),
        }
        Ok(true)
    }

    fn damage(&self, walk: &mut Walk, pieces: &mut Pieces, stop: Stop) -> io::Result<()> {
        let mut detail = stop.why.to_string();
        let class = match stop.why {
            FrameError::Checksum => Class::FrameChecksum,
            FrameError::End => {
                "entries that no commit follows".clone_into(&mut detail);
                Class::Commit
            }
            _ if walk.footer => Class::ForeignBytes,
            _ if stop.offset == walk.committed_to && !tail::begins(pieces.head(stop.offset)?) && self.is_last => {
                Class::ForeignBytes
            }
            _ => Class::FrameMalformed,
        };
        let failure = Failure::new(class, detail).file(name(self.number)).offset(stop.offset);
        walk.report.fail(failure.index(walk.next));
        walk.lose_place();
        Ok(())
    }
}

/// Whether the file holds zeros only, as far as a head would reach.
fn nothing_written(file: &File) -> io::Result<bool> {
    let mut pieces = Pieces::new(file.try_clone()?, 0)?;
    let nothing = pieces.first_set(0)?.is_none();
    io::Seek::rewind(&mut &*file)?;
    Ok(nothing)
}

/// Compares a tile with the file that holds it, where there is one.
fn compare_tile(dir: &Path, tile: &Tile, bytes: &[u8], report: &mut Report) {
    let file = format!("tiles/{tile}");
    match files::read_small(&dir.join(&file)) {
        Ok(None) => {}
        Ok(Some(stored)) => {
            report.checked.tiles += 1;
            let same = stored.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            if same < bytes.len() || stored.len() != bytes.len() {
                let detail = "the tile is not the one that follows from the entries";
                report.fail(Failure::new(Class::TileMismatch, detail).file(file).offset(same as u64));
            }
        }
        Err(why) => report.miss(format!("{file}: {why}")),
    }
}
