//! What can be wrong, and where.

use core::fmt;

use serde_json::{Value, json};

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident $word:literal;)+) => {
        /// What sort of failure.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Class { $($(#[$doc])* $name,)+ }

        impl Class {
            /// The word for it, as reports and JSON print it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

classes! {
    /// A segment file is not there.
    SegmentMissing "segment-missing";
    /// The head of a segment file is not what follows from the one before.
    SegmentHeader "segment-header";
    /// The footer of a segment file is missing or says something else than its entries.
    SegmentFooter "segment-footer";
    /// The checksum of a frame does not match.
    FrameChecksum "frame-checksum";
    /// No frame that Sealbook writes, or a frame in the wrong place.
    FrameMalformed "frame-malformed";
    /// Bytes where nothing was written.
    ForeignBytes "foreign-bytes";
    /// The bytes of an entry are no entry in deterministic encoding.
    EntryEncoding "entry-encoding";
    /// The bytes beside an entry are no list of sealed values.
    OpeningEncoding "opening-encoding";
    /// An index is missing, doubled or out of order.
    IndexOrder "index-order";
    /// A ledger time lies before that of the entry before.
    TimeOrder "time-order";
    /// The link to the entry before does not hold.
    ChainLink "chain-link";
    /// The link to the entry before about the same subject does not hold.
    ThreadLink "thread-link";
    /// Entry 0 does not name origin and key, or another entry does.
    Genesis "genesis";
    /// A commit does not say what its batch says.
    Commit "commit";
    /// A tree root does not follow from the entries.
    RootMismatch "root-mismatch";
    /// A signature is missing or does not verify.
    Signature "signature";
    /// An entry names the next signing key otherwise than the format asks.
    KeyChange "key-change";
    /// A checkpoint is signed with a key of the ledger that was not valid for its size.
    KeyValidity "key-validity";
    /// The key is another than the one expected.
    KeyMismatch "key-mismatch";
    /// The origin is another than the one expected.
    Origin "origin";
    /// A sealed value does not open its commitment.
    Commitment "commitment";
    /// A tile is not what follows from the entries.
    TileMismatch "tile-mismatch";
    /// The log is shorter than a checkpoint says.
    RolledBack "rolled-back";
    /// The log does not continue an earlier checkpoint.
    NotConsistent "not-consistent";
    /// Bytes of the archive are not what its contents determine.
    ArchiveBytes "archive-bytes";
    /// A file that must be in a pack is not there.
    FileMissing "file-missing";
    /// A file is in a pack that its manifest does not list.
    FileUnlisted "file-unlisted";
    /// A file is not the one that the manifest lists.
    FileDigest "file-digest";
    /// The manifest is not what the format asks for.
    Manifest "manifest";
    /// An entry is not where a proof says.
    NotIncluded "not-included";
    /// Running the tests of a pack again gives something else than the pack says.
    Reperformance "reperformance";
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What sort.
    pub class: Class,
    /// Index of the entry concerned.
    pub index: Option<u64>,
    /// File concerned, from the folder or archive that was verified.
    pub file: Option<String>,
    /// Byte in that file.
    pub offset: Option<u64>,
    /// A sentence for a person.
    pub detail: String,
}

impl Failure {
    /// A failure of which only the sort is known.
    pub(crate) fn new(class: Class, detail: impl Into<String>) -> Self {
        Self { class, index: None, file: None, offset: None, detail: detail.into() }
    }

    pub(crate) fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    pub(crate) fn offset(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    pub(crate) fn index(mut self, index: Option<u64>) -> Self {
        self.index = index;
        self
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "class": self.class.word(),
            "index": self.index,
            "file": self.file,
            "offset": self.offset,
            "detail": self.detail,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.class.word())?;
        if let Some(index) = self.index {
            write!(f, ", entry {index}")?;
        }
        if let Some(file) = &self.file {
            write!(f, ", {}", printable(file))?;
        }
        if let Some(offset) = self.offset {
            write!(f, ", byte {offset}")?;
        }
        write!(f, ": {}", printable(&self.detail))
    }
}

/// `text` with everything escaped that could move a terminal's cursor or turn the direction of writing.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
        if c.is_control() || turns {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}
