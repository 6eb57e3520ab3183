//! The store against what it is tested against: with reopening, views held over later writes, power cuts, failures and
//! damage.

pub(crate) mod model;
mod random;

use std::sync::Arc;

use proptest::prelude::*;

use self::model::{Model, Operations, STREAMS};
use super::*;
use crate::directory::simulated::SimulatedDirectory;
use crate::manifest::Manifest;
use crate::{KeyRange, Position, ReadError, Selection};

fn options() -> Options {
    Options::new()
        .create(true)
        .merge_in_background(false)
        .memory_table_bytes_max(2_000)
        .tables_max(3)
        .block_bytes(64)
}

fn number(checkpoint: Option<Vec<u8>>) -> usize {
    checkpoint.map_or(0, |bytes| usize::from_le_bytes(bytes.try_into().unwrap()))
}

/// Twelve batches with overwrites and deletions, with flushes and merges in between, and with events that come and end.
fn workload() -> Vec<Operations> {
    (0..12u8)
        .map(|n| {
            let put = |key: u8| (vec![b'k', key], Some(vec![n; 20]));
            let mut entries: Vec<_> = (0..6).map(|key| put(key * 3 + n)).collect();
            entries.push((vec![b'k', n], None));
            let posts =
                (0..4u8).map(|post| (n * 2 + post * 5 % 7, vec![usize::from(post), usize::from(n % 5)]));
            let ends = if n % 3 == 2 { vec![usize::from(n), usize::from(n * 3)] } else { Vec::new() };
            Operations { entries, posts: posts.collect(), ends }
        })
        .collect()
}

/// Applies the workload, as far as it goes. Returns the number of batches that a successful flush covered.
fn run_workload(store: &Store) -> usize {
    let (mut flushed, mut model) = (0, Model::default());
    for (number, operations) in (1usize..).zip(workload()) {
        if store.apply(&model.apply(&operations), &number.to_le_bytes()).is_err() {
            break;
        }
        if number % 2 == 0 && store.flush().is_ok() {
            flushed = number;
        }
    }
    flushed
}

fn history_of_workload() -> Vec<Model> {
    let mut history = vec![Model::default()];
    for operations in workload() {
        let mut next = history.last().unwrap().clone();
        next.apply(&operations);
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
            history[checkpoint].check(&store.view()).unwrap();
            // And it goes on from there.
            let mut model = history[checkpoint].clone();
            for (number, operations) in (1usize..).zip(workload()).skip(checkpoint) {
                store.apply(&model.apply(&operations), &number.to_le_bytes()).unwrap();
            }
            store.close().unwrap();
            let store = Store::open_in(found, options()).unwrap();
            history.last().unwrap().check(&store.view()).unwrap();
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
            let batch = history[number - 1].clone().apply(&operations);
            while store.apply(&batch, &number.to_le_bytes()).is_err() {
                history[number - 1].check(&store.view()).unwrap();
            }
            history[number].check(&store.view()).unwrap();
            if number % 2 == 0 {
                while store.flush().is_err() {
                    history[number].check(&store.view()).unwrap();
                }
            }
        }
        drop(store);
        let store = open().unwrap();
        history[number(store.checkpoint())].check(&store.view()).unwrap();
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
    let expected = history_of_workload().pop().unwrap();
    expected.check(&store.view()).unwrap();
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
        at in 0usize..188, value in prop_oneof![any::<u64>(), 0u64..5000], length in 1usize..=8
    ) {
        let directory = SimulatedDirectory::default();
        let store = Store::open_in(Arc::new(directory.clone()), options()).unwrap();
        run_workload(&store);
        store.compact().unwrap();
        store.close().unwrap();
        let name = directory.names().unwrap().into_iter().find(|name| name != "manifest").unwrap();
        let mut table = directory.read(&name, u64::MAX).unwrap();
        let footer = table.len() - 208;
        let at = footer + at;
        let end = (at + length).min(footer + 188);
        table[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
        let crc = crate::checksum::plain(&table[footer..footer + 196]);
        table[footer + 196..footer + 200].copy_from_slice(&crc.to_le_bytes());
        let mut manifest = Manifest::read(&directory).unwrap().unwrap();
        manifest.tables[0].footer_crc = crc;
        manifest.tables[0].entries = u64::from_le_bytes(table[footer + 16..footer + 24].try_into().unwrap());
        manifest.publish(&directory).unwrap();
        directory.overwrite(&name, table);
        let Ok(store) = Store::open_in(Arc::new(directory), options()) else { return Ok(()) };
        touch_all(&store.view());
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
    crate::table::tests::seal_pages(&mut table);
    directory.overwrite(&name, table);
    let store = Store::open_in(Arc::new(directory), options()).unwrap();
    let error = store.compact().unwrap_err();
    assert!(error.is_rebuildable(), "{error}");
}

/// Asks for everything, whatever the answers.
fn touch_all(view: &View) {
    let _ = view.range(KeyRange::all()).count();
    let _ = view.range(KeyRange::all()).rev().count();
    for as_of in [None, Some(9)] {
        for descending in [false, true] {
            let names = STREAMS.map(|name| vec![vec![name.to_vec()]]).into_iter().chain([Vec::new()]);
            for all_of in names.chain([vec![STREAMS.map(<[u8]>::to_vec).to_vec(); 2]]) {
                let selection = Selection { all_of, descending, as_of, ..Selection::default() };
                let _ = view.select(&selection).map(Iterator::count);
                let _ = view.count(&selection);
            }
        }
    }
    if let Ok(mut names) = view.streams(b"") {
        while let Ok(Some(_)) = names.next_name() {}
    }
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
    if let Err(error) = expected.check(&view) {
        note(error);
    }
    match view.range(KeyRange::all()).rev().collect::<Result<model::Entries, _>>() {
        Ok(found) => assert_eq!(found, expected.entries),
        Err(error) => note(error),
    }
    let absent = (0..=0xffu8).map(|key| vec![b'k', key]);
    for key in absent.chain(expected.entries.keys().cloned()) {
        match view.get(&key) {
            Ok(value) => assert_eq!(value.as_ref(), expected.entries.get(&key)),
            Err(error) => note(error),
        }
    }
    match store.compact() {
        Ok(()) => {
            if let Err(error) = expected.check(&store.view()) {
                note(error);
            }
        }
        Err(error) => assert!(error.is_rebuildable(), "{error}"),
    }
    errors.pop().map_or(Ok(()), Err)
}

#[test]
fn a_number_that_is_not_above_those_before_is_refused_and_nothing_of_its_batch_is_there() {
    let directory = Arc::new(SimulatedDirectory::default());
    let open = || Store::open_in(Arc::clone(&directory) as Arc<dyn Directory>, options()).unwrap();
    let mut store = open();
    let post = |number: u64| {
        let mut batch = Batch::new();
        batch.post(Position { time: 1, number }, [&b"a"[..]]);
        batch.put(b"key", b"");
        batch
    };
    store.apply(&post(5), b"1").unwrap();
    for _ in 0..2 {
        let mut end = Batch::new();
        end.end(Position { time: 1, number: 5 }, 5);
        for batch in [post(5), post(4), end] {
            let refused = store.apply(&batch, b"2").unwrap_err();
            assert!(matches!(refused, WriteError::NumberNotAbove { last: 5, .. }), "{refused}");
            assert_eq!(store.checkpoint(), Some(b"1".to_vec()));
        }
        let all = Selection::default();
        assert_eq!(store.view().count(&all).unwrap(), 1);
        store.close().unwrap();
        store = open();
    }
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
    let entries = || store.view().range(KeyRange::all()).count();
    let taken = entries();
    let mut model = Model::default();
    store.apply(&model.apply(&workload()[0]), b"").unwrap();
    assert_eq!(model.entries.len() + taken, entries());
}

#[test]
fn a_closed_store_writes_nothing_more_and_its_directory_can_be_opened_while_clones_of_it_live() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default().create(true)).unwrap();
    store.apply(&Batch::default(), b"1").unwrap();
    let kept = store.clone();
    store.close().unwrap();
    let again = Store::open(folder.path(), Options::default().create(true)).unwrap();
    assert_eq!(again.checkpoint().as_deref(), Some(b"1".as_slice()));
    assert!(matches!(kept.apply(&Batch::default(), b"2"), Err(WriteError::Closed)));
    assert!(matches!(kept.flush(), Err(WriteError::Closed)));
    assert!(matches!(kept.compact(), Err(WriteError::Closed)));
    assert!(matches!(kept.clear(), Err(WriteError::Closed)));
    kept.close().unwrap();
    assert!(
        Store::open(folder.path(), Options::default().create(true)).is_err(),
        "the new one keeps its lock"
    );
}

#[test]
fn clearing_empties_the_store_also_on_disk_and_views_keep_what_they_show() {
    let directory = SimulatedDirectory::default();
    let open = || Store::open_in(Arc::new(directory.clone()), options()).unwrap();
    let store = open();
    run_workload(&store);
    let (view, before) = (store.view(), history_of_workload().pop().unwrap());
    store.clear().unwrap();
    assert_eq!(store.checkpoint(), None);
    Model::default().check(&store.view()).unwrap();
    before.check(&view).unwrap();
    assert_eq!(directory.names().unwrap(), ["manifest"]);
    drop(store);
    let store = open();
    assert_eq!(store.checkpoint(), None);
    run_workload(&store);
    before.check(&store.view()).unwrap();
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
