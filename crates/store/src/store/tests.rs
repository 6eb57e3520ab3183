//! The store against a map: with reopening, views held over later writes, power cuts, failures and damage.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::directory::simulated::SimulatedDirectory;
use crate::manifest::Manifest;
use crate::{KeyRange, PositionTags, ReadError};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Operations = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn options() -> Options {
    Options::new()
        .create(true)
        .position_tags(PositionTags::new(b'p', b"qr"))
        .merge_in_background(false)
        .memory_table_bytes_max(2_000)
        .tables_max(3)
        .block_bytes(64)
}

fn batch_of(operations: &Operations) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in operations {
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        }
    }
    batch
}

fn apply_to_model(model: &mut Model, operations: &Operations) {
    for (key, value) in operations {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

fn contents(view: &View) -> Result<Model, ReadError> {
    view.range(KeyRange::all()).collect()
}

fn short_key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(prop_oneof![Just(b'a'), Just(b'b'), Just(0xff)], 0..6),
        (0..PREFIXES.len(), 0u8..40).prop_map(|(prefix, number)| stream_key(prefix, number)),
    ]
}

/// The base of all positions, and streams of them.
const PREFIXES: [&[u8]; 4] = [b"p", b"q", b"qq", b"r/1/"];

fn stream_key(prefix: usize, number: u8) -> Vec<u8> {
    let time = u64::from(number) * 1_000;
    [PREFIXES[prefix], &time.to_be_bytes(), &u64::from(number ^ 5).to_be_bytes()].concat()
}

fn operations() -> impl Strategy<Value = Operations> {
    let any = vec((short_key(), proptest::option::weighted(0.7, vec(any::<u8>(), 0..60))), 0..25);
    let event = (0u8..40, vec(1..PREFIXES.len(), 0..4), proptest::bool::weighted(0.9));
    // As an index has them: the key of the base and those of streams come and go together.
    let events = vec(event, 0..12).prop_map(|events| {
        let keys = events.into_iter().flat_map(|(number, prefixes, is_put)| {
            let prefixes = std::iter::once(0).chain(prefixes);
            prefixes.map(move |prefix| (stream_key(prefix, number), is_put.then(Vec::new)))
        });
        keys.collect()
    });
    prop_oneof![any, events]
}

#[derive(Debug, Clone)]
enum Step {
    Apply(Operations),
    Flush,
    Compact,
    HoldView,
    CloseAndReopen,
    CrashAndReopen,
    Read { range: (std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>), moves: Vec<Move> },
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
        4 => (bound(), bound(), moves()).prop_map(|(a, b, moves)| Step::Read { range: (a, b), moves }),
    ];
    vec(one, 0..40)
}

/// Moves a cursor and a model of it together.
fn check_reads(view: &View, model: &Model, range: &KeyRange, moves: &[Move]) {
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
        let mut history = vec![Model::new()];
        let mut held: Vec<(View, Model)> = Vec::new();
        for step in steps {
            match step {
                Step::Apply(operations) => {
                    let mut next = history.last().unwrap().clone();
                    apply_to_model(&mut next, &operations);
                    history.push(next);
                    let checkpoint = (history.len() - 1).to_le_bytes();
                    store.apply(&batch_of(&operations), &checkpoint).unwrap();
                    prop_assert_eq!(store.checkpoint(), Some(checkpoint.to_vec()));
                }
                Step::Flush => {
                    store.flush().unwrap();
                    prop_assert_eq!(store.durable_checkpoint(), store.checkpoint());
                }
                Step::Compact => {
                    store.compact().unwrap();
                    prop_assert_eq!(store.stats().entries, history.last().unwrap().len() as u64);
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
                    check_reads(&store.view(), history.last().unwrap(), &KeyRange::new(range), &moves);
                }
            }
            prop_assert!(store.stats().tables <= 3);
            let model = history.last().unwrap();
            for (key, value) in model {
                prop_assert_eq!(store.view().get(key).unwrap(), Some(value.clone()));
            }
            prop_assert_eq!(store.view().get(b"absent").unwrap(), None);
        }
        prop_assert_eq!(&contents(&store.view()).unwrap(), history.last().unwrap());
        for (view, model) in &held {
            prop_assert_eq!(&contents(view).unwrap(), model);
        }
    }

    #[test]
    fn both_ends_of_a_range_meet_and_show_each_key_once(
        operations in operations(), ends in vec(any::<bool>(), 0..40)
    ) {
        let store = Store::open_in(Arc::new(SimulatedDirectory::default()), options()).unwrap();
        store.apply(&batch_of(&operations), b"").unwrap();
        let mut range = store.view().range(KeyRange::all());
        let (mut front, mut back) = (Vec::new(), Vec::new());
        for from_front in ends.into_iter().chain([true; 30]) {
            if from_front { front.extend(range.next()) } else { back.extend(range.next_back()) }
        }
        let shown: Vec<_> = front.into_iter().chain(back.into_iter().rev()).map(Result::unwrap).collect();
        prop_assert_eq!(shown, contents(&store.view()).unwrap().into_iter().collect::<Vec<_>>());
    }
}

fn number(checkpoint: Option<Vec<u8>>) -> usize {
    checkpoint.map_or(0, |bytes| usize::from_le_bytes(bytes.try_into().unwrap()))
}

/// Twelve batches with overwrites and deletions, with flushes and merges in between, and an event in each.
fn workload() -> Vec<Operations> {
    (0..12u8)
        .map(|n| {
            let put = |key: u8| (vec![b'k', key], Some(vec![n; 20]));
            let mut operations: Operations = (0..6).map(|key| put(key * 3 + n)).collect();
            operations.push((vec![b'k', n], None));
            let event =
                [0, 1 + usize::from(n % 2), 3].map(|prefix| (stream_key(prefix, n), Some(Vec::new())));
            operations.extend(event);
            operations.extend([0, 3].map(|prefix| (stream_key(prefix, n / 2), (n != 9).then(Vec::new))));
            operations
        })
        .collect()
}

/// Applies the workload, as far as it goes. Returns the number of batches that a successful flush covered.
fn run_workload(store: &Store) -> usize {
    let mut flushed = 0;
    for (number, operations) in (1usize..).zip(workload()) {
        if store.apply(&batch_of(&operations), &number.to_le_bytes()).is_err() {
            break;
        }
        if number % 2 == 0 && store.flush().is_ok() {
            flushed = number;
        }
    }
    flushed
}

fn history_of_workload() -> Vec<Model> {
    let mut history = vec![Model::new()];
    for operations in workload() {
        let mut next = history.last().unwrap().clone();
        apply_to_model(&mut next, &operations);
        history.push(next);
    }
    history
}

#[test]
fn after_a_power_cut_at_any_operation_the_index_is_as_of_its_checkpoint() {
    let total = {
        let directory = Arc::new(SimulatedDirectory::default());
        run_workload(&Store::open_in(Arc::clone(&directory) as _, options()).unwrap());
        directory.operations()
    };
    assert!(total > 50, "the workload flushes and merges: {total} operations");
    let history = history_of_workload();
    for cut in 1..=total + 1 {
        let directory = Arc::new(SimulatedDirectory::default());
        directory.fail(cut, None);
        let mut flushed = 0;
        if let Ok(store) = Store::open_in(Arc::clone(&directory) as _, options()) {
            flushed = run_workload(&store);
        }
        for choices in
            [0, u64::MAX, 0x5555_5555_5555_5555, 0x9249_2492_4924_9249, 0xdead_beef_0bad_cafe, cut.pow(9)]
        {
            let found = Arc::new(directory.after_power_cut(choices));
            let store = match Store::open_in(Arc::clone(&found) as _, options()) {
                Ok(store) => store,
                Err(error) => panic!("cut at {cut}, choices {choices:x}: {error}"),
            };
            let checkpoint = number(store.checkpoint());
            assert!(checkpoint >= flushed, "cut at {cut}: flushed {flushed}, found {checkpoint}");
            assert_eq!(
                contents(&store.view()).unwrap(),
                history[checkpoint],
                "cut at {cut}, choices {choices:x}"
            );
            // And it goes on from there.
            for (number, operations) in (1usize..).zip(workload()).skip(checkpoint) {
                store.apply(&batch_of(&operations), &number.to_le_bytes()).unwrap();
            }
            store.close().unwrap();
            let store = Store::open_in(found, options()).unwrap();
            assert_eq!(&contents(&store.view()).unwrap(), history.last().unwrap());
        }
    }
}

#[test]
fn a_failure_at_any_operation_leaves_the_store_as_it_was_and_it_heals() {
    let directory = Arc::new(SimulatedDirectory::default());
    run_workload(&Store::open_in(Arc::clone(&directory) as _, options()).unwrap());
    let total = directory.operations();
    let history = history_of_workload();
    for from in 1..=total {
        let directory = Arc::new(SimulatedDirectory::default());
        directory.fail(from, Some(from + 2));
        let open = || Store::open_in(Arc::clone(&directory) as Arc<dyn Directory>, options());
        // Creating the manifest may be what fails.
        let store = open().or_else(|_| open()).or_else(|_| open()).unwrap();
        for (number, operations) in (1usize..).zip(workload()) {
            while store.apply(&batch_of(&operations), &number.to_le_bytes()).is_err() {
                assert_eq!(contents(&store.view()).unwrap(), history[number - 1]);
            }
            assert_eq!(contents(&store.view()).unwrap(), history[number], "failure at {from}");
            if number % 2 == 0 {
                while store.flush().is_err() {
                    assert_eq!(contents(&store.view()).unwrap(), history[number]);
                }
            }
        }
        drop(store);
        let store = open().unwrap();
        assert_eq!(contents(&store.view()).unwrap(), history[number(store.checkpoint())]);
        assert_eq!(number(store.checkpoint()), 12);
        let names = directory.names().unwrap();
        assert_eq!(names.len(), store.stats().tables + 1, "nothing is left over: {names:?}");
    }
}

#[test]
fn every_flipped_byte_of_an_index_gives_the_same_answers_or_a_typed_error() {
    let directory = SimulatedDirectory::default();
    let store = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
    run_workload(&store);
    let expected = contents(&store.view()).unwrap();
    store.close().unwrap();
    let mut refused = 0;
    for name in directory.names().unwrap() {
        let bytes = directory.read(&name, u64::MAX).unwrap();
        for at in 0..bytes.len() {
            for mask in [0x01, 0x80, 0xff] {
                let damaged = directory.copy();
                let mut bytes = bytes.clone();
                bytes[at] ^= mask;
                damaged.overwrite(&name, bytes);
                refused += u32::from(check_damaged(Arc::new(damaged), &expected).is_err());
            }
        }
    }
    assert!(refused > 1000, "most flips are noticed: {refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn hostile_footers_behind_right_checksums_never_panic_nor_allocate_without_bound(
        at in 0usize..116, value in prop_oneof![any::<u64>(), 0u64..5000], length in 1usize..=8
    ) {
        let directory = SimulatedDirectory::default();
        let store = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        store.apply(&batch_of(&workload().concat()), b"").unwrap();
        store.close().unwrap();
        let name = directory.names().unwrap().into_iter().find(|name| name != "manifest").unwrap();
        let mut table = directory.read(&name, u64::MAX).unwrap();
        let footer = table.len() - 136;
        let at = footer + at;
        let end = (at + length).min(footer + 116);
        table[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        let crc = crate::checksum::plain(&table[footer..footer + 124]);
        table[footer + 124..footer + 128].copy_from_slice(&crc.to_le_bytes());
        let mut manifest = Manifest::read(&directory).unwrap().unwrap();
        manifest.tables[0].footer_crc = crc;
        manifest.tables[0].entries = u64::from_le_bytes(table[footer + 16..footer + 24].try_into().unwrap());
        manifest.publish(&directory).unwrap();
        directory.overwrite(&name, table);
        let Ok(store) = Store::open_in(Arc::new(directory), options()) else { return Ok(()) };
        let _ = contents(&store.view());
        let _ = store.view().range(KeyRange::all()).rev().count();
        let _ = store.view().get(&[b'k', 3]);
        let _ = store.compact();
    }
}

#[test]
fn keys_out_of_order_behind_right_checksums_are_refused_by_a_merge() {
    let directory = SimulatedDirectory::default();
    let store = Store::open_in(Arc::new(directory.clone()), options().block_bytes(4096)).unwrap();
    let mut batch = Batch::new();
    batch.put(b"a", b"");
    batch.put(b"b", b"");
    store.apply(&batch, b"").unwrap();
    store.close().unwrap();
    let name = directory.names().unwrap().into_iter().find(|name| name != "manifest").unwrap();
    let mut table = directory.read(&name, u64::MAX).unwrap();
    // The leaf: [0 1 1 a][0 1 1 b], a restart, the trailer.
    assert_eq!(table[..8], *b"\x00\x01\x01a\x00\x01\x01b");
    table[7] = b'A';
    let (body, footer) = (8 + 4 + 5, table.len() - 136);
    let nonce = u64::from_le_bytes(table[footer + 8..footer + 16].try_into().unwrap());
    let crc = crate::checksum::seeded(nonce, 0, &table[..body]);
    table[body..body + 4].copy_from_slice(&crc.to_le_bytes());
    directory.overwrite(&name, table);
    let store = Store::open_in(Arc::new(directory), options()).unwrap();
    let error = store.compact().unwrap_err();
    assert!(error.is_rebuildable(), "{error}");
}

/// Every answer is either right or a rebuildable error.
fn check_damaged(directory: Arc<SimulatedDirectory>, expected: &Model) -> Result<(), String> {
    let store = Store::open_in(directory, options()).map_err(|error| {
        assert!(error.is_rebuildable(), "{error}");
        error.to_string()
    })?;
    let view = store.view();
    let mut errors = Vec::new();
    let mut note = |error: ReadError| {
        assert!(error.is_rebuildable(), "{error}");
        errors.push(error.to_string());
    };
    match contents(&view) {
        Ok(found) => assert_eq!(&found, expected),
        Err(error) => note(error),
    }
    match view.range(KeyRange::all()).rev().collect::<Result<Model, _>>() {
        Ok(found) => assert_eq!(&found, expected),
        Err(error) => note(error),
    }
    let absent = (0..=0xffu8).map(|key| vec![b'k', key]);
    for key in absent.chain((0..40).map(|number| stream_key(3, number))).chain(expected.keys().cloned()) {
        match view.get(&key) {
            Ok(value) => assert_eq!(value.as_ref(), expected.get(&key)),
            Err(error) => note(error),
        }
    }
    match store.compact() {
        Ok(()) => assert_eq!(&contents(&store.view()).unwrap(), expected),
        Err(error) => assert!(error.is_rebuildable(), "{error}"),
    }
    errors.pop().map_or(Ok(()), Err)
}

#[test]
fn memory_stays_bounded_while_nothing_can_be_written_out() {
    let directory = SimulatedDirectory::default();
    let store = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
    directory.fail(directory.operations() + 1, None);
    let refused = (0..100u8).filter(|number| {
        let mut batch = Batch::new();
        batch.put(&[*number], &[0; 100]);
        store.apply(&batch, &[*number]).is_err()
    });
    assert!(refused.count() > 50);
    assert!(store.stats().memory_bytes <= 2_500, "{:?}", store.stats());
    // What was taken is still there, and the first batch that is taken when space is back goes behind it.
    directory.fail(u64::MAX, None);
    let taken = contents(&store.view()).unwrap().len();
    store.apply(&batch_of(&workload().concat()), b"").unwrap();
    let mut added = Model::new();
    apply_to_model(&mut added, &workload().concat());
    assert_eq!(added.len() + taken, contents(&store.view()).unwrap().len());
}

#[test]
fn clearing_empties_the_store_also_on_disk_and_views_keep_what_they_show() {
    let directory = SimulatedDirectory::default();
    let open = || Store::open_in(Arc::new(directory.clone()), options()).unwrap();
    let store = open();
    run_workload(&store);
    let (view, before) = (store.view(), contents(&store.view()).unwrap());
    store.clear().unwrap();
    assert_eq!(store.checkpoint(), None);
    assert_eq!(contents(&store.view()).unwrap(), Model::new());
    assert_eq!(contents(&view).unwrap(), before);
    assert_eq!(directory.names().unwrap(), ["manifest"]);
    drop(store);
    let store = open();
    assert_eq!(store.checkpoint(), None);
    run_workload(&store);
    assert_eq!(contents(&store.view()).unwrap(), before);
}

#[test]
fn a_missing_manifest_or_table_is_named_and_never_an_empty_index() {
    let directory = SimulatedDirectory::default();
    let store = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
    run_workload(&store);
    store.close().unwrap();
    for name in directory.names().unwrap() {
        let damaged = directory.copy();
        damaged.remove(&name).unwrap();
        for opened in [
            Store::open_in(Arc::new(damaged.clone()), options()),
            Store::open_read_only_in(Arc::new(damaged), options()),
        ] {
            match opened.unwrap_err() {
                OpenError::MissingManifest { .. } => assert_eq!(name, "manifest"),
                OpenError::MissingTable { file, .. } => assert_eq!(file, name),
                other => panic!("{other}"),
            }
        }
    }
    crate::open::reset_in(&directory).unwrap();
    assert_eq!(directory.names().unwrap(), Vec::<String>::new());
}
