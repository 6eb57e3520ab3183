//! The laboratory of the index, in small. More of it, and all planted bugs, are `cargo xtask crash`.

use runledger_tests::index_laboratory::{examine, following, questions};

#[test]
fn whenever_and_however_its_world_ends_an_index_is_as_of_its_checkpoint() {
    let states = examine::explore(1, 3_000).unwrap();
    assert!(states >= 3_000, "{states}");
}

#[test]
fn an_index_that_is_merged_by_a_thread_is_as_of_its_checkpoint_too() {
    examine::explore_threads(1).unwrap();
}

#[test]
fn a_busy_index_shows_whole_batches_survives_refusals_and_keeps_nothing_of_another_log() {
    following::views_show_whole_batches().unwrap();
    following::a_refused_change_loses_no_record().unwrap();
    following::an_index_of_another_log_is_emptied().unwrap();
}

#[test]
fn a_ledger_answers_what_its_log_says() {
    questions::pages_are_the_answer().unwrap();
    questions::counts_leave_out_what_was_replaced().unwrap();
    questions::readers_answer_what_the_log_says().unwrap();
    questions::an_index_of_another_past_is_not_believed().unwrap();
    questions::an_event_that_is_sent_again_is_stored_once().unwrap();
    questions::a_run_ends_once().unwrap();
}
