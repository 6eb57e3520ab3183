//! Rule: the text makes sense to a reader who has nothing but this repository.
//!
//! Directories of one machine and numbers of a tracker mean nothing to them. In sources only comments are read: the
//! sessions that tests write are full of somebody's directories.

use crate::tidy::finding::Finding;
use crate::tidy::source_tree::SourceTree;

/// Directories that exist on some machine of ours and not on the reader's.
const MACHINE_DIRECTORIES: [&str; 2] = ["/work/", "/root/"];

/// Words that, followed by a number, point into a tracker.
const TRACKER_WORDS: [&str; 4] = ["issue", "issues", "ticket", "tickets"];

/// This file, which has to name what it looks for.
const OWN_PATH: &str = "xtask/src/tidy/private_references.rs";

/// Reports each line of sources, pages and manifests that points outside the repository.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    let texts = ["rs", "md", "toml", "sh"].into_iter().flat_map(|ending| tree.texts_ending(ending));
    let mut findings = Vec::new();
    for (path, text) in texts.filter(|(path, _)| *path != OWN_PATH) {
        let is_source = path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rs");
        let is_prose = |line: &str| !is_source || line.trim_start().starts_with("//");
        for (line, words) in (1..).zip(text.lines()).filter(|(_, line)| is_prose(line)) {
            findings.extend(refusal(words).map(|why| Finding::error(path, why).at_line(line)));
        }
    }
    findings
}

fn refusal(line: &str) -> Option<String> {
    if let Some(directory) = MACHINE_DIRECTORIES.iter().find(|directory| line.contains(*directory)) {
        return Some(format!("`{directory}` is a directory of one machine"));
    }
    let lower = line.to_lowercase();
    let mut words = lower.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let word = word.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let number = words.peek().map_or("", |next| next.trim_start_matches('#'));
        if TRACKER_WORDS.contains(&word) && number.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Some(format!("`{word} {number}` points into a tracker: say what it is about"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, line: &str) -> usize {
        check(&SourceTree::of([(path, line)])).len()
    }

    #[test]
    fn paths_of_one_machine_and_tracker_numbers_are_errors() {
        for line in
            ["// see /work/plan", "    //! Fixes issue 12.", "/// As of (Issue #3)", "// tickets 4 and 5"]
        {
            assert_eq!(findings("src/a.rs", line), 1, "{line}");
        }
        assert_eq!(findings("README.md", "Unpack it to /root/src."), 1);
        assert_eq!(findings(".config/nextest.toml", "path = \"/work/x\""), 1);
    }

    #[test]
    fn ordinary_prose_and_invented_sessions_pass() {
        for line in [
            "// two syncs are at issue",
            "// issues no write",
            "// a framework/x",
            "let cwd = \"/work/mill\";",
        ] {
            assert_eq!(findings("src/a.rs", line), 0, "{line}");
        }
    }
}
