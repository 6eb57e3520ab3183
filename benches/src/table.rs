//! The table: which workloads there are, what takes part in each, and what Runledger aims at.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::engine::Unwaited;
use crate::engines::{
    self, BARE_HASH, BARE_SCAN, FJALL, JSON_LINES, LEDGER, OKAYWAL, RAFT_ENGINE, REFERENCE_BATCHED,
    REFERENCE_SINGLE, SQLITE, SQLITE_INDEXED, WAL_DB,
};
use crate::job::{Job, Window};

/// One workload.
pub(crate) struct Workload {
    /// By which it is chosen.
    pub(crate) group: &'static str,
    pub(crate) title: String,
    /// What takes part. The first is Runledger.
    pub(crate) entries: Vec<Entry>,
    /// Which entry the others are divided by.
    pub(crate) reference: Option<usize>,
    pub(crate) figure: Figure,
    pub(crate) setting: Setting,
    pub(crate) aim: Aim,
}

/// One that takes part.
pub(crate) struct Entry {
    /// How the table calls it.
    pub(crate) label: String,
    pub(crate) engine: &'static str,
    pub(crate) job: Job,
}

/// What a round's figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    RecordsPerSecond,
    BytesPerSecond,
    Milliseconds,
    DeviceBytesPerRecord,
}

/// In what a round finds itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// A new directory each.
    Fresh,
    /// A directory with so many records, filled once.
    Filled(u64),
    /// The same, and the process is killed after each round.
    Killed(u64),
}

/// What Runledger shall reach. Nothing where nothing is asked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Aim {
    pub(crate) ratio_min: Option<f64>,
    pub(crate) records_per_sync_min: Option<f64>,
    pub(crate) figure_min: Option<f64>,
    pub(crate) figure_max: Option<f64>,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) window: Window,
    /// Records that are replayed. Opening is measured with as many and with ten times as many.
    pub(crate) records: u64,
    /// Records that are appended without waiting, in a burst; ten times as many to see what lasts.
    pub(crate) burst_records: u64,
    /// Durable appends by which device bytes are counted.
    pub(crate) device_records: u64,
}

impl Workload {
    /// Leaves the peers out.
    pub(crate) fn keep_essential(&mut self) {
        self.entries.retain(|entry| engines::ESSENTIAL.contains(&entry.engine));
    }
}

/// All workloads, in the order of the table. `real_data` is a directory of transcripts.
pub(crate) fn workloads(extent: &Extent, real_data: Option<&Path>) -> Result<Vec<Workload>> {
    let mut all: Vec<_> = [1, 8, 64].map(|threads| durable(extent, threads)).into();
    all.extend([tasks(extent), batches(extent), unwaited(extent, 1), unwaited(extent, 10)]);
    all.extend([
        open(extent.records, &[SQLITE, FJALL, OKAYWAL, RAFT_ENGINE, WAL_DB]),
        open(extent.records * 10, &[]),
    ]);
    all.extend([replay(extent), device_bytes(extent)]);
    if let Some(directory) = real_data {
        let sizes = line_lengths(directory)?;
        all.extend([1, 8].map(|threads| real_sizes(extent, threads, &sizes)));
    }
    for workload in &mut all {
        workload.entries.retain(|entry| engines::is_known(entry.engine));
    }
    Ok(all)
}

/// Entries of the engines' own names that do the same.
fn entries(names: &[&'static str], job: &Job) -> Vec<Entry> {
    let entry = |&engine| Entry { label: String::from(engine), engine, job: job.clone() };
    names.iter().map(entry).collect()
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
        reference: Some(1),
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
        reference: Some(1),
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
    let label = "runledger-wal, 4 under way".to_owned();
    let mut entries = entries(&names, &job(1));
    entries.insert(2, Entry { label, engine: LEDGER, job: job(4) });
    Workload {
        group: "batches",
        title: format!("durable batches of {records}, 1 thread"),
        entries,
        reference: Some(1),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Fresh,
        aim: Aim { figure_min: Some(1e6), ..Aim::default() },
    }
}

fn unwaited(extent: &Extent, bursts: u64) -> Workload {
    let records = extent.burst_records * bursts;
    let entry = |label: &str, engine, wait| Entry {
        label: label.to_owned(),
        engine,
        job: Job::Unwaited { records, wait },
    };
    let amount = if bursts == 1 { "a burst" } else { "a stream" };
    Workload {
        group: "unwaited",
        title: format!("appends that wait for nothing, 1 thread, {amount} of {records} records"),
        entries: vec![
            entry("runledger-wal, buffered", LEDGER, Unwaited::Buffered),
            entry(BARE_HASH, BARE_HASH, Unwaited::Buffered),
            entry("runledger-wal, written", LEDGER, Unwaited::Written),
        ],
        reference: Some(1),
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
        setting: Setting::Killed(records),
        aim: Aim { figure_max: Some(5.0), ..Aim::default() },
    }
}

fn replay(extent: &Extent) -> Workload {
    let names = [LEDGER, BARE_SCAN, OKAYWAL, WAL_DB, FJALL, SQLITE];
    Workload {
        group: "replay",
        title: format!("replay of {} records", extent.records),
        entries: entries(&names, &Job::Replay),
        reference: Some(1),
        figure: Figure::RecordsPerSecond,
        setting: Setting::Filled(extent.records),
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
        reference: Some(1),
        figure: Figure::BytesPerSecond,
        setting: Setting::Fresh,
        aim: Aim::default(),
    }
}

/// The lengths of all lines of the transcripts, in order. Nothing but lengths is taken from them.
fn line_lengths(directory: &Path) -> Result<Vec<usize>> {
    let sessions = directory.join("claude-code");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&sessions).with_context(|| format!("list {}", sessions.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            files.push(path);
        }
    }
    files.sort();
    let mut lengths = Vec::new();
    for path in files {
        let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        lengths.extend(text.split(|byte| *byte == b'\n').map(<[u8]>::len).filter(|length| *length > 0));
    }
    Ok(lengths)
}
