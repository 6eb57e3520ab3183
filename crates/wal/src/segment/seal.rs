//! Closing a segment off: cutting it behind its last commit and writing its footer.
//!
//! Done in the background, off the commit path, from the bytes in the file rather than from memory: what is sealed
//! has been read back and checked. A segment that doesn't pass is left as it is, for verification to report.
//!
//! Sealing may stop anywhere: the footer is a function of what is already durable, so it is simply written again.

use std::path::Path;

use crate::fields::{in_memory, is_zero, on_disk};
use crate::planted::{Bug, planted};
use crate::segment::footer::{CommitEntry, FOOTER_MAGIC, FooterBuilder, is_marked_as_footer};
use crate::segment::scan::{CommitFound, Place, Window, find_frame, read_commit};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::storage::{OpenMode, Storage};

/// A device changes at least this much at once, or nothing of it.
const SECTOR_BYTES: u64 = 512;

/// Why a segment wasn't sealed.
#[derive(Debug)]
pub(crate) enum SealError {
    /// It can be tried again.
    Storage(StorageError),
    /// It isn't sound, and stays as it is. Verification says where.
    Unsound,
}

impl From<StorageError> for SealError {
    fn from(error: StorageError) -> SealError {
        SealError::Storage(error)
    }
}

/// What a segment's commits give: where they end, and the footer that belongs behind them.
pub(crate) struct Sealing {
    pub(crate) data_end: u64,
    pub(crate) footer: Vec<u8>,
}

impl Sealing {
    /// Whether these bytes behind the last commit are what writing the footer can leave when it is cut short: each
    /// sector of it is there or is zero. So bytes of another kind, or a footer that was damaged, never pass.
    pub(crate) fn explains(&self, offset: u64, found: &[u8]) -> bool {
        if offset != self.data_end || found.len() > self.footer.len() {
            return false;
        }
        let mut at = 0;
        while let Some(rest) = found.get(at..).filter(|rest| !rest.is_empty()) {
            let to_boundary = SECTOR_BYTES - (offset + on_disk(at)) % SECTOR_BYTES;
            let sector = rest.get(..in_memory(to_boundary)).unwrap_or(rest);
            let expected = self.footer.get(at..at + sector.len());
            if expected != Some(sector) && !is_zero(sector) {
                return false;
            }
            at += sector.len();
        }
        true
    }
}

/// Seals the segment, all of whose records before `end` are durable. One that is sealed already is left alone.
pub(crate) fn seal(
    storage: &dyn Storage,
    directory: &Path,
    ledger_id: LedgerId,
    first_seq: Seq,
    end: Seq,
) -> Result<(), SealError> {
    let segment = open_for_sealing(storage, directory, ledger_id, first_seq)?;
    if segment.trailer()?.is_some() {
        return Ok(());
    }
    let sealing = prepare(&segment, end)?;
    check_rest(&segment, &sealing)?;
    // CRASH: a segment without footer, or with the start of one, is sealed again at the next open.
    let data_end = if planted(Bug::SealCutsTooMuch) { sealing.data_end - 8 } else { sealing.data_end };
    segment.file.set_length(data_end)?;
    write_footer(&segment, &sealing)
}

/// Writes the right footer where a wrong or incomplete one is, or none. Returns whether there was anything to do.
pub(crate) fn reseal(
    storage: &dyn Storage,
    directory: &Path,
    ledger_id: LedgerId,
    first_seq: Seq,
    end: Seq,
) -> Result<bool, SealError> {
    let segment = open_for_sealing(storage, directory, ledger_id, first_seq)?;
    let sealing = prepare(&segment, end)?;
    check_rest(&segment, &sealing)?;
    let (rest_bytes, footer_bytes) =
        (segment.file.length()?.saturating_sub(sealing.data_end), sealing.footer.len());
    if rest_bytes == on_disk(footer_bytes) {
        let mut found = vec![0; footer_bytes];
        if segment.file.read_up_to(&mut found, sealing.data_end)? == footer_bytes && found == sealing.footer {
            return Ok(false);
        }
    } else {
        segment.file.set_length(sealing.data_end)?;
    }
    // A footer of the right length is corrected in place: a reader may have the file mapped.
    write_footer(&segment, &sealing)?;
    Ok(true)
}

/// Refuses to write over what stands behind the last commit, unless it is nothing, a part of the footer that belongs
/// there, or a damaged one. Whatever else it is, verification shows it, and nobody destroys it.
fn check_rest(segment: &Segment, sealing: &Sealing) -> Result<(), SealError> {
    let Sealing { data_end, footer } = sealing;
    let mut window = Window::new(&segment.file, segment.file.length()?);
    let rest_bytes = window.data_end(*data_end)? - data_end;
    if rest_bytes == 0 {
        return Ok(());
    }
    // A commit that isn't this segment's, because the next one starts before it.
    if find_frame(&mut window, &segment.header, *data_end)?.is_some() {
        return Err(SealError::Unsound);
    }
    let length = rest_bytes.min(on_disk(footer.len()));
    let found = window.get(*data_end, length)?.ok_or(SealError::Unsound)?;
    let explained =
        rest_bytes == length && (sealing.explains(*data_end, found) || is_marked_as_footer(found));
    if explained || found.starts_with(&FOOTER_MAGIC) { Ok(()) } else { Err(SealError::Unsound) }
}

fn write_footer(segment: &Segment, sealing: &Sealing) -> Result<(), SealError> {
    segment.file.write_all(&sealing.footer, sealing.data_end)?;
    Ok(segment.file.sync()?)
}

fn open_for_sealing(
    storage: &dyn Storage,
    directory: &Path,
    ledger_id: LedgerId,
    first_seq: Seq,
) -> Result<Segment, SealError> {
    Segment::open(storage, directory, ledger_id, first_seq, OpenMode::Write).map_err(|error| match error {
        SegmentError::Storage(error) => SealError::Storage(error),
        SegmentError::Damaged { .. } | SegmentError::NewerVersion { .. } => SealError::Unsound,
    })
}

/// Reads the segment's commits up to `end` and makes its footer.
pub(crate) fn prepare(segment: &Segment, end: Seq) -> Result<Sealing, SealError> {
    let mut window = Window::new(&segment.file, segment.file.length()?);
    let mut builder = FooterBuilder::new(segment.header.first_seq);
    let mut place = Place::start_of(&segment.header);
    while place.seq < end {
        let mut add = |offset, leaf| builder.add_record(offset, leaf);
        match read_commit(&mut window, &segment.header, place, &mut add)? {
            CommitFound::Sound(commit) => {
                builder.add_commit(CommitEntry {
                    first_seq: commit.frame.first_seq,
                    commit_time_ns: commit.frame.commit_time_ns,
                    offset: commit.offset,
                });
                place = commit.place_after();
            }
            CommitFound::Blank | CommitFound::Bad { .. } => return Err(SealError::Unsound),
        }
    }
    Ok(Sealing { data_end: place.offset, footer: builder.encode(&segment.header, place.offset) })
}
