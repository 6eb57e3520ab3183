//! A record is read under its own number or not at all, whatever its neighbours in the commit say about themselves.

use std::path::Path;

use crate::fields::{put, u32_at};
use crate::segment::name::segment_name;
use crate::testing::{kill, open_in, place};
use crate::{Durability, ReadError, Reader, ReaderOptions, Seq, VerifyOptions, verify};

/// Where the first commit's first record lies.
const FIRST_RECORD: usize = 4096 + 64;

/// A log with one commit of these payloads, in a segment without a footer.
fn one_commit(path: &Path, payloads: &[Vec<u8>]) {
    let (wal, _) = open_in(path);
    wal.append_batch(payloads, Durability::Durable).unwrap();
    kill(wal);
}

/// Changes the log's only segment.
fn edit(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let segment = path.join(segment_name(Seq::ZERO));
    let mut bytes = std::fs::read(&segment).unwrap();
    edit(&mut bytes);
    std::fs::write(&segment, bytes).unwrap();
}

/// The records that can be read, by number, and that each is what was appended under that number.
fn readable(path: &Path, payloads: &[Vec<u8>]) -> Vec<usize> {
    let reader = Reader::open(path, ReaderOptions::new()).unwrap();
    let read = |number: usize| reader.read(Seq::new(number as u64));
    let mut readable = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        match read(number) {
            Ok(record) => {
                assert_eq!(record.unwrap().payload(), payload, "record {number}");
                readable.push(number);
            }
            Err(ReadError::Damaged(damage)) => {
                let touched = damage.seq_from..damage.seq_to;
                assert!(touched.contains(&Seq::new(number as u64)), "record {number}: {damage:?}");
            }
            Err(error) => panic!("record {number}: {error}"),
        }
    }
    let scanned = reader.scan(Seq::ZERO).filter_map(Result::ok);
    assert!(scanned.map(|record| usize::try_from(record.seq().get()).unwrap()).eq(readable.iter().copied()));
    readable
}

/// What verification calls damaged, by number.
fn damaged(path: &Path) -> Vec<(u64, u64)> {
    let report = verify(path, &VerifyOptions::new()).unwrap();
    report.damaged.iter().map(|damage| (damage.seq_from.get(), damage.seq_to.get())).collect()
}

#[test]
fn a_length_that_swallows_the_next_record_never_renumbers_those_behind() {
    let (_directory, path) = place();
    // Record 1 takes 48 bytes and record 2 takes 64: one flipped bit of the length makes 1 as long as both.
    let payloads: Vec<_> = [(0_u8, 8), (1, 8), (2, 24), (3, 8), (4, 8)].map(|(n, l)| vec![n; l]).to_vec();
    one_commit(&path, &payloads);
    edit(&path, |bytes| bytes[FIRST_RECORD + 48] ^= 64);
    assert_eq!(readable(&path, &payloads), [0]);
    assert_eq!(damaged(&path), [(1, 5)]);
}

#[test]
fn a_record_inside_of_a_payload_is_never_taken_for_one_of_the_log() {
    let (_directory, path) = place();
    let forged = crate::record::RecordHeader::of(b"forged!!", &crate::Blake3Leaf).unwrap();
    // Somebody's payload ends with the bytes of a record: the length of record 1 or 2 leads to it.
    let inner = [&forged.encode()[..], b"forged!!"].concat();
    let long = [vec![7; 16], inner.clone()].concat();
    for (payloads, flipped) in [
        // Shrunk by 64: what follows is the rest of its own payload.
        (vec![vec![0; 8], [vec![1; 16], inner.clone(), vec![1; 8]].concat(), vec![2; 8]], 64),
        // Grown by 64: it ends where the record in the payload of the next one starts.
        (vec![vec![0; 8], vec![1; 8], [vec![2; 24], inner].concat(), vec![3; 8]], 64),
        (vec![vec![0; 8], vec![1; 8], long, vec![3; 8]], 32),
    ] {
        let _ = std::fs::remove_dir_all(&path);
        one_commit(&path, &payloads);
        edit(&path, |bytes| bytes[FIRST_RECORD + 48] ^= flipped);
        assert_eq!(readable(&path, &payloads), [0]);
        assert_eq!(damaged(&path), [(1, payloads.len() as u64)]);
    }
}

#[test]
fn a_damaged_payload_leaf_or_checksum_costs_one_record() {
    let (_directory, path) = place();
    let payloads: Vec<_> = (0..5_u8).map(|n| vec![n; 8]).collect();
    one_commit(&path, &payloads);
    for at in [4, 7, 8, 39, 40, 47] {
        edit(&path, |bytes| bytes[FIRST_RECORD + 2 * 48 + at] ^= 1);
        assert_eq!(readable(&path, &payloads), [0, 1, 3, 4], "byte {at}");
        assert_eq!(damaged(&path), [(2, 3)], "byte {at}");
        edit(&path, |bytes| bytes[FIRST_RECORD + 2 * 48 + at] ^= 1);
    }
    // Two damaged payloads don't make a length doubtful either.
    edit(&path, |bytes| (bytes[FIRST_RECORD + 40], bytes[FIRST_RECORD + 3 * 48 + 40]) = (9, 9));
    assert_eq!(readable(&path, &payloads), [1, 2, 4]);
    assert_eq!(damaged(&path), [(0, 1), (3, 4)]);
}

#[test]
fn a_records_checksum_that_does_not_fit_its_records_takes_all_of_them_back() {
    let (_directory, path) = place();
    let payloads: Vec<_> = (0..3_u8).map(|n| vec![n; 8]).collect();
    one_commit(&path, &payloads);
    edit(&path, |bytes| {
        let seed = crate::fields::seed(&crate::fields::array_at(bytes, 40), 4096);
        let wrong = u32_at(bytes, 4096 + 52) ^ 1;
        put(bytes, 4096 + 52, &wrong.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, &bytes[4096..4096 + 60]);
        put(bytes, 4096 + 60, &crc.to_le_bytes());
    });
    assert_eq!(readable(&path, &payloads), [0_usize; 0]);
    assert_eq!(damaged(&path), [(0, 3)]);
}

#[test]
fn a_commit_of_holes_costs_neither_memory_nor_an_entry_for_each_record() {
    const RECORDS: u32 = 200_000;
    let (_directory, path) = place();
    one_commit(&path, &[vec![1; 8], vec![2; 8]]);
    edit(&path, |bytes| {
        // A commit of records that are nothing but zeroes, behind right checksums of its own.
        let records_bytes = RECORDS * 40;
        bytes.truncate(4096 + 64);
        bytes.resize(4096 + 64 + usize::try_from(records_bytes).unwrap(), 0);
        put(bytes, 4096 + 32, &RECORDS.to_le_bytes());
        put(bytes, 4096 + 40, &u64::from(records_bytes).to_le_bytes());
        let seed = crate::fields::seed(&crate::fields::array_at(bytes, 40), 4096);
        let records_crc = crc32c::crc32c_append(seed, &vec![0; 4 * usize::try_from(RECORDS).unwrap()]);
        put(bytes, 4096 + 52, &records_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(seed, &bytes[4096..4096 + 60]);
        put(bytes, 4096 + 60, &crc.to_le_bytes());
    });
    let storage = crate::DiskStorage;
    let open = crate::segment::Segment::open_any(
        &storage,
        &path,
        None,
        Seq::ZERO,
        &(std::sync::Arc::new(crate::Blake3Leaf) as std::sync::Arc<dyn crate::LeafFunction>),
    );
    let segment = open.unwrap();
    let mut index = super::CommitIndex::new(&segment.header, None);
    let end = Seq::new(RECORDS.into());
    for seq in [0, 5, u64::from(RECORDS) - 1] {
        let place = index.place_of(&segment, Seq::new(seq), end).unwrap();
        assert!(matches!(place, super::RecordPlace::Damaged(_)));
    }
    let (_, opened) = index.opened.pop_first().unwrap();
    assert!(opened.sound.is_empty() && opened.damage.len() <= super::DAMAGED_SINGLY_MAX);
    assert_eq!(opened.damage.last().unwrap().seq_to, end);
}

#[test]
fn scattered_records_of_a_growing_segment_walk_each_commit_once_and_their_places_stay_few() {
    let (_folder, path) = place();
    let commits: u8 = 5;
    let (wal, _) = open_in(&path);
    for commit in 0..commits {
        let payloads: Vec<Vec<u8>> = (0..40).map(|record| vec![commit, record]).collect();
        wal.append_batch(&payloads, Durability::Durable).unwrap();
    }
    kill(wal);
    let storage = crate::DiskStorage;
    let open = crate::segment::Segment::open_any(
        &storage,
        &path,
        None,
        Seq::ZERO,
        &(std::sync::Arc::new(crate::Blake3Leaf) as std::sync::Arc<dyn crate::LeafFunction>),
    );
    let segment = open.unwrap();
    let mut index = super::CommitIndex::new(&segment.header, None);
    let end = Seq::new(u64::from(commits) * 40);
    for seq in (0..end.get()).map(|number| number * 37 % end.get()) {
        let place = index.place_of(&segment, Seq::new(seq), end).unwrap();
        assert!(matches!(place, super::RecordPlace::At { .. }));
    }
    assert_eq!((index.opened.len(), index.opened_records), (5, 200));
    // As if they were many more.
    index.opened_records = super::OPENED_RECORDS_MAX + 1;
    index.place_of(&segment, Seq::new(3), end).unwrap();
    assert_eq!(index.opened.len(), 5, "a commit that is at hand is not walked again");
    index.opened.pop_first();
    index.place_of(&segment, Seq::new(3), end).unwrap();
    assert_eq!((index.opened.len(), index.opened_records), (1, 40));
}
