//! Sends any bytes at all, and reads what comes back.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Time in which an answer must come.
const TIME: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The stable code of a problem, or what stands for it in the words of the system that the endpoint speaks like; empty
    /// where there is none.
    pub fn code(&self) -> String {
        let said = self.json();
        if !self.head.contains("application/problem+json") {
            let words = [&said["error"]["code"], &said["code"], &said["errorMessage"]];
            return words.into_iter().find(|word| !word.is_null()).map_or_else(String::new, ToString::to_string);
        }
        assert_eq!(said["status"], self.status, "{said}");
        said["code"].as_str().unwrap().to_owned()
    }
}

/// Sends these bytes on a connection of their own; `None` where it ended without an answer.
pub fn send(address: &str, bytes: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIME)).unwrap();
    stream.set_write_timeout(Some(TIME)).unwrap();
    // What is refused may be refused before all of it is sent.
    let _ = stream.write_all(bytes);
    let mut read = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        if let Some(answer) = whole(&read) {
            return Some(answer);
        }
        match stream.read(&mut piece) {
            Ok(0) => return None,
            Ok(count) => read.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("no answer within {TIME:?} ({error}) to {}", shown(bytes)),
        }
    }
}

/// The answer in these bytes, once all of it is there.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    let body = bytes.get(end..end + length)?.to_vec();
    Some(Answer { status, head, body })
}

/// The beginning of a request, for a person.
pub fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(2_000)].escape_ascii().to_string()
}

/// A request with a body of known length.
pub fn post(address: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n{headers}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
