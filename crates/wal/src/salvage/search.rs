//! Looking for records where nothing says that there are any.
//!
//! A record starts at a multiple of eight bytes, and its CRC and its leaf tell it from anything else. What a payload
//! happens to hold can look like one too, so what is found here is never given an old number.

use crate::record::{RECORD_ALIGNMENT_BYTES, RECORD_HEADER_BYTES, RecordHeader};
use crate::salvage::report::{SalvageFinding, Trouble};
use crate::salvage::walk::{Walk, payload_of};
use crate::segment::scan::{Walked, read_record};
use crate::storage::file::StorageError;

/// How often over a stretch may be read in search of long records, so that no file makes the search endless.
const SEARCH_TIMES_MAX: u64 = 16;

/// What may be read in search of long records however short the stretch.
const SEARCH_BYTES_LEAST: u64 = 256 << 20;

/// Records up to this length are found however much was searched.
const SHORT_RECORD_BYTES: u64 = 4 << 10;

/// How much goes into one commit of the new log.
const COMMIT_BYTES: u64 = 4 << 20;

/// A search, with what it may still cost.
#[derive(Debug)]
pub(super) struct Search {
    to: u64,
    bytes_left: u64,
    pub(super) was_cut_short: bool,
}

impl Search {
    pub(super) fn over(from: u64, to: u64) -> Search {
        let bytes_left = to.saturating_sub(from).saturating_mul(SEARCH_TIMES_MAX).max(SEARCH_BYTES_LEAST);
        Search { to, bytes_left, was_cut_short: false }
    }
}

impl Walk<'_, '_> {
    /// The sound record that starts here, if one does.
    pub(super) fn try_record(
        &mut self,
        search: &mut Search,
        at: u64,
    ) -> Result<Option<RecordHeader>, StorageError> {
        let block = self.window.get(at, RECORD_HEADER_BYTES as u64)?.and_then(<[u8]>::first_chunk);
        let Some(Ok(header)) = block.map(RecordHeader::decode) else { return Ok(None) };
        let bytes = header.total_bytes();
        if search.to.checked_sub(at).is_none_or(|room| bytes > room) {
            return Ok(None);
        }
        if bytes > SHORT_RECORD_BYTES {
            let Some(left) = search.bytes_left.checked_sub(bytes) else {
                search.was_cut_short = true;
                return Ok(None);
            };
            search.bytes_left = left;
        }
        let leaf_function = &*self.salvage.options.leaf_function;
        Ok(match read_record(&mut self.window, at, search.to, Some(leaf_function))? {
            Walked::Sound(record) => Some(record),
            Walked::Bad { .. } | Walked::Lost(_) => None,
        })
    }

    /// Copies every sound record that is found between two offsets, without a number.
    pub(super) fn copy_unplaced(
        &mut self,
        from: u64,
        to: u64,
        commit_time_ns: i64,
    ) -> Result<(), StorageError> {
        let mut search = Search::over(from, to);
        let (mut at, mut run_end) = (from.next_multiple_of(RECORD_ALIGNMENT_BYTES), None);
        while at < to {
            let Some(record) = self.try_record(&mut search, at)? else {
                at += RECORD_ALIGNMENT_BYTES;
                continue;
            };
            if self.salvage.copy.pending_bytes() >= COMMIT_BYTES {
                self.salvage.copy.commit(Some(commit_time_ns))?;
            }
            let payload = payload_of(&mut self.window, at, &record)?;
            let new = self.salvage.copy.push(&record, payload);
            self.salvage.report.note_unplaced(&self.volume.name, at, new, run_end == Some(at));
            at += record.total_bytes();
            run_end = Some(at);
        }
        if search.was_cut_short {
            self.salvage.report.gap(SalvageFinding {
                file: self.volume.name.clone(),
                seqs: None,
                offset: from,
                bytes: to.saturating_sub(from),
                trouble: Trouble::SearchGivenUp,
            });
        }
        self.salvage.copy.commit(Some(commit_time_ns))
    }
}
