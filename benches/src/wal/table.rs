//! The table: which workloads there are, what takes part in each, and what Runledger aims at.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::Job;
use crate::job::{self, Window};
use crate::transcripts;
use crate::wal::engine::Unwaited;
use crate::wal::engines::{
    self, BARE_HASH, BARE_SCAN, FJALL, JSON_LINES, LEDGER, OKAYWAL, RAFT_ENGINE, REFERENCE_BATCHED,
    REFERENCE_SINGLE, SQLITE, SQLITE_INDEXED, WAL_DB,
};
use crate::workload::{Aim, Entry, Figure, Setting, Workload};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    pub(super) window: Window,
    /// Records that are replayed. Opening is measured with as many and with ten times as many.
    pub(super) records: u64,
    /// Records that are appended without waiting, in a burst; ten times as many to see what lasts.
    pub(super) burst_records: u64,
    /// Durable appends by which device bytes are counted.
    pub(super) device_records: u64,
}

/// How long a log goes on being appended to before its process is killed.
const UNTIL_KILLED: Duration = Duration::from_millis(150);

/// All workloads, in the order of the table. `real_data` is a directory of transcripts.
pub(super) fn workloads(extent: &Extent, real_data: Option<&Path>) -> Result<Vec<Workload>> {
    let mut all: Vec<_> = [1, 8, 64].map(|threads| durable(extent, threads)).into();
    all.extend([tasks(extent), batches(extent), unwaited(extent, 1), unwaited(extent, 10)]);
    all.extend([
        open(extent.records, &[SQLITE, FJALL, OKAYWAL, RAFT_ENGINE, WAL_DB]),
        open(extent.records * 10, &[]),
    ]);
    all.extend([replay(extent), device_bytes(extent)]);
    if let Some(directory) = real_data {
        let sizes: Vec<_> = transcripts::lines(directory)?.iter().map(Vec::len).collect();
        all.extend([1, 8].map(|threads| real_sizes(extent, threads, &sizes)));
    }
    for workload in &mut all {
        workload.entries.retain(|entry| engines::is_known(entry.engine));
    }
    Ok(all)
}

/// Entries of the engines' own names that do the same.
fn entries(names: &[&'static str], job: &Job) -> Vec<Entry> {
    names.iter().map(|&engine| entry(engine, engine, job.clone())).collect()
}

fn entry(label: &str, engine: &'static str, job: Job) -> Entry {
    let essential = engines::ESSENTIAL.contains(&engine);
    let fill = match job {
        Job::OpenAndGoOn { records } | Job::Replay { records } => Some(job::Job::Wal(Job::Fill { records })),
        _ => None,
    };
    Entry { label: label.to_owned(), engine, essential, fill, job: job::Job::Wal(job) }
}

fn durable(extent: &Extent, threads: u64) -> Workload {
    let reference = if threads == 1 { REFERENCE_SINGLE } else { REFERENCE_BATCHED };
    let names = [LEDGER, reference, OKAYWAL, RAFT_ENGINE, WAL_DB, FJALL, SQLITE, SQLITE_INDEXED, JSON_LINES];
    let ratio_min = Some(if threads < 64 { 0.95 } else { 0.9 });
    let records_per_sync_min = (threads > 1).then_some(threads as f64 * 7.0 / 8.0);
    Workload {
        group: "durable",
        title: format!("durable appends, {threads} thread{}", if threads == 1 { "" } else { "s" }),
        entries: entries(&names, &Job::Durable { threads, window: extent.window, sizes: None }),
        reference: Some(reference),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim: Aim { ratio_min, records_per_sync_min, ..Aim::default() },
    }
}

fn tasks(extent: &Extent) -> Workload {
    let tasks = 256;
    let names = [LEDGER, REFERENCE_BATCHED, FJALL, SQLITE, SQLITE_INDEXED];
    Workload {
        group: "tasks",
        title: format!("durable appends, {tasks} tasks"),
        entries: entries(&names, &Job::Tasks { tasks, window: extent.window }),
        reference: Some(REFERENCE_BATCHED),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim: Aim { ratio_min: Some(0.6), ..Aim::default() },
    }
}

fn batches(extent: &Extent) -> Workload {
    let records = 256;
    let names =
        [LEDGER, REFERENCE_SINGLE, OKAYWAL, RAFT_ENGINE, WAL_DB, FJALL, SQLITE, SQLITE_INDEXED, JSON_LINES];
    let job = |under_way| Job::Batches { records, under_way, window: extent.window };
    let mut entries = entries(&names, &job(1));
    entries.insert(2, entry("runledger-wal, 4 under way", LEDGER, job(4)));
    Workload {
        group: "batches",
        title: format!("durable batches of {records}, 1 thread"),
        entries,
        reference: Some(REFERENCE_SINGLE),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim: Aim { figure_min: Some(1e6), ..Aim::default() },
    }
}

fn unwaited(extent: &Extent, bursts: u64) -> Workload {
    let records = extent.burst_records * bursts;
    let entry = |label: &str, engine, wait| entry(label, engine, Job::Unwaited { records, wait });
    let amount = if bursts == 1 { "a burst" } else { "a stream" };
    Workload {
        group: "unwaited",
        title: format!("appends that wait for nothing, 1 thread, {amount} of {records} records"),
        entries: vec![
            entry("runledger-wal, buffered", LEDGER, Unwaited::Buffered),
            entry(BARE_HASH, BARE_HASH, Unwaited::Buffered),
            entry("runledger-wal, written", LEDGER, Unwaited::Written),
        ],
        reference: Some(BARE_HASH),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim: Aim { ratio_min: (bursts == 1).then_some(0.7), ..Aim::default() },
    }
}

fn open(records: u64, peers: &[&'static str]) -> Workload {
    let names = [&[LEDGER], peers].concat();
    Workload {
        group: "open",
        title: format!("opening after kill -9, {records} records"),
        entries: entries(&names, &Job::OpenAndGoOn { records }),
        reference: None,
        figure: Figure::Milliseconds,
        setting: Setting::Killed { after: UNTIL_KILLED, check: job::Job::Wal(Job::Compare { records }) },
        aim: Aim { figure_max: Some(5.0), ..Aim::default() },
    }
}

fn replay(extent: &Extent) -> Workload {
    let names = [LEDGER, BARE_SCAN, OKAYWAL, WAL_DB, FJALL, SQLITE];
    Workload {
        group: "replay",
        title: format!("replay of {} records", extent.records),
        entries: entries(&names, &Job::Replay { records: extent.records }),
        reference: Some(BARE_SCAN),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Filled {
            // Once from end to end: nobody's first round shall be the one that reads from the device.
            check: Some(job::Job::Wal(Job::Compare { records: extent.records })),
        },
        aim: Aim { ratio_min: Some(0.8), ..Aim::default() },
    }
}

fn device_bytes(extent: &Extent) -> Workload {
    let names =
        [LEDGER, REFERENCE_SINGLE, OKAYWAL, RAFT_ENGINE, WAL_DB, FJALL, SQLITE, SQLITE_INDEXED, JSON_LINES];
    Workload {
        group: "device-bytes",
        title: format!("device bytes per durable append, 1 thread, {} appends", extent.device_records),
        entries: entries(&names, &Job::DeviceBytes { records: extent.device_records }),
        reference: None,
        figure: Figure::DeviceBytesPerRecord,
        setting: Setting::Fresh,
        aim: Aim { figure_max: Some(8192.0), ..Aim::default() },
    }
}

fn real_sizes(extent: &Extent, threads: u64, sizes: &[usize]) -> Workload {
    let reference = if threads == 1 { REFERENCE_SINGLE } else { REFERENCE_BATCHED };
    let job = Job::Durable { threads, window: extent.window, sizes: Some(sizes.to_vec()) };
    let (least, most) = (sizes.iter().min().unwrap_or(&0), sizes.iter().max().unwrap_or(&0));
    let mean = sizes.iter().sum::<usize>() / sizes.len().max(1);
    Workload {
        group: "real-sizes",
        title: format!(
            "durable appends of the sizes of {} transcript lines ({least} to {most} bytes, {mean} on average), {threads} thread{}",
            sizes.len(),
            if threads == 1 { "" } else { "s" }
        ),
        entries: entries(&[LEDGER, reference], &job),
        reference: Some(reference),
        figure: Figure::BytesPerSecond,
        setting: Setting::Fresh,
        aim: Aim::default(),
    }
}
