//! Runs a workload: all that take part in turn, round after round, each beginning with the next one, and every other
//! round in the opposite order.
//!
//! So a disk that grows slower, or a neighbour that grows louder, hits all of them, and nobody always follows the same
//! one. What one has left to the file system is written before the next begins. Files are removed when a round is over, and
//! the next one waits for the device to come to rest: a file system that is mounted with `discard` keeps it busy with
//! what was removed.
//!
//! Runledger or a reference that fails ends the run; a peer that fails is left out, and the report says why.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::engines::ESSENTIAL;
use crate::job::{Job, Outcome, Request};
use crate::observed::DeviceCounts;
use crate::page_cache;
use crate::process::Worker;
use crate::report::Series;
use crate::table::{Entry, Setting, Workload};

/// How long a log goes on being appended to before its process is killed.
const UNTIL_KILLED: Duration = Duration::from_millis(150);

/// The device is at rest when it did nothing for so long.
const REST: Duration = Duration::from_millis(100);

/// After so long it is taken as it is: on a busy machine it never rests.
const PATIENCE: Duration = Duration::from_secs(2);

/// One that takes part, with its process and, where it has one, the directory that it keeps.
struct Participant<'a> {
    entry: &'a Entry,
    setting: Setting,
    worker: Worker,
    kept: Option<TempDir>,
    series: Series,
}

/// All rounds of a workload. Logs lie below `directory`.
pub(crate) fn run(workload: &Workload, directory: &Path, rounds: usize) -> Result<Vec<Series>> {
    let mut participants = Vec::new();
    for entry in &workload.entries {
        let mut participant = Participant::new(entry, workload.setting)?;
        let prepared = participant.prepare(directory);
        participant.settle(prepared)?;
        participants.push(participant);
    }
    let count = participants.len().max(1);
    for round in 0..rounds {
        let mut used = Vec::new();
        for turn in 0..count {
            let turn = if round % 2 == 0 { turn } else { count - 1 - turn };
            let Some(participant) = participants.get_mut((round + turn) % count) else { continue };
            if participant.series.failure.is_some() {
                continue;
            }
            let outcome = participant.round(directory, &mut used);
            if let Ok(outcome) = &outcome {
                let figure = workload.figure.text(workload.figure.of(outcome));
                eprintln!(
                    "{}, round {}/{rounds}, {}: {figure}",
                    workload.title,
                    round + 1,
                    participant.entry.label
                );
            }
            participant.settle(outcome.map(Some))?;
        }
        drop(used);
        settle_file_system(directory)?;
        DeviceCounts::wait_for_rest(directory, REST, PATIENCE);
    }
    for participant in &mut participants {
        if participant.series.failure.is_none() {
            let compared = participant.compare_at_last();
            participant.settle(compared)?;
        }
    }
    Ok(participants.into_iter().map(|participant| participant.series).collect())
}

impl<'a> Participant<'a> {
    fn new(entry: &'a Entry, setting: Setting) -> Result<Self> {
        let series = Series::new(&entry.label);
        Ok(Self { entry, setting, worker: Worker::start()?, kept: None, series })
    }

    fn request(&self, directory: &Path, job: &Job) -> Request {
        Request { engine: self.entry.engine.to_owned(), directory: directory.to_owned(), job: job.clone() }
    }

    /// Fills what the rounds begin with.
    fn prepare(&mut self, directory: &Path) -> Result<Option<Outcome>> {
        let (Setting::Filled(records) | Setting::Killed(records)) = self.setting else {
            return Ok(None);
        };
        eprintln!("filling {records} records, {}", self.entry.label);
        let kept = fresh(directory)?;
        if let Setting::Killed(_) = self.setting {
            self.open_and_kill(kept.path())?;
        } else {
            self.worker.ask(&self.request(kept.path(), &Job::Fill { records }))?;
            settle_file_system(directory)?;
            page_cache::forget(kept.path())?;
            // Once from end to end: nobody's first round shall be the one that reads from the device.
            self.worker.ask(&self.request(kept.path(), &Job::Compare { records }))?;
        }
        self.kept = Some(kept);
        Ok(None)
    }

    fn round(&mut self, directory: &Path, used: &mut Vec<TempDir>) -> Result<Outcome> {
        settle_file_system(directory)?;
        let kept = self.kept.as_ref().map(|kept| kept.path().to_owned());
        match (kept, self.setting) {
            (Some(kept), Setting::Killed(_)) => self.open_and_kill(&kept),
            (Some(kept), _) => self.worker.ask(&self.request(&kept, &self.entry.job)),
            (None, _) => {
                let fresh = fresh(directory)?;
                let outcome = self.worker.ask(&self.request(fresh.path(), &self.entry.job));
                used.push(fresh);
                outcome
            }
        }
    }

    /// A process of its own opens the log, goes on appending, and is killed.
    fn open_and_kill(&self, kept: &Path) -> Result<Outcome> {
        let mut worker = Worker::start()?;
        let outcome = worker.ask(&self.request(kept, &self.entry.job))?;
        thread::sleep(UNTIL_KILLED);
        worker.kill()?;
        Ok(outcome)
    }

    /// Whether a log whose processes were killed has kept what it was filled with.
    fn compare_at_last(&mut self) -> Result<Option<Outcome>> {
        if let (Setting::Killed(records), Some(kept)) = (self.setting, &self.kept) {
            self.worker.ask(&self.request(kept.path(), &Job::Compare { records }))?;
        }
        Ok(None)
    }

    /// Takes note of an outcome, or of a failure that the run survives.
    fn settle(&mut self, outcome: Result<Option<Outcome>>) -> Result<()> {
        match outcome {
            Ok(Some(outcome)) => self.series.add(outcome),
            Ok(None) => {}
            Err(error) if ESSENTIAL.contains(&self.entry.engine) => return Err(error),
            Err(error) => {
                eprintln!("{} is left out: {error:#}", self.entry.label);
                self.series.failure = Some(format!("{error:#}"));
            }
        }
        Ok(())
    }
}

/// Has everything written that is waiting for it, removed files included.
fn settle_file_system(directory: &Path) -> Result<()> {
    let status = Command::new("sync").arg("--file-system").arg(directory).status().context("start sync")?;
    ensure!(status.success(), "sync of {} failed", directory.display());
    Ok(())
}

fn fresh(directory: &Path) -> Result<TempDir> {
    tempfile::tempdir_in(directory).context("create a directory for a log")
}
