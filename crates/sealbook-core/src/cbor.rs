//! Deterministic CBOR (RFC 8949 §4.2.1): a writer that can produce nothing else, and typed reading.

use minicbor::data::Type;
use minicbor::decode::Decoder;

/// Why bytes are not what the format asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Where the reader stood, in bytes from the start.
    pub offset: usize,
    /// What is wrong.
    pub problem: String,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "byte {}: {}", self.offset, self.problem)
    }
}

impl std::error::Error for DecodeError {}

/// Appends deterministic CBOR. Maps must be given their keys in order; the readers check that they were.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer with room for a usual entry.
    #[must_use]
    pub fn new() -> Self {
        Self { bytes: Vec::with_capacity(512) }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        match value {
            0..=23 => self.bytes.push(major | value.to_le_bytes()[0]),
            24..=0xff => self.bytes.extend_from_slice(&[major | 24, value.to_le_bytes()[0]]),
            0x100..=0xffff => {
                self.bytes.push(major | 25);
                self.bytes.extend_from_slice(&value.to_be_bytes()[6..]);
            }
            0x1_0000..=0xffff_ffff => {
                self.bytes.push(major | 26);
                self.bytes.extend_from_slice(&value.to_be_bytes()[4..]);
            }
            _ => {
                self.bytes.push(major | 27);
                self.bytes.extend_from_slice(&value.to_be_bytes());
            }
        }
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) {
        self.head(0, value);
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) {
        match u64::try_from(value) {
            Ok(positive) => self.head(0, positive),
            Err(_) => self.head(1, (!value).cast_unsigned()),
        }
    }

    /// A text string.
    pub fn text(&mut self, value: &str) {
        self.head(3, value.len() as u64);
        self.bytes.extend_from_slice(value.as_bytes());
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.head(2, value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    /// `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.bytes.push(if value { 0xf5 } else { 0xf4 });
    }

    /// `null`.
    pub fn null(&mut self) {
        self.bytes.push(0xf6);
    }

    /// Opens a map of `pairs` pairs.
    pub fn map(&mut self, pairs: usize) {
        self.head(5, pairs as u64);
    }

    /// Opens an array of `items` items.
    pub fn array(&mut self, items: usize) {
        self.head(4, items as u64);
    }

    /// A tag, before its value.
    pub fn tag(&mut self, tag: u64) {
        self.head(6, tag);
    }

    /// Bytes that are already deterministic CBOR.
    pub fn raw(&mut self, encoded: &[u8]) {
        self.bytes.extend_from_slice(encoded);
    }
}

/// Reads CBOR by type, with the offset in every error.
///
/// It accepts a few encodings that [`Writer`] never makes (longer integers, for example); whoever needs strictness
/// encodes again and compares.
#[derive(Debug)]
pub struct Reader<'b> {
    inner: Decoder<'b>,
}

impl<'b> Reader<'b> {
    /// Reads `bytes` from the start.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { inner: Decoder::new(bytes) }
    }

    /// An error at the present place.
    pub fn error(&self, problem: impl Into<String>) -> DecodeError {
        DecodeError { offset: self.inner.position(), problem: problem.into() }
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut Decoder<'b>) -> Result<T, minicbor::decode::Error>,
    ) -> Result<T, DecodeError> {
        let offset = self.inner.position();
        read(&mut self.inner).map_err(|e| DecodeError { offset, problem: e.to_string() })
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        self.read(Decoder::u64)
    }

    /// A signed integer.
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        self.read(Decoder::i64)
    }

    /// A text string.
    pub fn text(&mut self) -> Result<&'b str, DecodeError> {
        self.read(Decoder::str)
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        self.read(Decoder::bytes)
    }

    /// A byte string of exactly `N` bytes.
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| self.error(format!("expected {N} bytes, found {}", bytes.len())))
    }

    /// `true` or `false`.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        self.read(Decoder::bool)
    }

    /// Whether a `null` comes next; it is then passed.
    pub fn null(&mut self) -> Result<bool, DecodeError> {
        let is_null = self.read(|d| d.datatype())? == Type::Null;
        if is_null {
            self.read(Decoder::null)?;
        }
        Ok(is_null)
    }

    /// Whether a byte string comes next.
    pub fn at_bytes(&mut self) -> Result<bool, DecodeError> {
        Ok(self.read(|d| d.datatype())? == Type::Bytes)
    }

    /// The head of a map of definite length: its number of pairs.
    pub fn map(&mut self) -> Result<u64, DecodeError> {
        self.read(Decoder::map)?.ok_or_else(|| self.error("map of indefinite length"))
    }

    /// The head of an array of definite length: its number of items.
    pub fn array(&mut self) -> Result<u64, DecodeError> {
        self.read(Decoder::array)?.ok_or_else(|| self.error("array of indefinite length"))
    }

    /// A tag.
    pub fn tag(&mut self) -> Result<u64, DecodeError> {
        Ok(self.read(Decoder::tag)?.as_u64())
    }

    /// Skips one item and gives its bytes.
    pub fn skip(&mut self) -> Result<&'b [u8], DecodeError> {
        let start = self.inner.position();
        self.read(Decoder::skip)?;
        let end = self.inner.position();
        self.inner.input().get(start..end).ok_or_else(|| self.error("item runs past the end"))
    }

    /// How many bytes were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.inner.position()
    }

    /// Fails unless everything was read.
    pub fn end(&self) -> Result<(), DecodeError> {
        let rest = self.inner.input().len().saturating_sub(self.inner.position());
        if rest == 0 { Ok(()) } else { Err(self.error(format!("{rest} trailing bytes"))) }
    }
}
