//! Stands between a producer and the ledger, and writes down what was answered. It forwards bytes as they are.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One exchange: the body that was sent, and the status that was answered; 0 where no answer came.
pub type Exchange = (Vec<u8>, u16);

/// A listener that forwards every request to `to`.
pub struct Tap {
    /// Where it listens.
    pub port: u16,
    seen: Arc<Mutex<Vec<Exchange>>>,
}

impl Tap {
    /// Begins to forward; its threads end with the test.
    pub fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let shared = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (to, seen) = (to.clone(), shared.clone());
                std::thread::spawn(move || stream.and_then(|stream| forward(stream, &to, &seen)));
            }
        });
        Self { port, seen }
    }

    /// What went through so far.
    pub fn seen(&self) -> Vec<Exchange> {
        self.seen.lock().unwrap().clone()
    }
}

/// Forwards requests of one connection, each on a connection of its own.
fn forward(producer: TcpStream, to: &str, seen: &Mutex<Vec<Exchange>>) -> io::Result<()> {
    let mut answers = producer.try_clone()?;
    let mut requests = BufReader::new(producer);
    while let Some((bytes, body)) = message(&mut requests)? {
        let answer = (|| {
            let mut ledger = TcpStream::connect(to)?;
            ledger.set_read_timeout(Some(Duration::from_secs(30)))?;
            ledger.write_all(&bytes)?;
            message(&mut BufReader::new(ledger))
        })();
        let answer = answer.ok().flatten().map(|(bytes, _)| bytes);
        let status = answer.as_ref().and_then(|bytes| std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok());
        seen.lock().unwrap().push((body, status.unwrap_or(0)));
        match answer {
            Some(bytes) => answers.write_all(&bytes)?,
            // As if the ledger itself had gone away.
            None => return Ok(()),
        }
    }
    Ok(())
}

/// The next request or answer, whole, and its body.
fn message(from: &mut BufReader<TcpStream>) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut bytes, mut length, mut chunked) = (Vec::new(), 0, false);
    loop {
        let begin = bytes.len();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&bytes[begin..]).to_ascii_lowercase();
        if line == "\r\n" {
            break;
        }
        if let Some(number) = line.strip_prefix("content-length:") {
            length = number.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
    }
    let mut body = Vec::new();
    if !chunked {
        body.resize(length, 0);
        from.read_exact(&mut body)?;
        bytes.extend_from_slice(&body);
        return Ok(Some((bytes, body)));
    }
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut chunk = vec![0; length + 2];
        from.read_exact(&mut chunk)?;
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(&chunk);
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return Ok(Some((bytes, body)));
        }
    }
}
