//! What figures are worth nothing without: the machine, its kernel, the compiler and the commit.
//!
//! What can't be found out is called "unknown"; a benchmark doesn't fail for want of a label.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The packages behind the peers.
const PEERS: [&str; 7] = ["fjall", "heed", "okaywal", "raft-engine", "redb", "tokio", "wal-db"];

/// Where and of what a run was made.
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
    pub(crate) compiler: String,
    /// Of what is compared: name and version.
    pub(crate) versions: Vec<String>,
    /// With a mark when the checkout differs from it.
    pub(crate) commit: String,
}

impl Machine {
    /// Looks around; `directory` is where the logs will lie.
    pub(crate) fn observe(directory: &Path) -> Self {
        Self {
            processor: processor(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: last_line("uname", &["-sr"]),
            file_system: last_line("df", &["--output=fstype", &directory.to_string_lossy()]),
            compiler: last_line("rustc", &["--version"]),
            versions: versions(include_str!("../Cargo.lock")),
            commit: last_line("git", &["describe", "--always", "--dirty", "--abbrev=12"]),
        }
    }

    /// One line for a person.
    pub(crate) fn sentence(&self) -> String {
        let Self { processor, cores, kernel, file_system, compiler, versions, commit } = self;
        let versions = versions.join(", ");
        format!(
            "{processor}, {cores} cores, {kernel}, {file_system}, {compiler}, commit {commit}, beside {versions}"
        )
    }

    /// The same for a program.
    pub(crate) fn json(&self) -> Value {
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "kernel": self.kernel,
            "fileSystem": self.file_system,
            "compiler": self.compiler,
            "versions": self.versions,
            "commit": self.commit,
        })
    }
}

/// What the lock file says of the peers, and what SQLite says of itself.
fn versions(lock: &str) -> Vec<String> {
    let mut versions = Vec::new();
    for package in lock.split("[[package]]") {
        let field = |name| {
            package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = ")).unwrap_or("")
        };
        let (name, version) = (field("name").trim_matches('"'), field("version").trim_matches('"'));
        if PEERS.contains(&name) {
            versions.push(format!("{name} {version}"));
        }
    }
    #[cfg(feature = "peers")]
    versions.push(format!("SQLite {}", rusqlite::version()));
    versions
}

fn processor() -> String {
    let known = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// The last line that a program prints: `df` puts a heading above what was asked for.
fn last_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.and_then(|text| Some(text.lines().last()?.trim().to_owned())).unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_peers_are_found_in_a_lock_file() {
        let lock = "[[package]]\nname = \"fjall\"\nversion = \"3.1\"\n\n[[package]]\nname = \"other\"\nversion = \"1.0\"\n";
        let found = versions(lock);
        assert!(found.iter().any(|version| version == "fjall 3.1"), "{found:?}");
        assert!(!found.iter().any(|version| version.starts_with("other")), "{found:?}");
    }
}
