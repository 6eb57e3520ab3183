//! Points in time as people write them on a command line.
//!
//! Reads RFC 3339, local dates and times, epoch numbers, spans that mean "so long ago", and three words. A text is
//! read in one way or refused: what two readers would take for different instants (`20260208`, `09:30`) is not guessed.
//! The current time and the zone are given by the caller, so that this file reads neither clock nor environment.

use std::fmt::Display;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;
use jiff::fmt::temporal::DateTimeParser;
use jiff::{Span, Zoned};
use runledger::{AsOf, Seq, Timestamp};

use crate::arguments::Moment;
use crate::output;

/// What is accepted, for the message of a refusal and for the help of each option that takes a time.
pub(crate) const ACCEPTED_FORMS: &str = "an RFC 3339 time (2026-02-08T09:16:11Z), a date or a date and time in the \
     local time zone (2026-02-08, 2026-02-08T09:16), a number of seconds, milliseconds, microseconds or nanoseconds \
     since 1970, a span that means ago (6h, \"2 days 3 hours ago\"), now, today, or yesterday";

/// An epoch number below this is seconds, until the year 5138.
const EPOCH_SECONDS_END: u64 = 100_000_000_000;
/// One below this is milliseconds, one from there on microseconds.
const EPOCH_MILLISECONDS_END: u64 = 1_000 * EPOCH_SECONDS_END;
/// One from here on is nanoseconds.
const EPOCH_MICROSECONDS_END: u64 = 1_000 * EPOCH_MILLISECONDS_END;

/// A text that names no point in time.
#[derive(Debug, thiserror::Error)]
#[error("{option} {text:?} is not a time: {problem}; accepted are {ACCEPTED_FORMS}")]
pub(crate) struct InvalidTime {
    option: &'static str,
    text: String,
    problem: String,
}

/// A text that names no span.
#[derive(Debug, thiserror::Error)]
#[error("{option} {text:?} is not a span such as 30m or \"2 hours\": {problem}")]
pub(crate) struct InvalidSpan {
    option: &'static str,
    text: String,
    problem: String,
}

/// Reads the value of `option`, if it was given, and says on standard error which instant it was taken for.
pub(crate) fn resolve(
    option: &'static str,
    text: Option<&str>,
    now: &Zoned,
) -> Result<Option<Timestamp>, InvalidTime> {
    let Some(text) = text else { return Ok(None) };
    let time = read(option, text, now)?;
    output::remark(format_args!("{option} {time}"));
    Ok(Some(time))
}

/// Reads the moment that a question is asked as of, if one was given.
pub(crate) fn resolve_moment(moment: &Moment, now: &Zoned) -> Result<Option<AsOf>, InvalidTime> {
    if let Some(seq) = moment.as_of_seq {
        return Ok(Some(AsOf::Seq(Seq::new(seq))));
    }
    Ok(resolve("--as-of", moment.as_of.as_deref(), now)?.map(AsOf::CommitTime))
}

/// Reads `text`, the value of `option`, as seen at the time and in the zone of `now`.
pub(crate) fn read(option: &'static str, text: &str, now: &Zoned) -> Result<Timestamp, InvalidTime> {
    let refused = |problem: String| InvalidTime { option, text: text.to_owned(), problem };
    let instant = instant(text.trim(), now).map_err(refused)?;
    let nanoseconds = i64::try_from(instant.as_nanosecond())
        .map_err(|_| refused("it lies outside the years 1677 to 2262".to_owned()))?;
    Ok(Timestamp::from_nanoseconds(nanoseconds))
}

/// Reads the value of `option`, a span of hours and less.
pub(crate) fn span(option: &'static str, text: &str) -> Result<Duration, InvalidSpan> {
    let refused = |problem: String| InvalidSpan { option, text: text.to_owned(), problem };
    let span = SpanParser::new().parse_duration(text).map_err(|error| refused(reason(error)))?;
    Duration::try_from(span).map_err(|_| refused("it is negative".to_owned()))
}

/// The instant that `text` names, or why it names none.
fn instant(text: &str, now: &Zoned) -> Result<jiff::Timestamp, String> {
    match text.to_ascii_lowercase().as_str() {
        "" => return Err("it is empty".to_owned()),
        "now" => return Ok(now.timestamp()),
        "today" => return start_of_day(now.date(), now),
        "yesterday" => return start_of_day(now.date().yesterday().map_err(reason)?, now),
        _ => {}
    }
    if text.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return epoch(text);
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Ok(timestamp);
    }
    if let Ok(date) = DateTimeParser::new().parse_date(text)
        && text.len() == "2026-02-08".len()
    {
        return start_of_day(date, now);
    }
    if let Ok(local) = text.parse::<jiff::civil::DateTime>() {
        return local.to_zoned(now.time_zone().clone()).map(|zoned| zoned.timestamp()).map_err(reason);
    }
    ago(text, now)
}

/// The first instant of a day, which is not midnight where a clock change skips midnight.
fn start_of_day(date: jiff::civil::Date, now: &Zoned) -> Result<jiff::Timestamp, String> {
    let midnight = date.to_zoned(now.time_zone().clone()).map_err(reason)?;
    Ok(midnight.start_of_day().map_err(reason)?.timestamp())
}

/// Reads a number since the epoch, whose size tells its unit. Only seconds have a fraction.
fn epoch(text: &str) -> Result<jiff::Timestamp, String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if matches!(digits.len(), 4 | 8) && DateTimeParser::new().parse_date(padded_to_date(digits)).is_ok() {
        return Err("it reads as a year or a date as well as a number".to_owned());
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number: u64 = whole.parse().map_err(|_| "it is no number that a time can be read from".to_owned())?;
    let nanoseconds_each: i128 = match number {
        0..EPOCH_SECONDS_END => 1_000_000_000,
        EPOCH_SECONDS_END..EPOCH_MILLISECONDS_END => 1_000_000,
        EPOCH_MILLISECONDS_END..EPOCH_MICROSECONDS_END => 1_000,
        EPOCH_MICROSECONDS_END.. => 1,
    };
    let mut nanoseconds = i128::from(number) * nanoseconds_each;
    if digits.contains('.') {
        if nanoseconds_each != 1_000_000_000
            || fraction.is_empty()
            || fraction.len() > 9
            || fraction.contains('.')
        {
            return Err("only seconds may have a fraction, of one to nine digits".to_owned());
        }
        nanoseconds += format!("{fraction:0<9}").parse::<i128>().map_err(reason)?;
    }
    if text.starts_with('-') {
        nanoseconds = -nanoseconds;
    }
    jiff::Timestamp::from_nanosecond(nanoseconds).map_err(reason)
}

/// A number of four or eight digits in the shape of a date, to see whether it reads as one.
fn padded_to_date(digits: &str) -> String {
    if digits.len() == 4 && ("1900".."2200").contains(&digits) {
        format!("{digits}0101")
    } else {
        digits.to_owned()
    }
}

/// Reads a span and goes back by it from `now`: by the calendar for days and longer, by the clock for the rest.
fn ago(text: &str, now: &Zoned) -> Result<jiff::Timestamp, String> {
    // `09:30:00` is a span to jiff and a time of day to everybody else; `+6h` would lie ahead.
    if text.contains(':') || text.starts_with('+') {
        return Err("it is neither a date nor a span".to_owned());
    }
    let span: Span = SpanParser::new()
        .parse_span(lower_case_words(text))
        .map_err(|_| "it is in none of the known forms".to_owned())?;
    Ok(now.checked_sub(span.abs()).map_err(reason)?.timestamp())
}

/// `6 Hours Ago` as `6 hours ago`. Single letters stay: a capital `M` is nobody's minute.
fn lower_case_words(text: &str) -> String {
    let words = text.split_inclusive(|character: char| !character.is_ascii_alphabetic());
    let lowered = words.map(|word| {
        let letters = word.chars().filter(char::is_ascii_alphabetic).count();
        if letters > 1 { word.to_ascii_lowercase() } else { word.to_owned() }
    });
    lowered.collect()
}

fn reason(error: impl Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
