//! The real ledgers that are tampered with: made with the log crate, the same bytes at every run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealbook_core::entry::Source;
use sealbook_core::event::{Event, Identity, IdentityType, Kind, Outcome};
use sealbook_disk::{RealDisk, SeededEntropy, SetClock, World};
use sealbook_log::{Ledger, Options, Submission, create};

use crate::book::{Book, Key};

/// Name of the ledger that is tampered with.
pub const ORIGIN: &str = "example.org/tampering";
/// Bytes after which its segments are full.
pub const SEGMENT_BYTES: u64 = 24 << 10;
/// Sizes of its batches, again and again.
pub const BATCHES: [u64; 6] = [3, 5, 1, 4, 7, 2];
/// Entries in it.
pub const ENTRIES: u64 = 300;
/// Entries in the copy that was kept of it.
pub const KEPT: u64 = 200;

/// Ledgers to tamper with.
pub struct Fixture {
    /// The ledger.
    pub book: Book,
    /// A copy of the same ledger from an earlier day.
    pub kept: Book,
    /// The same ledger, had it gone on from the copy in another way.
    pub fork: Book,
    /// The same ledger, had one large batch followed on the copy.
    pub next: Book,
    /// A ledger whose entry 40 names another key, which took over, and the key before.
    pub rotated: (Book, Key),
    /// A ledger of the same name with another key.
    pub namesake: Book,
    /// A ledger of another name.
    pub stranger: Book,
}

/// Where a ledger lies, with its own clock and randomness.
pub struct Place {
    dir: tempfile::TempDir,
    world: World,
    clock: SetClock,
}

impl Place {
    /// A new ledger.
    pub fn create(origin: &str, seed: u64) -> Self {
        let clock = SetClock::new(1_790_000_000_000_000);
        let entropy = Arc::new(SeededEntropy::new(seed));
        let world = World { disk: Arc::new(RealDisk), clock: Arc::new(clock.clone()), entropy };
        let place = Self { dir: tempfile::tempdir().unwrap(), world, clock };
        create(&place.world, &place.root(), origin).unwrap();
        place
    }

    /// The folder of the ledger.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("ledger")
    }

    /// Its disk, clock and randomness.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Opens it for writing.
    pub fn open(&self, segment_bytes: u64) -> Ledger {
        let options = Options { segment_bytes, ..Options::default() };
        Ledger::open_with(&self.world, &self.root(), options).unwrap()
    }

    /// Appends batches until there are `entries`; `salt` tells one history from another.
    pub fn grow(&self, ledger: &Ledger, entries: u64, salt: &str) {
        let mut sizes = BATCHES.iter().cycle();
        loop {
            let size = ledger.reader().size();
            let count = (*sizes.next().unwrap()).min(entries.saturating_sub(size));
            if count == 0 {
                return;
            }
            self.clock.set(1_790_000_000_000_000 + i64::try_from(size).unwrap() * 1_000_000);
            ledger.commit((size..size + count).map(|n| submission(n, salt)).collect(), true).unwrap();
        }
    }

    /// Its files as they are now.
    pub fn book(&self) -> Book {
        Book::read(&self.root())
    }
}

/// An event about one of seven subjects; some with a reason, some with the original bytes.
pub fn submission(n: u64, salt: &str) -> Submission {
    let subject = Identity::new(format!("spiffe://example.org/workload/{}", n % 7), IdentityType::Workload);
    let mut event = Event::new(format!("event-{salt}-{n:06}"), Kind::Decision, subject, Outcome::Allow);
    event.action = Some("read".to_owned());
    event.reason = (n % 2 == 1).then(|| format!("ticket {n} of {salt}"));
    event.labels = [("cluster".to_owned(), "blue".to_owned())].into();
    let raw = (n % 4 == 1).then(|| (format!("{{\"n\":{n}}}").into_bytes(), "application/json".to_owned()));
    let source = Source { id: "gateway".to_owned(), format: "native".to_owned(), version: 1, sequence: Some(n) };
    Submission { source, event, raw }
}

impl Fixture {
    /// Writes all of them.
    pub fn write() -> Self {
        let place = Place::create(ORIGIN, 1);
        let ledger = place.open(SEGMENT_BYTES);
        place.grow(&ledger, KEPT, "main");
        ledger.close().unwrap();
        let kept = place.book();
        let before = tempfile::tempdir().unwrap();
        copy(&place.root(), before.path());
        let ledger = place.open(SEGMENT_BYTES);
        place.grow(&ledger, ENTRIES, "main");
        ledger.close().unwrap();
        let book = place.book();
        let instead = |go_on: &dyn Fn(&Ledger)| {
            std::fs::remove_dir_all(place.root()).unwrap();
            copy(before.path(), &place.root());
            let ledger = place.open(SEGMENT_BYTES);
            go_on(&ledger);
            ledger.close().unwrap();
            place.book()
        };
        let fork = instead(&|ledger| place.grow(ledger, ENTRIES, "fork"));
        let next = instead(&|ledger| {
            ledger.commit((KEPT..KEPT + 12).map(|n| submission(n, "next")).collect(), true).unwrap();
        });
        Self {
            book,
            kept,
            fork,
            next,
            rotated: rotated(),
            namesake: other(ORIGIN, 2),
            stranger: other("example.org/another", 3),
        }
    }
}

/// Index of the entry that names the new key.
pub const ROTATION: u64 = 40;

fn rotated() -> (Book, Key) {
    let place = Place::create(ORIGIN, 4);
    let ledger = place.open(SEGMENT_BYTES);
    place.grow(&ledger, ROTATION, "main");
    let before = place.book().key;
    ledger.rotate_key().unwrap();
    place.grow(&ledger, 80, "main");
    ledger.close().unwrap();
    let book = place.book();
    assert_ne!(book.key.verifier, before.verifier);
    (book, before)
}

fn other(origin: &str, seed: u64) -> Book {
    let place = Place::create(origin, seed);
    let ledger = place.open(SEGMENT_BYTES);
    place.grow(&ledger, ENTRIES, "main");
    ledger.close().unwrap();
    place.book()
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}
