//! The lines of real transcripts. The log's bench takes their lengths, the index's has the lines stored in directories
//! that are removed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// All lines that hold something, file after file.
pub(crate) fn lines(directory: &Path) -> Result<Vec<Vec<u8>>> {
    let sessions = directory.join("claude-code");
    let mut files = Vec::new();
    for entry in fs::read_dir(&sessions).with_context(|| format!("list {}", sessions.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    let mut lines = Vec::new();
    for path in files {
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        lines.extend(text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
    }
    ensure!(!lines.is_empty(), "no transcripts in {}", sessions.display());
    Ok(lines)
}
