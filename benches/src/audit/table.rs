//! The table: which workloads there are, and what Runledger aims at.

use super::job::{Job, Way, Work};
use crate::job;
use crate::workload::{Aim, Entry, Figure, Setting, Workload};

/// How tables call it.
const LEDGER: &str = "runledger";

/// The log alone, as tables call it.
const LOG: &str = "runledger's log alone";

/// How many times what the log takes a durable event may take.
const DURABLE_RATIO_MAX: f64 = 1.1;

/// Events that are replayed.
const REPLAYED_EVENTS: u64 = 100_000;

/// All workloads, in the order of the report, over a ledger of so many events. Questions are asked `fewer` times less
/// often.
pub(super) fn workloads(events: u64, fewer: u64) -> Vec<Workload> {
    let at_most = |most| Aim { figure_max: Some(most), ..Aim::default() };
    let ask = |group, title, work, questions: u64, figure, most| {
        let job = Job::Ask { events, work, questions: (questions / fewer).max(5) };
        workload(group, title, figure, at_most(most), Some(Job::Fill { events }), job)
    };
    let replayed = REPLAYED_EVENTS.min(events);
    vec![
        workload(
            "hand-off",
            "an event handed to the sink, p99",
            Figure::MicrosecondsMostly,
            at_most(20.0),
            None,
            Job::HandOff { bursts: (200 / fewer).max(2) },
        ),
        durable("a durable event by the sink, p95", Way::Sink, (3000 / fewer).max(50)),
        durable("a durable event by the ledger, p95", Way::Ledger, (3000 / fewer).max(50)),
        workload(
            "live",
            "from durable to seen by a subscriber, p99",
            Figure::MicrosecondsMostly,
            at_most(5000.0),
            None,
            Job::Live { events: (20_000 / fewer).max(100) },
        ),
        ask("recent", "the newest 100 events, p50", Work::Recent, 5000, Figure::Microseconds, 50.0),
        ask("chain", "a correlation chain of 20, p50", Work::Chain, 2000, Figure::Microseconds, 1000.0),
        ask(
            "trace",
            "audit trace of an agent, 100 of its query audits, p50",
            Work::Trace,
            500,
            Figure::Microseconds,
            10_000.0,
        ),
        ask(
            "provenance",
            "provenance of a decision, p50",
            Work::Provenance,
            500,
            Figure::Microseconds,
            20_000.0,
        ),
        workload(
            "replay",
            &format!("replay of {replayed} events from the log, decoded"),
            Figure::Milliseconds,
            at_most(100.0),
            Some(Job::Fill { events }),
            Job::Replay { events: replayed },
        ),
    ]
}

/// Durable events in one way, beside the bare log.
fn durable(title: &str, way: Way, events: u64) -> Workload {
    let aim = Aim { ratios_max: vec![(LOG, DURABLE_RATIO_MAX)], ..Aim::default() };
    let figure = Figure::MicrosecondsNearly;
    let mut workload = workload("durable", title, figure, aim, None, Job::Durable { events, way });
    workload.entries.push(Entry {
        label: LOG.to_owned(),
        engine: LOG,
        essential: true,
        fill: None,
        job: job::Job::Audit(Job::Durable { events, way: Way::Log }),
    });
    workload.reference = Some(LOG);
    workload
}

fn workload(
    group: &'static str,
    title: &str,
    figure: Figure,
    aim: Aim,
    fill: Option<Job>,
    job: Job,
) -> Workload {
    let setting = if fill.is_some() { Setting::Filled { check: None } } else { Setting::Fresh };
    let entry = Entry {
        label: LEDGER.to_owned(),
        engine: LEDGER,
        essential: true,
        fill: fill.map(job::Job::Audit),
        job: job::Job::Audit(job),
    };
    let title = title.to_owned();
    Workload { group, title, entries: vec![entry], reference: None, figure, setting, aim }
}
