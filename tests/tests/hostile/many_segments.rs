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

/// Reads all there is, in order. How many records were read, and how many errors named damage.
fn read_in_order(storage: &SparseStorage) -> (usize, usize) {
    let reader = Reader::open(Path::new(DIRECTORY), reader_options(storage)).unwrap();
    storage.take_calls();
    let (read, damaged): (Vec<_>, Vec<_>) = reader.scan(Seq::ZERO).partition(Result::is_ok);
    (read.len(), damaged.len())
}

#[test]
fn reading_over_many_damaged_segments_lists_the_directory_once() {
    let storage = log_of(1_000);
    let segments = storage.lengths().into_iter().map(|(name, _)| name);
    // Every other segment, in its header or in its record; and some that are gone.
    for (number, name) in segments.filter(|name| name.len() == 24).enumerate() {
        match number % 6 {
            1 => storage.flip(&name, 100, 1),
            3 => storage.flip(&name, 4096 + 64 + 200, 1),
            5 => storage.remove(&name),
            _ => {}
        }
    }
    assert_eq!(read_in_order(&storage), (500, 500));
    let calls = storage.take_calls();
    assert!(calls.lists <= 2, "{calls:?}");
    assert!(calls.opens <= 2 * 1_000, "{calls:?}");
}

#[test]
fn reading_over_many_damaged_records_of_one_commit_opens_their_segment_twice() {
    const RECORDS: usize = 2_000;
    let storage = SparseStorage::default();
    let (wal, _) = Wal::open(Path::new(DIRECTORY), options(&storage).segment_bytes(1 << 20)).unwrap();
    wal.append_batch(&vec![[7; 24]; RECORDS], Durability::Durable).unwrap();
    wal.close().unwrap();
    let name = "00000000000000000000.wal";
    for record in (1..RECORDS).step_by(2) {
        storage.flip(name, 4096 + 64 + 64 * record + 50, 1);
    }
    assert_eq!(read_in_order(&storage), (RECORDS / 2, RECORDS / 2));
    let calls = storage.take_calls();
    assert!(calls.lists <= 2 && calls.opens <= 2, "{calls:?}");
    // Each damaged record is read by itself, and the commit a few times.
    assert!(calls.read_bytes < 3 * 4096 * RECORDS as u64 / 2, "{calls:?}");
}

#[test]
fn replaying_reads_each_byte_once_in_large_pieces() {
    const SEGMENT_BYTES: u64 = 4 << 20;
    let storage = SparseStorage::default();
    let (wal, _) = Wal::open(Path::new(DIRECTORY), options(&storage).segment_bytes(SEGMENT_BYTES)).unwrap();
    // As many as fit: some kilobytes each, so that pieces end in the middle of one.
    let batch = vec![[7; 100]; 70];
    while wal.counters().sealed < 3 {
        wal.append_batch(&batch, Durability::Durable).unwrap();
        while wal.tend() {}
    }
    wal.close().unwrap();
    let bytes: u64 =
        storage.lengths().iter().filter(|(name, _)| name.len() == 24).map(|(_, bytes)| bytes).sum();
    let reader = Reader::open(Path::new(DIRECTORY), reader_options(&storage)).unwrap();
    storage.take_calls();
    let mut replay = reader.replay(Seq::ZERO);
    while let Some(record) = replay.next_record() {
        assert_eq!(record.unwrap().payload(), batch[0]);
    }
    assert_eq!(replay.position(), reader.durable_end().unwrap());
    let calls = storage.take_calls();
    assert!(calls.reads < 100, "{calls:?} of {bytes} bytes");
    assert!(calls.read_bytes < bytes + bytes / 50, "{calls:?} of {bytes} bytes");
}
