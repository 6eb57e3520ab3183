//! A concurrency model of the commit protocol: the log itself, run by a scheduler that tries interleavings.
//!
//! The log is the real one. Built with its `shuttle` feature it meets other threads only through what the scheduler
//! controls, and time decides nothing. Each [`Claim`] is a small program: a few callers that append, wait, sync and
//! close, on a storage in memory that knows what is durable. It is run under many schedules: random ones, and those of
//! PCT, which finds any bug that needs few preemptions with a known probability. A claim that some schedule breaks, by a
//! failed assertion or by threads that wait for ever, is broken.
//!
//! The schedules follow from a seed, which a failure names.

mod claims;
mod stage;
mod storage;
mod witness;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};

pub use claims::CLAIMS;

/// The seed of a usual run.
pub const SEED_DEFAULT: u64 = 0x7275_6e6c_6564_6765;

/// How many schedules each claim is usually run under: all of them together take well under a minute.
pub const SCHEDULES_DEFAULT: usize = 2000;

/// How many events in a fixed order a bug may need that PCT is to find.
const PCT_DEPTH: usize = 3;

const STACK_BYTES: usize = 256 << 10;

/// A run that takes longer goes round in circles.
const STEPS_MAX: usize = 200_000;

std::thread_local! {
    /// What happened in the schedules so far. All threads of the model are on one thread of the system.
    static MET: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
}

/// Notes that something happened that a claim should meet.
fn meet(what: &'static str) {
    MET.with_borrow_mut(|met| met.insert(what));
}

/// Something that holds under every schedule.
pub struct Claim {
    /// What holds, as the name of its test.
    pub name: &'static str,
    program: fn(),
    /// What must have happened in some schedule: otherwise the program doesn't try what it is for.
    meets: &'static [&'static str],
}

/// How a claim held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Under how many schedules.
    pub schedules: u64,
    /// What should have happened in one of them and didn't: there were too few, or the claim tries nothing.
    pub unmet: Vec<&'static str>,
}

/// A schedule that broke a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The claim.
    pub claim: &'static str,
    scheduler: &'static str,
    seed: u64,
    schedule: u64,
    message: String,
}

impl Claim {
    /// Runs the claim under this many schedules, half of them random and half of them by PCT.
    ///
    /// # Errors
    ///
    /// The first schedule that broke the claim.
    pub fn check(&self, schedules: usize, seed: u64) -> Result<Held, Broken> {
        MET.take();
        let half = schedules.div_ceil(2);
        let random = self.explore("random", RandomScheduler::new_from_seed(seed, half), seed)?;
        let by_pct = self.explore("PCT", PctScheduler::new_from_seed(seed, PCT_DEPTH, half), seed)?;
        let met = MET.take();
        let unmet = self.meets.iter().copied().filter(|what| !met.contains(what)).collect();
        Ok(Held { schedules: random + by_pct, unmet })
    }

    fn explore(
        &self,
        name: &'static str,
        scheduler: impl Scheduler + 'static,
        seed: u64,
    ) -> Result<u64, Broken> {
        let (begun, program) = (Arc::new(AtomicU64::new(0)), self.program);
        let count = Arc::clone(&begun);
        let run = move || {
            count.fetch_add(1, Ordering::Relaxed);
            program();
        };
        let runner = Runner::new(scheduler, config());
        let outcome = catch_unwind(AssertUnwindSafe(|| runner.run(run)));
        let tried = begun.load(Ordering::Relaxed);
        match outcome {
            Ok(_) => Ok(tried),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                let message = text.unwrap_or("a panic without words").to_owned();
                Err(Broken { claim: self.name, scheduler: name, seed, schedule: tried, message })
            }
        }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    // The seed and the number of the schedule are shorter.
    config.failure_persistence = FailurePersistence::None;
    config.silence_warnings = true;
    config
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broken { claim, scheduler, seed, schedule, message } = self;
        write!(
            f,
            "{claim}: broken by schedule {schedule} of the {scheduler} scheduler, seed {seed}: {message}"
        )
    }
}
