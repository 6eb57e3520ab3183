//! Has the kernel forget files, so that those of all engines come back alike.
//!
//! What was written page by page lies in the cache page by page, what was written by the mebibyte lies in large pieces,
//! and the latter are copied up to twice as fast. Read in again from the device, all lie in large pieces.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::fs::{Advice, fadvise};

/// Drops everything below this directory from the cache. It has to be written before: what is dirty stays.
pub(crate) fn forget(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            forget(&entry.path())?;
        } else {
            let file =
                File::open(entry.path()).with_context(|| format!("open {}", entry.path().display()))?;
            fadvise(&file, 0, None, Advice::DontNeed).context("advise the kernel")?;
        }
    }
    Ok(())
}
