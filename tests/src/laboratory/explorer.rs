//! The states that the disk can be found in after a life that ended at any moment, and whether the log keeps its
//! promises in each of them.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::laboratory::choice::{Choose, Leaning, Odometer, Recorder, Replay, derived_seed};
use crate::laboratory::disk::crash_point::CrashPoint;
use crate::laboratory::disk::medium::{Medium, Operation};
use crate::laboratory::examine::Examination;
use crate::laboratory::history::{Ending, Moment, Violation};
use crate::laboratory::life::{Life, live};
use crate::laboratory::workload::Workload;
use crate::random::Random;

/// Which of the possible states are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// At most so many at each moment, chosen at random where there are more.
    Sample(u32),
    /// At most so many when the life is over, and none before.
    End(u32),
    /// All of them. Moments before this one were looked at already, in a life that started the same way.
    All {
        /// The first moment that is looked at.
        from: Moment,
    },
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Lives that were lived.
    pub lives: u64,
    /// Moments at which the world ended.
    pub moments: u64,
    /// States of the disk that were recovered and checked, each a different one.
    pub states: u64,
    /// Records that had been acknowledged when the world ended, over all states.
    pub acknowledged: u64,
}

impl Tally {
    /// Adds what somebody else looked at.
    pub fn add(&mut self, other: Tally) {
        self.lives += other.lives;
        self.moments += other.moments;
        self.states += other.states;
        self.acknowledged += other.acknowledged;
    }
}

/// A life in which a promise was broken.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The life.
    pub workload: Workload,
    /// When and how it ended; nothing if the promise was broken while it went on.
    pub end: Option<End>,
    /// The promise.
    pub violation: Violation,
}

/// How a life ended.
#[derive(Debug, Clone)]
pub struct End {
    /// When.
    pub moment: Moment,
    /// How.
    pub ending: Ending,
    /// What the power cut left.
    pub choices: Vec<usize>,
    /// What was done last.
    pub last: String,
}

/// Lives through a workload, and looks at the states that it can leave.
pub fn explore(workload: &Workload, coverage: Coverage) -> Result<Tally, Box<Finding>> {
    let finding = |end, violation| Box::new(Finding { workload: workload.clone(), end, violation });
    let life = guarded(|| live(workload)).map_err(|violation| finding(None, violation))?;
    let mut exploration =
        Exploration { workload, life: &life, seen: HashSet::new(), tally: Tally::default() };
    let explored = exploration.run(coverage);
    explored.map_err(|(end, violation)| finding(Some(end), violation))?;
    Ok(Tally { lives: 1, ..exploration.tally })
}

/// Turns a panic of the log into a broken promise.
pub(crate) fn guarded<T>(act: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation::new("the log never panics", text.unwrap_or_default()))
    })
}

struct Exploration<'a> {
    workload: &'a Workload,
    life: &'a Life,
    /// States together with what had been promised: the same bytes are looked at again when more was promised.
    seen: HashSet<u64>,
    tally: Tally,
}

type Broken = (End, Violation);

impl Exploration<'_> {
    fn run(&mut self, coverage: Coverage) -> Result<(), Broken> {
        let first = match coverage {
            Coverage::All { from } => from,
            Coverage::End(_) => self.life.trace.len(),
            Coverage::Sample(_) => 0,
        };
        let mut medium = Medium::new(self.workload.geometry);
        for moment in 0..=self.life.trace.len() {
            if moment >= first {
                self.tally.moments += 1;
                self.look(moment, Ending::Kill, &medium, &[])?;
                self.cut_power(moment, &medium, coverage)?;
            }
            if let Some(operation) = self.life.trace.get(moment) {
                medium.apply(operation);
            }
        }
        Ok(())
    }

    fn cut_power(&mut self, moment: Moment, medium: &Medium, coverage: Coverage) -> Result<(), Broken> {
        let point = CrashPoint::of(medium);
        match coverage {
            Coverage::Sample(states_max) | Coverage::End(states_max)
                if point.states() > f64::from(states_max) =>
            {
                for sample in 0..states_max {
                    let seed = derived_seed(self.workload.seed, (moment as u64) << 32 | u64::from(sample));
                    self.cut_power_so(moment, &point, &mut Leaning::new(seed))?;
                }
            }
            Coverage::Sample(_) | Coverage::End(_) | Coverage::All { .. } => {
                let mut odometer = Odometer::default();
                loop {
                    self.cut_power_so(moment, &point, &mut odometer)?;
                    if !odometer.advance() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn cut_power_so(
        &mut self,
        moment: Moment,
        point: &CrashPoint<'_>,
        choose: &mut dyn Choose,
    ) -> Result<(), Broken> {
        let mut recorder = Recorder::new(choose);
        let state = point.state(&mut recorder);
        let chosen = recorder.chosen;
        self.look(moment, Ending::PowerCut, &state, &chosen)
    }

    fn look(
        &mut self,
        moment: Moment,
        ending: Ending,
        state: &Medium,
        choices: &[usize],
    ) -> Result<(), Broken> {
        let history = &self.life.history;
        let promised = Random::new(history.said_until(moment) as u64 ^ state.boots() << 32).bits();
        let seed = state.fingerprint() ^ promised;
        if !self.seen.insert(seed) {
            return Ok(());
        }
        let examination = Examination { workload: self.workload, history, moment, ending, state, seed };
        let recovered = guarded(|| examination.run()).map_err(|violation| {
            let last = moment.checked_sub(1).and_then(|last| self.life.trace.get(last));
            let last = last.map_or("nothing".to_owned(), described);
            (End { moment, ending, choices: choices.to_vec(), last }, violation)
        })?;
        self.tally.states += recovered;
        self.tally.acknowledged += history.acknowledged_until(moment) as u64;
        Ok(())
    }
}

/// An operation on one line.
fn described(operation: &Operation) -> String {
    match operation {
        Operation::Write(file, offset, bytes) => format!("Write({file}, {offset}, {} bytes)", bytes.len()),
        other => format!("{other:?}"),
    }
}

/// Looks at one state again: the one that these choices leave when the life ends at this moment.
pub fn look_again(workload: &Workload, end: &End) -> Result<(), Violation> {
    let life = guarded(|| live(workload))?;
    let mut medium = Medium::new(workload.geometry);
    life.trace.iter().take(end.moment).for_each(|operation| medium.apply(operation));
    let state = match end.ending {
        Ending::Kill => medium,
        Ending::PowerCut => CrashPoint::of(&medium).state(&mut Replay::new(&end.choices)),
    };
    let (history, moment, ending) = (&life.history, end.moment, end.ending);
    // Whatever is done with the recovered log afterwards may be what showed it.
    for seed in 0..64 {
        let examination = Examination { workload, history, moment, ending, state: &state, seed };
        guarded(|| examination.run())?;
    }
    Ok(())
}
