//! Where the checkout lies, and how cargo is called in it.
//!
//! Every command starts cargo through [`Repository::cargo`], so that all of them use the toolchain that started
//! `cargo xtask`, and run at the root whatever directory the caller stands in.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// A checkout of this repository.
pub(crate) struct Repository {
    root: PathBuf,
    cargo: OsString,
}

impl Repository {
    /// Finds the checkout that `cargo xtask` was started in.
    pub(crate) fn find() -> Result<Self> {
        // At run time where cargo tells it: a target directory shared by two checkouts holds one of them's binary.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask).parent().context("xtask has no parent directory")?.to_path_buf();
        ensure!(root.join("Cargo.lock").is_file(), "{} is not a checkout: no Cargo.lock", root.display());
        Ok(Self { root, cargo: env::var_os("CARGO").unwrap_or_else(|| "cargo".into()) })
    }

    /// The directory of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A cargo command at the root, with nothing passed on standard input.
    pub(crate) fn cargo<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Whether `cargo <subcommand>` is installed.
    pub(crate) fn has_subcommand(&self, subcommand: &str) -> bool {
        self.cargo([subcommand, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// What cargo knows of the workspace whose manifest lies at `manifest`, a path below the root.
    pub(crate) fn metadata(&self, manifest: &str) -> Result<Metadata> {
        let output = self
            .cargo(["metadata", "--no-deps", "--format-version", "1", "--manifest-path", manifest])
            .output()
            .context("start cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata of {manifest}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).with_context(|| format!("read cargo metadata of {manifest}"))
    }
}

/// The part of `cargo metadata` that the commands read.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    /// The members of the workspace.
    pub(crate) packages: Vec<Package>,
    /// Where cargo puts what it builds.
    pub(crate) target_directory: PathBuf,
}

/// One package of a workspace.
#[derive(Deserialize)]
pub(crate) struct Package {
    /// The name in its `Cargo.toml`.
    pub(crate) name: String,
    /// Dependencies of every kind, those of other platforms included.
    pub(crate) dependencies: Vec<Dependency>,
    /// What it builds.
    pub(crate) targets: Vec<Target>,
}

/// One dependency of a package.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    /// The package that it names, whatever it is renamed to.
    pub(crate) name: String,
    /// Whether a feature has to ask for it.
    pub(crate) optional: bool,
    /// Nothing, `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// One target of a package.
#[derive(Deserialize)]
pub(crate) struct Target {
    /// The name in its `Cargo.toml`.
    pub(crate) name: String,
    /// `lib`, `bin`, `example`, `test` …
    pub(crate) kind: Vec<String>,
}

impl Target {
    /// Whether it is of the kind that cargo calls `kind`.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
}
