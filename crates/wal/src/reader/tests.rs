//! Reading by number, scanning and replaying give the same records and name the same damage, and copy nothing that they
//! needn't.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::options::Durability;
use crate::testing::{append, contents, kill, payload, place};
use crate::{Options, Wal};

/// What can be read: leaf, commit time and payload by number. What can't be is named by some error.
type Readable = BTreeMap<u64, (crate::Leaf, i64, Vec<u8>)>;

fn open(path: &Path) -> Reader {
    Reader::open(path, ReaderOptions::new()).unwrap()
}

/// A log of small segments, of which only the last isn't sealed: single records and batches in turns.
fn several_segments(path: &Path, segments: u64) -> u64 {
    let (wal, _) = Wal::open(path, Options::new().create(true).segment_bytes(8 << 10)).unwrap();
    let mut records = 0;
    while wal.counters().sealed + 1 < segments {
        let batch: Vec<_> = (records..records + 5).map(payload).collect();
        wal.append_batch(&batch, Durability::Durable).unwrap();
        append(&wal, records + 5);
        records += 6;
    }
    kill(wal);
    records
}

fn by_number(reader: &Reader, from: u64) -> Readable {
    let end = reader.durable_end().unwrap().get();
    let read = (from..end).filter_map(|seq| match reader.read(Seq::new(seq)) {
        Ok(record) => {
            let record = record.expect("it is durable");
            Some((seq, (record.leaf(), record.commit_time(), record.payload().to_vec())))
        }
        Err(error) => {
            named(&error, seq);
            None
        }
    });
    read.collect()
}

fn by_replay(reader: &Reader, from: u64) -> Readable {
    let (mut replay, mut readable) = (reader.replay(Seq::new(from)), Readable::new());
    loop {
        let expected = replay.position();
        match replay.next_record() {
            Some(Ok(record)) => {
                assert_eq!(record.seq(), expected);
                let seen = (record.leaf(), record.commit_time(), record.payload().to_vec());
                readable.insert(record.seq().get(), seen);
            }
            Some(Err(error)) => named(&error, expected.get()),
            None => return readable,
        }
    }
}

fn by_scan(reader: &Reader, from: u64) -> Readable {
    let read = reader.scan(Seq::new(from)).filter_map(Result::ok);
    read.map(|record| (record.seq().get(), (record.leaf(), record.commit_time(), record.payload().to_vec())))
        .collect()
}

/// Fails unless the error is damage of this record.
fn named(error: &ReadError, seq: u64) {
    match error {
        ReadError::Damaged(damage) => {
            assert!((damage.seq_from..damage.seq_to).contains(&Seq::new(seq)), "{seq}: {damage:?}");
        }
        error => panic!("{seq}: {error}"),
    }
}

#[test]
fn replay_lends_what_was_appended_from_wherever_it_starts() {
    let (_directory, path) = place();
    let records = several_segments(&path, 3);
    let reader = open(&path);
    let all = by_replay(&reader, 0);
    assert!(all.values().map(|(_, _, payload)| payload.clone()).eq((0..records).map(payload)));
    for from in 0..records + 2 {
        let expected: Readable = all.range(from..).map(|(seq, seen)| (*seq, seen.clone())).collect();
        assert_eq!(by_replay(&reader, from), expected, "from {from}");
        // A reader that has nothing open yet finds its way, too.
        assert_eq!(by_replay(&open(&path), from), expected, "from {from}");
        assert_eq!(by_scan(&open(&path), from), expected, "from {from}");
        assert_eq!(by_number(&reader, from), expected, "from {from}");
    }
}

#[test]
fn whatever_byte_is_flipped_all_ways_of_reading_give_the_same_records() {
    let (_directory, path) = place();
    let records = several_segments(&path, 3);
    let mut partly = 0;
    for (file, bytes) in contents(&path) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with('0') {
            continue;
        }
        for at in (4096..bytes.len()).step_by(11) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            std::fs::write(&file, &flipped).unwrap();
            let one_by_one = by_number(&open(&path), 0);
            partly += u32::from((one_by_one.len() as u64) < records);
            assert_eq!(by_replay(&open(&path), 0), one_by_one, "{name} byte {at}");
            assert_eq!(by_scan(&open(&path), 0), one_by_one, "{name} byte {at}");
        }
        std::fs::write(&file, &bytes).unwrap();
    }
    assert!(partly > 100);
}

#[test]
fn a_commit_that_is_too_long_to_be_held_is_read_all_the_same() {
    let (_directory, path) = place();
    let options = Options::new().create(true).segment_bytes(64 << 20);
    let (wal, _) = Wal::open(&path, options).unwrap();
    let batch: Vec<_> = (0..5_000).map(|number: u32| vec![number.to_le_bytes()[0]; 1_000]).collect();
    wal.append_batch(&batch, Durability::Durable).unwrap();
    append(&wal, 1);
    kill(wal);
    let segment = path.join(segment_name(Seq::ZERO));
    let sound = std::fs::read(&segment).unwrap();
    let replayed = by_replay(&open(&path), 0);
    assert_eq!(replayed.len(), 5_001);
    assert!(replayed.values().zip(&batch).all(|((_, _, payload), appended)| payload == appended));
    // A flipped payload costs that record and no other.
    let mut flipped = sound.clone();
    flipped[4096 + 64 + 2_500 * 1_040 + 500] ^= 1;
    std::fs::write(&segment, &flipped).unwrap();
    let readable: Vec<_> = by_replay(&open(&path), 0).into_keys().collect();
    assert!(readable.into_iter().eq((0..5_001).filter(|seq| *seq != 2_500)));
    std::fs::write(&segment, &sound).unwrap();
    let (wal, _) = Wal::open(&path, Options::new()).unwrap();
    wal.close().unwrap();
    assert_eq!(by_replay(&open(&path), 0), replayed, "sealed");
    assert_eq!(by_replay(&open(&path), 4_990).len(), 11, "from the middle of a long commit");
}

#[test]
fn records_of_a_commit_are_lent_where_they_lie_side_by_side() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, Options::new().create(true).segment_bytes(1 << 20)).unwrap();
    let batch = vec![[7; 100]; 500];
    wal.append_batch(&batch, Durability::Durable).unwrap();
    let (reader, mut places) = (wal.reader(), Vec::new());
    let mut replay = reader.replay(Seq::ZERO);
    while let Some(record) = replay.next_record() {
        places.push(record.unwrap().payload().as_ptr().addr());
    }
    // 144 bytes apart, as on disk: nothing was copied out of the piece that was read.
    assert!(places.windows(2).all(|pair| pair[1] == pair[0] + 144), "{places:?}");
    assert_eq!(places.len(), 500);
}

#[test]
fn a_record_of_a_sealed_segment_lies_in_the_mapped_file_however_it_was_read() {
    let (_directory, path) = place();
    several_segments(&path, 3);
    let reader = open(&path);
    for record in reader.scan(Seq::ZERO).take(12).map(Result::unwrap) {
        let again = reader.read(record.seq()).unwrap().unwrap();
        assert_eq!(again.payload().as_ptr(), record.payload().as_ptr(), "{record:?}");
    }
}

#[test]
fn records_that_are_kept_stay_what_they_are_while_the_scan_goes_on() {
    let (_directory, path) = place();
    let (wal, _) = Wal::open(&path, Options::new().create(true).segment_bytes(4 << 20)).unwrap();
    let payloads: Vec<_> = (0..3_000).map(payload).collect();
    for batch in payloads.chunks(100) {
        wal.append_batch(batch, Durability::Durable).unwrap();
    }
    let kept: Vec<_> = wal.reader().scan(Seq::ZERO).map(Result::unwrap).collect();
    assert!(kept.iter().map(Record::payload).eq(payloads.iter().map(Vec::as_slice)));
}
