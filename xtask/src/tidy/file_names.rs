//! Rule: a file is named for its role, and a module `foo` lies in `foo.rs`.
//!
//! Names that fit any content collect any content; `mod.rs` makes a dozen editor tabs look alike.

use crate::tidy::finding::Finding;
use crate::tidy::source_tree::SourceTree;

/// Names of files and directories that say nothing of what is inside.
const ROLELESS: [&str; 9] =
    ["util", "utils", "common", "types", "helper", "helpers", "manager", "managers", "misc"];

/// Reports each source file with such a name anywhere in its path.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    tree.texts_ending("rs")
        .filter_map(|(path, _)| refusal(path).map(|why| Finding::error(path, why)))
        .collect()
}

fn refusal(path: &str) -> Option<String> {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    if stem.rsplit('/').next() == Some("mod") {
        return Some("a module `foo` lies in `foo.rs`, not in `foo/mod.rs`".to_owned());
    }
    let roleless = stem.split('/').find(|part| ROLELESS.contains(part))?;
    Some(format!("`{roleless}` fits any content: name it for its role"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_role_are_errors() {
        for path in
            ["crates/a/src/utils.rs", "crates/a/src/common/io.rs", "tests/tests/crash/mod.rs", "src/types.rs"]
        {
            assert_eq!(check(&SourceTree::of([(path, "")])).len(), 1, "{path}");
        }
    }

    #[test]
    fn names_with_a_role_pass() {
        let tree = SourceTree::of([
            ("crates/a/src/record.rs", ""),
            ("src/types_of_event.rs", ""),
            ("docs/types.md", ""),
        ]);
        assert_eq!(check(&tree), []);
    }
}
