//! Where a value stands in the line that it was read from.
//!
//! `serde_json` hands out raw values that borrow from their input. The place of one is the distance between the two
//! addresses, checked against the line, so that a value from elsewhere is `None` and never a wrong range.

use runledger_audit::{Content, EventId, SourceRange};
use serde_json::value::RawValue;

/// The place of `value` in `line`, in bytes. `None` if it isn't a part of that very slice.
pub(crate) fn place_in(line: &[u8], value: &RawValue) -> Option<SourceRange> {
    let text = value.get().as_bytes();
    let offset = text.as_ptr().addr().checked_sub(line.as_ptr().addr())?;
    (offset.checked_add(text.len())? <= line.len()).then_some(())?;
    Some(SourceRange {
        event: None,
        offset: u32::try_from(offset).ok()?,
        length: u32::try_from(text.len()).ok()?,
    })
}

/// A value that stands in a line held by the event `holder`; by the event itself when that is `None`.
pub(crate) const fn content_at(holder: Option<EventId>, range: SourceRange) -> Content {
    Content::At(SourceRange { event: holder, ..range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_where_it_stands_and_a_foreign_one_nowhere() {
        let line = r#"{"a": {"b" : [1, "é"] } }"#.to_owned();
        let outer: std::collections::BTreeMap<&str, &RawValue> = serde_json::from_str(&line).unwrap();
        let inner: std::collections::BTreeMap<&str, &RawValue> =
            serde_json::from_str(outer["a"].get()).unwrap();
        let range = place_in(line.as_bytes(), inner["b"]).unwrap();
        let (start, length) = (range.offset as usize, range.length as usize);
        assert_eq!(&line[start..start + length], "[1, \"é\"]");
        let copy = line.clone();
        assert_eq!(place_in(copy.as_bytes(), inner["b"]), None);
        assert_eq!(place_in(&line.as_bytes()[..10], inner["b"]), None);
    }
}
