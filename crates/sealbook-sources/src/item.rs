//! What a source gives for each element of a body, and why it refuses.

use core::fmt;

use sealbook_core::event::Event;
use sealbook_core::record::FieldError;

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
    /// What is wrong.
    pub problem: String,
}

impl Unmapped {
    pub(crate) fn missing(path: &str) -> Self {
        Self::new(path, "is missing")
    }

    pub(crate) fn new(path: &str, problem: &str) -> Self {
        Self { path: path.to_owned(), problem: problem.to_owned() }
    }
}

impl From<FieldError> for Unmapped {
    fn from(error: FieldError) -> Self {
        Self { path: error.path, problem: error.problem }
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
