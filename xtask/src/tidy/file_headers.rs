//! Rule: every source file opens with `//!`, which says what it owns.
//!
//! Whether the header is true is for the reviewer.

use crate::tidy::finding::Finding;
use crate::tidy::source_tree::SourceTree;

/// Reports each source file whose first line isn't a header with words in it.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    let has_header = |text: &str| text.strip_prefix("//! ").is_some_and(|rest| !rest.trim_start().is_empty());
    let bare = tree.texts_ending("rs").filter(|(_, text)| !has_header(text));
    bare.map(|(path, _)| {
        Finding::error(path, "opens without a `//!` line that says what the file owns").at_line(1)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_is_an_error() {
        for text in ["", "use std::fs;\n", "// A comment.\n", "\n//! Late.\n", "//! \n"] {
            assert_eq!(check(&SourceTree::of([("src/record.rs", text)])).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn a_file_with_a_header_passes() {
        assert_eq!(check(&SourceTree::of([("src/record.rs", "//! Records.\n\nuse std::fs;\n")])), []);
    }
}
