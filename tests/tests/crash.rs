//! The laboratory, in small: enough of each of its ways to find a mistake while the code is being written. The same
//! ways, with a million states and all planted bugs, are `cargo xtask crash`.

use runledger_tests::laboratory::campaign::Campaign;
use runledger_tests::laboratory::choice::derived_seed;
use runledger_tests::laboratory::decay::{self, ALL_LEFT, Specimen};
use runledger_tests::laboratory::disk::medium::{Geometry, Medium};
use runledger_tests::laboratory::explorer::{Coverage, Finding, explore};
use runledger_tests::laboratory::life::live;
use runledger_tests::laboratory::workload::Workload;
use runledger_tests::laboratory::{exhaustive, shrink, sweep};

/// Fails with the smallest form of what was found.
fn kept<T>(explored: Result<T, Box<Finding>>) -> T {
    explored.unwrap_or_else(|finding| {
        let Finding { workload, end, violation } = shrink::shrink(*finding);
        panic!("{violation}\n{workload:#?}\n{end:#?}")
    })
}

#[test]
fn random_lives_keep_their_promises_whenever_and_however_they_end() {
    let tally = kept(Campaign { seed: 1, states: 10_000, threads: 2 }.run(&|_, _| ()));
    assert!(tally.states >= 10_000 && tally.acknowledged > 1_000, "{tally:?}");
}

#[test]
fn lives_of_up_to_two_steps_keep_their_promises_in_every_state_that_they_can_leave() {
    let tally = kept(exhaustive::explore_all(2, Geometry { sector_bytes: 4096, ..Geometry::ASSUMED }));
    assert_eq!(tally.lives, 7 + 7 * 7);
}

#[test]
fn a_call_that_fails_breaks_no_promise() {
    for life in sweep::lives() {
        kept(sweep::fail_each_call(&life, 11));
    }
}

#[test]
fn no_flipped_bit_and_no_lost_file_goes_unnoticed() {
    for left in ALL_LEFT {
        let specimen = Specimen::prepare(left).unwrap();
        specimen.lose_each_file().unwrap();
        assert!(specimen.flip_each_byte(211).unwrap() > 1000);
    }
}

#[test]
fn bytes_that_do_not_belong_are_never_accepted() {
    decay::stale_bytes_are_never_accepted().unwrap();
    decay::misplaced_frames_are_never_accepted().unwrap();
    decay::gaps_behind_an_old_watermark_are_refused().unwrap();
    decay::compressing_hides_no_damage().unwrap();
}

#[test]
fn a_life_follows_from_its_seed() {
    let left_by = |workload: &Workload| {
        let life = live(workload).unwrap();
        let mut medium = Medium::new(workload.geometry);
        life.trace.iter().for_each(|operation| medium.apply(operation));
        (life.trace.len(), life.calls, medium.fingerprint())
    };
    for number in 0..50 {
        let workload = Workload::random(derived_seed(5, number));
        assert_eq!(left_by(&workload), left_by(&workload), "life {number}");
    }
}

#[test]
fn the_same_states_are_looked_at_again() {
    let workload = Workload::random(derived_seed(1, 3));
    let look = || kept(explore(&workload, Coverage::Sample(6)));
    assert_eq!(look(), look());
}
