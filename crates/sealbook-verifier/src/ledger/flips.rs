//! Every bit of a ledger of 10,000 entries, turned over by itself, is seen.
//!
//! A whole verification for each of tens of millions of bits would take weeks. The walk over the entries is a state
//! machine, so its state before the turned bit is copied, and the same code goes on from there until it sees something.
#![expect(clippy::print_stdout, reason = "a test prints its seed and what it counted")]

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome as Decision};
use sealbook_core::segment::{Frame, FrameError, HEADER_BYTES, Header, read_frame};
use sealbook_core::tile::Tile;
use sealbook_disk::{RealDisk, SeededEntropy, SetClock, World};
use sealbook_log::{Ledger, Options, Submission, create};

use super::aside::{Aside, Outcome};
use super::examine::examine;
use super::pieces::{Piece, Pieces, Stop};
use super::segments::{Segment, name};
use super::walk::Walk;
use super::{CHECKPOINT, Claim, read_checkpoint, verify_ledger};
use crate::report::{Report, Trust, Verdict};

/// Flips of a plain test run; `SEALBOOK_FLIPS` asks for another number or for `all`.
const FLIPS: u64 = 5_000;
/// Bytes that are looked at first; more where a frame does not end in them.
const WINDOW: usize = 1 << 10;

const ENTRIES: u64 = 10_000;
/// So that the last segment has little room: nothing but zeros is in it.
const SEGMENT_BYTES: u64 = 565_000;

/// What came of the flips.
#[derive(Debug, Default)]
struct Tally {
    flips: u64,
    refuted: u64,
    undecided: u64,
    /// What only a whole verification can decide.
    left: Vec<(String, u64)>,
    undetected: Vec<String>,
}

impl Tally {
    fn count_or_leave(&mut self, report: &Report, file: &str, bit: u64) {
        if report.has_failed() || !report.missing().is_empty() {
            self.count(report, file, bit);
        } else {
            self.left.push((file.to_owned(), bit));
        }
    }

    fn add(&mut self, other: Self) {
        self.flips += other.flips;
        self.refuted += other.refuted;
        self.undecided += other.undecided;
        self.left.extend(other.left);
        self.undetected.extend(other.undetected);
    }

    fn count(&mut self, report: &Report, file: &str, bit: u64) {
        self.flips += 1;
        match report.verdict() {
            Verdict::Refuted => self.refuted += 1,
            Verdict::Undecided => self.undecided += 1,
            Verdict::Verified(_) => self.undetected.push(format!("{file} byte {} bit {}", bit / 8, bit % 8)),
        }
    }
}

fn submission(n: u64) -> Submission {
    let subject = Identity::new(format!("spiffe://example.org/workload/{}", n % 40), IdentityType::Workload);
    let mut event = Event::new(format!("event-{n:06}"), Kind::Decision, subject, Decision::Allow);
    event.action = Some("s3:GetObject".to_owned());
    event.reason = n.is_multiple_of(3).then(|| format!("ticket {n}"));
    event.labels = [
        ("cluster".to_owned(), "blue.eu-central-1.example.org".to_owned()),
        ("namespace".to_owned(), "payments".to_owned()),
        ("request".to_owned(), format!("4bf92f3577b34da6a3ce929d0e0e{n:04}-00f067aa0ba902b7")),
    ]
    .into();
    let raw = n.is_multiple_of(5).then(|| (format!("{{\"event\":{n}}}").into_bytes(), "application/json".to_owned()));
    let source = Source { id: "gateway".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
    Submission { source, event, raw }
}

/// Writes the ledger.
fn write(root: &Path) {
    let clock = SetClock::new(1_790_000_000_000_000);
    let entropy = Arc::new(SeededEntropy::new(21));
    let world = World { disk: Arc::new(RealDisk), clock: Arc::new(clock.clone()), entropy };
    create(&world, root, "example.org/flips").unwrap();
    let ledger =
        Ledger::open_with(&world, root, Options { segment_bytes: SEGMENT_BYTES, ..Options::default() }).unwrap();
    let mut next = 1;
    while next < ENTRIES {
        let count = (1 + next % 49).min(ENTRIES - next);
        clock.set(1_790_000_000_000_000 + i64::try_from(next).unwrap() * 1_000);
        ledger.commit((next..next + count).map(submission).collect(), true).unwrap();
        next += count;
    }
    ledger.close().unwrap();
}

/// The files of the ledger that verification reads, and which bits of them are turned over.
struct Plan {
    files: BTreeMap<String, Vec<u8>>,
    /// Bits by file; empty where all are meant.
    chosen: BTreeMap<String, Vec<u64>>,
    all: bool,
}

impl Plan {
    fn read(root: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for item in std::fs::read_dir(folder).unwrap() {
                let path = item.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                if path.is_dir() {
                    folders.push(path);
                } else if is_read(&name) {
                    files.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        Self { files, chosen: BTreeMap::new(), all: false }
    }

    fn choose(&mut self, wanted: &str, seed: u64) {
        let bits: u64 = self.files.values().map(|bytes| bytes.len() as u64 * 8).sum();
        println!("{} files, {} bytes, {bits} bits; flips: {wanted}, seed {seed}", self.files.len(), bits / 8);
        self.all = wanted == "all";
        if self.all {
            return;
        }
        let mut random = seed;
        for _ in 0..wanted.parse().unwrap_or(FLIPS) {
            let mut bit = splitmix64(&mut random) % bits;
            for (name, bytes) in &self.files {
                let here = bytes.len() as u64 * 8;
                if bit < here {
                    self.chosen.entry(name.clone()).or_default().push(bit);
                    break;
                }
                bit -= here;
            }
        }
        self.chosen.values_mut().for_each(|bits| bits.sort_unstable());
    }

    /// The chosen bits in some bytes of a file.
    fn bits(&self, file: &str, bytes: Range<usize>) -> Vec<u64> {
        let range = bytes.start as u64 * 8..bytes.end as u64 * 8;
        if self.all {
            return range.collect();
        }
        let chosen = self.chosen.get(file).map_or(&[][..], Vec::as_slice);
        let from = chosen.partition_point(|bit| *bit < range.start);
        let to = chosen.partition_point(|bit| *bit < range.end);
        chosen[from..to].to_vec()
    }
}

/// Whether verification reads this file: not the private key, nor what the writer derives for itself.
fn is_read(name: &str) -> bool {
    let segment = name.strip_prefix("log/").is_some_and(|name| name.strip_suffix(".seg").is_some());
    segment || name.starts_with("tiles/") || [CHECKPOINT, super::KEY_FILE].contains(&name)
}

fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn flip(bytes: &mut [u8], bit: u64) {
    bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
}

/// A flip in a file on disk, until it is dropped.
struct OnDisk {
    file: File,
    at: u64,
    byte: u8,
}

impl OnDisk {
    fn flip(root: &Path, name: &str, bytes: &[u8], bit: u64) -> Self {
        let file = File::options().write(true).open(root.join(name)).unwrap();
        let byte = bytes[usize::try_from(bit / 8).unwrap()];
        file.write_all_at(&[byte ^ (1 << (bit % 8))], bit / 8).unwrap();
        Self { file, at: bit / 8, byte }
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        self.file.write_all_at(&[self.byte], self.at).unwrap();
    }
}

/// What a segment is gone over with.
#[derive(Clone, Copy)]
struct Run<'a> {
    root: &'a Path,
    plan: &'a Plan,
    checkpoint: Option<&'a Claim>,
    number: u64,
    is_last: bool,
}

impl Run<'_> {
    /// Goes over the segment with the state of verification, and from it with every flip. What is not decided in the
    /// segment itself is left to a whole verification.
    fn flips(&self, mut walk: Walk) -> Tally {
        let (mut tally, file) = (Tally::default(), name(self.number));
        let mut bytes = self.plan.files[&file].clone();
        for bit in self.plan.bits(&file, 0..HEADER_BYTES) {
            flip(&mut bytes, bit);
            let mut flipped = walk.clone();
            flipped.begin_segment(file.clone(), self.number, Header::decode(&bytes));
            flip(&mut bytes, bit);
            tally.count_or_leave(&flipped.report, &file, bit);
        }
        let mut pieces = Pieces::new(File::open(self.root.join(&file)).unwrap(), 0).unwrap();
        self.units(&mut walk, &mut Vec::new(), &mut |walk, span| {
            let threads = walk.threads.clone();
            for bit in self.plan.bits(&file, span.clone()) {
                flip(&mut bytes, bit);
                // The table of threads is not copied but lent: an entry that was taken changes it.
                let lent = core::mem::take(&mut walk.threads);
                let mut flipped = walk.clone();
                flipped.threads = lent;
                let stop = go_on(&mut flipped, &mut pieces, &bytes, span.start, None, &mut Vec::new());
                flip(&mut bytes, bit);
                if let Some(stop) = stop {
                    let _flipped = OnDisk::flip(self.root, &file, &bytes, bit);
                    let Self { number, is_last, checkpoint, .. } = *self;
                    Segment { number, is_last, checkpoint }.end(&mut flipped, &mut pieces, stop).unwrap();
                }
                tally.count_or_leave(&flipped.report, &file, bit);
                let untouched = flipped.report.checked.entries == walk.report.checked.entries;
                walk.threads = if untouched { flipped.threads } else { threads.clone() };
                walk.threads.gaps = threads.gaps;
            }
        });
        tally
    }

    /// Goes over the segment as it is. `at` is told the state before every frame, and where the frame lies; at last before
    /// what follows the frames.
    fn units(&self, walk: &mut Walk, tiles: &mut Vec<(Tile, Vec<u8>)>, at: &mut dyn FnMut(&mut Walk, Range<usize>)) {
        let file = name(self.number);
        let bytes = &self.plan.files[&file];
        walk.begin_segment(file.clone(), self.number, Header::decode(bytes));
        let mut pieces = Pieces::new(File::open(self.root.join(&file)).unwrap(), 0).unwrap();
        let mut start = HEADER_BYTES;
        loop {
            let length = unit(&bytes[start..]);
            if length == 0 {
                return at(walk, start..bytes.len());
            }
            at(walk, start..start + length);
            let stop = go_on(walk, &mut pieces, bytes, start, Some(start + length), tiles);
            assert!(stop.is_none() && !walk.report.has_failed(), "{:?}", walk.report);
            walk.signatures.clear();
            start += length;
        }
    }
}

/// Bytes of the next frame, with what is sealed beside it; 0 where there is none.
fn unit(bytes: &[u8]) -> usize {
    match read_frame(bytes) {
        Ok((Frame::Entry(_), length)) => match read_frame(&bytes[length..]) {
            Ok((Frame::Sealed(_), sealed)) => length + sealed,
            _ => length,
        },
        Ok((_, length)) => length,
        Err(_) => 0,
    }
}

/// Goes on from byte `at`, to `end` or until something is seen. Gives where there are no more frames, when nothing was
/// seen before.
fn go_on(
    walk: &mut Walk,
    pieces: &mut Pieces,
    bytes: &[u8],
    mut at: usize,
    until: Option<usize>,
    tiles: &mut Vec<(Tile, Vec<u8>)>,
) -> Option<Stop> {
    let mut window = WINDOW;
    let end = until.unwrap_or(bytes.len());
    loop {
        let to = at.saturating_add(window).min(end);
        let at_end = to == bytes.len();
        let mut piece = Piece { offset: at as u64, bytes: bytes[at..to].to_vec(), frames: Vec::new() };
        pieces.stop = None;
        let used = pieces.split(&mut piece, to == end);
        let stop = pieces.stop;
        // Where nothing is written, no further byte changes that.
        let ended = stop.is_some_and(|stop| stop.why == FrameError::End);
        if !at_end && to < end && !ended && (stop.is_some() || piece.frames.len() < 2) {
            window *= 2;
            continue;
        }
        piece.bytes.truncate(used);
        let after = (at + used) as u64;
        let mut found = Vec::new();
        examine(&piece, &mut found);
        let mut found = found.into_iter().peekable();
        while let Some(located) = found.next() {
            let next = found.peek().map_or(after, |next| next.offset);
            walk.take(&located, next, &mut |tile: &Tile, bytes: &[u8], _: &mut Report| {
                tiles.push((*tile, bytes.to_owned()))
            });
            if walk.report.has_failed() {
                return None;
            }
        }
        at += used;
        if until.is_some() && at >= end {
            return None;
        }
        if stop.is_some() {
            return stop;
        }
    }
}

#[test]
fn every_flipped_bit_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("ledger");
    write(&root);
    let mut plan = Plan::read(&root);
    let wanted = std::env::var("SEALBOOK_FLIPS").unwrap_or_else(|_| FLIPS.to_string());
    let seed = std::env::var("SEALBOOK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    plan.choose(&wanted, seed);
    let report = verify_ledger(&root, &Trust::default(), &mut |_| {});
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "{report}");
    assert_eq!(report.size(), Some(ENTRIES));
    let trust = Trust { keys: keys(&plan), at_least: None };
    let checkpoint = read_checkpoint(&root, CHECKPOINT, &mut Report::on("ledger"));
    let sizes = checkpoint.iter().map(|claim| claim.checkpoint.size).collect::<Vec<_>>();
    let mut walk = Walk::new(Report::on("ledger"), sizes);
    walk.origin = checkpoint.as_ref().map(|claim| claim.checkpoint.origin.as_str().into());
    let segments = plan.files.keys().filter(|file| file.starts_with("log/")).count() as u64;
    assert!(segments > 3);
    let (plan, checkpoint, root) = (&plan, checkpoint.as_ref(), root.as_path());
    let run = |number| Run { root, plan, checkpoint, number, is_last: number + 1 == segments };
    let (mut starts, mut tiles, mut tally) = (Vec::new(), Vec::new(), Tally::default());
    for number in 0..segments {
        starts.push((number, walk.clone()));
        run(number).units(&mut walk, &mut tiles, &mut |_, _| {});
    }
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            starts.into_iter().map(|(number, walk)| scope.spawn(move || run(number).flips(walk))).collect();
        runs.into_iter().for_each(|run| tally.add(run.join().unwrap()));
    });
    let of_tile = |(tile, expected): &(Tile, Vec<u8>)| {
        let (file, mut tally) = (format!("tiles/{tile}"), Tally::default());
        for bit in plan.bits(&file, 0..expected.len()) {
            let _flipped = OnDisk::flip(root, &file, expected, bit);
            let Outcome::Tiles(report) = Aside::Tiles(vec![(*tile, expected.clone())]).look(root) else {
                panic!("tiles")
            };
            tally.count_or_leave(&report, &file, bit);
        }
        tally
    };
    std::thread::scope(|scope| {
        let runs: Vec<_> = tiles.iter().map(|tile| scope.spawn(move || of_tile(tile))).collect();
        runs.into_iter().for_each(|run| tally.add(run.join().unwrap()));
    });
    for file in [CHECKPOINT, super::KEY_FILE] {
        tally.left.extend(plan.bits(file, 0..plan.files[file].len()).into_iter().map(|bit| (file.to_owned(), bit)));
    }
    let left = std::mem::take(&mut tally.left);
    for (file, bit) in &left {
        let _flipped = OnDisk::flip(root, file, &plan.files[file], *bit);
        tally.count(&verify_ledger(root, &trust, &mut |_| {}), file, *bit);
    }
    judge(&tally, plan, left.len());
    let report = verify_ledger(root, &Trust::default(), &mut |_| {});
    assert!(matches!(report.verdict(), Verdict::Verified(_)), "the flips were taken back: {report}");
}

/// Every chosen flip was looked at, and seen.
fn judge(tally: &Tally, plan: &Plan, whole: usize) {
    println!(
        "{} flips: {} REFUTED, {} UNDECIDED, {} not seen; {} of them by a whole verification",
        tally.flips,
        tally.refuted,
        tally.undecided,
        tally.undetected.len(),
        whole
    );
    let expected: u64 = if plan.all {
        plan.files.values().map(|bytes| bytes.len() as u64 * 8).sum()
    } else {
        plan.chosen.values().map(|bits| bits.len() as u64).sum()
    };
    assert_eq!(tally.flips, expected, "a file is not covered");
    assert!(
        tally.undetected.is_empty(),
        "{} are not seen, for example {:?}",
        tally.undetected.len(),
        &tally.undetected[0]
    );
}

/// The key of the ledger, as the auditor holds it.
fn keys(plan: &Plan) -> Vec<sealbook_core::note::VerifierKey> {
    let text = std::str::from_utf8(&plan.files[super::KEY_FILE]).unwrap();
    vec![sealbook_core::note::VerifierKey::parse(text.trim_end()).unwrap()]
}
