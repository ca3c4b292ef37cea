//! Times on the command line: RFC 3339, or a date, which means its midnight in UTC.

use sealbook_core::time::Micros;

/// Reads a time; for clap.
///
/// # Errors
/// Says what was expected.
pub fn parse(text: &str) -> Result<Micros, String> {
    let full = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Micros::parse(&full).map_err(|error| format!("expected 2026-01-31 or 2026-01-31T12:00:00Z: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_midnight_in_utc() {
        assert_eq!(parse("2026-01-31").unwrap(), parse("2026-01-31T01:00:00+01:00").unwrap());
        assert!(parse("yesterday").is_err());
    }
}
