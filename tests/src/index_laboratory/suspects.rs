//! Every bug that can be planted in the index is planted, and somebody must find it.

use super::{examine, following, questions};
use crate::laboratory::history::Violation;
use crate::laboratory::suspects::Verdict;

/// How many states may be examined to find a bug.
const STATES_MAX: u64 = 6_000;

/// Somebody who looks for bugs, and says which promise was broken.
type Detective = (&'static str, fn() -> Result<(), Violation>);

/// In the order in which they are asked.
const DETECTIVES: [Detective; 11] = [
    ("pages", questions::pages_are_the_answer),
    ("counts", questions::counts_leave_out_what_was_replaced),
    ("readers", questions::readers_answer_what_the_log_says),
    ("another past", questions::an_index_of_another_past_is_not_believed),
    ("ids", questions::an_event_that_is_sent_again_is_stored_once),
    ("ends", questions::a_run_ends_once),
    ("views", following::views_show_whole_batches),
    ("another log", following::an_index_of_another_log_is_emptied),
    ("refused changes", following::a_refused_change_loses_no_record),
    ("crash states of a merging thread", || examine::explore_threads(1).map(drop)),
    ("crash states of the index", || examine::explore(1, STATES_MAX).map(drop)),
];

/// Plants each bug of the store, the ingestor and the ledger in turn, or the one of this name, and has it looked for.
pub fn look_for_each(wanted: Option<&str>, mut tell: impl FnMut(&Verdict)) {
    macro_rules! suspects_of {
        ($($of:ident),*) => {$(
            for bug in $of::Bug::ALL.iter().filter(|bug| wanted.is_none_or(|name| bug.name() == name)) {
                $of::plant(Some(*bug));
                let by = look();
                $of::plant(None);
                tell(&Verdict { bug: bug.name(), by });
            }
        )*};
    }
    use {runledger_audit as audit, runledger_ingest as ingest, runledger_store as store};
    suspects_of!(store, ingest, audit);
}

fn look() -> Option<String> {
    DETECTIVES.iter().find_map(|(name, detective)| {
        // A panic is a broken promise as well.
        let looked = std::panic::catch_unwind(*detective)
            .unwrap_or_else(|_| Err(Violation::new("nothing panics", "it did")));
        Some(format!("{name}: {}", looked.err()?.claim))
    })
}
