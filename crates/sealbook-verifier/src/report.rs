//! What a verification says: verdict, failures, what was checked. Only the checks of this crate can say `VERIFIED`.

use core::fmt;

use sealbook_core::hash::TreeHash;
use sealbook_core::note::{VerifierKey, encode_base64};
use serde_json::{Value, json};

use crate::failure::{Class, Failure, printable};

/// Failures that a report lists; further ones are counted.
pub const FAILURES_MAX: usize = 100;
/// Remarks that a report lists; further ones are counted.
pub const NOTES_MAX: usize = 100;

/// What the one who verifies knows from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// Verifier keys that came from outside; empty when there are none.
    pub keys: Vec<VerifierKey>,
    /// An earlier signed checkpoint: the ledger must still contain what it says.
    pub at_least: Option<Vec<u8>>,
}

/// What was looked at, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Bytes read.
    pub bytes: u64,
    /// Files read.
    pub files: u64,
    /// Entries decoded, with their links.
    pub entries: u64,
    /// Commits whose root was computed again.
    pub commits: u64,
    /// Signatures that verified.
    pub signatures: u64,
    /// Subjects whose threads were followed.
    pub subjects: u64,
    /// Sealed values that open their commitment.
    pub disclosed: u64,
    /// Commitments whose value is sealed or erased.
    pub withheld: u64,
    /// Hash tiles computed again.
    pub tiles: u64,
}

impl Checked {
    /// Name and number of everything that was looked at.
    fn list(&self) -> [(&'static str, u64); 9] {
        [
            ("bytes", self.bytes),
            ("files", self.files),
            ("entries", self.entries),
            ("commits", self.commits),
            ("signatures", self.signatures),
            ("subjects", self.subjects),
            ("disclosed", self.disclosed),
            ("withheld", self.withheld),
            ("tiles", self.tiles),
        ]
    }
}

/// That the checks of this crate found nothing wrong. Nobody else can make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    made_by_checks: (),
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was checked and holds.
    Verified(Verified),
    /// Something is wrong.
    Refuted,
    /// It cannot be told; the report says what is missing.
    Undecided,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified(_) => "VERIFIED",
            Self::Refuted => "REFUTED",
            Self::Undecided => "UNDECIDED",
        }
    }

    /// Exit status of a process that says so.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Verified(_) => 0,
            Self::Refuted => 1,
            Self::Undecided => 2,
        }
    }
}

/// Where the keys came from that the signatures were checked with; the newest is the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeySource {
    /// No key was found.
    #[default]
    None,
    /// From outside, one at least; a ledger shows how the others follow from each other.
    Given(Vec<String>),
    /// From what was verified: whoever can rewrite it can put his own keys there.
    Itself(Vec<String>),
}

/// Result of a verification.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub(crate) what: &'static str,
    pub(crate) origin: Option<String>,
    pub(crate) size: Option<u64>,
    pub(crate) root: Option<TreeHash>,
    pub(crate) anchored: bool,
    pub(crate) key: KeySource,
    pub(crate) checked: Checked,
    failures: Vec<Failure>,
    failures_more: u64,
    notes: Vec<String>,
    notes_more: u64,
    missing: Vec<String>,
}

impl Report {
    /// A report on a `what` (ledger, pack, proof) of which nothing is known yet.
    pub(crate) fn on(what: &'static str) -> Self {
        Self { what, ..Self::default() }
    }

    /// A report that says only why nothing can be said.
    pub(crate) fn undecided(what: &'static str, why: impl Into<String>) -> Self {
        let mut report = Self::on(what);
        report.miss(why);
        report
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(failure);
        } else {
            self.failures_more += 1;
        }
    }

    /// Adds what another report found and looked at.
    pub(crate) fn add(&mut self, other: Self) {
        self.checked.tiles += other.checked.tiles;
        other.failures.into_iter().for_each(|failure| self.fail(failure));
        self.failures_more += other.failures_more;
        other.missing.into_iter().for_each(|missing| self.miss(missing));
    }

    /// Takes back the failures of `file` from byte `from` on.
    pub(crate) fn forget(&mut self, file: &str, from: u64) {
        let behind = |failure: &Failure| failure.file.as_deref() == Some(file) && failure.offset >= Some(from);
        self.failures.retain(|failure| !behind(failure));
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(note.into());
        } else {
            self.notes_more += 1;
        }
    }

    pub(crate) fn miss(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.missing.len() < NOTES_MAX && !self.missing.contains(&what) {
            self.missing.push(what);
        }
    }

    /// Adds what running the tests of a pack again found otherwise, in a file and at a place in it. Like the two below it
    /// can only make a verdict worse, so that whoever runs the tests may call it.
    pub fn refute_results(&mut self, file: &str, detail: impl Into<String>) {
        self.fail(Failure::new(Class::Reperformance, detail).file(file));
    }

    /// Adds why something could not be told.
    pub fn leave_undecided(&mut self, why: impl Into<String>) {
        self.miss(why);
    }

    /// Adds a remark.
    pub fn remark(&mut self, note: impl Into<String>) {
        self.note(note);
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    /// The answer: refuted when anything is wrong, undecided when anything is missing.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.has_failed() {
            Verdict::Refuted
        } else if self.missing.is_empty() && (self.size.is_some() || self.root.is_some()) {
            Verdict::Verified(Verified { made_by_checks: () })
        } else {
            Verdict::Undecided
        }
    }

    /// Origin of the ledger.
    #[must_use]
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Entries that a signature covers; a receipt alone does not tell.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Root of the tree that a signature covers.
    #[must_use]
    pub fn root(&self) -> Option<TreeHash> {
        self.root
    }

    /// Whether an earlier checkpoint from outside was shown to be contained.
    #[must_use]
    pub fn anchored(&self) -> bool {
        self.anchored
    }

    /// Where the key came from.
    #[must_use]
    pub fn key(&self) -> &KeySource {
        &self.key
    }

    /// What was looked at.
    #[must_use]
    pub fn checked(&self) -> &Checked {
        &self.checked
    }

    /// What is wrong, at most [`FAILURES_MAX`] of it.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Failures that are counted but not listed.
    #[must_use]
    pub fn failures_more(&self) -> u64 {
        self.failures_more
    }

    /// What is worth knowing and is not wrong.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What would be needed to decide.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let checked = self.checked.list().into_iter().map(|(name, n)| (name.to_owned(), json!(n)));
        let (keys, key_from) = match &self.key {
            KeySource::None => (&[][..], None),
            KeySource::Given(keys) => (keys.as_slice(), Some("outside")),
            KeySource::Itself(keys) => (keys.as_slice(), Some("itself")),
        };
        json!({
            "verdict": self.verdict().word(),
            "what": self.what,
            "origin": self.origin,
            "size": self.size,
            "root": self.root.map(|root| encode_base64(&root.0)),
            "anchored": self.anchored,
            "key": keys.last(),
            "keys": keys,
            "key_from": key_from,
            "checked": Value::Object(checked.collect()),
            "failures": self.failures.iter().map(Failure::json).collect::<Vec<_>>(),
            "failures_more": self.failures_more,
            "missing": self.missing,
            "notes": self.notes,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = self.verdict();
        write!(f, "{}", verdict.word())?;
        if matches!(verdict, Verdict::Verified(_)) && !self.anchored {
            write!(f, ", not anchored")?;
        }
        writeln!(f)?;
        for failure in &self.failures {
            writeln!(f, "  wrong    {failure}")?;
        }
        if self.failures_more > 0 {
            writeln!(f, "  wrong    {} more failures are not listed", self.failures_more)?;
        }
        for missing in &self.missing {
            writeln!(f, "  missing  {}", printable(missing))?;
        }
        if let Some(origin) = &self.origin {
            writeln!(f, "  {:8} {}", self.what, printable(origin))?;
        }
        match (self.size, self.root) {
            (Some(size), Some(root)) => writeln!(f, "  size     {size} entries, root {}", encode_base64(&root.0))?,
            (None, Some(root)) => writeln!(f, "  root     {}", encode_base64(&root.0))?,
            (_, None) => {}
        }
        match &self.key {
            KeySource::None => {}
            KeySource::Given(keys) => writeln!(f, "  key      given: {}", printable(&keys.join(", then ")))?,
            KeySource::Itself(keys) => writeln!(
                f,
                "  key      taken from the {} itself, so compare it with one from its owner: {}",
                self.what,
                printable(&keys.join(", then "))
            )?,
        }
        let numbers = self.checked.list().into_iter().filter(|(_, n)| *n > 0);
        let numbers: Vec<_> = numbers.map(|(name, n)| format!("{n} {name}")).collect();
        if !numbers.is_empty() {
            writeln!(f, "  checked  {}", numbers.join(", "))?;
        }
        if matches!(verdict, Verdict::Verified(_)) && !self.anchored {
            writeln!(
                f,
                "  note     checked against no earlier checkpoint: a return to an older state would not be seen"
            )?;
        }
        for note in &self.notes {
            writeln!(f, "  note     {}", printable(note))?;
        }
        if self.notes_more > 0 {
            writeln!(f, "  note     {} more remarks are not listed", self.notes_more)?;
        }
        Ok(())
    }
}
