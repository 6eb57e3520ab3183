//! Whether one list of lines says all that another says.

use super::Item;

/// At how many places of a list the other one is looked for. Lines are all but unique; a hostile file of equal lines
/// would otherwise take quadratic time, and is then kept as a save of its own.
const STARTS_TRIED_MAX: usize = 64;

/// A list of lines, and whether a line feed follows the last one.
pub(crate) type Listed<'a> = (&'a [Item], bool);

/// Whether the file that `whole` lists holds the bytes of the one that `part` lists, in one stretch.
pub(crate) fn covers((whole, whole_ends): Listed<'_>, (part, part_ends): Listed<'_>) -> bool {
    let Some(first) = part.first() else { return true };
    let starts = whole.iter().enumerate().filter(|(_, item)| *item == first).map(|(start, _)| start);
    starts.take(STARTS_TRIED_MAX).any(|start| {
        let end = start + part.len();
        whole.get(start..end) == Some(part) && (end < whole.len() || whole_ends || !part_ends)
    })
}

#[cfg(test)]
mod tests {
    use runledger_audit::Seq;

    use super::*;

    fn lines(text: &str) -> Vec<Item> {
        text.chars()
            .map(|line| match line.to_digit(36) {
                Some(seq) => Item::Line(Seq::new(u64::from(seq))),
                None => Item::Blank(line.to_string()),
            })
            .collect()
    }

    #[test]
    fn a_stretch_is_covered_and_anything_else_is_not() {
        let covered = |whole: &str, part: &str| covers((&lines(whole), false), (&lines(part), false));
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
        let (whole, part) = (lines("123"), lines("23"));
        assert!(covers((&whole, true), (&part, true)) && covers((&whole, true), (&part, false)));
        assert!(covers((&whole, false), (&part, false)) && !covers((&whole, false), (&part, true)));
        assert!(covers((&whole, false), (&lines("12"), true)));
    }
}
