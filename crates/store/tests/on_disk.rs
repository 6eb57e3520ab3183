//! The store on a real file system: with its merging thread, readers beside the writer, and locks.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use runledger_store::{Batch, KeyRange, OpenError, Options, Store, WriteError, reset};

fn options() -> Options {
    Options::new().create(true).memory_table_bytes_max(20_000).tables_max(4).block_bytes(512)
}

/// Batch `number` holds ten new keys, and counts itself under the key `count`.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    for key in 0..10 {
        batch.put(format!("key/{number:06}/{key}").as_bytes(), &[7; 30]);
    }
    batch.put(b"count", &number.to_be_bytes());
    if number > 0 {
        batch.delete(format!("key/{:06}/3", number - 1).as_bytes());
    }
    batch
}

fn apply(store: &Store, numbers: std::ops::Range<u64>) {
    for number in numbers {
        store.apply(&batch(number), &(number + 1).to_be_bytes()).unwrap();
    }
}

fn batches(checkpoint: Option<&[u8]>) -> u64 {
    checkpoint.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// A view shows exactly the batches that its checkpoint says, whole.
fn check(store: &Store) -> u64 {
    let view = store.view();
    let count = batches(view.checkpoint());
    let keys = view.prefix(b"key/").map(Result::unwrap).count() as u64;
    assert_eq!(keys, count * 10 - count.saturating_sub(1));
    let counted = view.get(b"count").unwrap();
    assert_eq!(counted, count.checked_sub(1).map(|last| last.to_be_bytes().to_vec()));
    count
}

fn table_files(dir: &Path) -> usize {
    let names =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.strip_suffix(".table").is_some()).count()
}

#[test]
fn views_in_other_threads_and_processes_are_consistent_while_tables_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                check(&store);
            }
        });
        scope.spawn(|| {
            // As another process would: by the files alone.
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let reader = Store::open_read_only(dir.path(), options()).unwrap();
                let count = check(&reader);
                assert!(count >= last, "the index on disk never goes back");
                last = count;
            }
        });
        apply(&store, 0..1500);
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(check(&store), 1500);
    assert!(store.stats().bytes_merged > 0, "tables were merged meanwhile: {:?}", store.stats());
    store.close().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(check(&store), 1500);
}

#[test]
fn the_number_of_tables_and_the_bytes_written_stay_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let mut tables_peak = 0;
    for number in 0..1500 {
        apply(&store, number..number + 1);
        tables_peak = tables_peak.max(store.stats().tables);
    }
    assert!(tables_peak <= 4 + 8 + 1, "{tables_peak} tables");
    let stats = store.stats();
    assert!(stats.bytes_flushed > 10 * 20_000, "{stats:?}");
    assert!(stats.bytes_merged < 12 * stats.bytes_flushed, "{stats:?}");
    store.compact().unwrap();
    assert_eq!(store.stats().tables, 1);
    assert_eq!(store.stats().entries, 1500 * 10 - 1499 + 1);
    assert_eq!(table_files(dir.path()), 1, "replaced tables are gone");
    check(&store);
}

#[test]
fn dropping_without_closing_leaves_the_last_flush() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    apply(&store, 0..5);
    store.flush().unwrap();
    apply(&store, 5..8);
    assert_eq!(batches(store.checkpoint().as_deref()), 8);
    assert_eq!(batches(store.durable_checkpoint().as_deref()), 5);
    drop(store);
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(check(&store), 5);
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let error = Store::open(dir.path(), options()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse { .. }) && !error.is_rebuildable(), "{error}");
    assert!(matches!(reset(dir.path()), Err(OpenError::InUse { .. })));
    Store::open_read_only(dir.path(), options()).unwrap();
    drop(store);
    Store::open(dir.path(), options()).unwrap();
}

#[test]
fn a_read_only_store_takes_batches_into_private_memory_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    apply(&store, 0..40);
    store.close().unwrap();
    let files = || {
        let mut files: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = files();
    let reader = Store::open_read_only(dir.path(), options().private_memory_bytes_max(50_000)).unwrap();
    apply(&reader, 40..100);
    assert_eq!(check(&reader), 100);
    assert!(matches!(reader.flush(), Err(WriteError::ReadOnly)));
    assert!(matches!(reader.compact(), Err(WriteError::ReadOnly)));
    let full = (100..).map(|number| reader.apply(&batch(number), b"")).find_map(Result::err);
    assert!(matches!(full, Some(WriteError::MemoryFull { limit: 50_000 })));
    reader.close().unwrap();
    assert_eq!(files(), before);
}

#[test]
fn opening_removes_left_over_files_of_ours_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    apply(&store, 0..3);
    store.close().unwrap();
    for name in ["0000000000000900.table", "manifest.tmp", "notes.txt", "900.table"] {
        std::fs::write(dir.path().join(name), b"left over").unwrap();
    }
    let store = Store::open(dir.path(), options()).unwrap();
    let exists = |name: &str| dir.path().join(name).exists();
    assert!(!exists("0000000000000900.table") && !exists("manifest.tmp"));
    assert!(exists("notes.txt") && exists("900.table"));
    apply(&store, 3..6);
    store.flush().unwrap();
    assert!(exists("0000000000000901.table"), "an id is never used twice");
    drop(store);
    reset(dir.path()).unwrap();
    assert_eq!(table_files(dir.path()), 1, "only 900.table, which is none of ours");
    assert!(exists("notes.txt"));
    assert!(matches!(Store::open(dir.path(), Options::new()), Err(OpenError::Missing { .. })));
    assert_eq!(check(&Store::open(dir.path(), options()).unwrap()), 0);
}

#[test]
fn a_missing_directory_is_an_index_that_can_be_built() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("deeper/index");
    for error in [
        Store::open(&missing, Options::new()).unwrap_err(),
        Store::open_read_only(&missing, Options::new()).unwrap_err(),
    ] {
        assert!(matches!(&error, OpenError::Missing { .. }) && error.is_rebuildable(), "{error}");
    }
    reset(&missing).unwrap();
    Store::open(&missing, options()).unwrap();
}

#[test]
fn lengths_over_their_limits_are_refused_before_anything_is_applied() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    let mut long_key = Batch::new();
    long_key.put(b"fine", b"");
    long_key.put(&vec![0; runledger_store::KEY_BYTES_MAX + 1], b"");
    assert!(matches!(store.apply(&long_key, b""), Err(WriteError::KeyTooLong { .. })));
    let mut long_value = Batch::new();
    long_value.put(b"k", &vec![0; runledger_store::VALUE_BYTES_MAX + 1]);
    assert!(matches!(store.apply(&long_value, b""), Err(WriteError::ValueTooLong { .. })));
    assert!(matches!(store.apply(&Batch::new(), &[0; 257]), Err(WriteError::CheckpointTooLong { .. })));
    assert_eq!(store.view().range(KeyRange::all()).count(), 0);
    assert_eq!(store.checkpoint(), None);

    // The longest that are allowed survive a flush, in a tree of blocks that one of them overfills.
    let mut longest = Batch::new();
    for first in 0..40 {
        longest.put(&vec![first; runledger_store::KEY_BYTES_MAX], b"v");
    }
    longest.put(b"\xff", &vec![9; runledger_store::VALUE_BYTES_MAX]);
    store.apply(&longest, &[1; 256]).unwrap();
    store.close().unwrap();
    let store = Store::open(dir.path(), options()).unwrap();
    assert_eq!(store.view().range(KeyRange::all()).rev().map(Result::unwrap).count(), 41);
    assert_eq!(store.view().get(b"\xff").unwrap().unwrap().len(), runledger_store::VALUE_BYTES_MAX);
    assert_eq!(store.checkpoint(), Some(vec![1; 256]));
}
