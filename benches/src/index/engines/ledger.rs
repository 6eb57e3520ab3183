//! Runledger, as a program would use it: events through `Ledger`, default options.
//!
//! Its questions are asked for records: bytes that nobody has decoded yet, as the other engines' rows are. That an event's
//! number here is its number there is what the log promises.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use runledger::{Durability, Event, EventFilter, EventId, Ledger, LedgerOptions, Timestamp};

use crate::index::corpus::{Corpus, Dimension, KINDS};
use crate::index::engine::{Engine, Files, Indexes, Opened};
use crate::index::engines::LEDGER;
use crate::index::question::{Answer, PAGE_EVENTS, Question};

/// The ledger under test.
pub(crate) struct RunledgerIndex;

struct OpenLedger {
    ledger: Ledger,
    /// Whether events are waited for when they are taken in.
    durable: bool,
    ready: VecDeque<Event>,
}

/// How long its files must stay as they are until the background is taken to be done.
const SETTLED: Duration = Duration::from_secs(1);

/// Default options, but questions wait as long as it takes: nobody shall be left out for a busy machine.
fn options() -> LedgerOptions {
    Ledger::options().leave_runs_open(true).query_wait_max(Duration::from_secs(3600))
}

impl Engine for RunledgerIndex {
    fn name(&self) -> &'static str {
        LEDGER
    }

    fn create(&self, directory: &Path, _indexes: Indexes) -> Result<Box<dyn Opened>> {
        let ledger = options().open(directory.join("ledger")).context("make a ledger")?;
        Ok(Box::new(OpenLedger { ledger, durable: false, ready: VecDeque::new() }))
    }

    fn open(&self, directory: &Path, _indexes: Indexes, _files: Files) -> Result<Box<dyn Opened>> {
        let ledger = options().create(false).open(directory.join("ledger"))?;
        Ok(Box::new(OpenLedger { ledger, durable: true, ready: VecDeque::new() }))
    }

    fn index_bytes(&self, directory: &Path, _corpus: &Corpus) -> Result<u64> {
        super::disk_usage(&directory.join("ledger").join("index"))
    }

    fn rebuild(&self, directory: &Path) -> Result<()> {
        let ledger = options()
            .create(false)
            .rebuild_index(true)
            .open(directory.join("ledger"))
            .context("open and rebuild")?;
        // The answer waits until the index is complete.
        ledger.events(&EventFilter { limit: 1, ..EventFilter::default() })?;
        ledger.close().context("close the ledger")
    }
}

impl OpenLedger {
    fn page(&self, filter: &EventFilter, answer: &mut Answer) -> Result<()> {
        for record in self.ledger.records(filter)?.items {
            answer.event(record.seq().get(), record.payload());
        }
        Ok(())
    }
}

fn page_of() -> EventFilter {
    EventFilter { limit: PAGE_EVENTS, ..EventFilter::default() }
}

impl Opened for OpenLedger {
    fn prepare(&mut self, corpus: &Corpus, numbers: Range<u64>) -> Result<()> {
        self.ready.extend(numbers.filter_map(|number| corpus.event(number)));
        Ok(())
    }

    fn load(&mut self) -> Result<()> {
        let durability = if self.durable { Durability::Durable } else { Durability::Buffered };
        let mut last = None;
        while let Some(event) = self.ready.pop_front() {
            last = Some(self.ledger.submit(event, durability)?);
        }
        // The last is durable when all are: they become so in their order.
        match last {
            Some(last) if self.durable => last.wait().map(drop).context("wait until all are durable"),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.ledger.sync()?;
        // The answer waits until everything durable is in it.
        self.ledger.events(&EventFilter { limit: 1, ..EventFilter::default() })?;
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        let size = || self.ledger.stats().map(|stats| (stats.index_tables, stats.index_bytes));
        let mut last = size()?;
        loop {
            thread::sleep(SETTLED);
            let now = size()?;
            if now == last {
                return Ok(());
            }
            last = now;
        }
    }

    fn answer(&self, question: &Question, answer: &mut Answer) -> Result<()> {
        let agent_name = |agent| Some(Dimension::Agent.name(agent).into());
        match *question {
            Question::Get { id, .. } => {
                let record = self.ledger.record(EventId::from_bytes(id))?.context("an event is missing")?;
                answer.event(record.seq().get(), record.payload());
            }
            Question::Run { run } => {
                let run = Some(Dimension::Run.name(run).into());
                self.page(&EventFilter { run, ..page_of() }, answer)?;
            }
            Question::AgentRange { agent, from_ns } => {
                let from = Some(Timestamp::from_nanoseconds(from_ns));
                self.page(&EventFilter { agent: agent_name(agent), from, ..page_of() }, answer)?;
            }
            Question::Five { agent, kind, tool, outcome, from_ns, to_ns } => {
                let kinds = usize::try_from(kind).ok().and_then(|kind| KINDS.get(kind)).copied();
                let filter = EventFilter {
                    agent: agent_name(agent),
                    kinds: kinds.into_iter().collect(),
                    tool: Some(Dimension::Tool.name(tool).into()),
                    outcome: Some(Dimension::Outcome.name(outcome).into()),
                    from: Some(Timestamp::from_nanoseconds(from_ns)),
                    to: Some(Timestamp::from_nanoseconds(to_ns)),
                    ..page_of()
                };
                self.page(&filter, answer)?;
            }
            Question::CountAgent { agent } => {
                let filter = EventFilter { agent: agent_name(agent), ..EventFilter::default() };
                answer.count(agent, self.ledger.count(&filter)?);
            }
            Question::CountByAgent => {
                let counts = self.ledger.count_by(runledger::Dimension::Agent, &EventFilter::default())?;
                for (name, events) in counts.by_value {
                    super::count_named(answer, name.as_bytes(), events)?;
                }
            }
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.ledger.close().context("close the ledger")
    }
}
