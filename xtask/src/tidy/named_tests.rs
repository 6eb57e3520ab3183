//! Rule: the tests that a page names are there.
//!
//! Looked at is each column of a table that is headed `tests`: what stands between backticks in it is a path, from the
//! root or from the page, or the name of a test. Words without an underscore and quoted claims are prose. A row that
//! names neither is only warned of: what it promises is not tested yet, and the page says so.

use std::collections::BTreeSet;

use crate::tidy::finding::Finding;
use crate::tidy::markdown;
use crate::tidy::source_tree::SourceTree;

/// The heading of the columns that are checked.
const HEADING: &str = "tests";

/// Reports each name that is no test and each path that leads nowhere, and warns of rows without either.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    let tests: BTreeSet<&str> = tree.texts_ending("rs").flat_map(|(_, text)| names_of_tests(text)).collect();
    let mut findings = Vec::new();
    for (page, text) in tree.texts_ending("md") {
        for (line, cell) in markdown::column(text, HEADING) {
            let named: Vec<&str> =
                cell.split('`').skip(1).step_by(2).filter(|word| is_checked(word)).collect();
            if named.is_empty() {
                findings.push(Finding::warning(page, "the row names no test").at_line(line));
            }
            for word in named {
                let is_there =
                    if word.contains('/') { leads_somewhere(tree, page, word) } else { tests.contains(word) };
                if !is_there {
                    let why = format!("`{word}` is neither a test nor a file");
                    findings.push(Finding::error(page, why).at_line(line));
                }
            }
        }
    }
    findings
}

/// A path, or what looks like the name of a test.
fn is_checked(word: &str) -> bool {
    word.contains('/')
        || (word.contains('_') && word.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric()))
}

/// The functions of a source that carry the attribute of a test.
fn names_of_tests(text: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    text.lines().filter_map(move |line| {
        let line = line.trim_start();
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let name = line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ")?;
        std::mem::take(&mut is_test).then(|| name.split('(').next().unwrap_or(name))
    })
}

/// Whether all of the paths that `a/{b,c}.rs` stands for are there, seen from the root or from the page.
fn leads_somewhere(tree: &SourceTree, page: &str, pattern: &str) -> bool {
    let (before, rest) = pattern.split_once('{').unwrap_or((pattern, "}"));
    let (choices, after) = rest.split_once('}').unwrap_or((rest, ""));
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    choices.split(',').all(|choice| {
        let path = format!("{before}{choice}{after}");
        let path = path.trim_end_matches('/');
        tree.has(path) || tree.has(&format!("{folder}/{path}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "#[test]\nfn a_claim_holds() {}\n\nfn no_test_at_all() {}\n\
        proptest! {\n    #[test]\n    #[ignore = \"root\"]\n    fn a_random_claim_holds(a in 0..3) {}\n}\n\
        #[tokio::test]\nasync fn a_task_holds() {}\n";

    fn findings(row: &str) -> Vec<String> {
        let page = format!("| promise | tests |\n|---|---|\n{row}\n");
        let tree = SourceTree::of([
            ("crates/a/tests/one.rs", SOURCE),
            ("tests/tests/two.rs", ""),
            ("tests/README.md", &page),
        ]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_there_passes() {
        for row in [
            "| it holds | `a_claim_holds`, `a_random_claim_holds`; `a_task_holds` |",
            "| it holds | `crates/a/tests/{one}.rs`, `tests/two.rs` |",
            "| `not_the_column` | the laboratory, `decay`: `a_claim_holds` |",
        ] {
            assert_eq!(findings(row), [""; 0], "{row}");
        }
    }

    #[test]
    fn what_is_not_there_is_an_error_and_nothing_at_all_a_warning() {
        for row in [
            "| it holds | `a_claim_held` |",
            "| it holds | `no_test_at_all` |",
            "| it holds | `crates/a/tests/{one,two}.rs` |",
        ] {
            assert_eq!(findings(row).len(), 1, "{row}");
            assert!(findings(row)[0].starts_with("error: tests/README.md:3"), "{:?}", findings(row));
        }
        assert!(findings("| it holds | to come |")[0].starts_with("warning"));
    }
}
