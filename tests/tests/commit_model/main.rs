//! The model of the commit protocol, claim by claim. See `src/commit_model.rs`.
//!
//! `COMMIT_MODEL_SCHEDULES` and `COMMIT_MODEL_SEED` choose how many schedules each claim is run under, and which.

use std::str::FromStr;

use runledger_tests::commit_model::{CLAIMS, SCHEDULES_DEFAULT, SEED_DEFAULT};

fn chosen<T: FromStr>(variable: &str, default: T) -> T {
    let text = std::env::var(variable).ok().filter(|text| !text.is_empty());
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

fn holds(name: &str) {
    let claim = CLAIMS.iter().find(|claim| claim.name == name).expect("each test names a claim");
    let schedules = chosen("COMMIT_MODEL_SCHEDULES", SCHEDULES_DEFAULT);
    match claim.check(schedules, chosen("COMMIT_MODEL_SEED", SEED_DEFAULT)) {
        Ok(held) => {
            assert!(held.unmet.is_empty(), "no schedule of {} met {:?}", held.schedules, held.unmet);
            println!("{name}: {} schedules", held.schedules);
        }
        Err(broken) => panic!("{broken}"),
    }
}

macro_rules! tests_of {
    ($($claim:ident,)*) => {
        $(
            #[test]
            fn $claim() {
                holds(stringify!($claim));
            }
        )*

        #[test]
        fn each_claim_has_its_test() {
            let mut tested = vec![$(stringify!($claim)),*];
            let mut claims: Vec<_> = CLAIMS.iter().map(|claim| claim.name).collect();
            tested.sort_unstable();
            claims.sort_unstable();
            assert_eq!(tested, claims);
        }
    };
}

tests_of! {
    callers_who_wait_are_answered_once_their_record_is_durable,
    any_mix_of_ways_to_append_is_answered,
    a_sync_makes_durable_what_was_placed_before_it,
    a_batch_is_whole_or_not_there_whenever_the_power_fails,
    callers_who_wait_for_room_proceed,
    tasks_of_a_runtime_are_answered,
    segments_follow_each_other_beside_sealing_and_spares,
    the_background_makes_durable_what_nobody_waits_for,
    an_append_beside_a_close_is_durable_or_refused,
    two_who_close_at_once_leave_a_closed_log,
    the_last_handle_that_is_dropped_leaves_everything_durable,
    a_log_that_is_closed_while_somebody_tends_it_is_left_alone_afterwards,
    after_a_failed_sync_nothing_is_acknowledged_written_or_synced,
    after_a_failed_sync_of_the_watermark_nothing_is_acknowledged,
    the_numbers_of_a_refused_commit_go_to_others,
    every_record_is_in_the_log_or_its_loss_was_told,
    nothing_is_shown_before_it_is_durable,
    who_follows_hears_of_the_end,
}
