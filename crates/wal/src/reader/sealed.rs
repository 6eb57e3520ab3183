//! A sealed segment in memory: its mapped file, and what its footer says of it.
//!
//! INVARIANT: nothing of the footer is believed before all of it was checked, and no offset that it names is followed out
//! of the part of the file that commits lie in: a forged footer can name any.
//!
//! What lies at an offset is judged by whoever decodes it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::damage::Problem;
use crate::error::ReadError;
use crate::fields::{in_memory, on_disk};
use crate::map::Map;
use crate::segment::Segment;
use crate::segment::footer::{CommitEntry, Footer, TRAILER_BYTES, Trailer};
use crate::segment::header::SegmentHeader;
use crate::segment::scan::Place;
use crate::seq::Seq;

/// A mapped file that ends with a trailer.
pub(crate) struct SealedFile {
    map: Map,
    header: SegmentHeader,
    trailer: Trailer,
    /// Checked when it is first needed: reading in order never does. Without a sound one the records can still be found,
    /// one commit after the other.
    footer: OnceLock<Option<Footer>>,
}

impl SealedFile {
    /// Maps the segment, if it ends with a trailer and its storage maps.
    pub(super) fn of(segment: &Segment) -> Result<Option<Arc<SealedFile>>, ReadError> {
        if segment.trailer()?.is_none() {
            return Ok(None);
        }
        let map = segment.file.raw().map().map_err(|error| segment.file.error("map", error))?;
        let Some(map) = map else { return Ok(None) };
        // The file may have been replaced since: what counts is what was mapped.
        let (block, file_bytes) = (map.bytes().last_chunk::<TRAILER_BYTES>(), on_disk(map.bytes().len()));
        let trailer = block.and_then(|block| Trailer::decode(block, &segment.header, file_bytes).ok());
        let (header, footer) = (segment.header.clone(), OnceLock::new());
        Ok(trailer.map(|trailer| Arc::new(SealedFile { map, header, trailer, footer })))
    }

    /// All bytes of the file.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.map.bytes()
    }

    /// Has the system read these bytes of the file into its cache, without waiting for it.
    pub(super) fn read_ahead(&self, offset: usize, bytes: usize) {
        self.map.read_ahead(offset, bytes);
    }

    /// The first record after the segment's last one.
    pub(super) fn end(&self) -> Seq {
        self.header.first_seq.plus(self.trailer.records)
    }

    /// Where the footer starts: no commit reaches beyond.
    pub(super) fn commits_limit(&self) -> u64 {
        self.trailer.footer_offset
    }

    /// Whether there is a footer that says where records are.
    #[inline]
    pub(super) fn is_indexed(&self) -> bool {
        self.footer().is_some()
    }

    /// Where this record starts.
    #[inline]
    pub(super) fn record_offset(&self, seq: Seq) -> Result<u64, Problem> {
        let index = seq.since(self.header.first_seq);
        let named = self.footer().and_then(|footer| footer.record_offset(self.footer_bytes(), index));
        let (found, limit) = (named.unwrap_or(self.trailer.footer_offset), self.trailer.footer_offset);
        if found < limit {
            return Ok(found);
        }
        Err(Problem::Range { part: "footer", field: "record offset", min: 0, max: limit, found })
    }

    /// Where the commit starts that this record is in.
    pub(super) fn commit_place(&self, seq: Seq) -> Option<Place> {
        let CommitEntry { first_seq: seq, offset, .. } = self.commit_of(seq)?;
        (offset < self.trailer.footer_offset).then_some(Place { offset, seq, commit_time_ns: i64::MIN })
    }

    /// The first record of the commit behind the one that this record is in: the segment's end, if that is the last.
    pub(super) fn commit_after(&self, seq: Seq) -> Option<Seq> {
        Some(self.footer()?.commit_after(self.footer_bytes(), seq).unwrap_or(self.end()))
    }

    /// When the commit was written that this record of the segment is in, in nanoseconds since the Unix epoch.
    pub(crate) fn commit_time_ns(&self, seq: Seq) -> i64 {
        // Only a forged footer names no commit for a record that it has.
        self.commit_of(seq).map_or(self.trailer.last_commit_time_ns, |commit| commit.commit_time_ns)
    }

    fn commit_of(&self, seq: Seq) -> Option<CommitEntry> {
        if seq >= self.end() { None } else { self.footer()?.commit_of(self.footer_bytes(), seq) }
    }

    #[inline]
    fn footer(&self) -> Option<&Footer> {
        self.footer.get_or_init(|| self.check_footer()).as_ref()
    }

    #[cold]
    fn check_footer(&self) -> Option<Footer> {
        // All of it is checked before any of it is believed: a mebibyte, which is fetched in one go.
        self.map.read_ahead(in_memory(self.trailer.footer_offset), usize::MAX);
        Footer::check(self.trailer, self.footer_bytes(), &self.header).ok()
    }

    #[inline]
    fn footer_bytes(&self) -> &[u8] {
        self.trailer.footer_of(self.map.bytes())
    }
}

impl fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SealedFile { map, trailer, .. } = self;
        f.debug_struct("SealedFile").field("map", map).field("trailer", trailer).finish_non_exhaustive()
    }
}
