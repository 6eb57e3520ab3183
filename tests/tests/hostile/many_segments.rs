//! A log of ten thousand segments costs as much to open as one of ten, and works.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{
    Background, Durability, Options, Reader, ReaderOptions, RecoverOptions, Seq, VerifyOptions, Wal, recover,
    verify,
};

use crate::small_log::DIRECTORY;
use crate::sparse_storage::{Calls, SparseStorage};

const SEGMENTS: u64 = 10_000;

/// One of these fills a segment of the least size, so that each gets a segment of its own.
const PAYLOAD_BYTES: usize = 3900;

fn options(storage: &SparseStorage) -> Options {
    let options = Options::new().create(true).storage(Arc::new(storage.clone()));
    options.background(Background::Caller).segment_bytes(runledger_wal::SEGMENT_BYTES_MIN)
}

fn payload(number: u64) -> Vec<u8> {
    let mut payload = vec![0; PAYLOAD_BYTES];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

/// A log of so many segments, closed in good order.
fn log_of(segments: u64) -> SparseStorage {
    let storage = SparseStorage::default();
    let (wal, _) = Wal::open(Path::new(DIRECTORY), options(&storage)).unwrap();
    for number in 0..segments {
        wal.append(&payload(number), Durability::Durable).unwrap();
        while wal.tend() {}
    }
    wal.close().unwrap();
    storage.take_calls();
    storage
}

/// What opening for writing and for reading asks of the storage.
fn open_calls(storage: &SparseStorage) -> [Calls; 2] {
    let copy = storage.copy();
    let (wal, report) = Wal::open(Path::new(DIRECTORY), options(&copy)).unwrap();
    let for_writing = copy.take_calls();
    assert!(report.clean);
    drop(wal);
    copy.take_calls();
    let reader = Reader::open(Path::new(DIRECTORY), reader_options(&copy)).unwrap();
    reader.durable_end().unwrap();
    [for_writing, copy.take_calls()]
}

fn reader_options(storage: &SparseStorage) -> ReaderOptions {
    ReaderOptions::new().storage(Arc::new(storage.clone()))
}

#[test]
fn opening_asks_for_the_same_with_ten_segments_and_with_ten_thousand() {
    let few = log_of(10);
    let many = log_of(SEGMENTS);
    let [for_writing, for_reading] = open_calls(&few);
    assert_eq!([for_writing, for_reading], open_calls(&many));
    assert!(for_writing.lists <= 2 && for_reading.lists == 1, "{for_writing:?} {for_reading:?}");
    assert!(for_writing.opens < 20 && for_reading.opens < 5, "{for_writing:?} {for_reading:?}");

    // And it works: records of the first, a middle and the last segment, more of them, and all in order.
    let (wal, report) = Wal::open(Path::new(DIRECTORY), options(&many)).unwrap();
    assert_eq!((report.segments, report.next_seq), (SEGMENTS, Seq::new(SEGMENTS)));
    wal.append(&payload(SEGMENTS), Durability::Durable).unwrap();
    wal.close().unwrap();
    let reader = Reader::open(Path::new(DIRECTORY), reader_options(&many)).unwrap();
    for seq in [0, SEGMENTS / 2, SEGMENTS] {
        assert_eq!(reader.read(Seq::new(seq)).unwrap().unwrap().payload(), payload(seq));
    }
    let in_order = reader.scan(Seq::ZERO).zip(0..);
    assert_eq!(
        in_order.filter(|(record, seq)| record.as_ref().unwrap().payload() == payload(*seq)).count(),
        10_001
    );
    let report = verify(Path::new(DIRECTORY), &VerifyOptions::new().storage(Arc::new(many.clone()))).unwrap();
    assert!(report.is_sound(), "{:?}", report.damaged);
    assert_eq!((report.records, report.segments), (SEGMENTS + 1, SEGMENTS + 1));
}

#[test]
fn a_watermark_is_made_anew_over_many_segments_with_few_files_open() {
    let storage = log_of(2_000);
    storage.remove("watermark");
    storage.take_calls();
    let report =
        recover(Path::new(DIRECTORY), &RecoverOptions::new().storage(Arc::new(storage.clone()))).unwrap();
    assert_eq!((report.records, report.damaged), (2_000, vec![]));
    // A process may have a thousand files open, as a rule.
    assert!(storage.take_calls().open_at_once_max < 100);
}
