//! The segments of a log as pieces of work, each of which can be checked without the others.

use std::cell::Cell;
use std::path::Path;

use crate::damage::Damage;
use crate::error::VerifyError;
use crate::segment::header::FORMAT_VERSION;
use crate::segment::name::segment_name;
use crate::segment::{Segment, SegmentError};
use crate::seq::{LedgerId, Seq};
use crate::storage::file::StorageError;
use crate::sync::Mutex;
use crate::verify::segment::{Checked, Extent, check_segment};
use crate::verify::{VerifyCallback, VerifyOptions, VerifyProgress};
use crate::watermark::Watermark;

/// One segment and what is known of it in advance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    pub(super) first_seq: Seq,
    pub(super) extent: Extent,
    /// The ledger that it must belong to, if that is known.
    ledger_id: Option<LedgerId>,
}

/// What came of a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// Its header isn't sound.
    Unusable(Damage),
    /// It was checked.
    Checked(Checked),
}

/// The segments of a log up to the watermark.
pub(super) struct Pieces<'a> {
    directory: &'a Path,
    options: &'a VerifyOptions,
    list: Vec<Piece>,
    progress: Progress,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(
        directory: &'a Path,
        options: &'a VerifyOptions,
        segments: &[Seq],
        mark: Option<&Watermark>,
        bytes_total: u64,
    ) -> Pieces<'a> {
        let in_mark = |first_seq: &Seq| mark.is_none_or(|mark| mark.offset > 0 && *first_seq <= mark.segment);
        let mut segments = segments.iter().copied().filter(in_mark).peekable();
        let (mut list, mut ledger_id) = (Vec::new(), mark.map(|mark| mark.ledger_id));
        while let Some(first_seq) = segments.next() {
            let extent = match (segments.peek(), mark) {
                (Some(next), _) => Extent::UpTo(*next),
                (None, Some(mark)) if mark.segment == first_seq => Extent::Marked(*mark),
                // What should follow is missing, and is reported for itself.
                (None, _) => Extent::Open,
            };
            list.push(Piece { first_seq, extent, ledger_id });
            if ledger_id.is_none() {
                // Without a watermark the first segment that is sound says which ledger this is.
                let opened =
                    Segment::open_any(&*options.storage, directory, None, first_seq, &options.leaf_function);
                ledger_id = opened.ok().map(|segment| segment.header.ledger_id);
            }
        }
        let progress =
            Progress { done: Mutex::new(0), total: bytes_total, callback: options.progress.clone() };
        Pieces { directory, options, list, progress }
    }

    pub(super) fn list(&self) -> &[Piece] {
        &self.list
    }

    /// Checks a segment.
    pub(super) fn check(&self, piece: &Piece) -> Result<Found, VerifyError> {
        let Piece { first_seq, extent, ledger_id } = *piece;
        let name = segment_name(first_seq);
        let (storage, leaf_function) = (&*self.options.storage, &self.options.leaf_function);
        let segment = match Segment::open_any(storage, self.directory, ledger_id, first_seq, leaf_function) {
            Ok(segment) => segment,
            Err(SegmentError::Storage(error)) => return Err(error.into()),
            Err(SegmentError::NewerVersion { found, .. }) => {
                let (path, known) = (self.directory.join(name), FORMAT_VERSION);
                return Err(VerifyError::NewerVersion { path, found, known });
            }
            Err(SegmentError::OtherLeafFunction { found, given }) => {
                return Err(VerifyError::OtherLeafFunction { found, given });
            }
            Err(SegmentError::Damaged { offset, problem }) => {
                let seq_to = extent.end().unwrap_or(first_seq);
                let damage = Damage { segment: name, seq_from: first_seq, seq_to, offset, problem };
                return Ok(Found::Unusable(damage));
            }
        };
        let (found, given) = (segment.header.leaf_function, self.options.leaf_function.id());
        if found != given {
            return Err(VerifyError::OtherLeafFunction { found, given });
        }
        let (extent, reported) = (shorten(extent, &segment)?, Cell::new(0));
        let progress = |bytes: u64| self.progress.report(&reported, bytes);
        check_segment(&segment, extent, &*self.options.leaf_function, &progress)
            .map(Found::Checked)
            .map_err(VerifyError::from)
    }
}

/// How far all threads together are.
struct Progress {
    done: Mutex<u64>,
    total: u64,
    callback: Option<VerifyCallback>,
}

impl Progress {
    /// Takes note that so many bytes of a segment are done, of which so many were reported before.
    fn report(&self, reported: &Cell<u64>, bytes: u64) {
        let Some(callback) = &self.callback else { return };
        let more = bytes.saturating_sub(reported.get());
        reported.set(reported.get().max(bytes));
        // Under the lock, so that nobody hears of less than before.
        let mut done = self.done.lock();
        *done = done.saturating_add(more);
        callback(VerifyProgress { bytes_done: *done, bytes_total: self.total });
    }
}

/// A sealed segment that ends before the next one that there is hasn't lost anything: the one in between is missing.
fn shorten(extent: Extent, segment: &Segment) -> Result<Extent, StorageError> {
    let Extent::UpTo(next) = extent else { return Ok(extent) };
    let end =
        segment.trailer()?.map(|trailer| segment.header.first_seq.get().saturating_add(trailer.records));
    Ok(Extent::UpTo(end.map_or(next, |end| next.min(Seq::new(end)))))
}
