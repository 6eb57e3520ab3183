//! What decodes, what is refused, and what is still there of a damaged file.

use std::path::{Path, PathBuf};

use super::*;
use crate::leaf::Blake3Leaf;
use crate::testing::{append, contents, kill, place, restore, small};
use crate::{
    Durability, ReadError, Reader, ReaderOptions, SalvageOptions, VerifyOptions, Wal, salvage, verify,
};

fn block_header() -> BlockHeader {
    BlockHeader {
        content: Content::Commits(CommitState { frame_offset: 4096, rest_bytes: 48, commit_time_ns: -7 }),
        plain_offset: 5000,
        plain_bytes: 65536,
        first_seq: Seq::new(9),
        compressed_bytes: 1001,
        stripped_bytes: 4000,
        stored_crc: 1,
        plain_crc: 2,
    }
}

#[test]
fn a_block_header_is_decoded_as_it_was_encoded_at_its_own_place_alone() {
    let footer = BlockHeader { content: Content::Footer, ..block_header() };
    for header in [block_header(), footer] {
        assert_eq!(BlockHeader::decode(&header.encode(5), 5), Ok(header));
        assert!(matches!(BlockHeader::decode(&header.encode(5), 6), Err(Problem::Checksum { .. })));
    }
    let good = block_header().encode(5);
    for bit in 0..good.len() * 8 {
        let mut bad = good;
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(BlockHeader::decode(&bad, 5).is_err(), "bit {bit}");
    }
}

#[test]
fn lengths_that_no_block_has_are_refused_although_the_checksum_matches() {
    for impossible in [
        BlockHeader { plain_bytes: PLAIN_BYTES_MAX + 1, ..block_header() },
        BlockHeader { stripped_bytes: 65537, ..block_header() },
        BlockHeader { compressed_bytes: 2 * PLAIN_BYTES_MAX + 1, ..block_header() },
        BlockHeader { plain_offset: SEGMENT_BYTES_MAX + 1, ..block_header() },
        BlockHeader { first_seq: Seq::new(u64::MAX), ..block_header() },
    ] {
        assert!(BlockHeader::decode(&impossible.encode(5), 5).is_err(), "{impossible:?}");
    }
}

/// A compressed segment of several blocks and how many records it has, in a log that goes on behind it.
fn compressed_log(path: &Path) -> (PathBuf, u64) {
    let (wal, _) = Wal::open(path, small().segment_bytes(300 << 10)).unwrap();
    let mut records = 0;
    while wal.counters().sealed < 1 {
        append(&wal, records);
        let some: Vec<_> = (0..30_u64).map(|some| crate::testing::payload(records * 31 + some)).collect();
        wal.append_batch(&some, Durability::Durable).unwrap();
        records += 31;
    }
    let report = wal.compress(|_| ()).unwrap();
    assert_eq!((report.segments, report.left), (1, 0));
    let behind = wal.append(b"behind", Durability::Durable).unwrap();
    kill(wal);
    (path.join(crate::segment::name::segment_name(Seq::ZERO)), behind.seq.next().get())
}

/// The payloads that a reader shows, and nothing for those that are damaged.
fn shown(path: &Path, records: u64) -> Vec<Option<Vec<u8>>> {
    let reader = Reader::open(path, ReaderOptions::new()).unwrap();
    let read = |seq| match reader.read(Seq::new(seq)) {
        Ok(record) => Some(record.unwrap().payload().to_vec()),
        Err(ReadError::Damaged(damage)) => {
            assert!(damage.seq_from.get() <= seq && seq < damage.seq_to.get(), "{damage}");
            None
        }
        Err(error) => panic!("{error}"),
    };
    (0..records).map(read).collect()
}

/// The same, read in order.
fn scanned(path: &Path, records: u64) -> Vec<Option<Vec<u8>>> {
    let reader = Reader::open(path, ReaderOptions::new()).unwrap();
    let mut found = vec![None; usize::try_from(records).unwrap()];
    let mut replay = reader.replay(Seq::ZERO);
    while let Some(record) = replay.next_record() {
        match record {
            Ok(record) => {
                found[usize::try_from(record.seq().get()).unwrap()] = Some(record.payload().to_vec());
            }
            Err(ReadError::Damaged(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    found
}

#[test]
fn a_flipped_byte_costs_at_most_the_records_of_its_block_and_is_named_and_the_rest_can_be_salvaged() {
    let (folder, path) = place();
    let (segment, records) = compressed_log(&path);
    let (files, whole) = (contents(&path), shown(&path, records));
    assert!(whole.iter().all(Option::is_some));
    let bytes = std::fs::read(&segment).unwrap();
    let file = LogFileOf(&segment).open();
    let blocks = file::CompressedFile::open(file.0, &file.1, &file.2).unwrap().block_offsets();
    assert!(blocks.len() >= 5, "{} blocks", blocks.len());
    for at in (0..bytes.len()).step_by(331).chain(bytes.len() - 400..bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        std::fs::write(&segment, &flipped).unwrap();
        let report = verify(&path, &VerifyOptions::new()).unwrap();
        assert!(!report.damaged.is_empty(), "byte {at}");
        if at < HEADER_BYTES {
            continue;
        }
        for found in [shown(&path, records), scanned(&path, records)] {
            let lost = (0..records).filter(|seq| found[usize::try_from(*seq).unwrap()].is_none());
            let lost: Vec<u64> = lost.collect();
            for (found, whole) in found.iter().zip(&whole) {
                assert!(found.is_none() || found == whole, "byte {at}: another record is shown");
            }
            let in_block = blocks.iter().rposition(|(offset, _)| *offset <= at as u64).unwrap();
            let (_, first_seq) = blocks[in_block];
            let end = blocks.get(in_block + 1).map_or(Seq::new(records), |(_, next)| *next);
            assert!(
                lost.iter().all(|seq| (first_seq.get()..end.get()).contains(seq)),
                "byte {at}: {lost:?} are lost, {first_seq} to {end} at most may be"
            );
            for seq in lost {
                let is_named =
                    |damage: &crate::Damage| damage.seq_from.get() <= seq && seq < damage.seq_to.get();
                assert!(report.damaged.iter().any(is_named), "byte {at}, record {seq}: {report:?}");
            }
        }
        restore(&path, &files);
    }
    // Two blocks of three, and the header: what is left is copied.
    let mut flipped = bytes.clone();
    flipped[45] ^= 1;
    flipped[usize::try_from(blocks[1].0).unwrap() + 200] ^= 1;
    std::fs::write(&segment, &flipped).unwrap();
    let lost = blocks[2].1.get() - blocks[1].1.get();
    let to = folder.path().join("new");
    let report = salvage(&path, &to, &SalvageOptions::new()).unwrap();
    assert_eq!((report.records, report.unplaced_records), (records - lost, 0), "{report:?}");
}

/// A segment's file, its header, and how its leaves are made.
struct LogFileOf<'a>(&'a Path);

impl LogFileOf<'_> {
    fn open(
        &self,
    ) -> (crate::storage::file::LogFile, SegmentHeader, std::sync::Arc<dyn crate::leaf::LeafFunction>) {
        let mode = crate::OpenMode::Read;
        let file = crate::storage::file::LogFile::open(&crate::DiskStorage, self.0.to_owned(), mode).unwrap();
        let mut block = [0; HEADER_BYTES];
        file.read_up_to(&mut block, 0).unwrap();
        (file, SegmentHeader::decode(&block).unwrap(), std::sync::Arc::new(Blake3Leaf))
    }
}
