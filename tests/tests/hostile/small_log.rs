//! Small logs with everything in them that a log can have, and what each of their bytes is.
//!
//! The places are found by the layout that FORMAT.md fixes, not by the code under test.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use runledger_wal::{Background, Durability, Options, SEGMENT_BYTES_MIN, Wal};

use crate::sparse_storage::SparseStorage;

/// Where every log of these tests lies.
pub(crate) const DIRECTORY: &str = "/log";

const HEADER_BYTES: usize = 4096;
const FRAME_BYTES: usize = 64;
const RECORD_BYTES: usize = 40;
const TRAILER_BYTES: usize = 64;
const FOOTER_ROOM_BYTES: usize = 1024;

/// A log as it lies on a disk, and what was appended to it.
pub(crate) struct SmallLog {
    pub(crate) storage: SparseStorage,
    pub(crate) payloads: Vec<Vec<u8>>,
}

/// How its writer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Killed,
    Closed,
}

/// What a byte of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In a segment, and these records need it.
    Needed(Range<u64>),
    /// In a footer, which can be built again.
    Footer,
    /// Where a growing segment's footer will stand: a byte of it can't be told from one that is being written.
    FooterRoom,
    /// In space that nothing was written to yet.
    Unwritten,
    /// In a slot of the watermark.
    Slot,
    /// In no use: the spare, the lock's text, the rest of the watermark.
    Unused,
}

pub(crate) fn options(storage: &SparseStorage) -> Options {
    let options = Options::new().storage(Arc::new(storage.clone())).background(Background::Caller);
    options.segment_bytes(SEGMENT_BYTES_MIN)
}

impl SmallLog {
    /// A log of a sealed segment and one that grows: records alone and in batches, some of them empty.
    pub(crate) fn make(ending: Ending, commit_alignment_bytes: u32) -> SmallLog {
        let storage = SparseStorage::default();
        let options = options(&storage).create(true).commit_alignment_bytes(commit_alignment_bytes);
        let (wal, _) = Wal::open(Path::new(DIRECTORY), options).unwrap();
        let mut payloads = Vec::new();
        let mut payload = |number: u8| {
            let bytes = vec![number | 1; [0, 1, 150, 333][usize::from(number) % 4] + usize::from(number)];
            payloads.push(bytes.clone());
            bytes
        };
        let (mut number, mut sealed) = (0, 0);
        // And once more, so that the last segment has several commits.
        while sealed == 0 {
            sealed = wal.counters().sealed;
            wal.append(&payload(number), Durability::Durable).unwrap();
            let batch = [payload(number + 1), payload(number + 2), payload(number + 3)];
            wal.append_batch(&batch, Durability::Durable).unwrap();
            number += 4;
            while wal.tend() {}
        }
        let killed = storage.copy();
        wal.close().unwrap();
        let storage = if ending == Ending::Killed { killed } else { storage };
        SmallLog { storage, payloads }
    }

    /// What the bytes of each file are.
    pub(crate) fn places(&self) -> BTreeMap<String, Vec<Place>> {
        let files = self.storage.files();
        let named = |(name, bytes): (&String, &Vec<u8>)| {
            let places = match name.as_str() {
                "watermark" => {
                    let is_slot = |at: usize| at % 4096 < 128;
                    let place = |at| if is_slot(at) { Place::Slot } else { Place::Unused };
                    (0..bytes.len()).map(place).collect()
                }
                "lock" | "spare.wal" => vec![Place::Unused; bytes.len()],
                _ => segment_places(bytes),
            };
            (name.clone(), places)
        };
        files.iter().map(named).collect()
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().unwrap())
}

fn segment_places(bytes: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    let (first_seq, alignment) = (u64_at(bytes, 32), u32_at(bytes, 84) as usize);
    let (mut seq, mut at) = (first_seq, HEADER_BYTES);
    loop {
        let frame = at.next_multiple_of(alignment);
        if bytes.get(frame..frame + 4) != Some(b"RLCF") {
            break;
        }
        let (records, length) = (u64::from(u32_at(bytes, frame + 32)), u64_at(bytes, frame + 40));
        // The padding in front, and the frame.
        places.resize(frame + FRAME_BYTES, Place::Needed(seq..seq + records));
        at = frame + FRAME_BYTES;
        let commit_end = seq + records;
        for record in seq..commit_end {
            let payload = u32_at(bytes, at) as usize;
            // A wrong length makes those behind it in the commit doubtful, which is allowed and not asked for.
            places
                .resize((at + RECORD_BYTES + payload).next_multiple_of(8), Place::Needed(record..record + 1));
            at = places.len();
        }
        assert_eq!(at, frame + FRAME_BYTES + usize::try_from(length).unwrap());
        seq = commit_end;
    }
    places[..HEADER_BYTES].fill(Place::Needed(first_seq..seq));
    let sealed = bytes[bytes.len() - 8..] == *b"RLSEALED";
    if sealed {
        assert_eq!(u64_at(bytes, bytes.len() - TRAILER_BYTES), at.next_multiple_of(alignment) as u64);
    }
    if !sealed {
        places.resize(bytes.len().min(at + FOOTER_ROOM_BYTES), Place::FooterRoom);
    }
    places.resize(bytes.len(), if sealed { Place::Footer } else { Place::Unwritten });
    places
}
