//! What is compared: Runledger, and the embedded stores that one would else build an index with.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

#[cfg(feature = "peers")]
use super::corpus::Corpus;
use super::engine::Engine;
use super::question::Answer;

mod ledger;

#[cfg(feature = "peers")]
mod fjall;
#[cfg(feature = "peers")]
mod keyed;
#[cfg(feature = "peers")]
mod lmdb;
#[cfg(feature = "peers")]
mod redb;
#[cfg(feature = "peers")]
mod sqlite;

/// The names, as tables show them.
pub(crate) const LEDGER: &str = "runledger";
pub(crate) const LMDB: &str = "LMDB";
pub(crate) const SQLITE: &str = "SQLite";
pub(crate) const FJALL: &str = "fjall";
pub(crate) const REDB: &str = "redb";

/// Everything that was compiled in.
static ENGINES: &[&dyn Engine] = &[
    &ledger::RunledgerIndex,
    #[cfg(feature = "peers")]
    &keyed::Engine::<lmdb::Lmdb>::new(LMDB),
    #[cfg(feature = "peers")]
    &sqlite::Sqlite,
    #[cfg(feature = "peers")]
    &keyed::Engine::<fjall::Fjall>::new(FJALL),
    #[cfg(feature = "peers")]
    &keyed::Engine::<redb::Redb>::new(REDB),
];

/// The engine of this name.
pub(crate) fn find(name: &str) -> Result<&'static dyn Engine> {
    let found = ENGINES.iter().find(|engine| engine.name() == name);
    found.copied().with_context(|| format!("{name} is not compiled in"))
}

/// Whether this engine was compiled in.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_ok()
}

/// Bytes of all files below a directory.
fn disk_usage(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { disk_usage(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Bytes on disk over those of the rows.
#[cfg(feature = "peers")]
fn beside_rows(directory: &Path, corpus: &Corpus) -> Result<u64> {
    let rows = (0..corpus.len()).filter_map(|number| corpus.row(number)).map(|row| row.len() as u64).sum();
    Ok(disk_usage(directory)?.saturating_sub(rows))
}

/// Adds an agent's count under its number, which its name ends in. Nothing for no name.
fn count_named(answer: &mut Answer, name: &[u8], events: u64) -> Result<()> {
    if !name.is_empty() {
        let number = str::from_utf8(name).ok().and_then(|name| name.strip_prefix("agent")?.parse().ok());
        answer.count(number.context("an agent without a number")?, events);
    }
    Ok(())
}
