//! Runs a workload: all that take part in turn, round after round, each beginning with the next one, and every other
//! round in the opposite order.
//!
//! So a disk that grows slower, or a neighbour that grows louder, hits all of them, and nobody always follows the same
//! one. What one has left to the file system is written before the next begins. Files are removed when a round is over, and
//! the next one waits for the device to come to rest: a file system that is mounted with `discard` keeps it busy with
//! what was removed.
//!
//! Where engines are asked the same, their answers must be the same. Runledger or a reference that fails ends the run; a
//! peer that fails is left out, and the report says why.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use tempfile::TempDir;

use crate::job::{Job, Outcome, Request};
use crate::observed::DeviceCounts;
use crate::page_cache;
use crate::process::Worker;
use crate::report::Series;
use crate::shelf::Shelf;
use crate::workload::{Entry, Setting, Workload};

/// The device is at rest when it did nothing for so long.
const REST: Duration = Duration::from_millis(100);

/// After so long it is taken as it is: on a busy machine it never rests.
const PATIENCE: Duration = Duration::from_secs(2);

/// One that takes part, with its process and, where it has one, the directory that it keeps.
struct Participant<'a> {
    entry: &'a Entry,
    setting: &'a Setting,
    worker: Worker,
    filled: Option<PathBuf>,
    series: Series,
}

/// All rounds of a workload.
pub(crate) fn run(workload: &Workload, shelf: &mut Shelf, rounds: usize) -> Result<Vec<Series>> {
    let mut participants = Vec::new();
    for entry in &workload.entries {
        let mut participant = Participant::new(entry, &workload.setting)?;
        let prepared = participant.prepare(shelf);
        participant.settle(prepared.map(|()| Vec::new()))?;
        participants.push(participant);
    }
    let count = participants.len().max(1);
    let rounds = if matches!(workload.setting, Setting::Kept) { 1 } else { rounds };
    for round in 0..rounds {
        let (mut used, mut answers) = (Vec::new(), Vec::new());
        for turn in 0..count {
            let turn = if round % 2 == 0 { turn } else { count - 1 - turn };
            let Some(participant) = participants.get_mut((round + turn) % count) else { continue };
            if participant.series.failure.is_some() {
                continue;
            }
            let outcomes = participant.round(shelf, round as u64, &mut used);
            for outcome in outcomes.iter().flatten() {
                let figure = workload.figure.text(workload.figure.of(outcome));
                let label = &participant.entry.label;
                eprintln!("{}, round {}/{rounds}, {label}: {figure}", workload.title, round + 1);
            }
            if let Ok(outcomes) = &outcomes {
                let digests = outcomes.iter().map(|outcome| outcome.answers).collect();
                answers.push((participant.entry, digests));
            }
            participant.settle(outcomes)?;
        }
        compare(&answers)?;
        drop(used);
        shelf.settle()?;
        DeviceCounts::wait_for_rest(shelf.directory(), REST, PATIENCE);
    }
    for participant in &mut participants {
        if participant.series.failure.is_none() {
            let checked = participant.check_at_last();
            participant.settle(checked.map(|()| Vec::new()))?;
        }
    }
    Ok(participants.into_iter().map(|participant| participant.series).collect())
}

/// Whoever was asked the same must have answered the same. Each has compared some of its answers with those of a naive
/// filter, so that two who differ here have no excuse.
fn compare(answers: &[(&Entry, Vec<Option<u64>>)]) -> Result<()> {
    for ((one, expected), (other, found)) in answers.iter().zip(answers.iter().skip(1)) {
        let differs = expected.iter().zip(found).any(|pair| matches!(pair, (Some(a), Some(b)) if a != b));
        ensure!(!(differs && one.job == other.job), "{} and {} answer differently", one.label, other.label);
    }
    Ok(())
}

impl<'a> Participant<'a> {
    fn new(entry: &'a Entry, setting: &'a Setting) -> Result<Self> {
        let series = Series::new(&entry.label);
        Ok(Self { entry, setting, worker: Worker::start()?, filled: None, series })
    }

    fn request(&self, directory: &Path, round: u64, job: &Job) -> Request {
        let (engine, directory) = (self.entry.engine.to_owned(), directory.to_owned());
        Request { engine, directory, round, job: job.clone() }
    }

    /// Fills what the rounds begin with.
    fn prepare(&mut self, directories: &mut Shelf) -> Result<()> {
        let Some(fill) = &self.entry.fill else { return Ok(()) };
        if let Some(filled) = directories.find(self.entry.engine, fill)? {
            self.filled = Some(filled);
            return Ok(());
        }
        eprintln!("filling {}", self.entry.label);
        let fresh = directories.fresh()?;
        self.worker.ask(&self.request(fresh.path(), 0, fill))?;
        match self.setting {
            Setting::Killed { after, .. } => drop(self.work_and_kill(fresh.path(), 0, *after)?),
            Setting::Filled { check: Some(check) } => {
                directories.settle()?;
                page_cache::forget(fresh.path())?;
                self.worker.ask(&self.request(fresh.path(), 0, check))?;
            }
            _ => {}
        }
        self.filled = Some(fresh.path().to_owned());
        directories.keep(self.entry.engine, fill, fresh)
    }

    fn round(
        &mut self,
        directories: &mut Shelf,
        round: u64,
        used: &mut Vec<TempDir>,
    ) -> Result<Vec<Outcome>> {
        directories.settle()?;
        match (self.filled.clone(), self.setting) {
            (Some(filled), Setting::Killed { after, .. }) => {
                Ok(vec![self.work_and_kill(&filled, round + 1, *after)?])
            }
            (Some(filled), Setting::Cold { turns }) => {
                (0..*turns).map(|turn| self.cold(&filled, round * *turns as u64 + turn as u64)).collect()
            }
            (Some(filled), _) => Ok(vec![self.worker.ask(&self.request(&filled, round, &self.entry.job))?]),
            (None, _) => {
                let fresh = directories.fresh()?;
                let outcome = self.worker.ask(&self.request(fresh.path(), round, &self.entry.job))?;
                if let Setting::Kept = self.setting {
                    directories.keep(self.entry.engine, &self.entry.job, fresh)?;
                } else {
                    used.push(fresh);
                }
                Ok(vec![outcome])
            }
        }
    }

    /// A process of its own does the job, goes on writing, and is killed.
    fn work_and_kill(&self, filled: &Path, round: u64, after: Duration) -> Result<Outcome> {
        let mut worker = Worker::start()?;
        let outcome = worker.ask(&self.request(filled, round, &self.entry.job))?;
        thread::sleep(after);
        worker.kill()?;
        Ok(outcome)
    }

    /// A process of its own does the job, and no file is in the cache.
    fn cold(&self, filled: &Path, round: u64) -> Result<Outcome> {
        let mut worker = Worker::start()?;
        page_cache::forget(filled)?;
        worker.ask(&self.request(filled, round, &self.entry.job))
    }

    /// Whether a log whose processes were killed has kept what it was filled with.
    fn check_at_last(&mut self) -> Result<()> {
        if let (Setting::Killed { check, .. }, Some(filled)) = (self.setting, self.filled.clone()) {
            self.worker.ask(&self.request(&filled, 0, check))?;
        }
        Ok(())
    }

    /// Takes note of outcomes, or of a failure that the run survives.
    fn settle(&mut self, outcomes: Result<Vec<Outcome>>) -> Result<()> {
        match outcomes {
            Ok(outcomes) => outcomes.into_iter().for_each(|outcome| self.series.add(outcome)),
            Err(error) if self.entry.essential => return Err(error),
            Err(error) => {
                eprintln!("{} is left out: {error:#}", self.entry.label);
                self.series.failure = Some(format!("{error:#}"));
            }
        }
        Ok(())
    }
}
