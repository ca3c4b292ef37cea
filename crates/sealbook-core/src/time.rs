//! Instants: microseconds since the Unix epoch, and their RFC 3339 text.

use core::fmt;

/// µs since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// Reads RFC 3339 with an offset. Digits below a microsecond are dropped.
    ///
    /// # Errors
    /// Says what does not fit, when the text is no such time or has no offset.
    pub fn parse(text: &str) -> Result<Self, String> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|e: jiff::Error| e.to_string())?;
        Ok(Self(timestamp.as_microsecond()))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp}"),
            Err(_) => write!(f, "{} µs", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_lead_to_the_same_instant_and_text_is_utc() {
        let a = Micros::parse("2026-03-01T12:00:00.25+02:00").unwrap();
        assert_eq!(a, Micros::parse("2026-03-01T10:00:00.250Z").unwrap());
        assert_eq!(a.to_string(), "2026-03-01T10:00:00.25Z");
    }

    #[test]
    fn a_time_without_an_offset_is_refused() {
        assert!(Micros::parse("2026-03-01T12:00:00").is_err());
        assert!(Micros::parse("2026-02-30T12:00:00Z").is_err());
    }
}
