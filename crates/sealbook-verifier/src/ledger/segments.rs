//! The segment files of a ledger: which there are, their frames in order, and what lies after the last one.

use std::fs::File;
use std::io;
use std::path::Path;

use sealbook_core::segment::{FrameError, HEADER_BYTES, Header};
use sealbook_core::tile::Tile;

use super::aside::{Aside, Outcome, TOGETHER};
use super::crew::{Crew, Frames, STOPPED, Sending, Shared, Source, Unit};
use super::pieces::{Pieces, Stop};
use super::tail::{self, Tail};
use super::walk::Walk;
use super::{Claim, Progress, processors};
use crate::failure::{Class, Failure};
use crate::files;
use crate::report::Report;

/// Segments that are read: at 64 MiB each this is far beyond any disk.
pub const SEGMENTS_MAX: usize = 1 << 20;

/// Folder of the segments.
const LOG: &str = "log";

pub fn name(number: u64) -> String {
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

/// Reads all segments and sends on what is in them.
pub fn read_segments(source: Source<'_>, sending: &mut Sending<'_>) {
    for number in source.segments {
        let is_last = Some(number) == source.segments.last();
        let stop = read_segment(&source.dir.join(name(*number)), *number, is_last, sending);
        sending.unit(Unit::Ended(Ended { number: *number, stop }));
    }
    sending.unit(Unit::Finished);
}

/// What a segment begins with.
pub enum Head {
    /// Nothing: it is prepared and not yet begun.
    Prepared,
    /// Its header, where there is one.
    Header(Option<Header>),
}

/// A segment that was opened.
pub struct Begun {
    number: u64,
    head: Head,
}

/// A segment whose frames were all read.
pub struct Ended {
    number: u64,
    stop: io::Result<Option<Stop>>,
}

fn read_segment(path: &Path, number: u64, is_last: bool, sending: &mut Sending<'_>) -> io::Result<Option<Stop>> {
    let file = files::open(path)?;
    if is_last && number > 0 && nothing_written(&file)? {
        sending.unit(Unit::Begun(Begun { number, head: Head::Prepared }));
        return Ok(None);
    }
    let mut head = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(&file, HEADER_BYTES as u64), &mut head)?;
    sending.unit(Unit::Begun(Begun { number, head: Head::Header(Header::decode(&head)) }));
    let mut pieces = Pieces::new(file, head.len() as u64)?;
    while pieces.stop.is_none()
        && let Some(mut frames) = sending.room()
    {
        match pieces.next_piece(&mut frames.piece) {
            Ok(()) => sending.piece(frames),
            Err(error) => {
                sending.keep_one();
                return Err(error);
            }
        }
    }
    Ok(pieces.stop)
}

/// Goes through all segments.
pub fn walk(
    dir: &Path,
    segments: &[u64],
    walk: &mut Walk,
    checkpoint: Option<&Claim>,
    progress: &mut dyn FnMut(Progress),
) {
    let length = |number: &u64| std::fs::metadata(dir.join(name(*number))).map_or(0, |meta| meta.len());
    let bytes_total = segments.iter().map(length).sum();
    let shared = Shared::default();
    std::thread::scope(|scope| {
        let crew = Crew::start(scope, &shared, Source { dir, segments }, processors());
        let mut taker = Taker { dir, segments, expected: 0, checkpoint, crew, tiles: Vec::new() };
        while let Some(unit) = taker.crew.unit() {
            match unit {
                Unit::Begun(begun) => taker.begin(walk, begun),
                Unit::Frames(frames) => {
                    taker.take(walk, frames);
                    let (bytes, entries) = (walk.report.checked.bytes, walk.report.checked.entries);
                    progress(Progress { bytes, bytes_total, entries });
                }
                Unit::Ended(ended) => taker.end(walk, ended),
                Unit::Finished => return,
            }
        }
        walk.report.miss(STOPPED);
        walk.lose_place();
    });
}

/// Takes what the crew found, in order.
struct Taker<'a> {
    dir: &'a Path,
    segments: &'a [u64],
    /// Number of the next segment.
    expected: u64,
    checkpoint: Option<&'a Claim>,
    crew: Crew<'a>,
    tiles: Vec<(Tile, Vec<u8>)>,
}

/// Tiles that are compared at once.
const TILES: usize = 16;

impl Taker<'_> {
    /// Says which segments are missing before this one.
    fn arrive(&mut self, walk: &mut Walk, number: u64) {
        if number > self.expected {
            let expected = self.expected;
            let detail = format!("segments {expected} to {number} should be there, up to the last one");
            walk.report.fail(Failure::new(Class::SegmentMissing, detail).file(name(expected)).index(walk.next));
            walk.lose_place();
        }
        self.expected = self.expected.max(number.saturating_add(1));
    }

    fn begin(&mut self, walk: &mut Walk, begun: Begun) {
        let Begun { number, head } = begun;
        self.arrive(walk, number);
        walk.report.checked.files += 1;
        match head {
            Head::Prepared => walk.report.note(format!("{} is prepared and not yet begun", name(number))),
            Head::Header(header) => walk.begin_segment(name(number), number, header),
        }
    }

    fn take(&mut self, walk: &mut Walk, frames: Frames) {
        let tiles = &mut self.tiles;
        let mut keep = |tile: &Tile, bytes: &[u8], _: &mut Report| tiles.push((*tile, bytes.to_owned()));
        let length = frames.piece.bytes.len() as u64;
        walk.report.checked.bytes += length;
        let mut found = frames.found.iter().peekable();
        while let Some(located) = found.next() {
            let after = found.peek().map_or(frames.piece.offset + length, |next| next.offset);
            walk.take(located, after, &mut keep);
        }
        self.crew.give_back(frames);
        while walk.signatures.len() >= TOGETHER {
            let rest = walk.signatures.split_off(TOGETHER);
            self.crew.aside(Aside::Signatures(core::mem::replace(&mut walk.signatures, rest)));
        }
        if self.tiles.len() >= TILES {
            self.crew.aside(Aside::Tiles(core::mem::take(&mut self.tiles)));
        }
    }

    /// Waits for what is checked aside, and says what came of it.
    fn settle(&mut self, walk: &mut Walk) {
        if !walk.signatures.is_empty() {
            self.crew.aside(Aside::Signatures(core::mem::take(&mut walk.signatures)));
        }
        if !self.tiles.is_empty() {
            self.crew.aside(Aside::Tiles(core::mem::take(&mut self.tiles)));
        }
        for outcome in self.crew.settle() {
            match outcome {
                Outcome::Signatures(right, wrong) => {
                    walk.report.checked.signatures += right;
                    wrong.iter().for_each(|job| walk.refuse(job));
                }
                Outcome::Tiles(report) => walk.report.add(*report),
            }
        }
    }

    fn end(&mut self, walk: &mut Walk, ended: Ended) {
        let number = ended.number;
        self.arrive(walk, number);
        self.settle(walk);
        let segment = Segment { number, is_last: Some(&number) == self.segments.last(), checkpoint: self.checkpoint };
        let judged = ended.stop.and_then(|stop| match stop {
            Some(stop) => {
                let mut pieces = Pieces::new(files::open(&self.dir.join(name(number)))?, 0)?;
                segment.end(walk, &mut pieces, stop)
            }
            None => Ok(()),
        });
        if let Err(error) = judged {
            walk.report.miss(format!("{}: {error}", name(number)));
            walk.lose_place();
        }
    }
}

/// One segment file.
pub struct Segment<'a> {
    pub number: u64,
    pub is_last: bool,
    pub checkpoint: Option<&'a Claim>,
}

impl Segment<'_> {
    /// Judges what lies after the last frame.
    pub fn end(&self, walk: &mut Walk, pieces: &mut Pieces, stop: Stop) -> io::Result<()> {
        let file = name(self.number);
        if self.is_last && !walk.footer && self.is_unfinished_write(walk, pieces, stop)? {
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
    fn is_unfinished_write(&self, walk: &mut Walk, pieces: &mut Pieces, stop: Stop) -> io::Result<bool> {
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
            Tail::Damage if tail::has_grown(pieces, from, committed, stop.offset)? => {
                walk.settle_back();
                walk.report
                    .note(format!("{file} grew while it was read: what is new from byte {from} on was not checked"));
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
