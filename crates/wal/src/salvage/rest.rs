//! The end of a segment: the footer, as far as it can be relied on, and what stands where nothing should.

use crate::damage::Problem;
use crate::fields::{in_memory, on_disk};
use crate::salvage::walk::Walk;
use crate::segment::Segment;
use crate::segment::footer::{CommitEntry, Footer, Trailer, is_marked_as_footer};
use crate::segment::scan::{Place, Window};
use crate::segment::seal::{Sealed, prepare};
use crate::seq::Seq;
use crate::storage::file::StorageError;

/// A longer footer isn't kept in memory; the segment is then read without it.
const FOOTER_BYTES_MAX: u64 = 64 << 20;

/// How long the marks of a footer are.
const MARK_BYTES: u64 = 8;

/// What a segment's own end says.
#[derive(Debug, Default)]
pub(super) struct KnownFooter {
    pub(super) trailer: Option<Trailer>,
    /// The footer, if its checksum matches, and its bytes.
    sound: Option<(Footer, Vec<u8>)>,
    problem: Option<Problem>,
}

impl KnownFooter {
    /// Reads the footer of a segment that has one.
    pub(super) fn read(segment: &Segment) -> Result<KnownFooter, StorageError> {
        let Some(trailer) = segment.trailer()? else { return Ok(KnownFooter::default()) };
        let bytes = segment.file.length()?.saturating_sub(trailer.footer_offset);
        let mut known = KnownFooter { trailer: Some(trailer), ..KnownFooter::default() };
        if bytes <= FOOTER_BYTES_MAX {
            let mut footer = vec![0; in_memory(bytes)];
            let read = segment.file.read_up_to(&mut footer, trailer.footer_offset)?;
            footer.truncate(read);
            match Footer::check(trailer, &footer, &segment.header) {
                Ok(sound) => known.sound = Some((sound, footer)),
                Err(problem) => known.problem = Some(problem),
            }
        }
        Ok(known)
    }

    /// Whether it says where each record lies.
    pub(super) fn is_sound(&self) -> bool {
        self.sound.is_some()
    }

    /// Where this record lies, and the commit that it belongs to.
    pub(super) fn place_of(&self, first_seq: Seq, seq: Seq) -> Option<(u64, CommitEntry)> {
        let (footer, bytes) = self.sound.as_ref()?;
        let offset = footer.record_offset(bytes, seq.get().checked_sub(first_seq.get())?)?;
        Some((offset, footer.commit_of(bytes, seq)?))
    }
}

impl Walk<'_, '_> {
    /// Says what follows the last commit that is taken, if it is anything that shouldn't be there.
    pub(super) fn judge_rest(&mut self, place: Place) -> Result<(), StorageError> {
        let file_bytes = self.segment.file.length()?;
        let from = place.offset.min(file_bytes);
        let end = self.segment.header.commit_start(place.offset);
        if self.footer.trailer.is_some_and(|trailer| trailer.footer_offset == end) {
            if let Some(problem) = self.footer.problem.take() {
                self.remark(from, file_bytes - from, problem);
            }
            return Ok(());
        }
        let data_end = Window::new(&self.segment.file, file_bytes).data_end(from)?;
        if data_end == from || self.is_footer(place, data_end)? {
            return Ok(());
        }
        let bytes = data_end - from;
        self.salvage.report.torn_tail_bytes += bytes;
        self.remark(from, bytes, Problem::NotZero { part: "segment", field: "the unwritten rest" });
        Ok(())
    }

    /// Whether what stands there is a footer, whole or a part of it. One that is damaged is remarked upon.
    fn is_footer(&mut self, place: Place, data_end: u64) -> Result<bool, StorageError> {
        let mark = |at: u64| -> Result<Vec<u8>, StorageError> {
            let mut mark = vec![0; in_memory(MARK_BYTES)];
            let read = self.segment.file.read_up_to(&mut mark, at)?;
            mark.truncate(read);
            Ok(mark)
        };
        let first = mark(self.segment.header.commit_start(place.offset))?;
        let last = mark(data_end.saturating_sub(MARK_BYTES))?;
        if !is_marked_as_footer(&first) && !is_marked_as_footer(&last) {
            return Ok(false);
        }
        let bytes = data_end - place.offset;
        match prepare(self.segment, place.seq) {
            Ok(sealing) if bytes <= sealing.rest_bytes() => {
                let mut found = vec![0; in_memory(bytes)];
                self.segment.file.read_up_to(&mut found, place.offset)?;
                if sealing.compare(&found) == Sealed::Not {
                    let (_, footer) = sealing.split(&found);
                    let differs =
                        footer.iter().zip(&sealing.footer).position(|(found, right)| found != right);
                    let at = differs.map_or(bytes, on_disk);
                    self.remark(place.offset, bytes, Problem::FooterDiffers { at });
                }
                Ok(true)
            }
            // Of commits that are damaged nobody knows what their footer should say.
            Ok(_) | Err(_) => Ok(is_marked_as_footer(&first)),
        }
    }
}
