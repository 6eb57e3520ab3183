//! Rule: a file is one thing, and so mostly short.
//!
//! Length is a symptom: over the first bound a reader should ask whether the file is one thing, over the second it
//! isn't.

use crate::tidy::finding::Finding;
use crate::tidy::source_tree::SourceTree;

/// Above this many lines a file is named.
const QUESTIONED_ABOVE_LINES: usize = 500;

/// Above this many lines a file is refused.
const REFUSED_ABOVE_LINES: usize = 800;

/// Warns of long source files, and refuses very long ones.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    tree.texts_ending("rs").filter_map(|(path, text)| finding(path, text.lines().count())).collect()
}

fn finding(path: &str, lines: usize) -> Option<Finding> {
    if lines > REFUSED_ABOVE_LINES {
        return Some(Finding::error(
            path,
            format!("{lines} lines: more than {REFUSED_ABOVE_LINES} are never one thing"),
        ));
    }
    (lines > QUESTIONED_ABOVE_LINES)
        .then(|| Finding::warning(path, format!("{lines} lines: is it one thing?")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::Severity;

    fn severity(lines: usize) -> Option<Severity> {
        let text = "//! Line.\n".repeat(lines);
        check(&SourceTree::of([("src/a.rs", &text)])).first().map(|finding| finding.severity)
    }

    #[test]
    fn long_files_are_warned_of_and_very_long_ones_refused() {
        assert_eq!(severity(QUESTIONED_ABOVE_LINES), None);
        assert_eq!(severity(QUESTIONED_ABOVE_LINES + 1), Some(Severity::Warning));
        assert_eq!(severity(REFUSED_ABOVE_LINES), Some(Severity::Warning));
        assert_eq!(severity(REFUSED_ABOVE_LINES + 1), Some(Severity::Error));
    }
}
