//! Random operations on a store, and on what it is tested against.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::model::{Entries, Model, Operations, operations, selection, short_key};
use super::{number, options};
use crate::directory::Directory;
use crate::directory::simulated::SimulatedDirectory;
use crate::{KeyRange, Selection, Store, View};

#[derive(Debug, Clone)]
enum Step {
    Apply(Operations),
    Flush,
    Compact,
    HoldView,
    CloseAndReopen,
    CrashAndReopen,
    Read { range: (std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>), moves: Vec<Move> },
    Select(Vec<Selection>),
}

#[derive(Debug, Clone)]
enum Move {
    First,
    Last,
    Seek(Vec<u8>),
    SeekForPrev(Vec<u8>),
    Next,
    Prev,
}

fn bound() -> impl Strategy<Value = std::ops::Bound<Vec<u8>>> {
    use std::ops::Bound;
    prop_oneof![
        Just(Bound::Unbounded),
        short_key().prop_map(Bound::Included),
        short_key().prop_map(Bound::Excluded),
    ]
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        1 => Just(Move::First),
        1 => Just(Move::Last),
        2 => short_key().prop_map(Move::Seek),
        2 => short_key().prop_map(Move::SeekForPrev),
        4 => Just(Move::Next),
        4 => Just(Move::Prev),
    ];
    vec(one, 0..30)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        10 => operations().prop_map(Step::Apply),
        2 => Just(Step::Flush),
        1 => Just(Step::Compact),
        2 => Just(Step::HoldView),
        1 => Just(Step::CloseAndReopen),
        1 => Just(Step::CrashAndReopen),
        6 => vec(selection(), 1..6).prop_map(Step::Select),
        4 => (bound(), bound(), moves()).prop_map(|(a, b, moves)| Step::Read { range: (a, b), moves }),
    ];
    vec(one, 0..40)
}

/// Moves a cursor and a model of it together.
fn check_reads(view: &View, model: &Entries, range: &KeyRange, moves: &[Move]) {
    let expected: Vec<_> = model.iter().filter(|(key, _)| range.contains(key)).collect();
    let owned = |(key, value): &(&Vec<u8>, &Vec<u8>)| ((*key).clone(), (*value).clone());
    let forward: Result<Vec<_>, _> = view.range(range.clone()).collect();
    assert_eq!(forward.unwrap(), expected.iter().map(owned).collect::<Vec<_>>());
    let backward: Result<Vec<_>, _> = view.range(range.clone()).rev().collect();
    assert_eq!(backward.unwrap(), expected.iter().rev().map(owned).collect::<Vec<_>>());

    let mut cursor = view.cursor(range.clone());
    let mut place: Option<usize> = None;
    for step in moves {
        let last = expected.len().checked_sub(1);
        match step {
            Move::First => cursor.seek_to_first().unwrap(),
            Move::Last => cursor.seek_to_last().unwrap(),
            Move::Seek(key) => cursor.seek(key).unwrap(),
            Move::SeekForPrev(key) => cursor.seek_for_prev(key).unwrap(),
            Move::Next => cursor.move_next().unwrap(),
            Move::Prev => cursor.move_prev().unwrap(),
        }
        place = match step {
            Move::First => Some(0),
            Move::Last => last,
            Move::Seek(target) => Some(expected.partition_point(|(key, _)| *key < target)),
            Move::SeekForPrev(target) => expected.partition_point(|(key, _)| *key <= target).checked_sub(1),
            Move::Next => place.map(|place| place + 1),
            Move::Prev => place.and_then(|place| place.checked_sub(1)),
        };
        place = place.filter(|place| *place < expected.len());
        let found = cursor.entry().map(|(key, value)| (key.to_vec(), value.to_vec()));
        assert_eq!(
            found,
            place.map(|place| owned(&expected[place])),
            "after {step:?} of {moves:?} in {range:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_store_equals_the_map_it_models(steps in steps()) {
        let directory = Arc::new(SimulatedDirectory::default());
        let open = || Store::open_in(Arc::clone(&directory) as Arc<dyn Directory>, options()).unwrap();
        let mut store = open();
        // The state after each batch: index = the number in the checkpoint.
        let mut history = vec![Model::default()];
        let mut held: Vec<(View, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Apply(operations) => {
                    let mut next = history.last().unwrap().clone();
                    let batch = next.apply(&operations);
                    history.push(next);
                    let checkpoint = (history.len() - 1).to_le_bytes();
                    store.apply(&batch, &checkpoint).unwrap();
                    prop_assert_eq!(store.checkpoint(), Some(checkpoint.to_vec()));
                }
                Step::Flush => {
                    store.flush().unwrap();
                    prop_assert_eq!(store.durable_checkpoint(), store.checkpoint());
                }
                Step::Compact => {
                    store.compact().unwrap();
                    prop_assert_eq!(store.stats().entries, history.last().unwrap().entries.len() as u64);
                }
                Step::HoldView => held.push((store.view(), history.last().unwrap().clone())),
                Step::CloseAndReopen => {
                    store.close().unwrap();
                    store = open();
                    prop_assert_eq!(number(store.checkpoint()), history.len() - 1);
                }
                Step::CrashAndReopen => {
                    let durable = store.durable_checkpoint();
                    drop(store);
                    store = open();
                    prop_assert_eq!(store.checkpoint(), durable.clone());
                    history.truncate(number(durable) + 1);
                }
                Step::Read { range, moves } => {
                    let model = &history.last().unwrap().entries;
                    check_reads(&store.view(), model, &KeyRange::new(range), &moves);
                }
                Step::Select(selections) => {
                    for selection in &selections {
                        history.last().unwrap().check_selection(&store.view(), selection).unwrap();
                    }
                }
            }
            prop_assert!(store.stats().tables <= 3);
            let model = history.last().unwrap();
            for (key, value) in &model.entries {
                prop_assert_eq!(store.view().get(key).unwrap(), Some(value.clone()));
            }
            prop_assert_eq!(store.view().get(b"absent").unwrap(), None);
        }
        history.last().unwrap().check(&store.view()).unwrap();
        for (view, model) in &held {
            model.check(view).unwrap();
        }
    }

    #[test]
    fn both_ends_of_a_range_meet_and_show_each_key_once(
        operations in operations(), ends in vec(any::<bool>(), 0..40)
    ) {
        let store = Store::open_in(Arc::new(SimulatedDirectory::default()), options()).unwrap();
        store.apply(&Model::default().apply(&operations), b"").unwrap();
        let mut range = store.view().range(KeyRange::all());
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for from_front in ends.into_iter().chain([true; 30]) {
            if from_front { front.extend(range.next()) } else { back.extend(range.next_back()) }
        }
        let shown: Vec<_> = front.into_iter().chain(back.into_iter().rev()).map(Result::unwrap).collect();
        let all: Result<Vec<_>, _> = store.view().range(KeyRange::all()).collect();
        prop_assert_eq!(shown, all.unwrap());
    }
}
