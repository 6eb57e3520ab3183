//! Every call that a log makes, failed once and for good, in every way in which such a call can fail.
//!
//! A call is named by its number, so no place in the code that makes one is left out.

use runledger_wal::Durability;

use crate::laboratory::disk::faults::Plan;
use crate::laboratory::explorer::{Coverage, Finding, Tally, explore, guarded};
use crate::laboratory::life::live;
use crate::laboratory::workload::{Size, Step, Workload};

/// No call can fail in more ways.
const FAILURES_MAX: usize = 6;

/// What is looked at of a long life: what it leaves when it is over.
const END: Coverage = Coverage::End(2);

/// What is looked at of a short one: what it leaves at any moment, also while the log is opened once more after a call
/// has failed.
const ANY_MOMENT: Coverage = Coverage::Sample(3);

/// Lives that between them make every call that there is, and what is looked at of each.
#[must_use]
pub fn lives() -> Vec<(Workload, Coverage)> {
    let append = |bytes| Step::Append(Size(bytes), Durability::Durable);
    let written = |bytes| Step::Append(Size(bytes), Durability::Written);
    let buffered = |bytes| Step::Append(Size(bytes), Durability::Buffered);
    let batch = Step::Batch(vec![Size(40), Size(700), Size(9)], Durability::Durable);
    let tend = Step::Tend;
    let lives = [
        // Creation, rotation, sealing, a spare, a good end, and another beginning.
        vec![
            append(900),
            append(1900),
            tend.clone(),
            tend.clone(),
            append(1800),
            tend.clone(),
            tend.clone(),
            Step::Close,
            append(30),
        ],
        // The end of a process, with something that nobody was told is durable.
        vec![
            append(200),
            written(600),
            Step::Kill,
            append(50),
            tend.clone(),
            tend.clone(),
            Step::Kill,
            Step::Recover,
            append(60),
        ],
        // Several records in one commit, what nobody waits for, and one that fills a segment.
        vec![
            Step::Submit(vec![Size(30), Size(800)]),
            buffered(300),
            tend.clone(),
            batch,
            append(9000),
            buffered(20),
            Step::Close,
            append(20),
        ],
        // A power cut, whose recovery cuts what is torn.
        vec![
            append(100),
            written(1500),
            written(1200),
            Step::CutPower(3),
            append(70),
            Step::Kill,
            append(10),
        ],
        // Segments that are compressed, before and after an end.
        vec![
            append(900),
            append(1900),
            append(1800),
            tend.clone(),
            tend.clone(),
            Step::Compress,
            append(2500),
            tend.clone(),
            tend.clone(),
            Step::Close,
            Step::Compress,
            Step::Kill,
            append(30),
        ],
        // A power cut, repaired.
        vec![
            append(100),
            written(1500),
            Step::CutPower(5),
            Step::Recover,
            append(70),
            Step::Close,
            Step::Recover,
            append(5),
        ],
    ];
    let openings = [
        vec![append(8), Step::CutPower(1), Step::Tend],
        // A power cut that leaves a watermark behind the log's end, which the next opening moves; and then it fails, or not.
        vec![append(8), append(8), Step::CutPower(1), Step::Tend, append(9), append(9)],
        vec![append(8), append(8), Step::CutPower(2), Step::Tend, append(9), append(9)],
    ];
    let lives = lives.map(|steps| (Workload::of_steps(steps), END));
    let openings = openings.map(|steps| (Workload::of_steps(steps), ANY_MOMENT));
    lives.into_iter().chain(openings).collect()
}

/// Lives through this life again and again, with a failing call each time: one of `stride`, but each of a short life.
pub fn fail_each_call((life, coverage): &(Workload, Coverage), stride: usize) -> Result<Tally, Box<Finding>> {
    let undisturbed = guarded(|| live(life));
    let calls = undisturbed
        .map_err(|violation| Box::new(Finding { workload: life.clone(), end: None, violation }))?
        .calls;
    let mut total = Tally::default();
    let stride = if *coverage == END { stride } else { 1 };
    for after in (0..calls).step_by(stride) {
        for failure in 0..FAILURES_MAX {
            for persists in [false, true] {
                let mut disturbed = life.clone();
                // All calls were counted, so those of whoever only looks fail too.
                disturbed.looks_may_fail = true;
                disturbed.steps.insert(0, Step::Fail(Plan { after, failure, persists }));
                total.add(explore(&disturbed, *coverage)?);
            }
        }
    }
    Ok(total)
}
