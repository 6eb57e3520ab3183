//! An index over any ordered store of keys and values: one table for the events, one for each thing they are asked by.
//!
//! ```text
//! events:  number(8, BE) → row
//! ids:     id(16) → number(8, BE)
//! others:  name 0 time(8, ordered) number(8, BE) → nothing
//! ```
//!
//! It does what somebody would write who knows the store: each table's keys of a batch are sorted before they go in, a
//! question is one read transaction, and the rows of filters without an index are looked at where they lie.

use std::marker::PhantomData;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::index::corpus::{Corpus, Dimension, Row};
use crate::index::engine::{self, Files, Indexes, Opened};
use crate::index::question::{Answer, PAGE_EVENTS, Question};

mod batch;

pub(super) use batch::Batch;

/// The tables, by their numbers.
const EVENTS: usize = 0;
const IDS: usize = 1;
/// The dimensions follow, then the table of all times.
const FIRST_DIMENSION: usize = 2;

/// How the tables are called.
pub(super) const TABLE_NAMES: [&str; 15] = [
    "events",
    "ids",
    "runs",
    "agents",
    "correlations",
    "workspaces",
    "lanes",
    "sessions",
    "actors",
    "kinds",
    "tools",
    "models",
    "actions",
    "outcomes",
    "times",
];

/// An ordered store.
pub(super) trait Store: Sized + 'static {
    /// What a question reads from.
    type View<'a>: View
    where
        Self: 'a;

    /// Opens or makes one with the first so many of the tables. One that is `made` is filled, and need not be durable
    /// before it is told to; otherwise each batch is.
    fn open(directory: &Path, tables: usize, made: bool, files: Files) -> Result<Self>;

    /// Events that it takes best in one batch.
    fn batch_events() -> usize;

    /// Writes a batch.
    fn write(&mut self, batch: &Batch) -> Result<()>;

    /// Makes everything durable.
    fn sync(&mut self) -> Result<()>;

    /// Does what would be done in the background some time.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    /// What stands there now.
    fn view(&self) -> Result<Self::View<'_>>;
}

/// What stood in a store at some time.
pub(super) trait View {
    /// Has a key's value looked at, if it is there.
    fn get<T>(&self, table: usize, key: &[u8], look: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>>;

    /// Goes through the keys from this one on until told to stop.
    fn scan(&self, table: usize, from: &[u8], visit: impl FnMut(&[u8]) -> Result<bool>) -> Result<()>;
}

/// The engine over such a store.
pub(super) struct Engine<S> {
    name: &'static str,
    store: PhantomData<fn() -> S>,
}

impl<S> Engine<S> {
    pub(super) const fn new(name: &'static str) -> Self {
        Self { name, store: PhantomData }
    }
}

fn tables(indexes: Indexes) -> usize {
    match indexes {
        Indexes::Four => 5,
        Indexes::All => TABLE_NAMES.len(),
    }
}

impl<S: Store> engine::Engine for Engine<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn create(&self, directory: &Path, indexes: Indexes) -> Result<Box<dyn Opened>> {
        let store = S::open(directory, tables(indexes), true, Files::Cached).context("make a store")?;
        Ok(Box::new(OpenStore { store, indexes, next: 0, ready: Vec::new() }))
    }

    fn open(&self, directory: &Path, indexes: Indexes, files: Files) -> Result<Box<dyn Opened>> {
        let store = S::open(directory, tables(indexes), false, files).context("open the store")?;
        Ok(Box::new(OpenStore { store, indexes, next: 0, ready: Vec::new() }))
    }

    fn index_bytes(&self, directory: &Path, corpus: &Corpus) -> Result<u64> {
        super::beside_rows(directory, corpus)
    }
}

struct OpenStore<S> {
    store: S,
    indexes: Indexes,
    /// The number of the first event that is ready.
    next: u64,
    ready: Vec<Vec<u8>>,
}

/// The keys of an event.
fn put(batch: &mut Batch, number: u64, row: Row<'_>, indexes: Indexes) -> Result<()> {
    let number = number.to_be_bytes();
    batch.put(EVENTS, &[&number], row.bytes());
    batch.put(IDS, &[row.id()?], &number);
    let time = ordered(row.time_ns()?);
    let kept = match indexes {
        Indexes::Four => 3,
        Indexes::All => Dimension::ALL.len(),
    };
    for (table, dimension) in (FIRST_DIMENSION..).zip(Dimension::ALL).take(kept) {
        let name = row.name(dimension)?;
        if !name.is_empty() {
            batch.put(table, &[name, &[0], &time, &number], &[]);
        }
    }
    if indexes == Indexes::All {
        batch.put(FIRST_DIMENSION + kept, &[&time, &number], &[]);
    }
    Ok(())
}

/// A time whose bytes are in its order.
fn ordered(time_ns: i64) -> [u8; 8] {
    (time_ns.cast_unsigned() ^ 1 << 63).to_be_bytes()
}

/// A name and a time, in front of numbers.
fn key_of(name: &str, time: Option<i64>) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 9);
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    key.extend(time.map(ordered).into_iter().flatten());
    key
}

/// What rows have to say beside the name that they were found by.
struct Condition {
    fields: Vec<(Dimension, String)>,
    to_ns: i64,
}

impl<S: Store> OpenStore<S> {
    /// A page of the events of a name, in order of time.
    fn page(
        &self,
        by: (Dimension, u32),
        from_ns: Option<i64>,
        condition: Option<&Condition>,
        answer: &mut Answer,
    ) -> Result<()> {
        let (table, name) = (FIRST_DIMENSION + by.0 as usize, by.0.name(by.1));
        let prefix = key_of(&name, None);
        let end = condition.map(|condition| key_of(&name, Some(condition.to_ns)));
        let view = self.store.view()?;
        let mut rows = 0;
        view.scan(table, &key_of(&name, from_ns), |key| {
            if !key.starts_with(&prefix) || end.as_ref().is_some_and(|end| key >= end.as_slice()) {
                return Ok(false);
            }
            let number = key.last_chunk::<8>().context("a key without a number")?;
            let added = view.get(EVENTS, number, |bytes| {
                let row = Row::new(bytes);
                let matches = condition.map_or(Ok(true), |condition| condition.holds(row))?;
                if matches {
                    answer.event(u64::from_be_bytes(*number), bytes);
                }
                Ok(matches)
            })?;
            rows += usize::from(added.context("an event is missing")?);
            Ok(rows < PAGE_EVENTS)
        })
    }
}

impl Condition {
    fn holds(&self, row: Row<'_>) -> Result<bool> {
        for (dimension, name) in &self.fields {
            if row.name(*dimension)? != name.as_bytes() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<S: Store> Opened for OpenStore<S> {
    fn prepare(&mut self, corpus: &Corpus, numbers: Range<u64>) -> Result<()> {
        if self.ready.is_empty() {
            self.next = numbers.start;
        }
        self.ready.extend(numbers.filter_map(|number| corpus.row(number)));
        Ok(())
    }

    fn load(&mut self) -> Result<()> {
        let mut batch = Batch::new(tables(self.indexes));
        for rows in self.ready.chunks(S::batch_events()) {
            batch.clear();
            for row in rows {
                put(&mut batch, self.next, Row::new(row), self.indexes)?;
                self.next += 1;
            }
            batch.sort();
            self.store.write(&batch).context("write a batch")?;
        }
        self.ready.clear();
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.store.sync()
    }

    fn settle(&mut self) -> Result<()> {
        self.store.settle()
    }

    fn answer(&self, question: &Question, answer: &mut Answer) -> Result<()> {
        match *question {
            Question::Get { id, .. } => {
                let view = self.store.view()?;
                let number =
                    view.get(IDS, &id, |bytes| Ok(*bytes.first_chunk::<8>().context("no number")?))?;
                let number = number.context("an event is missing")?;
                view.get(EVENTS, &number, |row| {
                    answer.event(u64::from_be_bytes(number), row);
                    Ok(())
                })?;
            }
            Question::Run { run } => self.page((Dimension::Run, run), None, None, answer)?,
            Question::AgentRange { agent, from_ns } => {
                self.page((Dimension::Agent, agent), Some(from_ns), None, answer)?;
            }
            Question::Five { agent, kind, tool, outcome, from_ns, to_ns } => {
                let fields =
                    [(Dimension::Tool, tool), (Dimension::Kind, kind), (Dimension::Outcome, outcome)];
                let fields = fields.map(|(dimension, value)| (dimension, dimension.name(value))).into();
                let condition = Condition { fields, to_ns };
                self.page((Dimension::Agent, agent), Some(from_ns), Some(&condition), answer)?;
            }
            Question::CountAgent { agent } => {
                let (prefix, mut events) = (key_of(&Dimension::Agent.name(agent), None), 0);
                self.store.view()?.scan(FIRST_DIMENSION + Dimension::Agent as usize, &prefix, |key| {
                    let counts = key.starts_with(&prefix);
                    events += u64::from(counts);
                    Ok(counts)
                })?;
                answer.count(agent, events);
            }
            Question::CountByAgent => {
                let (mut name, mut events) = (Vec::new(), 0);
                self.store.view()?.scan(FIRST_DIMENSION + Dimension::Agent as usize, &[], |key| {
                    let found =
                        key.len().checked_sub(17).and_then(|end| key.get(..end)).context("a short key")?;
                    if found != name {
                        super::count_named(answer, &name, events)?;
                        (name, events) = (found.to_vec(), 0);
                    }
                    events += 1;
                    Ok(true)
                })?;
                super::count_named(answer, &name, events)?;
            }
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
