//! A client for load: one connection, requests whose bytes are ready, answers read without building anything.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;

/// A connection that is kept.
pub struct Wire {
    stream: TcpStream,
    bytes: Vec<u8>,
    /// Where the body of the last answer begins.
    body: usize,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its status.
    pub status: u16,
    /// Whether it says when to come back.
    pub retry_after: bool,
    /// Whether the connection ends with it.
    pub close: bool,
}

impl Wire {
    /// Connects to host and port.
    ///
    /// # Errors
    /// When the connection is refused.
    pub fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_write_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, bytes: Vec::new(), body: 0 })
    }

    /// Sends a whole request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<Head> {
        self.stream.write_all(request)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<Head> {
        self.bytes.clear();
        let end = loop {
            self.read()?;
            if let Some(end) = find(&self.bytes, b"\r\n\r\n") {
                break end + 4;
            }
        };
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer");
        let head = std::str::from_utf8(&self.bytes[..end]).map_err(|_| bad())?.to_ascii_lowercase();
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(bad)?;
        let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let length: usize = value("content-length:").and_then(|length| length.parse().ok()).ok_or_else(bad)?;
        let found =
            Head { status, retry_after: value("retry-after:").is_some(), close: value("connection:") == Some("close") };
        self.body = end;
        while self.bytes.len() < end + length {
            self.read()?;
        }
        Ok(found)
    }

    fn read(&mut self) -> io::Result<()> {
        let before = self.bytes.len();
        self.bytes.resize(before + READ_BYTES, 0);
        let read = self.stream.read(&mut self.bytes[before..])?;
        self.bytes.truncate(before + read);
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body..]
    }

    /// Every index that the receipt in the last answer names.
    pub fn indexes(&self) -> Vec<u64> {
        const NAME: &[u8] = b"\"index\":";
        let (mut rest, mut found) = (self.body(), Vec::new());
        while let Some(at) = find(rest, NAME) {
            rest = &rest[at + NAME.len()..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
            found.push(digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0')));
        }
        found
    }
}

/// Where `part` begins.
fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == part[0]) {
        if bytes[from + at..].starts_with(part) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

/// A request with a batch of events. Its ids are numbers of a fixed width, so that the next batch needs no new bytes.
#[derive(Clone)]
pub struct Batch {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

/// Digits of an id.
const DIGITS: usize = 12;

impl Batch {
    /// A batch of `count` events to `path`; without a batch's form where it is one.
    pub fn new(address: &str, path: &str, count: usize) -> Self {
        let mut event = crate::event("e000000000000");
        event["policy"] = serde_json::json!({ "id": "orders-access", "version": "2026-11-01" });
        let line = event.to_string();
        let place = line.find("e000000000000").unwrap() + 1;
        let body = vec![line.as_str(); count].join("\n");
        let media_type = if count == 1 { "application/json" } else { "application/x-ndjson" };
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let places = (0..count).map(|n| head.len() + n * (line.len() + 1) + place).collect();
        Self { bytes: [head, body].concat().into_bytes(), places }
    }

    /// The request with the ids from `first` on.
    pub fn with_ids(&mut self, first: u64) -> &[u8] {
        for (id, place) in (first..).zip(&self.places) {
            let digits = format!("{id:0DIGITS$}");
            self.bytes[*place..*place + DIGITS].copy_from_slice(digits.as_bytes());
        }
        &self.bytes
    }
}
