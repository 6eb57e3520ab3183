//! What is compared: Runledger's log, the bare loops that bound it, and its peers.

use anyhow::{Context as _, Result};

use crate::wal::engine::Engine;

mod bare_hash;
mod bare_scan;
mod frame_file;
mod group;
mod json_lines;
mod ledger_wal;
mod reference_batched;
mod reference_single;

#[cfg(feature = "peers")]
mod fjall;
#[cfg(feature = "peers")]
mod okaywal;
#[cfg(feature = "peers")]
mod raft_engine;
#[cfg(feature = "peers")]
mod sqlite;
#[cfg(feature = "peers")]
mod wal_db;

/// The names, as tables show them.
pub(crate) const LEDGER: &str = "runledger-wal";
pub(crate) const REFERENCE_SINGLE: &str = "reference L";
pub(crate) const REFERENCE_BATCHED: &str = "reference W";
pub(crate) const BARE_HASH: &str = "hash, CRC and copy alone";
pub(crate) const BARE_SCAN: &str = "bare CRC scan";
pub(crate) const JSON_LINES: &str = "JSON lines + fsync";
pub(crate) const FJALL: &str = "fjall";
pub(crate) const OKAYWAL: &str = "okaywal";
pub(crate) const RAFT_ENGINE: &str = "raft-engine";
pub(crate) const SQLITE: &str = "SQLite";
pub(crate) const SQLITE_INDEXED: &str = "SQLite, two indexes";
pub(crate) const WAL_DB: &str = "wal-db";

/// Runledger and what it is measured by: what isn't a peer.
pub(crate) const ESSENTIAL: [&str; 5] = [LEDGER, REFERENCE_SINGLE, REFERENCE_BATCHED, BARE_HASH, BARE_SCAN];

/// Everything that was compiled in.
static ENGINES: &[&dyn Engine] = &[
    &ledger_wal::LedgerWal,
    &reference_single::ReferenceSingle,
    &reference_batched::ReferenceBatched,
    &bare_hash::BareHash,
    &bare_scan::BareScan,
    &json_lines::JsonLines,
    #[cfg(feature = "peers")]
    &okaywal::Okaywal,
    #[cfg(feature = "peers")]
    &raft_engine::RaftEngine,
    #[cfg(feature = "peers")]
    &wal_db::WalDb,
    #[cfg(feature = "peers")]
    &fjall::Fjall,
    #[cfg(feature = "peers")]
    &sqlite::Sqlite { indexed: false },
    #[cfg(feature = "peers")]
    &sqlite::Sqlite { indexed: true },
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
