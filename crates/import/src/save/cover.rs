//! Whether one list of lines says all that another says.
//!
//! A file that was imported while its tool wrote it may end in the middle of a line. A later save has that line whole,
//! and so says what the earlier one said.

use runledger_audit::{Ledger, QueryError, Seq};

use super::Item;

/// At how many places of a list the other one is looked for. Lines are all but unique; a hostile file of equal lines
/// would otherwise take quadratic time, and is then kept as a save of its own.
const STARTS_TRIED_MAX: usize = 64;

/// A list of lines, and whether a line feed follows the last one.
pub(crate) type Listed<'a> = (&'a [Item], bool);

/// How one list covers another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// Line by line.
    Whole,
    /// But for the last line, which is there whole and was torn in the other list.
    ButTorn {
        /// The torn line.
        torn: Seq,
        /// The line as it was completed.
        completed: Seq,
    },
}

/// Whether, and how, the file that `whole` lists holds the bytes of the one that `part` lists, in one stretch.
/// `begins` says whether the line at its second argument begins with the one at its first.
pub(crate) fn covers(
    whole: Listed<'_>,
    part: Listed<'_>,
    mut begins: impl FnMut(Seq, Seq) -> Result<bool, QueryError>,
) -> Result<Option<Cover>, QueryError> {
    let Some((last, before)) = part.0.split_last() else { return Ok(Some(Cover::Whole)) };
    let first = before.first();
    let starts = whole.0.iter().enumerate().filter(|(_, item)| first.is_none_or(|first| *item == first));
    for (start, _) in starts.take(STARTS_TRIED_MAX) {
        let end = start + before.len();
        let Some(candidate) = whole.0.get(end).filter(|_| whole.0.get(start..end) == Some(before)) else {
            continue;
        };
        let is_end = end + 1 == whole.0.len();
        if candidate == last && (!is_end || whole.1 || !part.1) {
            return Ok(Some(Cover::Whole));
        }
        if let (Item::Line(torn), Item::Line(completed), false) = (last, candidate, part.1)
            && torn != completed
            && begins(*torn, *completed)?
        {
            return Ok(Some(Cover::ButTorn { torn: *torn, completed: *completed }));
        }
    }
    Ok(None)
}

/// Whether the line at `line` begins with the bytes of the one at `torn`, and is no more than a line.
pub(crate) fn begins_in(ledger: &Ledger) -> impl FnMut(Seq, Seq) -> Result<bool, QueryError> {
    |torn, line| {
        let bytes = |seq| -> Result<Option<Vec<u8>>, QueryError> {
            let stored = ledger.event_at(seq)?;
            Ok(stored
                .and_then(|stored| stored.event.source)
                .filter(|source| !source.continues)
                .map(|source| source.bytes))
        };
        Ok(match (bytes(torn)?, bytes(line)?) {
            (Some(torn), Some(line)) => line.starts_with(&torn),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits and small letters are lines, other characters blank ones. A capital letter is a torn beginning of the line
    /// of its small one.
    fn lines(text: &str) -> Vec<Item> {
        text.chars()
            .map(|line| match line {
                '0'..='9' | 'a'..='z' | 'A'..='Z' => Item::Line(Seq::new(u64::from(u32::from(line)))),
                _ => Item::Blank(line.to_string()),
            })
            .collect()
    }

    fn cover(whole: &str, whole_ends: bool, part: &str, part_ends: bool) -> Option<Cover> {
        let begins = |torn: Seq, line: Seq| Ok(torn.get() + 32 == line.get());
        covers((&lines(whole), whole_ends), (&lines(part), part_ends), begins).unwrap()
    }

    #[test]
    fn a_stretch_is_covered_and_anything_else_is_not() {
        let covered = |whole: &str, part: &str| cover(whole, false, part, false) == Some(Cover::Whole);
        for part in ["", "1", "123", "23 4", "4", "123 4"] {
            assert!(covered("123 4", part), "{part:?}");
        }
        for part in ["5", "13", "1234", "123 45", "0123"] {
            assert!(!covered("123 4", part), "{part:?}");
        }
        assert!(covered("112", "12") && covered("1212123", "12123"));
    }

    #[test]
    fn a_line_feed_at_the_end_counts() {
        let covered = |whole, ends, part, part_ends| cover(whole, ends, part, part_ends).is_some();
        assert!(covered("123", true, "23", true) && covered("123", true, "23", false));
        assert!(covered("123", false, "23", false) && !covered("123", false, "23", true));
        assert!(covered("123", false, "12", true));
    }

    #[test]
    fn a_torn_last_line_is_covered_by_the_whole_one_in_its_place() {
        let torn = |whole, part, part_ends| {
            matches!(cover(whole, true, part, part_ends), Some(Cover::ButTorn { .. }))
        };
        assert!(torn("12a3", "12A", false) && torn("12a", "2A", false) && torn("a", "A", false));
        assert!(!torn("12a3", "12A", true) && !torn("12b3", "12A", false) && !torn("1a2", "12A", false));
        assert!(!torn("12a3", "1A2", false) && !torn("12", "12A", false));
    }
}
