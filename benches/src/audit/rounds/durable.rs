//! Durable appends one by one: by the bare log, by a ledger, and by a sink whose caller waits, in one process, on one disk,
//! in turns, so that whatever becomes of the disk meanwhile becomes of all three.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use runledger::{AuditSink, Durability, Event, EventFilter, EventId, Ledger, SinkOptions};
use runledger_wal::{Options, Wal};

use super::super::job::Way;
use crate::index::corpus::Corpus;
use crate::job::Outcome;
use crate::latency::{counts_of, latencies};

/// How long an event may take to become durable.
const DURABLE_WAIT_MAX: Duration = Duration::from_secs(60);

/// Appends each event in all three ways, each time beginning with another, and gives the latencies of one of them. The log
/// is given the bytes that a ledger makes of the event.
pub(super) fn durable(directory: &Path, events: u64, way: Way) -> Result<Outcome> {
    let corpus = Corpus::generate(events);
    let payloads = payloads(&directory.join("made"), &corpus)?;
    let (log, _) = Wal::open(&directory.join("log"), Options::new().create(true))?;
    let ledger = Ledger::open(directory.join("ledger")).context("make a ledger")?;
    let sink = AuditSink::new(Ledger::open(directory.join("sink"))?, SinkOptions::new())?;
    let mut latency_ns = latencies();
    let mut elapsed = Duration::ZERO;
    for (number, payload) in (0..events).zip(&payloads) {
        let first = usize::try_from(number)? % Way::ALL.len();
        for now in Way::ALL.into_iter().cycle().skip(first).take(Way::ALL.len()) {
            let event = corpus.event(number).context("no event")?;
            let begin = Instant::now();
            match now {
                Way::Log => drop(log.append(payload, Durability::Durable)?),
                Way::Ledger => drop(ledger.append(event)?),
                Way::Sink => drop(sink.record_durable(event)?),
            }
            let took = begin.elapsed();
            if now == way {
                elapsed += took;
                latency_ns.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
            }
        }
    }
    let of_sink = sink.ledger().context("the sink has no ledger")?;
    for ledger in [&ledger, &of_sink] {
        let found = ledger.count(&EventFilter::default())?;
        ensure!(found == events, "{events} events were appended, {found} are found");
    }
    sink.shutdown(Instant::now() + DURABLE_WAIT_MAX)?;
    log.close()?;
    Ok(Outcome { records: events, elapsed, latency_ns: counts_of(&latency_ns), ..Outcome::default() })
}

/// The records that a ledger makes of the events.
fn payloads(directory: &Path, corpus: &Corpus) -> Result<Vec<Vec<u8>>> {
    let ledger = Ledger::open(directory).context("make a ledger")?;
    let events: Vec<Event> = (0..corpus.len()).filter_map(|number| corpus.event(number)).collect();
    ledger.append_batch(&events).map_err(|error| error.error)?;
    let payload = |id: EventId| {
        let record = ledger.record(id)?.context("an event is not found")?;
        Ok(record.payload().to_vec())
    };
    events.iter().map(|event| payload(event.event_id)).collect()
}
