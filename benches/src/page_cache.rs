//! Has the kernel forget files, or has it read them, so that those of all engines lie in its cache alike.
//!
//! What was written page by page lies in the cache page by page, what was written by the mebibyte lies in large pieces,
//! and the latter are copied up to twice as fast. Read in again from the device, all lie in large pieces.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{Advice, fadvise};

/// Drops everything below this directory from the cache. It has to be written before: what is dirty stays.
pub(crate) fn forget(directory: &Path) -> Result<()> {
    each_file(directory, &mut |file| fadvise(file, 0, None, Advice::DontNeed).context("advise the kernel"))
}

/// Reads everything below this directory once. What it can't hold, the cache drops again.
pub(crate) fn fill(directory: &Path) -> Result<()> {
    each_file(directory, &mut |file| io::copy(&mut &*file, &mut io::sink()).map(drop).context("read"))
}

fn each_file(directory: &Path, visit: &mut impl FnMut(&File) -> Result<()>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            each_file(&entry.path(), visit)?;
        } else {
            let path = entry.path();
            let visited = File::open(&path).context("open").and_then(|file| visit(&file));
            visited.with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}
