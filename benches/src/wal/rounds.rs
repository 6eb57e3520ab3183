//! What one round does, in a worker process: a fresh log, a warm-up, a measured window, and the proof that the log kept
//! what it acknowledged.
//!
//! A round whose log lost, changed or invented a record is an error, not a figure.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::job::{Outcome, Window};
use crate::wal::Job;
use crate::wal::engine::{Engine, Room};

mod batches;
mod device;
mod durable;
mod kept;
mod lasting;
mod tasks;
mod unwaited;

pub(crate) use tasks::WORKERS as TASK_WORKERS;

/// Does what is asked.
pub(super) fn run(engine: &dyn Engine, directory: &Path, job: &Job) -> Result<Outcome> {
    let round = Round { engine, directory };
    match job {
        Job::Durable { threads, window, sizes } => durable::run(&round, *threads, window, sizes.as_deref()),
        Job::Tasks { tasks, window } => tasks::run(&round, *tasks, window),
        Job::Batches { records, under_way, window } => batches::run(&round, *records, *under_way, window),
        Job::Unwaited { records, wait } => unwaited::run(&round, *records, *wait),
        Job::DeviceBytes { records } => device::run(&round, *records),
        Job::Fill { records } => lasting::fill(&round, *records),
        Job::OpenAndGoOn { records } => lasting::open_and_go_on(&round, *records),
        Job::Compare { records } => lasting::compare(&round, *records),
        Job::Replay { records } => lasting::replay(&round, *records),
    }
    .with_context(|| format!("{} in {}", engine.name(), directory.display()))
}

/// An engine, and the directory that is its own.
struct Round<'a> {
    engine: &'a dyn Engine,
    directory: &'a Path,
}

/// The phases of a round, as those who append see them.
const WARM_UP: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// What an engine prepares for a round, where it prepares anything, for every second of it: more than any fills on the
/// disks that this was made on. A round that fills it is refused, not measured.
fn room(window: &Window, bytes_per_second: u64) -> Room {
    let seconds = (window.warm_up + window.measured).as_secs_f64() + 0.2;
    // INVARIANT: rates and windows are far below 2^52 bytes.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number of bytes")]
    let bytes = (bytes_per_second as f64 * seconds) as u64;
    Room::Prepared(bytes.next_multiple_of(1 << 20))
}
