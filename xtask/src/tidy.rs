//! `cargo xtask tidy`: the rules of this repository that no compiler knows.
//!
//! One file per rule. A rule is a plain function over the files in memory, so that its tests break it with a few
//! lines of text. Rules only report; nothing here changes a file but [`accept_format`], which writes one.

mod crate_arrows;
mod doc_links;
mod file_headers;
mod file_lengths;
mod file_names;
mod finding;
mod format_lock;
mod lock_files;
mod markdown;
mod named_tests;
mod private_references;
mod source_tree;

use anyhow::{Result, bail};

use crate::repository::Repository;
use crate::tidy::finding::{Finding, Severity};
use crate::tidy::source_tree::SourceTree;

/// Checks every rule, prints all findings, and fails when one of them is an error.
pub(crate) fn run(repository: &Repository) -> Result<()> {
    let tree = SourceTree::read(repository.root())?;
    let packages = repository.metadata("Cargo.toml")?.packages;
    let mut findings = crate_arrows::check(&packages);
    findings.extend(lock_files::check(&tree, repository.root(), &packages));
    let rules: [fn(&SourceTree) -> Vec<Finding>; 7] = [
        file_headers::check,
        file_names::check,
        file_lengths::check,
        doc_links::check,
        format_lock::check,
        private_references::check,
        named_tests::check,
    ];
    findings.extend(rules.iter().flat_map(|rule| rule(&tree)));
    report(&findings)
}

/// Records the format code and its pages as they are now.
pub(crate) fn accept_format(repository: &Repository) -> Result<()> {
    let tree = SourceTree::read(repository.root())?;
    format_lock::accept(&tree, repository.root())
}

/// Prints the findings; an error among them is an error of the command.
fn report(findings: &[Finding]) -> Result<()> {
    for finding in findings {
        eprintln!("{finding}");
    }
    match findings.iter().filter(|finding| finding.severity == Severity::Error).count() {
        0 => Ok(()),
        1 => bail!("1 broken rule"),
        errors => bail!("{errors} broken rules"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_fails_and_a_warning_does_not() {
        let warning = Finding::warning("src/long.rs", "long");
        let error = Finding::error("src/mod.rs", "name");
        assert!(report(std::slice::from_ref(&warning)).is_ok());
        assert!(report(&[warning, error]).is_err());
    }
}
