//! Rule: each workspace has its `Cargo.lock`, git carries it, and it knows the dependencies that our crates have now.
//!
//! The main lock file is kept up to date by every build with `--locked`. Those of the other workspaces are not: no test
//! builds them, and a crate that gets a new dependency would leave them behind until somebody wants to measure.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use crate::repository::Package;
use crate::tidy::finding::Finding;
use crate::tidy::source_tree::SourceTree;

/// Reports each workspace whose lock file is missing, unknown to git, or behind `packages`, the main workspace's.
pub(crate) fn check(tree: &SourceTree, root: &Path, packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for directory in workspaces(tree) {
        let lock = format!("{directory}Cargo.lock");
        match tree.text(&lock) {
            None => {
                findings.push(Finding::error(lock, "is missing: builds must not depend on the day they run"));
            }
            Some(_) if root.join(".git").exists() && !is_carried_by_git(root, &lock) => {
                findings.push(Finding::error(lock, "is not known to git: add it"));
            }
            Some(text) if !directory.is_empty() => {
                let behind =
                    packages.iter().filter(|package| is_behind(text, package)).map(|package| &package.name);
                findings.extend(behind.map(|name| {
                    let command = format!("cargo update --workspace --manifest-path {directory}Cargo.toml");
                    Finding::error(&lock, format!("does not know what {name} depends on now: {command}"))
                }));
            }
            Some(_) => {}
        }
    }
    findings
}

/// The directories whose `Cargo.toml` opens a workspace, each ending in a slash unless it is the root.
fn workspaces(tree: &SourceTree) -> impl Iterator<Item = &str> {
    let manifests =
        tree.texts_ending("toml").filter_map(|(path, text)| Some((path.strip_suffix("Cargo.toml")?, text)));
    manifests
        .filter(|(_, text)| text.lines().any(|line| line.trim_end() == "[workspace]"))
        .map(|(directory, _)| directory)
}

/// Whether git knows the file. A git that can't be asked is no reason to refuse the tree.
fn is_carried_by_git(root: &Path, path: &str) -> bool {
    let asked = Command::new("git").args(["ls-files", "--", path]).current_dir(root).output();
    asked.map_or(true, |answer| !answer.status.success() || !answer.stdout.is_empty())
}

/// Whether the lock file lists other dependencies of `package` than it has. Optional ones are there or not, as the
/// other workspace's features will have it; those of tests are never there.
fn is_behind(lock: &str, package: &Package) -> bool {
    let Some(locked) = locked_dependencies(lock, &package.name) else {
        return false; // The other workspace doesn't use it.
    };
    let of_builds =
        || package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
    let known: BTreeSet<_> = of_builds().map(|dependency| dependency.name.as_str()).collect();
    let mut needed = of_builds().filter(|dependency| !dependency.optional);
    needed.any(|dependency| !locked.contains(dependency.name.as_str())) || !locked.is_subset(&known)
}

/// The names that the lock file lists as dependencies of the package `name`.
fn locked_dependencies<'a>(lock: &'a str, name: &str) -> Option<BTreeSet<&'a str>> {
    let opening = format!("name = \"{name}\"");
    let mut lines =
        lock.lines().skip_while(|line| *line != opening).take_while(|line| *line != "[[package]]");
    lines.next()?;
    // One a line, with a version behind it where the name alone is not enough: ` "rustix 1.1.6",`.
    let entries = lines.filter_map(|line| line.strip_prefix(" \"")?.strip_suffix("\","));
    Some(entries.map(|entry| entry.split(' ').next().unwrap_or(entry)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Dependency;

    const WORKSPACE: &str = "[workspace]\nmembers = []\n";

    #[test]
    fn a_workspace_without_a_lock_file_is_an_error_and_a_member_needs_none() {
        let root = tempfile::tempdir().unwrap();
        let tree =
            SourceTree::of([("benches/Cargo.toml", WORKSPACE), ("crates/a/Cargo.toml", "[package]\n")]);
        assert_eq!(check(&tree, root.path(), &[]).len(), 1);
        let tree = SourceTree::of([("benches/Cargo.toml", WORKSPACE), ("benches/Cargo.lock", "")]);
        assert_eq!(check(&tree, root.path(), &[]), []);
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
        assert_eq!(check(&tree, root.path(), &[]).len(), 1);
        git(&["add", "Cargo.lock"]);
        assert_eq!(check(&tree, root.path(), &[]), []);
    }

    #[test]
    fn a_lock_file_that_is_behind_a_crate_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let lock = "[[package]]\nname = \"runledger-wal\"\ndependencies = [\n \"blake3\",\n \"rustix 1.1.6\",\n]\n\n\
            [[package]]\nname = \"rustix\"\n";
        let tree = SourceTree::of([("benches/Cargo.toml", WORKSPACE), ("benches/Cargo.lock", lock)]);
        let findings = |dependencies: &[(&str, bool, Option<&str>)]| {
            let dependency = |(name, optional, kind): &(&str, bool, Option<&str>)| Dependency {
                name: (*name).to_owned(),
                optional: *optional,
                kind: kind.map(str::to_owned),
            };
            let dependencies = dependencies.iter().map(dependency).collect();
            let wal = Package { name: "runledger-wal".to_owned(), dependencies, targets: Vec::new() };
            check(&tree, root.path(), &[wal]).len()
        };
        let (blake3, rustix) = (("blake3", false, None), ("rustix", false, None));
        assert_eq!(findings(&[blake3, rustix, ("tokio", true, None), ("proptest", false, Some("dev"))]), 0);
        assert_eq!(findings(&[blake3, rustix, ("uuid", false, None)]), 1, "a new dependency");
        assert_eq!(findings(&[blake3]), 1, "a dependency that is gone");
    }
}
