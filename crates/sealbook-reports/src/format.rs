//! Figures and times as text. Each figure is formed here, once.

use jiff::{Timestamp, tz::TimeZone};

use crate::error::ReportError;

/// A count with commas between thousands.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A length as a count.
pub(crate) fn count_of<T>(items: &[T]) -> String {
    count(u64::try_from(items.len()).unwrap_or(u64::MAX))
}

/// A time to the second, UTC.
pub(crate) fn time(micros: i64) -> Result<String, ReportError> {
    print(micros, "%Y-%m-%d %H:%M:%SZ")
}

/// A time with its fraction, as OSCAL and CSV want it.
pub(crate) fn oscal_time(micros: i64) -> Result<String, ReportError> {
    print(micros, if micros.rem_euclid(1_000_000) == 0 { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%6fZ" })
}

/// A day, UTC.
pub(crate) fn day(micros: i64) -> Result<String, ReportError> {
    print(micros, "%Y-%m-%d")
}

/// A day in words, UTC.
pub(crate) fn day_in_words(micros: i64) -> Result<String, ReportError> {
    print(micros, "%-d %B %Y")
}

fn print(micros: i64, format: &str) -> Result<String, ReportError> {
    let time = Timestamp::from_microsecond(micros).map_err(|_| ReportError::Time { micros })?;
    Ok(time.to_zoned(TimeZone::UTC).strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas_between_thousands() {
        assert_eq!([count(0), count(999), count(1_000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_782_864_000_000_000).unwrap(), "2026-07-01 00:00:00Z");
        assert_eq!(day_in_words(1_782_864_000_000_000).unwrap(), "1 July 2026");
    }

    #[test]
    fn a_time_outside_the_calendar_is_an_error() {
        assert!(matches!(time(i64::MAX), Err(ReportError::Time { .. })));
    }
}
