//! Rules that need no crash: known digests, forged segments, limits. Each is a test, and each finds planted bugs.

use std::path::Path;
use std::sync::Arc;

use sealbook_core::hash::{CHAIN_CONTEXT, SEAL_CONTEXT, chain_value, commitment};
use sealbook_core::segment::{Commit, Footer, Frame, HEADER_BYTES, push_frame, read_frame};
use sealbook_core::tree::leaf_hash;
use sealbook_disk::{Dice, SeededEntropy, SetClock, SimulatedDisk, World};
use sealbook_log::{Group, Layout, Ledger, Options, QUEUE_ENTRIES_MAX, Refusal, create};

use super::events::submission;
use super::model::{Found, ensure};

type Rule = fn() -> Found<()>;

/// All rules, by name.
pub const RULES: [(&str, Rule); 7] = [
    ("digests_are_those_of_the_specifications", digests),
    ("no_two_salts_are_the_same", salts),
    ("a_full_queue_refuses", queue),
    ("an_entry_that_was_edited_is_refused", edited_entry),
    ("a_footer_that_was_edited_is_refused", edited_footer),
    ("a_batch_by_somebody_else_is_refused", foreign_batch),
    ("a_log_that_was_rolled_back_is_refused", rolled_back),
];

fn digests() -> Found<()> {
    // RFC 6962 §2.1: SHA-256 of one zero byte.
    let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    ensure!(leaf_hash(b"").to_string() == leaf, "the leaf hash of nothing is {}", leaf_hash(b""));
    let chain = blake3::derive_key(CHAIN_CONTEXT, b"entry");
    ensure!(chain_value(b"entry").0 == chain, "the chain value is {}", chain_value(b"entry"));
    let (salt, path, value) = ([7; 16], "reason", b"because");
    let bytes = [&salt[..], &[0, 6], path.as_bytes(), value].concat();
    let expected = blake3::derive_key(SEAL_CONTEXT, &bytes);
    ensure!(commitment(&salt, path, value).0 == expected, "the commitment is {}", commitment(&salt, path, value));
    Ok(())
}

/// A ledger on a disk of its own.
struct Shelf {
    disk: SimulatedDisk,
    world: World,
    layout: Layout,
    dice: Dice,
    sent: u64,
}

impl Shelf {
    fn new() -> Found<Self> {
        let disk = SimulatedDisk::default();
        let world = World {
            disk: Arc::new(disk.clone()),
            clock: Arc::new(SetClock::new(1_790_000_000_000_000)),
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let layout = Layout::new(Path::new("/ledger"));
        create(&world, layout.root(), "rules.example/ledger").map_err(|error| error.to_string())?;
        Ok(Self { disk, world, layout, dice: Dice::new(1), sent: 0 })
    }

    fn open(&self, segment_bytes: u64) -> Result<Ledger, String> {
        let options = Options { segment_bytes, ..Options::default() };
        Ledger::open_stepped(&self.world, self.layout.root(), options).map_err(|error| error.to_string())
    }

    /// Opens, commits so many batches, closes.
    fn commit(&mut self, batches: u64, segment_bytes: u64) -> Found<()> {
        let ledger = self.open(segment_bytes)?;
        for _ in 0..batches {
            self.sent += 1;
            let event = submission(&mut self.dice, self.sent);
            ledger.commit(vec![event], true).map_err(|error| error.to_string())?;
        }
        ledger.close().map_err(|error| error.to_string())
    }

    /// Three batches, of which the stored checkpoint signs two.
    fn commit_unsigned(&mut self) -> Found<()> {
        self.commit(2, 64 << 20)?;
        let checkpoint = self.layout.checkpoint();
        let before = self.bytes(&checkpoint);
        self.commit(1, 64 << 20)?;
        self.disk.tamper(&checkpoint, before);
        Ok(())
    }

    fn bytes(&self, path: &Path) -> Vec<u8> {
        self.disk.bytes(path).unwrap_or_default()
    }

    /// Forgets what is derived, so that the segments are read.
    fn forget_derived(&self) {
        for (path, _) in self.disk.files() {
            if path.starts_with(self.layout.lookup()) {
                self.disk.tamper(&path, Vec::new());
            }
        }
    }

    /// Writes a segment again, with the frames that `change` makes of its own.
    fn rewrite(&self, number: u64, mut change: impl FnMut(Frame<'_>, &mut Vec<u8>)) {
        let path = self.layout.segment(number);
        let bytes = self.bytes(&path);
        let (mut out, mut rest) = (bytes[..HEADER_BYTES].to_vec(), &bytes[HEADER_BYTES..]);
        while let Ok((frame, taken)) = read_frame(rest) {
            change(frame, &mut out);
            rest = &rest[taken..];
        }
        out.extend_from_slice(rest);
        self.disk.tamper(&path, out);
        self.forget_derived();
    }

    fn refused(&self, what: &str) -> Found<()> {
        ensure!(self.open(64 << 20).is_err(), "{what} is accepted");
        Ok(())
    }
}

fn salts() -> Found<()> {
    let shelf = Shelf::new()?;
    let ledger = shelf.open(64 << 20)?;
    for n in 0..2 {
        let mut event = submission(&mut Dice::new(1), n);
        event.event.reason = Some("the same".to_owned());
        ledger.commit(vec![event], true).map_err(|error| error.to_string())?;
    }
    let salt = |index| {
        let stored = ledger.reader().stored(index).map_err(|error| error.to_string())?;
        Ok::<_, String>(stored.openings().map_err(|error| error.to_string())?[0].salt)
    };
    ensure!(salt(1)? != salt(2)?, "two values are sealed with the same salt");
    Ok(())
}

fn queue() -> Found<()> {
    let shelf = Shelf::new()?;
    let ledger = shelf.open(64 << 20)?;
    let prepared = ledger.prepare(submission(&mut Dice::new(1), 1)).map_err(|error| error.to_string())?;
    let group = || Group { entries: vec![prepared.clone(); QUEUE_ENTRIES_MAX / 2 + 1], all_or_nothing: true };
    let first = ledger.submit(group(), |_| {});
    ensure!(first.is_ok(), "half a queue is refused: {first:?}");
    let second = ledger.submit(group(), |_| {});
    ensure!(matches!(second, Err(Refusal::Overloaded { .. })), "a full queue says {second:?}");
    Ok(())
}

/// The id of the third event, as it stands in its entry: a text of two bytes.
const THIRD: &[u8] = b"\x62e3";

fn edited_entry() -> Found<()> {
    let mut shelf = Shelf::new()?;
    shelf.commit_unsigned()?;
    let mut edited = 0;
    shelf.rewrite(0, |frame, out| match frame {
        Frame::Entry(bytes) => {
            let mut bytes = bytes.to_vec();
            if let Some(at) = bytes.windows(THIRD.len()).position(|part| part == THIRD) {
                bytes[at + 2] = b'4';
                edited += 1;
            }
            push_frame(out, &Frame::Entry(&bytes));
        }
        frame => push_frame(out, &frame),
    });
    ensure!(edited == 1, "{edited} entries hold the event");
    shelf.refused("an entry with another event id, which nothing signs,")
}

fn edited_footer() -> Found<()> {
    let mut shelf = Shelf::new()?;
    shelf.commit(3, 100)?;
    shelf.rewrite(1, |frame, out| match frame {
        Frame::Footer(footer) => {
            let mut root = footer.root;
            root.0[0] ^= 1;
            push_frame(out, &Frame::Footer(Footer { root, ..footer }));
        }
        frame => push_frame(out, &frame),
    });
    shelf.refused("a footer with another root")
}

fn foreign_batch() -> Found<()> {
    let mut shelf = Shelf::new()?;
    shelf.commit_unsigned()?;
    shelf.rewrite(0, |frame, out| match frame {
        Frame::Commit(commit) => push_frame(out, &Frame::Commit(Commit { seal: [7; 32], ..commit })),
        frame => push_frame(out, &frame),
    });
    shelf.refused("a commit without the writer's seal, which nothing signs,")
}

fn rolled_back() -> Found<()> {
    let mut shelf = Shelf::new()?;
    shelf.commit(2, 64 << 20)?;
    let segment = shelf.layout.segment(0);
    let before = shelf.bytes(&segment);
    shelf.commit(2, 64 << 20)?;
    shelf.disk.tamper(&segment, before);
    shelf.refused("a log that is shorter than its checkpoint")
}
