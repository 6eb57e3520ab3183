//! Makes a finding smaller: fewer steps, shorter records, fewer things lost, as long as a promise is broken.

use crate::laboratory::explorer::{Coverage, End, Finding, explore, look_again};
use crate::laboratory::workload::{PAYLOAD_BYTES_MIN, Size, Step, Workload};

/// How many lives are lived at most to make one smaller.
const ATTEMPTS_MAX: u32 = 400;

/// How many states are looked at, at each moment of a smaller life.
const STATES_PER_MOMENT: u32 = 24;

/// The smallest finding that was come upon from this one.
#[must_use]
pub fn shrink(finding: Finding) -> Finding {
    let mut shrinking = Shrinking { smallest: finding, attempts: 0 };
    shrinking.simplify_surroundings();
    while shrinking.remove_a_step() || shrinking.shorten_a_record() {}
    shrinking.lose_less();
    shrinking.smallest
}

struct Shrinking {
    smallest: Finding,
    attempts: u32,
}

impl Shrinking {
    /// Takes a smaller life in place of the one so far, if a promise is broken in it too.
    fn try_workload(&mut self, workload: &Workload) -> bool {
        if self.attempts >= ATTEMPTS_MAX || *workload == self.smallest.workload {
            return false;
        }
        self.attempts += 1;
        match explore(workload, Coverage::Sample(STATES_PER_MOMENT)) {
            Ok(_) => false,
            Err(finding) => {
                self.smallest = *finding;
                true
            }
        }
    }

    fn simplify_surroundings(&mut self) {
        let workload = self.smallest.workload.clone();
        self.try_workload(&Workload { short_calls: false, ..workload });
        let workload = self.smallest.workload.clone();
        self.try_workload(&Workload { segment_bytes: 8 << 10, ..workload });
    }

    fn remove_a_step(&mut self) -> bool {
        (0..self.smallest.workload.steps.len()).rev().any(|at| {
            let mut workload = self.smallest.workload.clone();
            // A step removed before may have been followed by others that went with it.
            if at >= workload.steps.len() {
                return false;
            }
            workload.steps.remove(at);
            self.try_workload(&workload)
        })
    }

    fn shorten_a_record(&mut self) -> bool {
        (0..self.smallest.workload.steps.len()).any(|at| {
            let mut workload = self.smallest.workload.clone();
            match workload.steps.get_mut(at) {
                Some(Step::Append(size, _)) => shorten(size),
                Some(Step::Batch(sizes, _) | Step::Submit(sizes)) => sizes.iter_mut().for_each(shorten),
                _ => return false,
            }
            self.try_workload(&workload)
        })
    }

    /// Goes back to the first choice, one choice after the other.
    fn lose_less(&mut self) {
        let Some(mut end) = self.smallest.end.clone() else { return };
        for at in 0..end.choices.len() {
            let mut choices = end.choices.clone();
            if choices[at] == 0 {
                continue;
            }
            choices[at] = 0;
            let simpler = End { choices, ..end.clone() };
            if let Err(violation) = look_again(&self.smallest.workload, &simpler) {
                self.smallest.violation = violation;
                end = simpler;
            }
        }
        self.smallest.end = Some(end);
    }
}

fn shorten(size: &mut Size) {
    size.0 = (size.0 / 2).max(PAYLOAD_BYTES_MIN);
}
