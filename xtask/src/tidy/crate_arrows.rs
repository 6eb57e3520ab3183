//! Rule: dependencies between our crates run only in the direction of the layers, and an outer crate that belongs to
//! the programs stays out of the libraries.
//!
//! Every kind of dependency counts, also those of tests: a test of the log that needs the audit layer belongs into
//! `tests/`. Whether code keeps inside its layer's vocabulary is for the reviewer.

use crate::repository::Package;
use crate::tidy::finding::Finding;

/// What a package may stand on.
enum Floor {
    /// These of our crates, and no other.
    On(&'static [&'static str]),
    /// All of our crates: it is no part of the product.
    Any,
}

/// Every package of the workspace, from the ground floor up.
const LAYERS: [(&str, Floor); 10] = [
    ("runledger-wal", Floor::On(&[])),
    ("runledger-store", Floor::On(&[])),
    ("runledger-ingest", Floor::On(&["runledger-wal", "runledger-store"])),
    ("runledger-audit", Floor::On(&["runledger-ingest", "runledger-store", "runledger-wal"])),
    ("runledger-capture", Floor::On(&["runledger-audit"])),
    ("runledger-import", Floor::On(&["runledger-audit"])),
    ("runledger", Floor::On(&["runledger-audit", "runledger-capture", "runledger-import"])),
    ("runledger-cli", Floor::On(&["runledger"])),
    ("runledger-tests", Floor::Any),
    ("xtask", Floor::On(&[])),
];

/// Outer crates that erase error types: for programs, whose errors only a person reads.
const PROGRAM_CRATES: [&str; 2] = ["anyhow", "miette"];

/// The packages that are programs.
const PROGRAMS: [&str; 3] = ["runledger-cli", "runledger-tests", "xtask"];

/// Reports each arrow that the layers don't allow.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Package) -> Vec<Finding> {
    let name = package.name.as_str();
    let Some((_, floor)) = LAYERS.iter().find(|(layer, _)| *layer == name) else {
        return vec![Finding::error(
            "Cargo.toml",
            format!("{name} has no layer in xtask/src/tidy/crate_arrows.rs"),
        )];
    };
    let refusal = |dependency: &str| {
        let inner =
            dependency == "runledger" || dependency.starts_with("runledger-") || dependency == "xtask";
        match floor {
            Floor::On(allowed) if inner && !allowed.contains(&dependency) => {
                Some(format!("{name} must not know {dependency}: arrows run down the layers"))
            }
            _ if PROGRAM_CRATES.contains(&dependency) && !PROGRAMS.contains(&name) => {
                Some(format!("{name} must not know {dependency}: a library's errors are typed"))
            }
            _ => None,
        }
    };
    let refusals = package.dependencies.iter().filter_map(|dependency| refusal(&dependency.name));
    let mut findings: Vec<_> = refusals.map(|message| Finding::error("Cargo.toml", message)).collect();
    if name == "runledger-wal" {
        let runtimes = package.dependencies.iter().filter(|one| one.name == "tokio" && !one.optional);
        let message = "runledger-wal must not need tokio outside its feature";
        findings.extend(runtimes.map(|_| Finding::error("Cargo.toml", message)));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repository::Dependency;

    fn package(name: &str, dependencies: &[&str]) -> Package {
        let dependency = |name: &&str| Dependency { name: (*name).to_owned(), optional: false, kind: None };
        Package {
            name: name.to_owned(),
            dependencies: dependencies.iter().map(dependency).collect(),
            targets: Vec::new(),
        }
    }

    #[test]
    fn arrows_down_the_layers_and_to_outer_crates_pass() {
        let packages = [
            package("runledger-wal", &["blake3"]),
            package("runledger-ingest", &["runledger-wal", "runledger-store", "thiserror"]),
            package("runledger-tests", &["runledger", "runledger-wal"]),
            package("xtask", &["anyhow"]),
        ];
        assert_eq!(check(&packages), []);
    }

    #[test]
    fn an_arrow_up_or_sideways_is_an_error() {
        for (from, to) in [
            ("runledger-wal", "runledger-store"),
            ("runledger-store", "runledger-ingest"),
            ("runledger-import", "runledger-wal"),
            ("runledger", "runledger-store"),
            ("runledger-cli", "runledger-audit"),
            ("xtask", "runledger"),
        ] {
            assert_eq!(check(&[package(from, &[to])]).len(), 1, "{from} → {to}");
        }
    }

    #[test]
    fn a_package_without_a_layer_is_an_error() {
        assert_eq!(check(&[package("runledger-server", &[])]).len(), 1);
    }

    #[test]
    fn a_library_with_untyped_errors_is_an_error() {
        assert_eq!(check(&[package("runledger-audit", &["anyhow"])]).len(), 1);
    }

    #[test]
    fn the_log_may_know_tokio_only_behind_a_feature() {
        let mut wal = package("runledger-wal", &["tokio"]);
        assert_eq!(check(std::slice::from_ref(&wal)).len(), 1);
        wal.dependencies.iter_mut().for_each(|dependency| dependency.optional = true);
        assert_eq!(check(&[wal]), []);
    }
}
