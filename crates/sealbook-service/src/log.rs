//! What the service says to its operator: one line for each event, on standard error, as text or as JSON.

use core::fmt::Display;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use sealbook_core::time::Micros;
use sealbook_disk::Clock;

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is not as it must be; somebody has to act.
    Error,
    /// Something will not be as it must be, unless somebody acts.
    Warn,
    /// What an operator wants to know.
    Info,
    /// Every request.
    Debug,
}

impl Level {
    /// Every level by its word, most important first.
    pub const WORDS: [(&'static str, Self); 4] =
        [("error", Self::Error), ("warn", Self::Warn), ("info", Self::Info), ("debug", Self::Debug)];

    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, level)| *level == self).map_or("info", |(word, _)| word)
    }
}

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `TIME LEVEL EVENT name=value …`; a value with anything but plain characters is quoted and escaped.
    Text,
    /// One JSON object: `time`, `level`, `event`, and the rest by their names.
    Json,
}

impl LogFormat {
    /// Every format by its word.
    pub const WORDS: [(&'static str, Self); 2] = [("text", Self::Text), ("json", Self::Json)];
}

/// A name and what it holds.
pub type Field<'f> = (&'f str, &'f (dyn Display + Sync));

/// Where events go. Nothing secret is ever given to it: tokens appear by their ids, keys by their fingerprints.
#[derive(Clone)]
pub struct Log(Option<Arc<Inner>>);

struct Inner {
    level: Level,
    format: LogFormat,
    clock: Arc<dyn Clock>,
    out: Mutex<Box<dyn Write + Send>>,
}

impl core::fmt::Debug for Log {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// Events up to `level`, dated by `clock`, written to `out`.
    #[must_use]
    pub fn new(level: Level, format: LogFormat, clock: Arc<dyn Clock>, out: Box<dyn Write + Send>) -> Self {
        Self(Some(Arc::new(Inner { level, format, clock, out: Mutex::new(out) })))
    }

    /// Events on standard error.
    #[must_use]
    pub fn standard_error(level: Level, format: LogFormat, clock: Arc<dyn Clock>) -> Self {
        Self::new(level, format, clock, Box::new(io::stderr()))
    }

    /// Says nothing.
    #[must_use]
    pub fn silent() -> Self {
        Self(None)
    }

    /// Writes an event with its fields, if its level is wanted.
    pub fn event(&self, level: Level, event: &str, fields: &[Field<'_>]) {
        let Some(inner) = self.0.as_ref().filter(|inner| level <= inner.level) else { return };
        let time = Micros(inner.clock.now());
        let fields = fields.iter().map(|(name, value)| (*name, value.to_string()));
        let mut line = match inner.format {
            LogFormat::Text => text(time, level, event, fields),
            LogFormat::Json => json(time, level, event, fields),
        };
        line.push('\n');
        // One write for each line, so that lines of several threads do not mix. Where nobody reads, nothing is lost but talk.
        let _ = inner.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
    }
}

fn text<'f>(time: Micros, level: Level, event: &str, fields: impl Iterator<Item = (&'f str, String)>) -> String {
    let mut line = format!("{time} {:5} {event}", level.word().to_ascii_uppercase());
    for (name, value) in fields {
        let plain =
            !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'=');
        let value = if plain { value } else { format!("{value:?}") };
        line.push_str(&format!(" {name}={value}"));
    }
    line
}

fn json<'f>(time: Micros, level: Level, event: &str, fields: impl Iterator<Item = (&'f str, String)>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (time, event) = (quoted(&time.to_string()), quoted(event));
    let mut line = format!("{{\"time\":{time},\"level\":\"{}\",\"event\":{event}", level.word());
    for (name, value) in fields {
        line.push_str(&format!(",{}:{}", quoted(name), quoted(&value)));
    }
    line.push('}');
    line
}

#[cfg(test)]
mod tests {
    use sealbook_disk::SetClock;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(level: Level, format: LogFormat) -> String {
        let kept = Kept::default();
        let log = Log::new(level, format, Arc::new(SetClock::new(0)), Box::new(kept.clone()));
        log.event(Level::Info, "service.started", &[("address", &"127.0.0.1:80"), ("why", &"a \"b\"\nERROR forged")]);
        log.event(Level::Debug, "request", &[]);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_its_fields_hold() {
        assert_eq!(
            said(Level::Info, LogFormat::Text),
            "1970-01-01T00:00:00Z INFO  service.started address=127.0.0.1:80 why=\"a \\\"b\\\"\\nERROR forged\"\n"
        );
        let line = said(Level::Info, LogFormat::Json);
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((line.lines().count(), object["why"].as_str()), (1, Some("a \"b\"\nERROR forged")));
    }

    #[test]
    fn only_events_of_the_wanted_level_are_written() {
        assert_eq!(said(Level::Debug, LogFormat::Text).lines().count(), 2);
        assert_eq!(said(Level::Warn, LogFormat::Text), "");
    }
}
