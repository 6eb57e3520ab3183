//! What opening a log costs after its writer was killed: the same, however much there is, and however much room its last
//! segment has left.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{
    Background, Durability, Options, Reader, ReaderOptions, Seq, VerifyOptions, Wal, verify,
};

use crate::small_log::DIRECTORY;
use crate::sparse_storage::{Calls, SparseStorage};

/// A payload that fills the first segments quickly: each next one has room for twice as much.
const LONG_PAYLOAD_BYTES: usize = 15 << 20;

fn options(storage: &SparseStorage) -> Options {
    let options = Options::new().create(true).storage(Arc::new(storage.clone()));
    options.background(Background::Caller)
}

/// The files of a log whose writer was killed behind this many long records and three short ones.
fn killed_log(segment_bytes: u64, long_records: usize) -> SparseStorage {
    let storage = SparseStorage::default();
    let (wal, _) = Wal::open(Path::new(DIRECTORY), options(&storage).segment_bytes(segment_bytes)).unwrap();
    for _ in 0..long_records {
        wal.append(&vec![0; LONG_PAYLOAD_BYTES], Durability::Durable).unwrap();
        while wal.tend() {}
    }
    for _ in 0..3 {
        wal.append(b"short", Durability::Durable).unwrap();
    }
    let killed = storage.copy();
    killed.take_calls();
    killed
}

fn last_segment(storage: &SparseStorage) -> (String, u64) {
    let is_segment = |name: &str| name.starts_with("000") && name.len() == 24;
    storage.lengths().into_iter().filter(|(name, _)| is_segment(name)).max().unwrap()
}

fn open_calls(storage: &SparseStorage, segment_bytes: u64) -> (Wal, Calls) {
    let options = options(storage).segment_bytes(segment_bytes);
    let (wal, report) = Wal::open(Path::new(DIRECTORY), options).unwrap();
    assert!(!report.clean && report.torn_tail_bytes == 0, "{report:?}");
    (wal, storage.take_calls())
}

#[test]
fn opening_a_killed_log_reads_little_and_syncs_nothing_however_large_its_last_segment_is() {
    let small = killed_log(16 << 20, 2);
    let large = killed_log(1 << 30, 20);
    assert_eq!(last_segment(&small).1, 16 << 20);
    assert!(last_segment(&large).1 >= 200 << 20, "{:?}", last_segment(&large));
    let (_, calls_of_small) = open_calls(&small, 16 << 20);
    let (wal, calls) = open_calls(&large, 1 << 30);
    assert_eq!(calls, calls_of_small);
    assert_eq!(calls.syncs, 0, "everything was durable, and the watermark may lag");
    assert!(calls.read_bytes < 1 << 20, "{calls:?}");

    // The first append waits for a segment that is made for it: a small one, as in a new log.
    let receipt = wal.append(b"goes on", Durability::Durable).unwrap();
    let (name, bytes) = last_segment(&large);
    assert_eq!((name, bytes), (format!("{:020}.wal", receipt.seq.get()), 1 << 20));
}

#[test]
fn what_stands_far_behind_a_killed_logs_end_is_kept_aside_when_its_segment_is_sealed() {
    const FAR: usize = (15 << 20) + (768 << 10);
    let storage = killed_log(16 << 20, 2);
    let (name, _) = last_segment(&storage);
    storage.flip(&name, FAR, 0xff);
    let seen = |storage: &SparseStorage| {
        verify(Path::new(DIRECTORY), &VerifyOptions::new().storage(Arc::new(storage.clone()))).unwrap()
    };
    // Verification looks at all of it.
    assert!(seen(&storage).torn_tail_bytes > 0);
    let (wal, _) = open_calls(&storage, 16 << 20);
    while wal.tend() {}
    wal.close().unwrap();
    let files = storage.files();
    let (_, kept) = files.iter().find(|(file, _)| file.contains(".torn")).expect("it is kept");
    assert_eq!(kept.last(), Some(&0xff));
    assert_eq!((seen(&storage).torn_tail_bytes, seen(&storage).is_sound()), (0, true));
    let reader = Reader::open(Path::new(DIRECTORY), ReaderOptions::new().storage(Arc::new(storage))).unwrap();
    assert_eq!(reader.scan(Seq::ZERO).map(Result::unwrap).count(), 5);
}
