//! Many random lives, on all cores, until enough states were looked at or a promise was found broken.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::laboratory::choice::derived_seed;
use crate::laboratory::explorer::{Coverage, Finding, Tally, explore};
use crate::laboratory::workload::Workload;

/// How many states are looked at, at each moment of a life: few, so that there are more lives.
const STATES_PER_MOMENT: u32 = 6;

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// Everything follows from this.
    pub seed: u64,
    /// At least so many states are looked at.
    pub states: u64,
    /// On so many threads.
    pub threads: usize,
}

impl Campaign {
    /// Lives until enough states were looked at. `progress` hears of it now and then.
    pub fn run(&self, progress: &(dyn Fn(Tally, Duration) + Sync)) -> Result<Tally, Box<Finding>> {
        let started = Instant::now();
        let next_life = AtomicU64::new(0);
        let ended = AtomicBool::new(false);
        let total = Mutex::new((Tally::default(), None::<Box<Finding>>, started));
        let work = || {
            while !ended.load(Ordering::Relaxed) {
                let life = next_life.fetch_add(1, Ordering::Relaxed);
                let explored = explore(&self.life(life), Coverage::Sample(STATES_PER_MOMENT));
                let mut total = total.lock();
                match explored {
                    Ok(tally) => total.0.add(tally),
                    Err(finding) => drop(total.1.get_or_insert(finding)),
                }
                if total.1.is_some() || total.0.states >= self.states {
                    ended.store(true, Ordering::Relaxed);
                }
                if total.2.elapsed() >= PROGRESS_INTERVAL {
                    total.2 = Instant::now();
                    progress(total.0, started.elapsed());
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.threads {
                scope.spawn(work);
            }
            work();
        });
        let (tally, finding, _) = total.into_inner();
        finding.map_or(Ok(tally), Err)
    }

    /// The life of this number.
    #[must_use]
    pub fn life(&self, number: u64) -> Workload {
        Workload::random(derived_seed(self.seed, number))
    }
}

/// Keeps panics from being printed: they are caught, and told with the finding.
pub fn silence_panics() {
    panic::set_hook(Box::new(|_| ()));
}
