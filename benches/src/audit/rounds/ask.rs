//! A ledger that was filled, and questions to it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use runledger::{
    AuditFilter, Durability, EventFilter, Ledger, LedgerOptions, ProvenanceFinding, ProvenanceNode, Seq,
};

use crate::audit::corpus::{Audited, Question};
use crate::audit::job::Work;
use crate::index::corpus::Random;
use crate::job::Outcome;
use crate::latency::{counts_of, latencies};
use crate::page_cache;

/// Query audits of a page of a trace.
const TRACED_QUERIES: usize = 100;

/// Events of the newest.
const RECENT_EVENTS: usize = 100;

/// Every correlation has so many, but for the few that are cut short at the end.
const CHAIN_EVENTS: u64 = 20;

fn options() -> LedgerOptions {
    Ledger::options().leave_runs_open(true).query_wait_max(Duration::from_secs(3600))
}

/// Makes a ledger of so many events.
pub(super) fn fill(ledger: &Path, events: u64) -> Result<Outcome> {
    let audited = Audited::generate(events);
    let ledger = options().open(ledger).context("make a ledger")?;
    let begin = Instant::now();
    for number in 0..audited.len() {
        // Durable all at once, by the sync below.
        drop(ledger.submit(audited.event(number)?, Durability::Buffered)?);
    }
    ledger.sync()?;
    let found = ledger.count(&EventFilter::default())?;
    ensure!(found == events, "{events} events were appended, {found} are found");
    ledger.close()?;
    Ok(Outcome { records: events, elapsed: begin.elapsed(), ..Outcome::default() })
}

/// Asks so many questions. As many others of the same kind go before, and don't count.
pub(super) fn ask(ledger: &Path, events: u64, work: Work, round: u64, questions: u64) -> Result<Outcome> {
    let audited = Audited::generate(events);
    page_cache::fill(ledger)?;
    let begin = Instant::now();
    let ledger = options().create(false).open(ledger).context("open")?;
    let opened = Some(begin.elapsed());
    let mut random = Random::new(round);
    for _ in 0..questions {
        answer(&ledger, &audited.question(work, &mut random)?)?;
    }
    let (mut latency_ns, mut found) = (latencies(), 0);
    let begin = Instant::now();
    for _ in 0..questions {
        let question = audited.question(work, &mut random)?;
        let begin = Instant::now();
        found += answer(&ledger, &question)?;
        latency_ns.saturating_record(u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    let elapsed = begin.elapsed();
    ledger.close()?;
    let latency_ns = counts_of(&latency_ns);
    Ok(Outcome { records: found, elapsed, opened, latency_ns, ..Outcome::default() })
}

/// How many events, query audits or sources the answer holds; an error if those that must be there aren't.
fn answer(ledger: &Ledger, question: &Question) -> Result<u64> {
    let found = match question {
        Question::Recent => ledger.recent(RECENT_EVENTS)?.events.len() as u64,
        Question::Chain { correlation } => {
            let events = ledger.correlation_chain(correlation)?.events.len() as u64;
            ensure!(events <= CHAIN_EVENTS, "{correlation} has {events} events");
            events
        }
        Question::Trace { agent, from } => {
            let filter = AuditFilter {
                agent: agent.as_str().into(),
                from: Some(*from),
                limit: TRACED_QUERIES,
                ..AuditFilter::default()
            };
            // Where time is nearly over, nothing need be left.
            ledger.trace(&filter)?.queries.len() as u64 + 1
        }
        Question::Provenance { decision } => {
            sources(&ledger.provenance(*decision)?.context("the decision is missing")?.decision)
        }
    };
    ensure!(found > 0, "nothing was found");
    Ok(found)
}

/// How many sources stand in the tree.
fn sources(node: &ProvenanceNode) -> u64 {
    let own = u64::from(matches!(node.finding, ProvenanceFinding::Source { .. }));
    own + node.came_from.iter().map(sources).sum::<u64>()
}

/// Reads the first events of the log, as whoever rebuilds something from them does.
pub(super) fn replay(ledger: &Path, events: u64) -> Result<Outcome> {
    page_cache::fill(ledger)?;
    let ledger = Ledger::open_read_only(ledger).context("open")?;
    let begin = Instant::now();
    let mut replayed = 0;
    for stored in ledger.tail(Seq::ZERO).take(usize::try_from(events)?) {
        ensure!(stored?.seq.get() == replayed, "an event is missing");
        replayed += 1;
    }
    let elapsed = begin.elapsed();
    ensure!(replayed == events, "{replayed} events of {events}");
    Ok(Outcome { records: replayed, elapsed, ..Outcome::default() })
}
