//! Rule: what the documentation points to is there.
//!
//! Checked are links between pages, with their anchors, and pages that comments of sources name. Addresses on the
//! network are not: a build must not depend on somebody else's server.

use crate::tidy::finding::Finding;
use crate::tidy::markdown;
use crate::tidy::source_tree::SourceTree;

/// Reports each link and each named page that leads nowhere in the repository.
pub(crate) fn check(tree: &SourceTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts_ending("md") {
        for link in markdown::links(text) {
            findings.extend(
                refusal(tree, path, &link.target).map(|why| Finding::error(path, why).at_line(link.line)),
            );
        }
    }
    for (path, text) in tree.texts_ending("rs") {
        for (line, words) in (1..).zip(text.lines()) {
            for page in named_pages(words) {
                // A comment names a page from where it stands, or from the root.
                if let (Some(why), Some(_)) = (refusal(tree, "", page), refusal(tree, path, page)) {
                    findings.push(Finding::error(path, why).at_line(line));
                }
            }
        }
    }
    findings
}

/// Why a link in the page at `from` leads nowhere.
fn refusal(tree: &SourceTree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let Some(resolved) = resolve(from, path) else {
        return Some(format!("`{target}` leads out of the repository"));
    };
    if !tree.has(&resolved) {
        return Some(format!("`{target}` leads to no file"));
    }
    let page = tree.text(&resolved).filter(|_| !anchor.is_empty() && has_md_ending(&resolved))?;
    let known = markdown::headings(page).iter().any(|heading| heading.anchor == anchor);
    (!known).then(|| format!("`{target}`: {resolved} has no heading `#{anchor}`"))
}

/// The path below the root that `path`, written in the file `from`, means. Nothing when it lies outside.
fn resolve(from: &str, path: &str) -> Option<String> {
    if path.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = match path.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from.rsplit_once('/').map_or_else(Vec::new, |(directory, _)| directory.split('/').collect()),
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The pages that a comment line names, such as `FORMAT.md`, with or without an anchor. Lower-case names are not taken
/// for pages of ours: they are what examples are made of.
fn named_pages(line: &str) -> impl Iterator<Item = &str> {
    let comment = line.trim_start().strip_prefix("//").unwrap_or("");
    let words = comment.split(|letter: char| !(letter.is_alphanumeric() || "-_./#".contains(letter)));
    words.map(|word| word.trim_end_matches(['.', '#'])).filter(|word| {
        let path = word.split('#').next().unwrap_or(word);
        let name = path.rsplit('/').next().unwrap_or(path);
        has_md_ending(path) && name.starts_with(|letter: char| letter.is_ascii_uppercase())
    })
}

fn has_md_ending(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending == "md")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> usize {
        let tree = SourceTree::of([
            ("FORMAT.md", "# The format\n\n## Record, 40 bytes\n"),
            ("crates/wal/src/record.rs", "//! Records.\n"),
            (path, text),
        ]);
        check(&tree).len()
    }

    #[test]
    fn links_to_what_is_there_pass() {
        for text in [
            "[format](FORMAT.md)",
            "[record](./FORMAT.md#record-40-bytes)",
            "[code](crates/wal/src/)",
            "[up](/FORMAT.md)",
            "# Own heading\n[here](#own-heading)",
            "[elsewhere](https://example.org/missing.md)",
        ] {
            assert_eq!(findings("README.md", text), 0, "{text}");
        }
        assert_eq!(findings("benches/README.md", "[format](../FORMAT.md)"), 0);
    }

    #[test]
    fn links_that_lead_nowhere_are_errors() {
        for text in [
            "[gone](GONE.md)",
            "[no anchor](FORMAT.md#recrod)",
            "[no own anchor](#nothing)",
            "[out](../notes.md)",
            "[label]: docs/gone.md",
        ] {
            assert_eq!(findings("README.md", text), 1, "{text}");
        }
        assert_eq!(findings("benches/README.md", "[format](FORMAT.md)"), 1);
    }

    #[test]
    fn a_comment_that_names_a_missing_page_is_an_error() {
        let path = "crates/wal/src/frame.rs";
        assert_eq!(findings(path, "//! See PLAN.md."), 1);
        assert_eq!(findings(path, "//! See FORMAT.md#recrod."), 1);
        assert_eq!(findings(path, "//! See FORMAT.md#record-40-bytes, and FORMAT.md."), 0);
        assert_eq!(findings(path, "let page = \"PLAN.md\";"), 0);
    }
}
