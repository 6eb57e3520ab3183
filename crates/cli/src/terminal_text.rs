//! Recorded text on its way to a terminal: how wide it is, where it is cut, and what never gets there.
//!
//! INVARIANT: what these functions give holds no control character (but line breaks and tabs where they are asked to
//! keep them) and nothing that changes the direction of writing. A recording may hold both to confuse who reads it.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// So many characters without a width of their own, such as accents, stay with one that has a width.
const COMBINING_CHARACTERS_MAX: usize = 4;

/// How many columns of a terminal `text` takes. What has no width of its own takes none.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// `text` on one line of at most `columns_max`: white space becomes single spaces, controls become escapes, and what
/// was cut leaves an ellipsis.
pub(crate) fn one_line(text: &str, columns_max: usize) -> String {
    let mut line = Line::new(columns_max);
    for word in text.split_whitespace() {
        if !line.is_empty() && !line.push(' ') {
            break;
        }
        if !word.chars().all(|character| line.push(character)) {
            break;
        }
    }
    line.finish()
}

/// `text` with its line breaks and tabs, but no other control characters.
pub(crate) fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => visible.push(character),
            _ => push_visible(&mut visible, character),
        }
    }
    visible
}

/// `number` with its digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A line that fills up to a number of columns.
struct Line {
    text: String,
    columns: usize,
    columns_max: usize,
    combining: usize,
    /// How long the text was, in bytes and columns, when there was still room for an ellipsis.
    ellipsis_at: (usize, usize),
    is_cut: bool,
}

impl Line {
    fn new(columns_max: usize) -> Self {
        let (text, ellipsis_at) = (String::new(), (0, 0));
        Self { text, columns: 0, columns_max, combining: 0, ellipsis_at, is_cut: false }
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a character, if it fits.
    fn push(&mut self, character: char) -> bool {
        let mut shown = String::new();
        push_visible(&mut shown, character);
        let width = columns(&shown);
        if width == 0 {
            self.combining += 1;
            if self.combining > COMBINING_CHARACTERS_MAX {
                return true;
            }
        } else {
            self.combining = 0;
        }
        if self.columns + width > self.columns_max {
            self.is_cut = true;
            return false;
        }
        self.text.push_str(&shown);
        self.columns += width;
        if self.columns < self.columns_max {
            self.ellipsis_at = (self.text.len(), self.columns);
        }
        true
    }

    fn finish(mut self) -> String {
        if self.is_cut && self.columns_max > 0 {
            self.text.truncate(self.ellipsis_at.0);
            self.text.push('…');
        }
        self.text
    }
}

/// Appends a character, a control or a change of direction as an escape.
fn push_visible(text: &mut String, character: char) {
    let reorders = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    if character.is_control() || reorders || matches!(character, '\u{2028}' | '\u{2029}') {
        // Writing to a string does not fail.
        let _ = write!(text, "{}", character.escape_unicode());
    } else {
        text.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_folds_white_space_escapes_controls_and_marks_the_cut() {
        assert_eq!(one_line("  a\n\tb  c ", 10), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("abcd", 4), "abcd");
        assert_eq!(one_line("abcd ", 4), "abcd");
        assert_eq!(one_line("\u{1b}[31mred", 20), "\\u{1b}[31mred");
        assert_eq!(one_line("abc", 0), "");
    }

    #[test]
    fn a_cut_counts_columns_not_characters_and_splits_no_wide_one() {
        assert_eq!(columns("日本語"), 6);
        assert_eq!(one_line("日本語", 6), "日本語");
        assert_eq!(one_line("日本語", 5), "日本…");
        assert_eq!(one_line("日本語", 4), "日…");
        for columns_max in 0..12 {
            for text in ["日本語日本語", "a日b本c語", "e\u{301}e\u{301}e\u{301}e\u{301}"] {
                assert!(columns(&one_line(text, columns_max)) <= columns_max, "{text} in {columns_max}");
            }
        }
    }

    #[test]
    fn a_heap_of_accents_does_not_make_a_line_endless() {
        let line = one_line(&format!("a{}b", "\u{301}".repeat(10_000)), 10);
        assert!(line.len() < 20 && line.ends_with('b'), "{}", line.len());
    }

    #[test]
    fn visible_keeps_lines_and_no_terminal_sequences() {
        assert_eq!(visible("a\n\tb\u{7}\u{202e}"), "a\n\tb\\u{7}\\u{202e}");
        assert_eq!(visible("\u{9b}31m\u{200f}"), "\\u{9b}31m\\u{200f}");
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!([0, 999, 1_000, 12_345_678].map(grouped), ["0", "999", "1,000", "12,345,678"]);
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }
}
