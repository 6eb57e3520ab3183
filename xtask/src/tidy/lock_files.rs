//! Rule: each workspace has its `Cargo.lock`, and git carries it.
//!
//! That a lock file is up to date is seen elsewhere: every build step runs with `--locked`.

use std::path::Path;
use std::process::Command;

use crate::tidy::finding::Finding;
use crate::tidy::source_tree::SourceTree;

/// Reports each workspace whose lock file is missing or unknown to git.
pub(crate) fn check(tree: &SourceTree, root: &Path) -> Vec<Finding> {
    workspaces(tree).filter_map(|directory| refusal(tree, root, directory)).collect()
}

/// The directories whose `Cargo.toml` opens a workspace, each ending in a slash unless it is the root.
fn workspaces(tree: &SourceTree) -> impl Iterator<Item = &str> {
    let manifests =
        tree.texts_ending("toml").filter_map(|(path, text)| Some((path.strip_suffix("Cargo.toml")?, text)));
    manifests
        .filter(|(_, text)| text.lines().any(|line| line.trim_end() == "[workspace]"))
        .map(|(directory, _)| directory)
}

fn refusal(tree: &SourceTree, root: &Path, directory: &str) -> Option<Finding> {
    let lock = format!("{directory}Cargo.lock");
    if !tree.has(&lock) {
        return Some(Finding::error(lock, "is missing: builds must not depend on the day they run"));
    }
    if root.join(".git").exists() && !is_carried_by_git(root, &lock) {
        return Some(Finding::error(lock, "is not known to git: add it"));
    }
    None
}

/// Whether git knows the file. A git that can't be asked is no reason to refuse the tree.
fn is_carried_by_git(root: &Path, path: &str) -> bool {
    let asked = Command::new("git").args(["ls-files", "--", path]).current_dir(root).output();
    asked.map_or(true, |answer| !answer.status.success() || !answer.stdout.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKSPACE: &str = "[workspace]\nmembers = []\n";

    #[test]
    fn a_workspace_without_a_lock_file_is_an_error_and_a_member_needs_none() {
        let root = tempfile::tempdir().unwrap();
        let tree =
            SourceTree::of([("benches/Cargo.toml", WORKSPACE), ("crates/a/Cargo.toml", "[package]\n")]);
        assert_eq!(check(&tree, root.path()).len(), 1);
        let tree = SourceTree::of([("benches/Cargo.toml", WORKSPACE), ("benches/Cargo.lock", "")]);
        assert_eq!(check(&tree, root.path()), []);
    }

    #[test]
    fn a_lock_file_that_git_does_not_carry_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            assert!(
                Command::new("git")
                    .args(arguments)
                    .current_dir(root.path())
                    .output()
                    .unwrap()
                    .status
                    .success()
            );
        };
        git(&["init", "--quiet"]);
        std::fs::write(root.path().join("Cargo.lock"), "").unwrap();
        let tree = SourceTree::of([("Cargo.toml", WORKSPACE), ("Cargo.lock", "")]);
        assert_eq!(check(&tree, root.path()).len(), 1);
        git(&["add", "Cargo.lock"]);
        assert_eq!(check(&tree, root.path()), []);
    }
}
