//! The table: which workloads there are, what takes part in each, and what Runledger aims at.

use anyhow::Result;

use super::engines::{self, FJALL, LEDGER, LMDB, REDB, SQLITE};
use super::job::{Given, Job};
use super::question::Work;
use crate::job;
use crate::workload::{Aim, Entry, Figure, Setting, Workload};

/// Everybody, Runledger first.
const ALL: [&str; 5] = [LEDGER, LMDB, SQLITE, FJALL, REDB];

/// First questions of a process, in a round.
const COLD_TURNS: usize = 3;

/// All workloads, in the order of the report. Questions are asked `fewer` times less often.
pub(super) fn workloads(given: &Given, fewer: u64) -> Result<Vec<Workload>> {
    let lmdb = |ratio| Aim { ratios_max: vec![(LMDB, ratio)], ..Aim::default() };
    let title = match &given.transcripts {
        Some(_) => format!("{} lines of transcripts", given.corpus()?.len()),
        None => format!("{} events", given.events),
    };
    let mut all = vec![memory(given, &title), bytes(given), load(given, &title), rebuild(given, &title)];
    let asked = [
        ("get", Work::Get, 20_000, lmdb(1.0)),
        ("run", Work::Run, 2000, lmdb(1.0)),
        ("range", Work::AgentRange, 2000, lmdb(1.0)),
        ("five", Work::Five, 500, lmdb(0.3)),
        ("count", Work::CountAgent, 1000, lmdb(0.1)),
        ("count-by", Work::CountByAgent, 20, Aim { figure_max: Some(2600.0), ..Aim::default() }),
    ];
    for (group, work, questions, aim) in asked {
        let job = Job::Ask { given: given.clone(), work, questions: (questions / fewer).max(5) };
        all.push(Workload {
            group,
            title: format!("{}, warm, p50", describe(work)),
            entries: entries(&ALL, &job),
            reference: Some(LMDB),
            figure: Figure::Microseconds,
            setting: filled(given),
            aim,
        });
    }
    for work in [Work::Get, Work::Run, Work::AgentRange, Work::Five, Work::CountAgent] {
        all.push(cold(given, work));
    }
    for workload in &mut all {
        workload.entries.retain(|entry| engines::is_known(entry.engine));
    }
    Ok(all)
}

fn entries(names: &[&'static str], job: &Job) -> Vec<Entry> {
    names.iter().map(|&engine| entry(engine, engine, job::Job::Index(job.clone()))).collect()
}

fn entry(label: &str, engine: &'static str, job: job::Job) -> Entry {
    Entry { label: label.to_owned(), engine, essential: engine == LEDGER, job }
}

fn fill(given: &Given) -> job::Job {
    job::Job::Index(Job::Fill { given: given.clone() })
}

fn filled(given: &Given) -> Setting {
    Setting::Filled { fill: fill(given), check: None }
}

fn describe(work: Work) -> &'static str {
    match work {
        Work::Get => "an event by its id",
        Work::Run => "a run's 100 events in order",
        Work::AgentRange => "an agent from some time on, 100 events",
        Work::Five => "five filters, 100 events",
        Work::CountAgent => "count of the events of an agent that has a hundredth",
        Work::CountByAgent => "count by agent over everything",
    }
}

fn memory(given: &Given, events: &str) -> Workload {
    Workload {
        group: "memory",
        title: format!("anonymous memory while {events} are taken in, at most"),
        entries: entries(&ALL, &Job::Fill { given: given.clone() }),
        reference: None,
        figure: Figure::AnonymousMebibytes,
        setting: Setting::Kept,
        aim: Aim { figure_max: Some(128.0), ..Aim::default() },
    }
}

fn bytes(given: &Given) -> Workload {
    Workload {
        group: "bytes",
        title: "bytes on disk beside the events themselves, merged".to_owned(),
        entries: entries(&ALL, &Job::Size { given: given.clone() }),
        reference: None,
        figure: Figure::StoredBytesPerEvent,
        setting: filled(given),
        aim: Aim { figure_max: Some(40.0), ..Aim::default() },
    }
}

fn load(given: &Given, events: &str) -> Workload {
    Workload {
        group: "load",
        title: format!("load of {events} until all are durable and found"),
        entries: entries(&ALL, &Job::Load { given: given.clone() }),
        reference: Some(LMDB),
        figure: Figure::Seconds,
        setting: Setting::Fresh,
        aim: Aim { ratios_max: vec![(LMDB, 0.7), (SQLITE, 0.25)], ..Aim::default() },
    }
}

fn rebuild(given: &Given, events: &str) -> Workload {
    Workload {
        group: "rebuild",
        title: format!("rebuild of the index of {events} from the log"),
        entries: entries(&[LEDGER], &Job::Rebuild { given: given.clone() }),
        reference: None,
        figure: Figure::Seconds,
        setting: filled(given),
        aim: Aim::default(),
    }
}

fn cold(given: &Given, work: Work) -> Workload {
    Workload {
        group: "cold",
        title: format!("{}, cold", describe(work)),
        entries: entries(&ALL, &Job::AskFirst { given: given.clone(), work }),
        reference: None,
        figure: Figure::Milliseconds,
        setting: Setting::Cold { fill: fill(given), turns: COLD_TURNS },
        aim: Aim { best: true, ..Aim::default() },
    }
}
