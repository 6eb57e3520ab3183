//! SQLite: one table with a column for everything that events are asked by, and the row as a blob.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::SQLITE;
use crate::index::corpus::{Corpus, Dimension, Row};
use crate::index::engine::{Engine, Files, Indexes, Opened};
use crate::index::question::{Answer, PAGE_EVENTS, Question};

/// Events of a transaction.
const BATCH_EVENTS: usize = 65_536;

/// SQLite.
pub(crate) struct Sqlite;

struct OpenTable {
    connection: Connection,
    next: i64,
    ready: Vec<Vec<u8>>,
}

/// Opens the file. While one that was made is filled, nothing is synced until the end.
fn open(directory: &Path, made: bool, files: Files) -> Result<Connection> {
    let connection = Connection::open(directory.join("events.sqlite"))?;
    let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    ensure!(journal == "wal", "SQLite keeps its journal in mode {journal}");
    connection.execute_batch(if made { "PRAGMA synchronous = OFF" } else { "PRAGMA synchronous = FULL" })?;
    // As much as the ledger may use in all.
    connection.execute_batch("PRAGMA cache_size = -131072")?;
    if files == Files::Cached {
        // Up to three times as fast then; and up to a hundred times as slow if they have to be read in fault by fault.
        connection.execute_batch("PRAGMA mmap_size = 17179869184")?;
    }
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn schema(indexes: Indexes) -> String {
    let columns: Vec<_> =
        Dimension::ALL.iter().map(|dimension| format!("{} TEXT", dimension.column())).collect();
    let mut text = format!(
        "CREATE TABLE events (number INTEGER PRIMARY KEY, time INTEGER, id BLOB, {}, row BLOB);
         CREATE UNIQUE INDEX by_id ON events (id);",
        columns.join(", ")
    );
    let kept = match indexes {
        Indexes::Four => 3,
        Indexes::All => Dimension::ALL.len(),
    };
    for dimension in Dimension::ALL.iter().take(kept) {
        let column = dimension.column();
        text += &["CREATE INDEX by_", column, " ON events (", column, ", time, number);"].concat();
    }
    if indexes == Indexes::All {
        text += "CREATE INDEX by_time ON events (time, number);";
    }
    text
}

impl Engine for Sqlite {
    fn name(&self) -> &'static str {
        SQLITE
    }

    fn create(&self, directory: &Path, indexes: Indexes) -> Result<Box<dyn Opened>> {
        let connection = open(directory, true, Files::Cached)?;
        connection.execute_batch(&schema(indexes))?;
        Ok(Box::new(OpenTable { connection, next: 0, ready: Vec::new() }))
    }

    fn open(&self, directory: &Path, _indexes: Indexes, files: Files) -> Result<Box<dyn Opened>> {
        Ok(Box::new(OpenTable { connection: open(directory, false, files)?, next: 0, ready: Vec::new() }))
    }

    fn index_bytes(&self, directory: &Path, corpus: &Corpus) -> Result<u64> {
        super::beside_rows(directory, corpus)
    }
}

/// A column of a row.
enum Field<'a> {
    Number(i64),
    Bytes(&'a [u8]),
    Name(&'a [u8]),
}

impl ToSql for Field<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Name([]) => ValueRef::Null,
            Self::Name(name) => ValueRef::Text(name),
        }))
    }
}

impl OpenTable {
    /// Has every row of an answer looked at.
    fn page(&self, condition: &str, values: &[&dyn ToSql], answer: &mut Answer) -> Result<()> {
        let statement = format!(
            "SELECT number, row FROM events WHERE {condition} ORDER BY time, number LIMIT {PAGE_EVENTS}"
        );
        let mut statement = self.connection.prepare_cached(&statement)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            answer.event(u64::try_from(row.get::<_, i64>(0)?)?, row.get_ref(1)?.as_blob()?);
        }
        Ok(())
    }
}

impl Opened for OpenTable {
    fn prepare(&mut self, corpus: &Corpus, numbers: Range<u64>) -> Result<()> {
        if self.ready.is_empty() {
            self.next = i64::try_from(numbers.start)?;
        }
        self.ready.extend(numbers.filter_map(|number| corpus.row(number)));
        Ok(())
    }

    fn load(&mut self) -> Result<()> {
        for rows in self.ready.chunks(BATCH_EVENTS) {
            let transaction = self.connection.transaction()?;
            let places = vec!["?"; 4 + Dimension::ALL.len()].join(", ");
            let mut insert = transaction.prepare_cached(&format!("INSERT INTO events VALUES ({places})"))?;
            for bytes in rows {
                let row = Row::new(bytes);
                let mut fields =
                    vec![Field::Number(self.next), Field::Number(row.time_ns()?), Field::Bytes(row.id()?)];
                for dimension in Dimension::ALL {
                    fields.push(Field::Name(row.name(dimension)?));
                }
                fields.push(Field::Bytes(bytes));
                insert.execute(params_from_iter(fields))?;
                self.next += 1;
            }
            drop(insert);
            transaction.commit().context("commit a transaction")?;
        }
        self.ready.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        let busy: i64 = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        ensure!(busy == 0, "the checkpoint was not complete");
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        // What its documentation asks for after a load: otherwise it guesses which index is best.
        self.connection.execute_batch("PRAGMA analysis_limit = 10000; ANALYZE").context("analyse")
    }

    fn answer(&self, question: &Question, answer: &mut Answer) -> Result<()> {
        match *question {
            Question::Get { id, .. } => {
                let mut statement =
                    self.connection.prepare_cached("SELECT number, row FROM events WHERE id = ?")?;
                let mut rows = statement.query([&id[..]])?;
                let row = rows.next()?.context("an event is missing")?;
                answer.event(u64::try_from(row.get::<_, i64>(0)?)?, row.get_ref(1)?.as_blob()?);
            }
            Question::Run { run } => self.page("run = ?", &[&Dimension::Run.name(run)], answer)?,
            Question::AgentRange { agent, from_ns } => {
                self.page("agent = ? AND time >= ?", &[&Dimension::Agent.name(agent), &from_ns], answer)?;
            }
            Question::Five { agent, kind, tool, outcome, from_ns, to_ns } => {
                let condition =
                    "agent = ? AND kind = ? AND tool = ? AND outcome = ? AND time >= ? AND time < ?";
                let fields = [
                    (Dimension::Agent, agent),
                    (Dimension::Kind, kind),
                    (Dimension::Tool, tool),
                    (Dimension::Outcome, outcome),
                ];
                let [agent, kind, tool, outcome] = fields.map(|(dimension, value)| dimension.name(value));
                self.page(condition, &[&agent, &kind, &tool, &outcome, &from_ns, &to_ns], answer)?;
            }
            Question::CountAgent { agent } => {
                let mut statement =
                    self.connection.prepare_cached("SELECT count(*) FROM events WHERE agent = ?")?;
                let events: i64 = statement.query_row([Dimension::Agent.name(agent)], |row| row.get(0))?;
                answer.count(agent, u64::try_from(events)?);
            }
            Question::CountByAgent => {
                let statement = "SELECT agent, count(*) FROM events GROUP BY agent ORDER BY agent";
                let mut statement = self.connection.prepare_cached(statement)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let events: i64 = row.get(1)?;
                    super::count_named(answer, row.get_ref(0)?.as_bytes()?, u64::try_from(events)?)?;
                }
            }
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.connection.close().map_err(|(_, error)| error).context("close the file")
    }
}
