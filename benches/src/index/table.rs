//! The table: which workloads there are, what takes part in each, and what Runledger aims at.

use std::time::Duration;

use anyhow::Result;

use super::engines::{self, FJALL, LEDGER, LMDB, REDB, SQLITE};
use super::job::{Appenders, Given, Job, Until};
use super::question::Work;
use crate::job::{self, Window};
use crate::wal;
use crate::workload::{Aim, Entry, Figure, Setting, Workload};

/// Everybody, Runledger first.
const ALL: [&str; 5] = [LEDGER, LMDB, SQLITE, FJALL, REDB];

/// How the ledger is called where it is compared with itself.
const GROWN: &str = "runledger, ten times";
const NOT_GROWN: &str = "runledger, once";

/// How long an engine goes on taking events in before its process is killed: for the ledger, long enough that the log
/// holds tens of thousands that the index on disk lacks.
const UNTIL_KILLED: Duration = Duration::from_secs(2);

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
            setting: Setting::Filled { check: None },
            aim,
        });
    }
    for work in [Work::Get, Work::Run, Work::AgentRange, Work::Five, Work::CountAgent] {
        all.push(cold(given, work));
    }
    all.extend([open(given, Until::Opened, 10.0), open(given, Until::Answered, 150.0)]);
    all.extend([
        follow(given, Appenders::Threads(64), 0.7, fewer),
        follow(given, Appenders::Tasks(256), 0.4, fewer),
    ]);
    if given.transcripts.is_none() {
        all.extend([growth(given, Work::Get, 20_000 / fewer), growth(given, Work::AgentRange, 2000 / fewer)]);
    }
    for workload in &mut all {
        workload.entries.retain(|entry| engines::is_known(entry.engine) || wal::is_known(entry.engine));
    }
    Ok(all)
}

/// Entries of the engines' own names that do the same. Where they need to be filled, it is by the same events.
fn entries(names: &[&'static str], job: &Job) -> Vec<Entry> {
    names.iter().map(|&engine| entry(engine, engine, job.clone())).collect()
}

fn entry(label: &str, engine: &'static str, job: Job) -> Entry {
    let fill = match &job {
        Job::Fill { .. } | Job::Load { .. } | Job::Follow { .. } => None,
        Job::Rebuild { given }
        | Job::Size { given }
        | Job::OpenAndGoOn { given, .. }
        | Job::Ask { given, .. }
        | Job::AskFirst { given, .. } => Some(given.clone()),
    };
    let fill = fill.map(|given| job::Job::Index(Job::Fill { given }));
    let essential = engine == LEDGER;
    Entry { label: label.to_owned(), engine, essential, fill, job: job::Job::Index(job) }
}

/// One of the log's bench, which appends records of 256 bytes.
fn entry_of_log(engine: &'static str, appenders: Appenders, window: Window) -> Entry {
    let job = match appenders {
        Appenders::Threads(threads) => wal::Job::Durable { threads, window, sizes: None },
        Appenders::Tasks(tasks) => wal::Job::Tasks { tasks, window },
    };
    let essential = engine == wal::REFERENCE_BATCHED;
    Entry { label: engine.to_owned(), engine, essential, fill: None, job: job::Job::Wal(job) }
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
        setting: Setting::Filled { check: None },
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
        setting: Setting::Filled { check: None },
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
        setting: Setting::Cold { turns: COLD_TURNS },
        aim: Aim { best: true, ..Aim::default() },
    }
}

fn open(given: &Given, until: Until, ms_max: f64) -> Workload {
    let what = match until {
        Until::Opened => "opening",
        Until::Answered => "opening and the first answer",
    };
    // Not the events that others are asked for: these are added to.
    let given = Given { events: given.events + 1, ..given.clone() };
    let job = Job::OpenAndGoOn { given: given.clone(), until };
    let check = Job::Ask { given, work: Work::Get, questions: 100 };
    Workload {
        group: "open",
        title: format!("{what} after kill -9"),
        entries: entries(&ALL, &job),
        reference: None,
        figure: Figure::Milliseconds,
        setting: Setting::Killed { after: UNTIL_KILLED, check: job::Job::Index(check) },
        aim: Aim { figure_max: Some(ms_max), ..Aim::default() },
    }
}

fn follow(given: &Given, appenders: Appenders, ratio_min: f64, fewer: u64) -> Workload {
    let measured = Duration::from_millis((2000 / fewer).max(100));
    let window = Window { warm_up: measured / 3, measured };
    let job = Job::Follow { given: given.clone(), appenders, window };
    let mut entries = entries(&[LEDGER], &job);
    let logs = [wal::REFERENCE_BATCHED, wal::FJALL, wal::SQLITE_INDEXED];
    entries.extend(logs.map(|engine| entry_of_log(engine, appenders, window)));
    Workload {
        group: "follow",
        title: format!(
            "durable appends with all indexes following, {}",
            match appenders {
                Appenders::Threads(threads) => format!("{threads} threads"),
                Appenders::Tasks(tasks) => format!("{tasks} tasks"),
            }
        ),
        entries,
        reference: Some(wal::REFERENCE_BATCHED),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim: Aim { ratio_min: Some(ratio_min), ..Aim::default() },
    }
}

/// The same questions to ten times as many events.
fn growth(given: &Given, work: Work, questions: u64) -> Workload {
    let ask = |times: u64, label| {
        let given = Given { events: given.events * times, ..given.clone() };
        entry(label, LEDGER, Job::Ask { given, work, questions: questions.max(5) })
    };
    Workload {
        group: "growth",
        title: format!("{}, warm, p50, with ten times as many events", describe(work)),
        entries: vec![ask(10, GROWN), ask(1, NOT_GROWN)],
        reference: Some(NOT_GROWN),
        figure: Figure::Microseconds,
        setting: Setting::Filled { check: None },
        aim: Aim { ratios_max: vec![(NOT_GROWN, 1.5)], ..Aim::default() },
    }
}
