//! Every life of a few steps, and every state that each can leave.

use runledger_wal::Durability;

use crate::laboratory::disk::medium::Geometry;
use crate::laboratory::explorer::{Coverage, Finding, Tally, explore, guarded};
use crate::laboratory::life::live;
use crate::laboratory::workload::{Size, Step, Workload};

/// The steps that lives are made of. Records are short, so that few sectors are at stake at any moment, and one is so
/// long that it takes the log into its next segment.
#[must_use]
pub fn alphabet() -> Vec<Step> {
    vec![
        Step::Append(Size(8), Durability::Durable),
        Step::Append(Size(600), Durability::Written),
        Step::Batch(vec![Size(8), Size(420)], Durability::Durable),
        // Two of these don't fit into one segment.
        Step::Append(Size(2600), Durability::Durable),
        Step::Tend,
        Step::Close,
        Step::Kill,
    ]
}

/// All lives of so many steps, each a continuation of a shorter one, whose states are looked at when its turn comes.
pub fn explore_all(steps: u32, geometry: Geometry) -> Result<Tally, Box<Finding>> {
    let mut total = Tally::default();
    explore_from(&mut Vec::new(), steps, geometry, &mut total)?;
    Ok(total)
}

fn explore_from(
    before: &mut Vec<Step>,
    steps: u32,
    geometry: Geometry,
    total: &mut Tally,
) -> Result<(), Box<Finding>> {
    if steps == 0 {
        return Ok(());
    }
    let workload = |steps: &[Step]| Workload { geometry, ..Workload::of_steps(steps.to_vec()) };
    let failed = |workload: Workload| |violation| Box::new(Finding { workload, end: None, violation });
    let shorter = workload(before);
    let from = guarded(|| live(&shorter)).map_err(failed(shorter.clone()))?.trace.len();
    for step in alphabet() {
        before.push(step);
        // What the shorter life could leave was looked at with it. Only its end belongs to both: more is promised now.
        total.add(explore(&workload(before), Coverage::All { from })?);
        explore_from(before, steps - 1, geometry, total)?;
        before.pop();
    }
    Ok(())
}
