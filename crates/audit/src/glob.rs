//! Patterns for the values of a filter.
//!
//! A value is plain text: no character in it is special, a slash neither. `*` is any run of characters, `?` is one
//! character, `[a-z_]` one of these, `[!a-z]` one that is none of these, and a backslash takes the next character as it
//! is.

use std::fmt;
use std::str::FromStr;

/// The longest pattern that is taken. Matching a text takes at most as many steps as the product of both lengths.
pub const GLOB_BYTES_MAX: usize = 1_024;

/// A pattern.
///
/// ```
/// use runledger_audit::Glob;
///
/// let tests: Glob = "cargo test*".parse()?;
/// assert!(tests.matches("cargo test --all") && !tests.matches("cargo build"));
/// assert!("[".parse::<Glob>().is_err());
/// # Ok::<(), runledger_audit::GlobError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glob {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Token {
    Run,
    One,
    Is(char),
    Class { ranges: Vec<(char, char)>, negated: bool },
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobError {
    /// `[` without its `]`.
    #[error("the pattern {0:?} has a `[` without its `]`: write `\\[` for the character itself")]
    OpenClass(String),
    /// `[]` or `[!]`.
    #[error("the pattern {0:?} has a class without characters")]
    EmptyClass(String),
    /// A range from high to low.
    #[error("the pattern {pattern:?} has the range {from}-{to}, which holds nothing")]
    ReversedRange {
        /// The pattern.
        pattern: String,
        /// Where the range starts.
        from: char,
        /// Where it ends.
        to: char,
    },
    /// A backslash at the end.
    #[error("the pattern {0:?} ends in a backslash, which takes the next character as it is: write two")]
    EndsInBackslash(String),
    /// Longer than is taken.
    #[error("the pattern has {0} bytes, more than {GLOB_BYTES_MAX}")]
    TooLong(usize),
}

impl Token {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Run | Self::One => true,
            Self::Is(wanted) => *wanted == character,
            Self::Class { ranges, negated } => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&character)) != *negated
            }
        }
    }
}

impl Glob {
    /// Whether the pattern covers the whole of `text`.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let (mut tokens, mut rest) = (self.tokens.as_slice(), text.chars());
        // Behind the last `*` that was met, and the text that it has not taken yet. Only the last one needs to take
        // more: whatever an earlier one could take instead, the last one can take too.
        let mut last_run: Option<(&[Token], std::str::Chars<'_>)> = None;
        loop {
            if let Some((Token::Run, behind)) = tokens.split_first() {
                last_run = Some((behind, rest.clone()));
                tokens = behind;
                continue;
            }
            let mut ahead = rest.clone();
            match (tokens.split_first(), ahead.next()) {
                (None, None) => return true,
                (Some((token, behind)), Some(character)) if token.accepts(character) => {
                    (tokens, rest) = (behind, ahead);
                }
                _ => {
                    let Some((behind, taken_up_to)) = &mut last_run else { return false };
                    if taken_up_to.next().is_none() {
                        return false;
                    }
                    (tokens, rest) = (*behind, taken_up_to.clone());
                }
            }
        }
    }

    /// What every text that matches starts with.
    pub(crate) fn literal_prefix(&self) -> String {
        let literal = |token: &Token| if let Token::Is(character) = token { Some(*character) } else { None };
        self.tokens.iter().map_while(literal).collect()
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Glob {
    type Err = GlobError;

    fn from_str(text: &str) -> Result<Self, GlobError> {
        if text.len() > GLOB_BYTES_MAX {
            return Err(GlobError::TooLong(text.len()));
        }
        let mut tokens = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            tokens.push(match character {
                '*' => Token::Run,
                '?' => Token::One,
                '[' => class(text, &mut rest)?,
                '\\' => Token::Is(rest.next().ok_or_else(|| GlobError::EndsInBackslash(text.to_owned()))?),
                character => Token::Is(character),
            });
        }
        tokens.dedup_by(|next, token| *next == Token::Run && *token == Token::Run);
        Ok(Self { text: text.to_owned(), tokens })
    }
}

/// Reads a class of the pattern `text`, of which `rest` follows the `[`.
fn class(text: &str, rest: &mut std::str::Chars<'_>) -> Result<Token, GlobError> {
    let open = || GlobError::OpenClass(text.to_owned());
    let negated = rest.clone().next() == Some('!');
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next().ok_or_else(open)? {
            ']' => break,
            '\\' => rest.next().ok_or_else(open)?,
            character => character,
        };
        let mut ahead = rest.clone();
        let to = match (ahead.next(), ahead.next()) {
            // A hyphen at the end of a class is a character like others.
            (Some('-'), Some(to)) if to != ']' => {
                let to = if to == '\\' { ahead.next().ok_or_else(open)? } else { to };
                *rest = ahead;
                to
            }
            _ => from,
        };
        if to < from {
            return Err(GlobError::ReversedRange { pattern: text.to_owned(), from, to });
        }
        ranges.push((from, to));
    }
    if ranges.is_empty() {
        return Err(GlobError::EmptyClass(text.to_owned()));
    }
    Ok(Token::Class { ranges, negated })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a pattern means, by its definition.
    fn covers(tokens: &[Token], text: &[char]) -> bool {
        match (tokens, text) {
            ([], []) => true,
            ([Token::Run, behind @ ..], _) => (0..=text.len()).any(|taken| covers(behind, &text[taken..])),
            ([token, behind @ ..], [character, rest @ ..]) => {
                token.accepts(*character) && covers(behind, rest)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in r"([ab?*]|\[!?[ab]\]|\\[*ä]){0,8}", text in "[abä*]{0,10}") {
            let glob: Glob = pattern.parse().unwrap();
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(glob.matches(&text), covers(&glob.tokens, &characters));
            prop_assert!(!glob.matches(&text) || text.starts_with(&glob.literal_prefix()));
        }

        #[test]
        fn any_text_is_a_pattern_or_refused_without_a_panic(pattern in "\\PC*", text in "\\PC*") {
            if let Ok(glob) = pattern.parse::<Glob>() {
                let _ = glob.matches(&text);
            }
        }

        #[test]
        fn an_escaped_text_matches_itself_alone(text in "[ab*?\\[\\]\\\\!-]{0,6}", other in "[ab*?\\[\\]\\\\!-]{0,6}") {
            let escaped: String = text.chars().flat_map(|character| ['\\', character]).collect();
            let glob: Glob = escaped.parse().unwrap();
            prop_assert_eq!(glob.literal_prefix(), text.clone());
            prop_assert_eq!(glob.matches(&other), other == text);
        }
    }

    #[test]
    fn classes_have_ranges_negation_and_escapes() {
        let matches = |pattern: &str, text: &str| pattern.parse::<Glob>().unwrap().matches(text);
        assert!(matches("[a-cx]", "b") && matches("[a-cx]", "x") && !matches("[a-cx]", "d"));
        assert!(matches("[!a-c]", "d") && !matches("[!a-c]", "b") && !matches("[!a-c]", ""));
        assert!(
            matches("[a-]", "-") && matches(r"[\]]", "]") && matches("[a-a]", "a") && !matches("[a-a]", "-")
        );
        assert!(matches("run/*/x", "run/a/b/x"), "a slash is a character like others");
        assert!(matches("", "") && !matches("", "a") && matches("*", ""));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_reason() {
        let error = |pattern: &str| pattern.parse::<Glob>().unwrap_err().to_string();
        assert!(error("a[b").contains("without its `]`"));
        assert!(error("[]").contains("without characters") && error("[!]").contains("without characters"));
        assert!(error("[z-a]").contains("z-a"));
        assert!(error("a\\").contains("backslash"));
        assert!(error(&"*".repeat(GLOB_BYTES_MAX + 1)).contains("bytes"));
    }

    #[test]
    fn many_runs_take_no_exponential_time() {
        let pattern = "*a".repeat(100) + "b";
        assert!(!pattern.parse::<Glob>().unwrap().matches(&"a".repeat(2_000)));
    }
}
