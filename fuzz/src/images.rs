//! The files of a directory in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// Files by name. A directory of ours has no directories in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images(pub BTreeMap<String, Vec<u8>>);

impl Images {
    /// Reads all files of `directory`.
    pub fn read(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).expect("the directory was just made");
        let files = entries.map(|entry| {
            let entry = entry.expect("the directory can be listed");
            let name = entry.file_name().into_string().expect("our names are text");
            (name, fs::read(entry.path()).expect("the file was just written"))
        });
        Self(files.collect())
    }

    /// Writes the files into a fresh directory, which is removed when the value is dropped.
    pub fn write(&self) -> TempDir {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        for (name, bytes) in &self.0 {
            fs::write(directory.path().join(name), bytes).expect("a file in it can be written");
        }
        directory
    }
}
