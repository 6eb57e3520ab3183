//! The lines of `xtask/format.lock`: for each file that claims sections, a hash of its code and of each section.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

/// What is known of one file that claims sections.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Hash of its layout code.
    pub(super) code: String,
    /// Anchor and hash of each section that it claims.
    pub(super) sections: BTreeMap<String, String>,
}

/// What the lock file opens with.
const PREAMBLE: &str = "# Which code writes which section of FORMAT.md: path, hash of the code, then section=hash.\n\
    # Written by `cargo xtask tidy --accept-format`. A line whose first hash alone changes says: same bytes.\n";

/// Hexadecimal digits kept of a hash: enough to tell two texts of one file apart.
const HASH_DIGITS: usize = 16;

/// The hash of a text, shortened for a line that people read.
pub(super) fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().chars().take(HASH_DIGITS).collect()
}

/// The lock file with these records, by path.
pub(super) fn print(records: &BTreeMap<String, Record>) -> String {
    let mut text = PREAMBLE.to_owned();
    for (path, record) in records {
        text.push_str(path);
        text.push(' ');
        text.push_str(&record.code);
        for (anchor, hash) in &record.sections {
            write!(text, " {anchor}={hash}").expect("writing to a string does not fail");
        }
        text.push('\n');
    }
    text
}

/// The records of a lock file, by path.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, Record>> {
    let mut records = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let path = words.next().unwrap_or("");
        let code = words.next().with_context(|| format!("`{line}` has no hash"))?;
        let sections: Option<BTreeMap<_, _>> = words
            .map(|word| word.split_once('=').map(|(anchor, hash)| (anchor.to_owned(), hash.to_owned())))
            .collect();
        let sections = sections.with_context(|| format!("`{line}` has a section without a hash"))?;
        ensure!(!sections.is_empty(), "`{line}` claims no section");
        records.insert(path.to_owned(), Record { code: code.to_owned(), sections });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_parsed_again() {
        let sections = BTreeMap::from([("footer".to_owned(), hash("f")), ("header".to_owned(), hash("h"))]);
        let records =
            BTreeMap::from([("crates/a/src/b.rs".to_owned(), Record { code: hash("code"), sections })]);
        assert_eq!(parse(&print(&records)).unwrap(), records);
    }

    #[test]
    fn a_damaged_line_is_an_error() {
        for line in ["crates/a.rs", "crates/a.rs 12ab", "crates/a.rs 12ab header"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
