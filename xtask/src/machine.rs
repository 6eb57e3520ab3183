//! What this machine has for the tests that need more of it than a compiler: root, real file systems, tools.
//!
//! Such a test is ignored, and says what it needs: `#[ignore = "needs root, ext4, xfs_io"]`. Each need is tried out
//! before the tests run. What can't run is named together with what it lacks: nothing is skipped in silence. Nothing is
//! installed, and no test is ignored or run by a list of names that could go stale.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::repository::Repository;

/// Where these tests are, below the root.
const TESTS_DIRECTORY: &str = "tests/tests/machine";

/// Their binary, as nextest calls it.
const BINARY_ID: &str = "runledger-tests::machine";

/// Their package and target, as cargo calls them.
const TARGET_ARGUMENTS: [&str; 4] = ["--package", "runledger-tests", "--test", "machine"];

/// What stands around a list of needs.
const IGNORED_START: &str = "#[ignore = \"needs ";
const IGNORED_END: &str = "\"]";

/// Large enough for every file system. The image file has holes, so that it costs next to nothing.
const IMAGE_BYTES: u64 = 320 << 20;

/// One test and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct MachineTest {
    /// As the test runner calls it: `module::function`.
    name: String,
    needs: Vec<String>,
}

/// The tests that can run here.
pub(crate) struct Runnable {
    names: Vec<String>,
}

/// Finds out what the machine has, and names each test that it lacks something for.
pub(crate) fn probe(repository: &Repository) -> Result<Runnable> {
    let tests = tests_in(&repository.root().join(TESTS_DIRECTORY))?;
    let mut tried = BTreeMap::new();
    let mut names = Vec::new();
    for MachineTest { name, needs } in tests {
        let mut lacks = |need: &String| !*tried.entry(need.clone()).or_insert_with(|| is_met(need));
        let lacking: Vec<String> = needs.into_iter().filter(&mut lacks).collect();
        if lacking.is_empty() {
            names.push(name);
        } else {
            eprintln!("== skipped, for lack of {}: {name}", lacking.join(", "));
        }
    }
    eprintln!("== {} tests of the log on real file systems can run here", names.len());
    Ok(Runnable { names })
}

impl Runnable {
    /// Has nextest run these tests beside all that aren't ignored. Other ignored tests stay so.
    pub(crate) fn include_in(
        &self,
        repository: &Repository,
        selection: &[&str],
        runner: &mut Command,
    ) -> Result<()> {
        if self.names.is_empty() {
            return Ok(());
        }
        let mut list = repository.cargo(["nextest", "list", "--message-format", "json"]);
        let output =
            list.args(selection).stderr(Stdio::inherit()).output().context("start cargo nextest list")?;
        ensure!(output.status.success(), "cargo nextest list failed ({})", output.status);
        let listing: Listing =
            serde_json::from_slice(&output.stdout).context("read nextest's list of tests")?;
        let kept = listing.ignored_without(&self.names);
        runner.args(["--run-ignored", "all"]);
        if !kept.is_empty() {
            runner.arg("--filter-expr").arg(format!("not ({})", kept.join(" | ")));
        }
        Ok(())
    }

    /// The run of these tests by cargo's own runner, if there are any. One at a time: each wants the machine's disk.
    pub(crate) fn cargo_test(&self, repository: &Repository) -> Option<Command> {
        let mut command = repository.cargo(["test", "--locked"]);
        command.args(TARGET_ARGUMENTS).args(["--", "--ignored", "--exact", "--test-threads", "1"]);
        command.args(&self.names);
        Some(command).filter(|_| !self.names.is_empty())
    }
}

/// The part of nextest's list that is read here.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Listing {
    rust_suites: BTreeMap<String, Suite>,
}

#[derive(Deserialize)]
struct Suite {
    testcases: BTreeMap<String, TestCase>,
}

#[derive(Deserialize)]
struct TestCase {
    ignored: bool,
}

impl Listing {
    /// Filter expressions for the ignored tests but for those of ours with these names.
    fn ignored_without(&self, names: &[String]) -> Vec<String> {
        let tests = self.rust_suites.iter().flat_map(|(binary_id, suite)| {
            suite.testcases.iter().map(move |(name, test)| (binary_id, name, test.ignored))
        });
        let stays = |binary_id: &String, name: &String| binary_id != BINARY_ID || !names.contains(name);
        let ignored = tests.filter(|(binary_id, name, ignored)| *ignored && stays(binary_id, name));
        ignored.map(|(binary_id, name, _)| format!("(binary_id(={binary_id}) & test(={name}))")).collect()
    }
}

/// The tests that say what they need.
fn tests_in(directory: &Path) -> Result<Vec<MachineTest>> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let path = entry?.path();
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let module = path.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
        tests.extend(tests_of(&module, &text)?);
    }
    tests.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(tests)
}

fn tests_of(module: &str, text: &str) -> Result<Vec<MachineTest>> {
    let mut tests = Vec::new();
    for part in text.split(IGNORED_START).skip(1) {
        let (needs, rest) = part.split_once(IGNORED_END).context("a list of needs has an end")?;
        let function = rest.trim_start().strip_prefix("fn ").and_then(|rest| rest.split_once('('));
        let (function, _) =
            function.with_context(|| format!("`needs {needs}` in {module} belongs to no test"))?;
        let needs = needs.split(", ").map(str::to_owned).collect();
        tests.push(MachineTest { name: format!("{module}::{function}"), needs });
    }
    Ok(tests)
}

/// Tries out whether the machine has this.
fn is_met(need: &str) -> bool {
    match need {
        "root" => mounts("tmpfs", Path::new("runledger-probe"), &["-t", "tmpfs"]),
        "ext4" | "xfs" => mounts_image(need),
        "fuse" => File::open("/dev/fuse").is_ok(),
        program => has_program(program),
    }
}

/// Whether a file system of this kind can be made in a file and mounted.
fn mounts_image(kind: &str) -> bool {
    let made = || -> Result<bool> {
        let folder = tempfile::tempdir()?;
        let image = folder.path().join("image");
        File::create(&image)?.set_len(IMAGE_BYTES)?;
        let made = succeeds(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image));
        Ok(made && mounts(kind, &image, &["-o", "loop"]))
    };
    made().unwrap_or(false)
}

/// Whether this can be mounted. It is unmounted again.
fn mounts(kind: &str, source: &Path, options: &[&str]) -> bool {
    let Ok(folder) = tempfile::Builder::new().prefix(kind).tempdir() else { return false };
    succeeds(Command::new("mount").args(options).arg(source).arg(folder.path()))
        && succeeds(Command::new("umount").arg(folder.path()))
}

fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn succeeds(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_needs_is_read_from_its_source() {
        let text =
            "#[test]\n#[ignore = \"needs root, ext4\"]\nfn power_is_cut() {\n}\n\n#[test]\nfn other() {}\n";
        let needs = vec!["root".to_owned(), "ext4".to_owned()];
        assert_eq!(
            tests_of("power", text).unwrap(),
            [MachineTest { name: "power::power_is_cut".to_owned(), needs }]
        );
        assert_eq!(tests_of("power", "#[ignore = \"made by hand\"]\nfn fixture() {}").unwrap(), []);
        assert!(tests_of("power", "#[ignore = \"needs root\"]\nstruct Test;").is_err());
    }

    #[test]
    fn the_tests_of_this_repository_are_found() {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(TESTS_DIRECTORY);
        let tests = tests_in(&tests).unwrap();
        let needs_root = |test: &MachineTest| test.needs.first().is_some_and(|need| need == "root");
        assert!(!tests.is_empty() && tests.iter().all(needs_root), "{tests:?}");
    }

    #[test]
    fn tests_that_are_ignored_for_other_reasons_stay_so() {
        let listing = r#"{"rust-suites": {
            "runledger-tests::machine": {"testcases": {"a::cut": {"ignored": true}, "a::full": {"ignored": true}}},
            "other": {"testcases": {"fixture": {"ignored": true}, "claim": {"ignored": false}}}}}"#;
        let listing: Listing = serde_json::from_str(listing).unwrap();
        assert_eq!(
            listing.ignored_without(&["a::cut".to_owned(), "fixture".to_owned()]),
            [
                "(binary_id(=other) & test(=fixture))",
                "(binary_id(=runledger-tests::machine) & test(=a::full))"
            ]
        );
    }

    #[test]
    fn a_program_that_nobody_has_is_not_found() {
        assert!(has_program("cargo") && !has_program("runledger-no-such-program"));
        assert!(!is_met("runledger-no-such-program"));
    }
}
