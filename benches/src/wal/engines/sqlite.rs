//! SQLite with a write-ahead log and synchronous commits. A thread of ours commits each batch as one transaction.
//!
//! With two indexes it does what a ledger's index has to do as well: find records by two of their fields. Both are
//! sixteen bytes of the payload, which look random, as identifiers and hashes do.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rusqlite::{Connection, params};

use crate::wal::engine::{Engine, Log, Room, Visit};
use crate::wal::engines::group::{Group, Records, Sink};
use crate::wal::engines::{SQLITE, SQLITE_INDEXED};

/// SQLite.
pub(crate) struct Sqlite {
    pub(crate) indexed: bool,
}

struct Table(Connection);

const TABLE: &str = "CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, payload BLOB NOT NULL)";

const INDEXES: &str = "
    CREATE INDEX IF NOT EXISTS by_first ON records (substr(payload, 1, 16));
    CREATE INDEX IF NOT EXISTS by_second ON records (substr(payload, 17, 16));
";

impl Table {
    fn open(directory: &Path, indexed: bool) -> Result<Self> {
        let connection = Connection::open(directory.join("records.sqlite"))?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        ensure!(mode == "wal", "SQLite keeps its journal in mode {mode}");
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        connection.execute_batch(TABLE)?;
        if indexed {
            connection.execute_batch(INDEXES)?;
        }
        Ok(Self(connection))
    }
}

impl Sink for Table {
    fn commit(&mut self, first: u64, records: &Records) -> Result<()> {
        let transaction = self.0.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO records VALUES (?1, ?2)")?;
        for (number, record) in (first..).zip(records.iter()) {
            insert.execute(params![i64::try_from(number)?, record])?;
        }
        drop(insert);
        transaction.commit().context("commit a transaction")
    }
}

impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        if self.indexed { SQLITE_INDEXED } else { SQLITE }
    }

    fn open(&self, directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        let table = Table::open(directory, self.indexed)?;
        let next: i64 =
            table.0.query_row("SELECT coalesce(max(number) + 1, 0) FROM records", [], |row| row.get(0))?;
        Ok(Box::new(Group::start(table, u64::try_from(next)?)?))
    }

    fn read(&self, directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let table = Table::open(directory, self.indexed)?;
        let mut all = table.0.prepare("SELECT number, payload FROM records ORDER BY number")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let number: i64 = row.get(0)?;
            visit(u64::try_from(number)?, row.get_ref(1)?.as_blob()?)?;
        }
        Ok(())
    }
}
