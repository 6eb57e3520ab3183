//! What each accepted form means, at a fixed now, and what is refused.

use jiff::tz::TimeZone;

use super::*;

/// A zone without a zone database: Central European Time, written as a POSIX rule.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn at(text: &str) -> Zoned {
    text.parse::<jiff::Timestamp>().unwrap().to_zoned(berlin())
}

/// What `text` means on a Sunday afternoon in winter.
fn read(text: &str) -> String {
    read_at(text, "2026-02-08T14:00:00Z")
}

fn read_at(text: &str, now: &str) -> String {
    super::read("--from", text, &at(now)).unwrap_or_else(|error| panic!("{error}")).to_string()
}

#[test]
fn rfc_3339_means_what_it_says() {
    assert_eq!(read("2026-02-08T09:16:11Z"), "2026-02-08T09:16:11Z");
    assert_eq!(read("2026-02-08T09:16:11.123456789+01:00"), "2026-02-08T08:16:11.123456789Z");
    assert_eq!(read(" 2026-02-08 09:16:11Z "), "2026-02-08T09:16:11Z");
}

#[test]
fn dates_and_times_without_an_offset_are_local() {
    assert_eq!(read("2026-02-08"), "2026-02-07T23:00:00Z");
    assert_eq!(read("2026-07-01"), "2026-06-30T22:00:00Z");
    assert_eq!(read("2026-02-08T09:16"), "2026-02-08T08:16:00Z");
    assert_eq!(read("2026-02-08 09:16:11"), "2026-02-08T08:16:11Z");
}

#[test]
fn the_size_of_an_epoch_number_tells_its_unit() {
    for text in ["1770542171", "1770542171000", "1770542171000000", "1770542171000000000", "1770542171.0"] {
        assert_eq!(read(text), "2026-02-08T09:16:11Z", "{text}");
    }
    assert_eq!(read("1770542171.25"), "2026-02-08T09:16:11.25Z");
    assert_eq!(read("0"), "1970-01-01T00:00:00Z");
    assert_eq!(read("-1.5"), "1969-12-31T23:59:58.5Z");
}

#[test]
fn spans_mean_ago_with_and_without_the_word() {
    for text in ["6h", "6 h", "6 hours", "6 hours ago", "6 Hours Ago", "-6h", "360m"] {
        assert_eq!(read(text), "2026-02-08T08:00:00Z", "{text}");
    }
    assert_eq!(read("2 days 3 hours ago"), "2026-02-06T11:00:00Z");
    assert_eq!(read("2d3h"), "2026-02-06T11:00:00Z");
    assert_eq!(read("1mo"), "2026-01-08T14:00:00Z");
    assert_eq!(read("1m"), "2026-02-08T13:59:00Z");
    assert_eq!(read("0s"), "2026-02-08T14:00:00Z");
}

#[test]
fn words_are_local_days() {
    assert_eq!(read("now"), "2026-02-08T14:00:00Z");
    assert_eq!(read("today"), "2026-02-07T23:00:00Z");
    assert_eq!(read("Yesterday"), "2026-02-06T23:00:00Z");
}

#[test]
fn a_day_ago_is_the_same_hour_and_24_hours_ago_is_not_when_the_clock_changes() {
    // At 01:00 UTC on this day the clock went from 02:00 to 03:00.
    let now = "2026-03-29T10:00:00Z";
    assert_eq!(read_at("1 day ago", now), "2026-03-28T11:00:00Z");
    assert_eq!(read_at("24h", now), "2026-03-28T10:00:00Z");
    assert_eq!(read_at("today", now), "2026-03-28T23:00:00Z");
    assert_eq!(read_at("2026-03-30", now), "2026-03-29T22:00:00Z");
    // A time that the change skipped is read as if it had not.
    assert_eq!(read_at("2026-03-29T02:30", now), "2026-03-29T01:30:00Z");
}

#[test]
fn nonsense_the_empty_string_and_what_could_mean_two_things_are_refused_with_the_accepted_forms() {
    let nonsense =
        ["", "  ", "soon", "h", "tomorrowish", "2026-13-01", "2026-02-30", "09:30", "09:30:00", "+6h"];
    let ambiguous =
        ["20260208", "2026", "1.2.3", "1770542171000.5", "1.", ".5", "-", "6M", "6h later", "6h ago ago"];
    let out_of_range = ["1600-01-01T00:00:00Z", "9999-01-01", "900 years ago", "99999999999999999999"];
    for text in nonsense.into_iter().chain(ambiguous).chain(out_of_range) {
        match super::read("--to", text, &at("2026-02-08T14:00:00Z")) {
            Ok(instant) => panic!("{text:?} was read as {instant}"),
            Err(error) => {
                let message = error.to_string();
                assert!(
                    message.starts_with(&format!("--to {text:?}")) && message.contains("6h"),
                    "{message}"
                );
            }
        }
    }
}
