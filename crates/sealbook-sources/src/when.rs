//! Times as sources write them; what cannot be placed exactly is absent, never guessed.

use sealbook_core::time::Micros;

/// RFC 3339 with an offset. Other texts, such as local times without a zone, give nothing.
pub(crate) fn rfc3339(text: Option<&str>) -> Option<Micros> {
    Micros::parse(text?).ok()
}

/// Milliseconds since the Unix epoch.
pub(crate) fn epoch_millis(millis: Option<i64>) -> Option<Micros> {
    in_range(millis?.checked_mul(1_000)?)
}

/// Seconds since the Unix epoch.
pub(crate) fn epoch_seconds(seconds: Option<i64>) -> Option<Micros> {
    in_range(seconds?.checked_mul(1_000_000)?)
}

/// Seconds since the Unix epoch with up to six digits of a fraction kept, as text.
pub(crate) fn epoch_micros(text: &str) -> Option<Micros> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let (whole, fraction): (i64, i64) = (whole.parse().ok()?, digits.parse().ok()?);
    let fraction = if text.starts_with('-') { -fraction } else { fraction };
    in_range(whole.checked_mul(1_000_000)?.checked_add(fraction)?)
}

/// Nanoseconds since the Unix epoch; zero says that the time is unknown.
pub(crate) fn epoch_nanos(nanos: u64) -> Option<Micros> {
    in_range(i64::try_from(nanos / 1_000).ok().filter(|micros| *micros != 0)?)
}

fn in_range(micros: i64) -> Option<Micros> {
    jiff::Timestamp::from_microsecond(micros).ok().map(|_| Micros(micros))
}

/// The English form that AWS puts into CloudTrail for expiry times: `Jul 10, 2023, 1:05:00 PM`, in UTC.
pub(crate) fn aws_english(text: Option<&str>) -> Option<Micros> {
    let text = text?;
    ["%b %d, %Y, %I:%M:%S %p", "%b %d, %Y %I:%M:%S %p"]
        .iter()
        .find_map(|format| jiff::civil::DateTime::strptime(format, text).ok())
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC).ok())
        .map(|time| Micros(time.timestamp().as_microsecond()))
        .or_else(|| rfc3339(Some(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_without_a_zone_is_absent() {
        assert_eq!(rfc3339(Some("2025-01-15 08:15:23.456")), None);
        assert_eq!(rfc3339(Some("yesterday")), None);
        assert!(rfc3339(Some("2025-01-15T08:15:23.456789012Z")).is_some());
    }

    #[test]
    fn epochs_out_of_range_are_absent() {
        assert_eq!(epoch_millis(Some(1_500)), Some(Micros(1_500_000)));
        assert_eq!(epoch_seconds(Some(-1)), Some(Micros(-1_000_000)));
        assert_eq!(epoch_millis(Some(i64::MAX)), None);
        assert_eq!(epoch_seconds(Some(i64::MAX / 1_000_000)), None);
    }

    #[test]
    fn fractions_of_seconds_are_kept_to_the_microsecond() {
        assert_eq!(epoch_micros("1763629200.25"), Some(Micros(1_763_629_200_250_000)));
        assert_eq!(epoch_micros("1.0000019"), Some(Micros(1_000_001)));
        assert_eq!((epoch_micros("-1.5"), epoch_micros("1e9")), (Some(Micros(-1_500_000)), None));
        assert_eq!((epoch_nanos(0), epoch_nanos(1_999)), (None, Some(Micros(1))));
    }

    #[test]
    fn the_english_form_is_read_as_utc() {
        let expected = Micros::parse("2023-07-10T13:05:00Z").ok();
        assert_eq!(aws_english(Some("Jul 10, 2023, 1:05:00 PM")), expected);
        assert_eq!(aws_english(Some("Jul 10, 2023 1:05:00 PM")), expected);
        assert_eq!(aws_english(Some("10 July")), None);
    }
}
