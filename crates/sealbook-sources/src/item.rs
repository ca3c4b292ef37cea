//! What a source gives for each element of a body, and why it refuses.

use core::fmt;

use sealbook_core::event::Event;
use sealbook_core::record::{Fault, FieldError};

use crate::json::JsonError;

/// An event, with the bytes it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// The event; it passes [`Event::check`].
    pub event: Event,
    /// Exactly the bytes of this element as they were received.
    pub raw: Vec<u8>,
    /// Media type of `raw`.
    pub media_type: &'static str,
    /// The source's own sequence number, where it has one.
    pub sequence: Option<u64>,
    /// Which format it was read as, and the version of that mapping, where a carrier brought an element of another source.
    pub format: Option<(String, u32)>,
}

/// One element of a body.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// It became an event.
    Event(Box<Mapped>),
    /// It did not.
    Refused {
        /// Where and why.
        reason: Refusal,
        /// Exactly the bytes of this element as they were received.
        raw: Vec<u8>,
    },
}

impl Item {
    /// An event of the source itself.
    pub(crate) fn of(event: Event, raw: &[u8], media_type: &'static str, sequence: Option<u64>) -> Self {
        Self::Event(Box::new(Mapped { event, raw: raw.to_vec(), media_type, sequence, format: None }))
    }
}

/// Why an element is refused, for programs: counted, and answered, by its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is no strict JSON, or no CBOR.
    Syntax,
    /// It is no UTF-8.
    Utf8,
    /// Lists and objects are nested too deep.
    Depth,
    /// A name appears twice in one object.
    RepeatedName,
    /// It has more bytes than fit beside an entry.
    TooLarge,
    /// What must be there is not.
    Missing,
    /// A field that events do not have.
    UnknownField,
    /// Another type of value than stands there.
    WrongType,
    /// A word that is none of those known there.
    UnknownWord,
    /// No time with an offset.
    BadTime,
    /// A value that is longer than allowed.
    Limit,
    /// A value that cannot stand there for another reason.
    Value,
    /// It is sound, but no element of this source.
    OtherFormat,
    /// What it carries inside (base64, gzip, JSON in a text) cannot be undone.
    Inner,
    /// A signature, digest or chain does not hold.
    Broken,
}

impl Reason {
    /// Stable text for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "bad-json",
            Self::Utf8 => "bad-utf8",
            Self::Depth => "too-deep",
            Self::RepeatedName => "duplicate-key",
            Self::TooLarge => "element-too-large",
            Self::Missing => "missing-field",
            Self::UnknownField => "unknown-field",
            Self::WrongType => "wrong-type",
            Self::UnknownWord => "unknown-word",
            Self::BadTime => "bad-time",
            Self::Limit => "limit-exceeded",
            Self::Value => "bad-value",
            Self::OtherFormat => "other-format",
            Self::Inner => "bad-content",
            Self::Broken => "broken-chain",
        }
    }
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing => Self::Missing,
            Fault::Unknown => Self::UnknownField,
            Fault::Repeated => Self::RepeatedName,
            Fault::Type => Self::WrongType,
            Fault::Word => Self::UnknownWord,
            Fault::Time => Self::BadTime,
            Fault::Limit => Self::Limit,
            Fault::Value => Self::Value,
        }
    }
}

/// Why one element is refused, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which element of the body, from 1.
    pub element: usize,
    /// Line on which it starts, from 1, where the body has one element per line.
    pub line: Option<usize>,
    /// Bytes from the start of the body (after decompression) to the place.
    pub offset: usize,
    /// Field, names joined by dots; empty for the element itself.
    pub path: String,
    /// What sort of fault it is.
    pub reason: Reason,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}")?,
            None => write!(f, "element {}", self.element)?,
        }
        write!(f, " (byte {}): ", self.offset)?;
        match self.path.as_str() {
            "" => f.write_str(&self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

impl std::error::Error for Refusal {}

/// Why an element cannot be mapped, before it is known where the element stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// Field, names joined by dots; empty for the element itself.
    pub path: String,
    /// What sort of fault it is.
    pub reason: Reason,
    /// What is wrong.
    pub problem: String,
}

impl Unmapped {
    /// A field that must be there and is not.
    #[must_use]
    pub fn missing(path: &str) -> Self {
        Self::new(Reason::Missing, path, "is missing")
    }

    /// A fault at `path`.
    pub fn new(reason: Reason, path: &str, problem: impl Into<String>) -> Self {
        Self { path: path.to_owned(), reason, problem: problem.into() }
    }

    /// The refusal of the element that stands there; `offset` counts from the start of the body.
    #[must_use]
    pub fn at(self, element: usize, line: Option<usize>, offset: usize) -> Refusal {
        let Self { path, reason, problem } = self;
        Refusal { element, line, offset, path, reason, problem }
    }
}

impl From<FieldError> for Unmapped {
    fn from(error: FieldError) -> Self {
        Self { path: error.path, reason: error.fault.into(), problem: error.problem }
    }
}

impl From<JsonError> for Unmapped {
    fn from(error: JsonError) -> Self {
        Self { path: error.path, reason: error.reason, problem: error.problem }
    }
}

/// The whole body is not of the format; nothing was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Bytes from the start of the body (after decompression) to the place.
    pub offset: usize,
    /// What is wrong, and what was expected.
    pub problem: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "body (byte {}): {}", self.offset, self.problem)
    }
}

impl std::error::Error for Unreadable {}
