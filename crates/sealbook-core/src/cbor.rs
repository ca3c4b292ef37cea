//! Deterministic CBOR (RFC 8949 §4.2.1): a writer that can produce nothing else, and a reader that takes nothing else.

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

    /// Goes on after `bytes`.
    #[must_use]
    pub fn onto(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// What was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    #[inline]
    fn head(&mut self, major: u8, value: u64) {
        let major = major << 5;
        let [.., short] = value.to_be_bytes();
        if value < 24 {
            self.bytes.push(major | short);
        } else {
            self.long_head(major, value);
        }
    }

    fn long_head(&mut self, major: u8, value: u64) {
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        match value {
            ..=0xff => self.bytes.extend_from_slice(&[major | 24, h]),
            0x100..=0xffff => self.bytes.extend_from_slice(&[major | 25, g, h]),
            0x1_0000..=0xffff_ffff => self.bytes.extend_from_slice(&[major | 26, e, f, g, h]),
            _ => self.bytes.extend_from_slice(&[major | 27, a, b, c, d, e, f, g, h]),
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

/// Reads deterministic CBOR by type, with the offset in every error: a length or an integer that is longer than it must
/// be, or of indefinite length, is refused. Order and repetition of keys are refused by [`Reader::key`] and
/// [`Reader::text_key`].
#[derive(Clone, Debug)]
pub struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

const NOT_SHORTEST: &str = "a longer head than the value needs: not in deterministic encoding (RFC 8949 §4.2.1)";
const INDEFINITE: &str = "an indefinite length or a reserved head: not in deterministic encoding (RFC 8949 §4.2.1)";
const KEY_ORDER: &str = "a key that is not above the one before: not in deterministic encoding (RFC 8949 §4.2.1)";

impl<'b> Reader<'b> {
    /// Reads `bytes` from the start.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// An error at the present place.
    #[cold]
    pub fn error(&self, problem: impl Into<String>) -> DecodeError {
        DecodeError { offset: self.at, problem: problem.into() }
    }

    #[cold]
    fn error_at(&self, offset: usize, problem: &str) -> DecodeError {
        DecodeError { offset, problem: problem.to_owned() }
    }

    #[cold]
    fn other(&self, expected: &str, found: u8) -> DecodeError {
        self.error(format!("expected {expected}, found {}", what(found)))
    }

    #[cold]
    fn cut(&self) -> DecodeError {
        self.error("the bytes end in the middle")
    }

    #[inline]
    fn peek(&self) -> Result<u8, DecodeError> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.cut())
    }

    /// The number in the head of an item of type `major`, the head passed.
    #[inline]
    fn head(&mut self, major: u8) -> Result<u64, DecodeError> {
        let first = self.peek()?;
        if first >> 5 != major {
            return Err(self.other(what(major << 5), first));
        }
        let low = first & 0x1f;
        if low < 24 {
            self.at += 1;
            return Ok(u64::from(low));
        }
        self.long_head(low)
    }

    fn long_head(&mut self, low: u8) -> Result<u64, DecodeError> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        let (value, length, least) = match low {
            24 => (rest.first_chunk().map(|b| u64::from(u8::from_be_bytes(*b))), 1, 24),
            25 => (rest.first_chunk().map(|b| u64::from(u16::from_be_bytes(*b))), 2, 1 << 8),
            26 => (rest.first_chunk().map(|b| u64::from(u32::from_be_bytes(*b))), 4, 1 << 16),
            27 => (rest.first_chunk().map(|b| u64::from_be_bytes(*b)), 8, 1 << 32),
            _ => return Err(self.error(INDEFINITE)),
        };
        let value = value.ok_or_else(|| self.cut())?;
        if value < least {
            return Err(self.error(NOT_SHORTEST));
        }
        self.at += 1 + length;
        Ok(value)
    }

    #[inline]
    fn string(&mut self, major: u8) -> Result<&'b [u8], DecodeError> {
        let start = self.at;
        let length = usize::try_from(self.head(major)?).unwrap_or(usize::MAX);
        let end = self.at.saturating_add(length);
        let Some(string) = self.bytes.get(self.at..end) else {
            return Err(self.error_at(start, "a string runs past the end"));
        };
        self.at = end;
        Ok(string)
    }

    /// An unsigned integer.
    #[inline]
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        self.head(UINT)
    }

    /// A signed integer.
    #[inline]
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        let start = self.at;
        let negative = self.peek()? >> 5 == NEGATIVE;
        let value = i64::try_from(self.head(u8::from(negative))?);
        let value = value.map_err(|_| self.error_at(start, "an integer beyond 64 bits with sign"))?;
        Ok(if negative { !value } else { value })
    }

    /// A text string.
    #[inline]
    pub fn text(&mut self) -> Result<&'b str, DecodeError> {
        let start = self.at;
        let bytes = self.string(TEXT)?;
        core::str::from_utf8(bytes).map_err(|_| self.error_at(start, "a text that is not UTF-8"))
    }

    /// A text string as bytes that are UTF-8; cheaper than [`Reader::text`] where the text is not looked at.
    #[inline]
    pub fn text_bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        let start = self.at;
        let bytes = self.string(TEXT)?;
        if !bytes.is_ascii() && core::str::from_utf8(bytes).is_err() {
            return Err(self.error_at(start, "a text that is not UTF-8"));
        }
        Ok(bytes)
    }

    /// A byte string.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        self.string(BYTES)
    }

    /// A byte string of exactly `N` bytes.
    #[inline]
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let start = self.at;
        let bytes = self.bytes()?;
        bytes.try_into().map_err(|_| self.error_at(start, &format!("expected {N} bytes, found {}", bytes.len())))
    }

    /// `true` or `false`.
    #[inline]
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        let value = match self.peek()? {
            FALSE => false,
            TRUE => true,
            other => return Err(self.other("true or false", other)),
        };
        self.at += 1;
        Ok(value)
    }

    /// The head of a map: its number of pairs.
    #[inline]
    pub fn map(&mut self) -> Result<u64, DecodeError> {
        self.head(MAP)
    }

    /// The head of an array: its number of items.
    pub fn array(&mut self) -> Result<u64, DecodeError> {
        self.head(ARRAY)
    }

    /// The next key of a map whose keys are positive integers; it must be above `before` (0 at the start).
    #[inline]
    pub fn key(&mut self, before: &mut u64) -> Result<u64, DecodeError> {
        let start = self.at;
        let key = self.uint()?;
        if key <= *before {
            return Err(self.error_at(start, KEY_ORDER));
        }
        *before = key;
        Ok(key)
    }

    /// The next key of a map whose keys are texts; it must come after `before` (`None` at the start), by length, then bytes.
    #[inline]
    pub fn text_key(&mut self, before: &mut Option<&'b str>) -> Result<&'b str, DecodeError> {
        let start = self.at;
        let key = self.text()?;
        if before.is_some_and(|before| (key.len(), key) <= (before.len(), before)) {
            return Err(self.error_at(start, KEY_ORDER));
        }
        *before = Some(key);
        Ok(key)
    }

    /// A tag.
    pub fn tag(&mut self) -> Result<u64, DecodeError> {
        self.head(TAG)
    }

    /// Whether a `null` comes next; it is then passed.
    pub fn null(&mut self) -> Result<bool, DecodeError> {
        let is_null = self.peek()? == NULL;
        self.at += usize::from(is_null);
        Ok(is_null)
    }

    /// Passes one item, whatever it is, and gives its bytes.
    pub fn skip(&mut self) -> Result<&'b [u8], DecodeError> {
        let (start, mut left) = (self.at, 1u64);
        while left > 0 {
            let first = self.peek()?;
            let inside = match first >> 5 {
                major @ (BYTES | TEXT) => self.string(major).map(|_| 0)?,
                ARRAY => self.head(ARRAY)?,
                MAP => self.head(MAP)?.saturating_mul(2),
                TAG => self.head(TAG).map(|_| 1)?,
                major @ (UINT | NEGATIVE) => self.head(major).map(|_| 0)?,
                _ => self.simple(first)?,
            };
            left = (left - 1).saturating_add(inside);
        }
        Ok(self.since(start))
    }

    /// Passes a simple value or a float; nothing is inside it.
    fn simple(&mut self, first: u8) -> Result<u64, DecodeError> {
        let length = match first & 0x1f {
            0..24 => 1,
            24 => 2,
            25 => 3,
            26 => 5,
            27 => 9,
            _ => return Err(self.error(INDEFINITE)),
        };
        if self.bytes.len() - self.at < length {
            return Err(self.cut());
        }
        self.at += length;
        Ok(0)
    }

    /// How many bytes were read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// What was read since `start`.
    #[must_use]
    pub fn since(&self, start: usize) -> &'b [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// Fails unless everything was read.
    pub fn end(&self) -> Result<(), DecodeError> {
        let rest = self.bytes.len().saturating_sub(self.at);
        if rest == 0 { Ok(()) } else { Err(self.error(format!("{rest} trailing bytes"))) }
    }
}

/// What an item is that begins with `first`.
fn what(first: u8) -> &'static str {
    match (first >> 5, first) {
        (UINT, _) => "an unsigned integer",
        (NEGATIVE, _) => "a negative integer",
        (BYTES, _) => "a byte string",
        (TEXT, _) => "a text",
        (ARRAY, _) => "an array",
        (MAP, _) => "a map",
        (TAG, _) => "a tag",
        (_, FALSE | TRUE) => "a boolean",
        (_, NULL) => "null",
        _ => "a float or another simple value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_written_can_be_passed_and_every_cut_of_it_is_refused() {
        let mut w = Writer::new();
        w.tag(18);
        w.array(5);
        w.map(1);
        w.int(-1);
        w.text("é");
        w.null();
        w.bool(true);
        w.bytes(&[7; 300]);
        // A float of 16 bits, which only others write.
        w.raw(&[0xf9, 0x3c, 0]);
        let bytes = w.into_bytes();
        let mut r = Reader::new(&bytes);
        assert_eq!(r.skip().unwrap(), bytes);
        assert!(r.end().is_ok());
        for cut in 0..bytes.len() {
            assert!(Reader::new(&bytes[..cut]).skip().is_err());
        }
        assert!(Reader::new(&[0x9f, 0xff]).skip().is_err());
        assert!(Reader::new(&[0xbb, 255, 255, 255, 255, 255, 255, 255, 255]).skip().is_err());
    }
}
