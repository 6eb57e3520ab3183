//! Between a stretch of commits and what is stored of it.
//!
//! Format: FORMAT.md#compressed-segment
//!
//! Stored are frames, and of each record its length and payload. Leaf, checksum and padding of a record follow from these, and
//! so do the two checksums of a frame whose commit ends in the same block: they are zero in what is stored. All of it follows
//! from the bytes alone, so nothing has to say what was left out.

use std::sync::Arc;

use crate::damage::Problem;
use crate::fields::{in_memory, on_disk, put, u32_at, u64_at};
use crate::frame::FRAME_BYTES;
use crate::leaf::LeafFunction;
use crate::record::{RECORD_BYTES_MAX, RECORD_HEADER_BYTES, RecordHeader, record_bytes};
use crate::segment::compressed::CommitState;
use crate::segment::header::SegmentHeader;

const LENGTH_BYTES: usize = 4;

/// Where a frame names the length of its commit's records, and where its two checksums stand.
const FRAME_RECORDS_BYTES_AT: usize = 40;
const FRAME_RECORDS_CRC_AT: usize = 52;
const FRAME_CRC_AT: usize = 60;

/// What can be wrong with what was stored although its checksum matches.
const IMPOSSIBLE: Problem =
    Problem::Foreign { reason: "a compressed block holds something else than commits" };

/// A frame as it is stored. `whole`: all of its commit lies in the same block.
pub(crate) fn strip_frame(frame: &[u8; FRAME_BYTES], whole: bool, stripped: &mut Vec<u8>) {
    let mut frame = *frame;
    if whole {
        put(&mut frame, FRAME_RECORDS_CRC_AT, &[0; 4]);
        put(&mut frame, FRAME_CRC_AT, &[0; 4]);
    }
    stripped.extend_from_slice(&frame);
}

/// A record as it is stored.
pub(crate) fn strip_record(payload_bytes: u32, payload: &[u8], stripped: &mut Vec<u8>) {
    stripped.extend_from_slice(&payload_bytes.to_le_bytes());
    stripped.extend_from_slice(payload);
}

/// Makes plain images of what is stored.
#[derive(Clone)]
pub(crate) struct Restorer {
    pub(crate) header: SegmentHeader,
    pub(crate) leaf_function: Arc<dyn LeafFunction>,
}

impl std::fmt::Debug for Restorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Restorer").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A frame whose commit ends in the block that is being restored.
struct OpenFrame {
    /// Where it stands in the plain bytes.
    at: usize,
    seed: u32,
    records_crc: u32,
}

impl Restorer {
    /// The stretch of the plain image that starts at `offset`, is `bytes` long, and was stored as `stripped`.
    pub(crate) fn restore(
        &self,
        stripped: &[u8],
        state: CommitState,
        offset: u64,
        bytes: u64,
    ) -> Result<Vec<u8>, Problem> {
        let mut plain = Vec::with_capacity(in_memory(bytes));
        let (mut stored, mut rest_bytes, mut frame) = (stripped, state.rest_bytes, None);
        while on_disk(plain.len()) < bytes {
            if rest_bytes == 0 {
                let at = offset + on_disk(plain.len());
                let start = self.header.commit_start(at);
                plain.resize(plain.len() + in_memory(start - at), 0);
                let block: &[u8; FRAME_BYTES] =
                    take(&mut stored, FRAME_BYTES)?.first_chunk().ok_or(IMPOSSIBLE)?;
                rest_bytes = u64_at(block, FRAME_RECORDS_BYTES_AT);
                let end = (start - offset)
                    .checked_add(FRAME_BYTES as u64)
                    .and_then(|at| at.checked_add(rest_bytes));
                let seed = self.header.seed(start);
                let whole = end.is_some_and(|end| end <= bytes);
                frame = whole.then_some(OpenFrame { at: plain.len(), seed, records_crc: seed });
                plain.extend_from_slice(block);
            } else {
                let room = bytes - on_disk(plain.len());
                let header = self.restore_record(&mut stored, rest_bytes.min(room), &mut plain)?;
                rest_bytes -= header.total_bytes();
                if let Some(frame) = &mut frame {
                    frame.records_crc = crc32c::crc32c_append(frame.records_crc, &header.crc.to_le_bytes());
                }
            }
            if rest_bytes == 0
                && let Some(frame) = frame.take()
            {
                frame.close(&mut plain);
            }
        }
        if stored.is_empty() && on_disk(plain.len()) == bytes { Ok(plain) } else { Err(IMPOSSIBLE) }
    }

    fn restore_record(
        &self,
        stored: &mut &[u8],
        room: u64,
        plain: &mut Vec<u8>,
    ) -> Result<RecordHeader, Problem> {
        let payload_bytes = u32_at(take(stored, LENGTH_BYTES)?, 0);
        if payload_bytes > RECORD_BYTES_MAX || record_bytes(payload_bytes) > room {
            return Err(IMPOSSIBLE);
        }
        let payload = take(stored, in_memory(u64::from(payload_bytes)))?;
        let header = RecordHeader::of(payload, &*self.leaf_function).map_err(|_| IMPOSSIBLE)?;
        plain.extend_from_slice(&header.encode());
        plain.extend_from_slice(payload);
        plain.resize(plain.len() + header.padding_bytes(), 0);
        Ok(header)
    }
}

impl OpenFrame {
    /// Gives the frame its checksums.
    fn close(self, plain: &mut [u8]) {
        let frame = plain.get_mut(self.at..self.at + FRAME_BYTES).unwrap_or_default();
        put(frame, FRAME_RECORDS_CRC_AT, &self.records_crc.to_le_bytes());
        let crc = crc32c::crc32c_append(self.seed, crate::fields::part(frame, 0..FRAME_CRC_AT));
        put(frame, FRAME_CRC_AT, &crc.to_le_bytes());
    }
}

fn take<'a>(stored: &mut &'a [u8], bytes: usize) -> Result<&'a [u8], Problem> {
    let (taken, rest) = stored.split_at_checked(bytes).ok_or(IMPOSSIBLE)?;
    *stored = rest;
    Ok(taken)
}

/// Where a record lies in the plain bytes of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlacedRecord {
    pub(crate) at: usize,
    pub(crate) commit_time_ns: i64,
    /// Where its commit's frame stands in the plain image.
    pub(crate) frame_offset: u64,
}

/// The place of the record so many behind the first that starts in these plain bytes, which a block holds that starts so.
pub(crate) fn place_of_record(
    header: &SegmentHeader,
    plain: &[u8],
    offset: u64,
    state: CommitState,
    index: u64,
) -> Option<PlacedRecord> {
    let (mut at, mut left) = (0_usize, index);
    let CommitState { mut frame_offset, mut rest_bytes, mut commit_time_ns } = state;
    loop {
        if rest_bytes == 0 {
            frame_offset = header.commit_start(offset + on_disk(at));
            at = in_memory(frame_offset - offset);
            let frame = plain.get(at..at + FRAME_BYTES)?;
            (rest_bytes, commit_time_ns) =
                (u64_at(frame, FRAME_RECORDS_BYTES_AT), crate::fields::i64_at(frame, 24));
            at += FRAME_BYTES;
            continue;
        }
        let block = plain.get(at..at + RECORD_HEADER_BYTES)?;
        if left == 0 {
            return Some(PlacedRecord { at, commit_time_ns, frame_offset });
        }
        let total = record_bytes(u32_at(block, 0).min(RECORD_BYTES_MAX));
        (at, left) = (at + in_memory(total), left - 1);
        rest_bytes = rest_bytes.checked_sub(total)?;
    }
}
