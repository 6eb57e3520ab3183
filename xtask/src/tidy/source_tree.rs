//! The repository's files in memory: every path, and the text of those that rules read.
//!
//! The tree is walked rather than asked of git, so that tidy gives the same answer in an unpacked archive. What cargo,
//! the fuzzer and the program leave behind is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Directories that hold no sources, wherever they lie. The same as in `.gitignore`.
const DIRECTORIES_IGNORED: [&str; 5] = ["target", ".git", ".runledger", "corpus", "artifacts"];

/// Endings of the files whose text rules read.
const TEXT_ENDINGS: [&str; 5] = ["rs", "md", "toml", "lock", "sh"];

/// Paths are relative to the root, with forward slashes.
#[derive(Default)]
pub(crate) struct SourceTree {
    directories: BTreeSet<String>,
    files: BTreeSet<String>,
    texts: BTreeMap<String, String>,
}

impl SourceTree {
    /// Reads the tree below `root`.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        Ok(tree)
    }

    fn walk(&mut self, root: &Path, below: &str) -> Result<()> {
        let directory = root.join(below);
        let entries = fs::read_dir(&directory).with_context(|| format!("list {}", directory.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("list {}", directory.display()))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue; // No rule reads a file whose name isn't text, and no page can link to it.
            };
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            let kind = entry.file_type().with_context(|| format!("look at {path}"))?;
            if kind.is_dir() {
                if !DIRECTORIES_IGNORED.contains(&name.as_str()) {
                    self.walk(root, &path)?;
                    self.directories.insert(path);
                }
            } else if Path::new(&name)
                .extension()
                .is_some_and(|ending| TEXT_ENDINGS.iter().any(|own| ending == *own))
            {
                let text = fs::read_to_string(root.join(&path)).with_context(|| format!("read {path}"))?;
                self.insert(path, text);
            } else {
                self.files.insert(path);
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: String, text: String) {
        self.files.insert(path.clone());
        self.texts.insert(path, text);
    }

    /// Whether a file or a directory lies there.
    pub(crate) fn has(&self, path: &str) -> bool {
        path.is_empty() || self.files.contains(path) || self.directories.contains(path)
    }

    /// The text of the file at `path`, if there is one that rules read.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Path and text of the files with this ending, in order of their paths.
    pub(crate) fn texts_ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let texts = self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
        texts.filter(move |(path, _)| path.rsplit_once('.').is_some_and(|(_, own)| own == ending))
    }
}

#[cfg(test)]
impl SourceTree {
    /// A tree of these files, for the tests of rules.
    pub(crate) fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let parents = path.match_indices('/').map(|(end, _)| path[..end].to_owned());
            tree.directories.extend(parents);
            tree.insert(path.to_owned(), text.to_owned());
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_leaves_behind_is_passed_over_and_sources_are_found() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("crates/a/target")).unwrap();
        fs::write(root.path().join("crates/a/lib.rs"), "//! A.\n").unwrap();
        fs::write(root.path().join("crates/a/target/built.rs"), "").unwrap();
        fs::write(root.path().join("LICENSE"), "").unwrap();
        let tree = SourceTree::read(root.path()).unwrap();
        assert_eq!(tree.text("crates/a/lib.rs"), Some("//! A.\n"));
        assert!(tree.has("crates/a") && tree.has("LICENSE"));
        assert!(!tree.has("crates/a/target") && !tree.has("crates/a/target/built.rs"));
    }

    #[test]
    fn a_file_without_an_ending_is_not_taken_for_one_with_it() {
        let tree = SourceTree::of([("rs", ""), ("a.rs", "")]);
        assert_eq!(tree.texts_ending("rs").map(|(path, _)| path).collect::<Vec<_>>(), ["a.rs"]);
    }
}
