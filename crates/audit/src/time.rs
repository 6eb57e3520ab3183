//! Points in time: signed nanoseconds since the Unix epoch in Rust and on disk, RFC 3339 in UTC as text.
//!
//! Time is data: the ledger orders by it, and by `Seq` where it ties, but never trusts it to be monotonic.

use std::fmt;
use std::str::FromStr;

/// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored. Reaches from the year 1677 to 2262.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 time, or lies outside of what 64 bits of nanoseconds can say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 time between 1677 and 2262: {text:?}")]
pub struct ParseTimestampError {
    text: String,
}

impl Timestamp {
    /// The earliest time that can be stored.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time that can be stored.
    pub const MAX: Self = Self(i64::MAX);

    /// The system clock's time. A clock beyond what 64 bits can say gives the nearest end of the range.
    #[must_use]
    pub fn now() -> Self {
        let nanoseconds = jiff::Timestamp::now().as_nanosecond();
        Self(i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The time that lies this many nanoseconds after the epoch (before it, when negative).
    #[must_use]
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanoseconds(self) -> i64 {
        self.0
    }

    /// Whole milliseconds from `earlier` to `self`, and 0 when `self` is not later.
    #[must_use]
    pub fn milliseconds_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000_000).unwrap_or(0)
    }
}

/// RFC 3339 in UTC, with as many fraction digits as the time needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(timestamp) => fmt::Display::fmt(&timestamp, f),
            Err(_) => unreachable!("every i64 of nanoseconds lies within jiff's range of years"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        text.parse::<jiff::Timestamp>()
            .ok()
            .and_then(|timestamp| i64::try_from(timestamp.as_nanosecond()).ok())
            .map(Self)
            .ok_or_else(|| ParseTimestampError { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_nanoseconds_round_trip_at_the_ends_of_the_range() {
        for nanoseconds in [i64::MIN, -1, 0, 1, 1_770_542_171_710_000_000, i64::MAX] {
            let timestamp = Timestamp::from_nanoseconds(nanoseconds);
            assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
    }

    #[test]
    fn text_without_an_offset_or_out_of_range_is_refused() {
        for text in ["", "now", "2026-02-08", "2026-02-08T09:16:11", "2263-01-01T00:00:00Z", "1770542171"] {
            assert!(text.parse::<Timestamp>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_negative_span_counts_no_milliseconds() {
        let (early, late) = (Timestamp::from_nanoseconds(0), Timestamp::from_nanoseconds(3_999_999));
        assert_eq!((late.milliseconds_since(early), early.milliseconds_since(late)), (3, 0));
    }
}
