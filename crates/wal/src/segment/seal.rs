//! Closing a segment off: cutting it behind its last commit and writing its footer.
//!
//! INVARIANT: nothing is written where a commit couldn't start. On media whose torn sectors lose what the write didn't
//! cover, a log's commit alignment keeps each write out of the sectors of the one before, and a footer is one more.
//!
//! Done in the background, off the commit path, from the bytes in the file rather than from memory: what is sealed
//! has been read back and checked. A segment that doesn't pass is left as it is, for verification to report.
//!
//! Sealing may stop anywhere: the footer is a function of what is already durable, so it is simply written again. The
//! trailer, by which a sealed segment is known, is written when all in front of it is durable: a trailer that is sound
//! stands behind a footer that was whole.

use std::path::Path;

use crate::fields::{in_memory, is_zero, on_disk};
use crate::planted::{Bug, planted};
use crate::segment::footer::{CommitEntry, FOOTER_MAGIC, FooterBuilder, TRAILER_BYTES, is_marked_as_footer};
use crate::segment::header::SegmentHeader;
use crate::segment::scan::{CommitFound, Place, Window, find_frame, read_commit};
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::storage::{OpenMode, Storage};
use crate::tail::Sealable;
use crate::torn;

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
    /// Where the last commit ends.
    pub(crate) data_end: u64,
    /// Where the footer starts. What lies between is zero.
    pub(crate) footer_offset: u64,
    pub(crate) footer: Vec<u8>,
}

/// How the bytes behind a segment's last commit compare to what sealing makes of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// They are that.
    Whole,
    /// Some bytes of the footer are still missing, or all.
    Partly,
    /// They are something else.
    Not,
}

impl Sealing {
    /// For a segment whose last commit ends at `data_end`, with the footer of these records and commits.
    pub(crate) fn new(header: &SegmentHeader, builder: &FooterBuilder, data_end: u64) -> Sealing {
        let footer_offset = header.commit_start(data_end);
        Sealing { data_end, footer_offset, footer: builder.encode(header, footer_offset) }
    }

    /// The length of padding and footer: of all that belongs behind the last commit.
    pub(crate) fn rest_bytes(&self) -> u64 {
        self.footer_offset - self.data_end + on_disk(self.footer.len())
    }

    /// Takes apart what was found behind the last commit: the padding, and what stands where the footer belongs.
    pub(crate) fn split<'a>(&self, found: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        found.split_at(found.len().min(in_memory(self.footer_offset - self.data_end)))
    }

    /// Judges all the bytes from the end of the last commit on.
    pub(crate) fn compare(&self, found: &[u8]) -> Sealed {
        let (padding, footer) = self.split(found);
        if !is_zero(padding) {
            Sealed::Not
        } else if footer == self.footer {
            Sealed::Whole
        } else if self.explains(footer) {
            Sealed::Partly
        } else {
            Sealed::Not
        }
    }

    /// Whether these bytes are what writing the footer can leave in its place when it is cut short: as it is, up to where
    /// they end, but for bytes that are still zero.
    fn explains(&self, found: &[u8]) -> bool {
        found.len() <= self.footer.len() && self.differing(found).all(|(_, byte)| byte == 0)
    }

    /// Whether these bytes are the whole footer but for a few bytes of its trailer. What lies where a trailer is being
    /// written has nothing in common with it, or is zero.
    pub(crate) fn is_nearly(&self, footer: &[u8]) -> bool {
        let trailer_at = self.footer.len() - TRAILER_BYTES;
        footer.len() == self.footer.len()
            && self.differing(footer).all(|(at, _)| at >= trailer_at)
            && self.differing(footer).any(|(_, byte)| byte != 0)
            && self.differing(footer).count() <= TRAILER_BYTES / 4
    }

    /// The bytes that aren't the footer's, and where in it.
    fn differing<'a>(&'a self, found: &'a [u8]) -> impl Iterator<Item = (usize, u8)> + 'a {
        let pairs = self.footer.iter().zip(found).enumerate();
        pairs.filter(|(_, (expected, found))| expected != found).map(|(at, (_, found))| (at, *found))
    }
}

/// Seals a segment, all of whose records are durable. One that is sealed already is left alone.
pub(crate) fn seal(
    storage: &dyn Storage,
    directory: &Path,
    ledger_id: LedgerId,
    sealable: Sealable,
) -> Result<(), SealError> {
    let Sealable { first_seq, end, again } = sealable;
    let segment = open_for_sealing(storage, directory, ledger_id, first_seq)?;
    // What is compressed was sealed, and durable before it got its name.
    if segment.header.compressed || (segment.trailer()?.is_some() && !again) {
        return Ok(());
    }
    let sealing = prepare(&segment, end)?;
    write_footer(storage, directory, &segment, &sealing)
}

/// Writes the right footer where a wrong or incomplete one is, or none. Returns whether there was anything to do.
pub(crate) fn reseal(
    storage: &dyn Storage,
    directory: &Path,
    ledger_id: LedgerId,
    sealable: Sealable,
) -> Result<bool, SealError> {
    let Sealable { first_seq, end, again } = sealable;
    let segment = open_for_sealing(storage, directory, ledger_id, first_seq)?;
    if segment.header.compressed {
        return Ok(false);
    }
    let sealing = prepare(&segment, end)?;
    if segment.file.length()? == sealing.data_end + sealing.rest_bytes() {
        let mut found = vec![0; in_memory(sealing.rest_bytes())];
        let read = segment.file.read_up_to(&mut found, sealing.data_end)?;
        found.truncate(read);
        if sealing.compare(&found) == Sealed::Whole {
            if again {
                write_footer(storage, directory, &segment, &sealing)?;
            }
            return Ok(false);
        }
        let (padding, _) = sealing.split(&found);
        if !is_zero(padding) {
            segment.file.write_all(&vec![0; padding.len()], sealing.data_end)?;
        }
    }
    write_footer(storage, directory, &segment, &sealing)?;
    Ok(true)
}

fn write_footer(
    storage: &dyn Storage,
    directory: &Path,
    segment: &Segment,
    sealing: &Sealing,
) -> Result<(), SealError> {
    let Sealing { data_end, footer_offset, footer } = sealing;
    clear_rest(storage, directory, segment, sealing)?;
    // CRASH: from here to the end, a segment with a part of its footer. It is sealed again at the next open.
    if segment.file.length()? != data_end + sealing.rest_bytes() {
        let cut_at = if planted(Bug::SealCutsTooMuch) { data_end - 8 } else { *footer_offset };
        segment.file.set_length(cut_at)?;
    }
    // One of the right length is corrected in place: a reader may have the file mapped.
    let (body, trailer) = footer.split_at(footer.len() - TRAILER_BYTES);
    segment.file.write_all(body, *footer_offset)?;
    if !planted(Bug::WriteFooterAtOnce) {
        segment.file.sync()?;
    }
    segment.file.write_all(trailer, footer_offset + on_disk(body.len()))?;
    Ok(segment.file.sync()?)
}

/// Sees to it that nothing stands behind the last commit that is lost when the footer is written: what isn't a footer,
/// whole, damaged or in part, was never acknowledged, and is kept aside.
fn clear_rest(
    storage: &dyn Storage,
    directory: &Path,
    segment: &Segment,
    sealing: &Sealing,
) -> Result<(), SealError> {
    let data_end = sealing.data_end;
    let mut window = Window::new(&segment.file, segment.file.length()?);
    let rest_bytes = window.data_end(data_end)? - data_end;
    if rest_bytes == 0 {
        return Ok(());
    }
    // A commit that isn't this segment's, because the next one starts before it.
    if find_frame(&mut window, &segment.header, data_end)?.is_some() {
        return Err(SealError::Unsound);
    }
    let length = rest_bytes.min(sealing.rest_bytes());
    let found = window.get(data_end, length)?.ok_or(SealError::Unsound)?;
    let (_, footer) = sealing.split(found);
    let explained =
        rest_bytes == length && (sealing.compare(found) != Sealed::Not || is_marked_as_footer(footer));
    if explained || footer.starts_with(&FOOTER_MAGIC) {
        return Ok(());
    }
    torn::keep(storage, directory, segment, data_end, rest_bytes)?;
    Ok(segment.file.set_length(sealing.footer_offset)?)
}

fn open_for_sealing(
    storage: &dyn Storage,
    directory: &Path,
    ledger_id: LedgerId,
    first_seq: Seq,
) -> Result<Segment, SealError> {
    Segment::open_stored(storage, directory, ledger_id, first_seq, OpenMode::Write).map_err(|error| {
        match error {
            SegmentError::Storage(error) => SealError::Storage(error),
            SegmentError::Damaged { .. }
            | SegmentError::NewerVersion { .. }
            | SegmentError::OtherLeafFunction { .. } => SealError::Unsound,
        }
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
    Ok(Sealing::new(&segment.header, &builder, place.offset))
}
