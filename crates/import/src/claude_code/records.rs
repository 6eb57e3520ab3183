//! The records of a line: one, as a rule; several, where whole records were written back to back; those that can be
//! told apart behind a torn one.
//!
//! It deliberately does not know which fields a record must have, but for telling a record from the objects inside a
//! torn one.

use runledger_audit::SourceRange;
use serde_json::value::RawValue;

use crate::object::Object;
use crate::offsets::place_in;

/// How many bytes are parsed while records are looked for in one line that is not JSON. Each attempt parses up to the
/// place where it fails; a hostile line would otherwise take quadratic time.
const RECOVERY_BYTES_MAX: usize = 64 << 20;

/// A JSON value that is a line, or stands in one.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    /// Its fields; none if it is no object.
    pub(crate) object: Object<'a>,
    /// Where it stands in its line.
    pub(crate) place: SourceRange,
}

/// What a line holds.
#[derive(Debug)]
pub(crate) enum LineContent<'a> {
    /// One JSON value.
    Record(Record<'a>),
    /// Something else, with what could be made out in it.
    Broken { reason: String, records: Vec<Record<'a>> },
}

/// Reads a line that is not blank.
pub(crate) fn read(line: &[u8]) -> LineContent<'_> {
    match serde_json::from_slice::<&RawValue>(line) {
        Ok(value) => match record(line, value) {
            Some(record) => LineContent::Record(record),
            None => LineContent::Broken { reason: "longer than 4 GiB".to_owned(), records: Vec::new() },
        },
        Err(error) => {
            let records = recover(line);
            LineContent::Broken { reason: reason(line, &error, records.len()), records }
        }
    }
}

fn record<'a>(line: &[u8], value: &'a RawValue) -> Option<Record<'a>> {
    Some(Record { object: Object::of(value).unwrap_or_default(), place: place_in(line, value)? })
}

fn reason(line: &[u8], error: &serde_json::Error, records: usize) -> String {
    let reason = match std::str::from_utf8(line) {
        Err(error) => format!("not UTF-8 at byte {}", error.valid_up_to()),
        Ok(_) => format!("not JSON at byte {}", error.column().saturating_sub(1)),
    };
    match records {
        0 => reason,
        1 => format!("{reason}; 1 whole record in it recovered"),
        _ => format!("{reason}; {records} whole records in it recovered"),
    }
}

/// The whole records in a line that is not JSON, in order.
fn recover(line: &[u8]) -> Vec<Record<'_>> {
    let mut records = Vec::new();
    let (mut position, mut parsed_bytes, mut intact) = (0, 0, true);
    while parsed_bytes < RECOVERY_BYTES_MAX {
        let rest = line.get(position..).unwrap_or_default();
        let Some(start) = rest.iter().position(|byte| *byte == b'{') else { break };
        // Between records that follow each other there is nothing but white space; behind anything else, an object may
        // be a part of a torn record.
        intact &= rest.iter().take(start).all(u8::is_ascii_whitespace);
        let candidate = rest.get(start..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_slice(candidate).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(value)) => {
                let length = values.byte_offset();
                parsed_bytes += length;
                position += start + length;
                records
                    .extend(record(line, value).filter(|record| intact || looks_like_record(&record.object)));
            }
            Some(Err(error)) => {
                parsed_bytes += error.column().max(1);
                position += start + 1;
                intact = false;
            }
            None => break,
        }
    }
    records
}

/// Whether an object has what every record has, and no part of a record.
fn looks_like_record(object: &Object<'_>) -> bool {
    let marks = ["uuid", "sessionId", "leafUuid", "messageId"];
    object.text("type").is_some() && marks.iter().any(|mark| object.text(mark).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = r#"{"type":"user","uuid":"a","message":{"role":"user","content":"{\"x\":1}"}}"#;
    const B: &str = r#"{"type":"progress","uuid":"b","data":{"type":"bash_progress","uuid":3}}"#;

    fn broken(line: &[u8]) -> (String, Vec<String>) {
        match read(line) {
            LineContent::Broken { reason, records } => {
                let text = |record: Record<'_>| {
                    let start = record.place.offset as usize;
                    String::from_utf8(line[start..start + record.place.length as usize].to_vec()).unwrap()
                };
                (reason, records.into_iter().map(text).collect())
            }
            LineContent::Record(record) => panic!("{record:?}"),
        }
    }

    #[test]
    fn a_line_is_a_record_whatever_its_white_space() {
        for (line, offset) in [(A.to_owned(), 0), (format!("  {A}\t\r"), 2)] {
            let LineContent::Record(record) = read(line.as_bytes()) else { panic!("{line:?} is a record") };
            assert_eq!((record.place.offset, record.place.length as usize), (offset, A.len()));
            assert_eq!(record.object.text("uuid").as_deref(), Some("a"));
        }
    }

    #[test]
    fn records_on_one_line_are_told_apart() {
        assert_eq!(broken(format!("{A}{B}").as_bytes()).1, [A, B]);
        assert_eq!(broken(format!("{A} {B}{A}").as_bytes()).1, [A, B, A]);
        assert_eq!(broken(b"{}{}").1, ["{}", "{}"]);
        assert!(broken(format!("{A}{B}").as_bytes()).0.contains("2 whole records"));
    }

    #[test]
    fn records_behind_and_before_a_torn_one_are_recovered_and_its_parts_are_not() {
        for cut in 1..A.len() {
            let torn = &A[..cut];
            assert_eq!(broken(format!("{torn}{B}").as_bytes()).1, [B], "behind {torn:?}");
            assert_eq!(broken(format!("{B}{torn}").as_bytes()).1, [B], "before {torn:?}");
        }
        let parts = r#"{"type":"user","todos":[{"type":"text","text":"x"}],"mess"#;
        assert_eq!(broken(parts.as_bytes()).1, [""; 0]);
    }

    #[test]
    fn bytes_that_are_no_text_cost_only_the_record_that_they_stand_in() {
        let line = [&b"{\"type\":\"user\",\"uuid\":\"\xff\"}"[..], B.as_bytes()].concat();
        let (reason, records) = broken(&line);
        assert!(reason.starts_with("not UTF-8 at byte 23"), "{reason}");
        assert_eq!(records, [B]);
    }

    #[test]
    fn a_hostile_line_takes_bounded_time() {
        let line = "{\"a\":".repeat(2_000_000);
        assert_eq!(broken(line.as_bytes()).1, [""; 0]);
    }
}
