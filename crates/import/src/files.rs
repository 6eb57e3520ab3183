//! Which files an import reads: those that are named, and those below the folders that are named.
//!
//! Folders are read in the order of their entries' names, so that the same input gives the same order everywhere. A
//! folder that was visited before, through another link, is not visited again: a loop of links ends.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Format;

/// How deep folders may lie in each other.
const FOLDER_DEPTH_MAX: usize = 128;

/// What the walk found, in the order of the import.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file to read.
    File(PathBuf),
    /// A file in a folder that is none of the format's.
    Other(PathBuf),
    /// A folder or an entry that can't be read.
    Unreadable(PathBuf, io::Error),
}

/// Lists what lies at `paths`. A path that can't be found is the error, before anything is read.
pub(crate) fn find(paths: &[PathBuf], format: Format) -> Result<Vec<Found>, (PathBuf, io::Error)> {
    let mut walk = Walk { extensions: format.extensions(), visited: HashSet::new(), found: Vec::new() };
    let mut kinds = Vec::with_capacity(paths.len());
    for path in paths {
        kinds.push(fs::metadata(path).map_err(|error| (path.clone(), error))?);
    }
    for (path, kind) in paths.iter().zip(kinds) {
        if kind.is_dir() {
            walk.folder(path, 0);
        } else if kind.is_file() {
            walk.found.push(Found::File(path.clone()));
        } else {
            // A pipe can't be read twice, which an import has to.
            let error = io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a folder");
            walk.found.push(Found::Unreadable(path.clone(), error));
        }
    }
    Ok(walk.found)
}

struct Walk {
    extensions: &'static [&'static str],
    visited: HashSet<PathBuf>,
    found: Vec<Found>,
}

impl Walk {
    fn folder(&mut self, path: &Path, depth: usize) {
        match self.entries(path, depth) {
            Ok(entries) => entries.iter().for_each(|entry| self.entry(entry, depth)),
            Err(error) => self.found.push(Found::Unreadable(path.to_owned(), error)),
        }
    }

    fn entries(&mut self, path: &Path, depth: usize) -> io::Result<Vec<PathBuf>> {
        if depth > FOLDER_DEPTH_MAX {
            return Err(io::Error::other(format!("folders lie more than {FOLDER_DEPTH_MAX} deep")));
        }
        if !self.visited.insert(fs::canonicalize(path)?) {
            return Ok(Vec::new());
        }
        let mut entries =
            fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<PathBuf>>>()?;
        entries.sort_unstable();
        Ok(entries)
    }

    fn entry(&mut self, path: &Path, depth: usize) {
        match fs::metadata(path) {
            Err(error) => self.found.push(Found::Unreadable(path.to_owned(), error)),
            Ok(kind) if kind.is_dir() => self.folder(path, depth + 1),
            Ok(kind) if kind.is_file() && self.has_extension(path) => {
                self.found.push(Found::File(path.to_owned()));
            }
            // A device or a pipe in a folder was not meant: reading it might never end.
            Ok(_) => self.found.push(Found::Other(path.to_owned())),
        }
    }

    fn has_extension(&self, path: &Path) -> bool {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| {
            self.extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(found: &[Found]) -> Vec<String> {
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        found
            .iter()
            .map(|found| match found {
                Found::File(path) => name(path),
                Found::Other(path) => format!("({})", name(path)),
                Found::Unreadable(path, _) => format!("!{}", name(path)),
            })
            .collect()
    }

    #[test]
    fn folders_are_read_in_order_of_name_and_other_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["b/2.jsonl", "b/1.JSONL", "a.jsonl", "c.txt", "b/x/3.jsonl"] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
        let found = find(&[dir.path().to_owned(), dir.path().join("c.txt")], Format::ClaudeCode).unwrap();
        assert_eq!(names(&found), ["a.jsonl", "1.JSONL", "2.jsonl", "3.jsonl", "(c.txt)", "c.txt"]);
    }

    #[test]
    fn a_missing_path_is_the_error_even_when_others_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let (path, error) = find(&[dir.path().to_owned(), missing.clone()], Format::Auto).unwrap_err();
        assert_eq!((path, error.kind()), (missing, io::ErrorKind::NotFound));
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_read() {
        let found = find(&["/dev/null".into()], Format::Jsonl).unwrap();
        assert_eq!(names(&found), ["!null"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_loop_of_links_ends_and_a_broken_link_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/1.jsonl"), "{}").unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("broken.jsonl")).unwrap();
        let found = find(&[dir.path().to_owned()], Format::Jsonl).unwrap();
        assert_eq!(names(&found), ["1.jsonl", "!broken.jsonl"]);
    }
}
