//! Logs over four gibibytes, in one segment and in many: no offset, length or sum is thirty-two bits wide.

use std::path::Path;
use std::sync::Arc;

use runledger_wal::{
    Background, Blake3Leaf, Durability, Leaf, LeafFunction, Options, RECORD_BYTES_MAX, Reader, ReaderOptions,
    RecoverOptions, Repair, Seq, VerifyOptions, Wal, recover, verify,
};

use crate::small_log::DIRECTORY;
use crate::sparse_storage::SparseStorage;

/// Hashes only a payload's length and start: these tests hash gigabytes of zeroes otherwise.
struct StartLeaf;

impl LeafFunction for StartLeaf {
    fn id(&self) -> u32 {
        77
    }

    fn leaf(&self, payload: &[u8]) -> Leaf {
        Blake3Leaf.leaf(&[&payload[..8], &payload.len().to_le_bytes()].concat())
    }
}

/// So many records of 16 MiB are just over four gibibytes.
const RECORDS: u64 = 260;

fn payload(number: u64) -> Vec<u8> {
    let mut payload = vec![0; RECORD_BYTES_MAX as usize];
    payload[..8].copy_from_slice(&number.to_le_bytes());
    payload
}

/// Writes them into segments of this size, kills or closes the log, and tries everything on it.
fn try_log(segment_bytes: u64, killed: bool) -> SparseStorage {
    let storage = SparseStorage::default();
    let directory = Path::new(DIRECTORY);
    let options = |storage: &SparseStorage| {
        let options = Options::new().create(true).storage(Arc::new(storage.clone()));
        let options = options.background(Background::Caller).leaf_function(Arc::new(StartLeaf));
        options.segment_bytes(segment_bytes)
    };
    let (wal, _) = Wal::open(directory, options(&storage)).unwrap();
    for number in 0..RECORDS {
        wal.append(&payload(number), Durability::Durable).unwrap();
        while wal.tend() {}
    }
    let storage = if killed { storage.copy() } else { storage };
    let longest = storage.lengths().into_iter().map(|(_, length)| length).max();
    wal.close().unwrap();

    let verified = VerifyOptions::new().storage(Arc::new(storage.clone())).leaf_function(Arc::new(StartLeaf));
    let report = verify(directory, &verified).unwrap();
    assert!(report.is_sound() && report.torn_tail_bytes == 0, "{report:?}");
    assert!(report.records == RECORDS && report.bytes > 1 << 32, "{report:?}");

    if killed {
        // Its last segment, which recovering looks through to its end and seals.
        assert!(longest > Some(1 << 32), "{longest:?}");
        let recovered = RecoverOptions::new().storage(Arc::new(storage.clone()));
        let report = recover(directory, &recovered.leaf_function(Arc::new(StartLeaf))).unwrap();
        assert_eq!((report.records, &report.damaged, report.torn_tail_bytes), (RECORDS, &vec![], 0));
        assert!(matches!(report.repaired[..], [Repair::FooterWritten { .. }]), "{report:?}");
    }

    let (wal, report) = Wal::open(directory, options(&storage)).unwrap();
    assert_eq!(report.next_seq, Seq::new(RECORDS));
    wal.append(&payload(RECORDS), Durability::Durable).unwrap();
    wal.close().unwrap();
    let reader = Reader::open(directory, ReaderOptions::new().storage(Arc::new(storage.clone()))).unwrap();
    for seq in [0, 1, RECORDS / 2, RECORDS - 1, RECORDS] {
        let record = reader.read(Seq::new(seq)).unwrap().unwrap();
        assert!(record.payload() == payload(seq), "record {seq}");
    }
    let from = Seq::new(RECORDS - 5);
    assert!(
        reader.scan(from).zip(RECORDS - 5..).all(|(record, seq)| record.unwrap().payload() == payload(seq))
    );
    storage
}

#[test]
fn one_segment_can_reach_beyond_four_gibibytes() {
    try_log(6 << 30, true);
}

#[test]
fn a_log_of_many_segments_can_be_longer_than_four_gibibytes() {
    let storage = try_log(256 << 20, false);
    assert!(storage.lengths().into_iter().all(|(_, length)| length <= 257 << 20));
}
