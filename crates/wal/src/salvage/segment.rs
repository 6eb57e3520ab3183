//! One segment of the old log: opening it, what is known of its end, and what to do about a header that isn't sound.

use crate::damage::Problem;
use crate::salvage::Salvage;
use crate::salvage::fill::Stretch;
use crate::salvage::patient::{Unreadable, open_patiently};
use crate::salvage::report::{SalvageFinding, Trouble};
use crate::salvage::rest::KnownFooter;
use crate::salvage::survey::Volume;
use crate::salvage::walk::{Ending, Walk};
use crate::segment::header::{COMMIT_ALIGNMENT_BYTES_MIN, HEADER_END};
use crate::segment::name::segment_name;
use crate::segment::scan::{Place, Window, find_frame};
use crate::segment::{Segment, SegmentError};
use crate::seq::Seq;
use crate::storage::file::StorageError;

impl Salvage<'_> {
    /// Copies what a segment holds. `next` is where the one behind it starts.
    pub(super) fn copy_volume(&mut self, volume: &Volume, next: Option<Seq>) -> Result<(), StorageError> {
        let path = self.directory.join(&volume.name);
        let (file, unreadable) = match open_patiently(&*self.options.storage, &path, &self.bytes_read) {
            Ok(opened) => opened,
            Err(error) => {
                // It could be opened a moment ago. The records are reported by their numbers when the next one comes.
                self.remark(volume, 0, Trouble::Unreadable(error));
                return Ok(());
            }
        };
        let mut segment = Segment { file, header: volume.header.clone(), compressed: None };
        if volume.header.compressed {
            segment = self.shown(segment)?;
        }
        self.note_neighbours(volume);
        match &volume.header_problem {
            None => self.walk(volume, &segment, &unreadable, next)?,
            Some(problem) if self.was_never_acknowledged(volume) => {
                self.set_aside(volume, &segment, problem)?;
            }
            Some(problem) if prove_nonce(&mut segment)? => {
                self.remark(volume, HEADER_END, Trouble::Damaged(problem.clone()));
                self.walk(volume, &segment, &unreadable, next)?;
            }
            Some(problem) => self.search_all(volume, &segment, &unreadable, next, problem)?,
        }
        for finding in unreadable.findings(&volume.name) {
            self.report.remarks.push(finding);
        }
        Ok(())
    }

    /// A compressed segment as it was before.
    fn shown(&self, segment: Segment) -> Result<Segment, StorageError> {
        match segment.clone().shown(&self.options.leaf_function) {
            Ok(shown) => Ok(shown),
            Err(SegmentError::Storage(error)) => Err(error),
            // Refused before anything was written: see the survey.
            Err(_) => Ok(segment),
        }
    }

    /// Reports a hole before this segment, or that it begins where another one hasn't ended.
    fn note_neighbours(&mut self, volume: &Volume) {
        let first_seq = volume.header.first_seq;
        if first_seq > self.next {
            self.miss(segment_name(self.next), first_seq);
        } else if first_seq < self.next {
            let reason = "its first records stand in another segment too";
            self.remark(volume, 0, Trouble::Damaged(Problem::Foreign { reason }));
        }
    }

    fn walk(
        &mut self,
        volume: &Volume,
        segment: &Segment,
        unreadable: &Unreadable,
        next: Option<Seq>,
    ) -> Result<(), StorageError> {
        let footer = KnownFooter::read(segment)?;
        let limit = match footer.trailer {
            Some(trailer) => trailer.footer_offset,
            None => segment.file.length()?,
        };
        let (ending, window) = (self.ending(segment, &footer, next), Window::new(&segment.file, limit));
        Walk { salvage: self, volume, segment, unreadable, window, footer, ending, durable_within: None }
            .run()
    }

    /// What is known of a segment's end.
    fn ending(&self, segment: &Segment, footer: &KnownFooter, next: Option<Seq>) -> Ending {
        let first_seq = segment.header.first_seq;
        let mark = self.mark.filter(|mark| mark.offset > 0 && mark.segment == first_seq);
        let marked = mark.map(|mark| Place {
            offset: mark.offset,
            seq: mark.seq,
            commit_time_ns: mark.commit_time_ns,
        });
        let sealed = footer.trailer.map(|trailer| Place {
            offset: trailer.footer_offset,
            seq: Seq::new(first_seq.get().saturating_add(trailer.records)),
            commit_time_ns: trailer.last_commit_time_ns,
        });
        // A sealed segment that ends before the next one that there is has lost nothing: one is missing between them.
        let seq = match (sealed, next) {
            (Some(sealed), Some(next)) => Some(sealed.seq.min(next)),
            (Some(sealed), None) => Some(sealed.seq),
            (None, next) => next,
        };
        let least = marked.map_or(Seq::ZERO, |marked| marked.seq);
        Ending { seq, place: sealed.filter(|sealed| Some(sealed.seq) == seq).or(marked), least }
    }

    /// Whether a segment with a bad header is one that recovery would set aside: nobody was told of what it holds.
    fn was_never_acknowledged(&self, volume: &Volume) -> bool {
        self.mark.is_some() && volume.header.first_seq >= self.acknowledged_end
    }

    fn set_aside(
        &mut self,
        volume: &Volume,
        segment: &Segment,
        problem: &Problem,
    ) -> Result<(), StorageError> {
        let data_end = Window::new(&segment.file, segment.file.length()?).data_end(0)?;
        self.report.torn_tail_bytes += data_end.saturating_sub(HEADER_END);
        self.remark(volume, data_end, Trouble::Damaged(problem.clone()));
        Ok(())
    }

    /// Without header and nonce no frame can be told from noise: whatever is a record is copied, without its number.
    fn search_all(
        &mut self,
        volume: &Volume,
        segment: &Segment,
        unreadable: &Unreadable,
        next: Option<Seq>,
        problem: &Problem,
    ) -> Result<(), StorageError> {
        let limit = segment.file.length()?;
        let end = next.or(self.mark.map(|mark| mark.seq)).filter(|end| *end > volume.header.first_seq);
        if let Some(end) = end.filter(|end| self.next < *end) {
            let (seqs, trouble) = (Some(self.next..end), problem.clone().into());
            let file = volume.name.clone();
            self.report.gap(SalvageFinding { file, seqs, offset: 0, bytes: limit, trouble });
            self.next = end;
        }
        let stretch = Stretch {
            from: HEADER_END.min(limit),
            to: limit,
            seqs: None,
            ends_exactly: false,
            frame: None,
            commit_time_ns: segment.header.created_ns,
            trouble: (0, problem.clone()),
        };
        let window = Window::new(&segment.file, limit);
        let (footer, ending) = (KnownFooter::default(), Ending::default());
        let mut walk =
            Walk { salvage: self, volume, segment, unreadable, window, footer, ending, durable_within: None };
        match end {
            Some(_) => walk.copy_unplaced(stretch.from, stretch.to, stretch.commit_time_ns),
            None => walk.fill(&stretch),
        }
    }

    fn remark(&mut self, volume: &Volume, bytes: u64, trouble: Trouble) {
        let file = volume.name.clone();
        self.report.remarks.push(SalvageFinding { file, seqs: None, offset: 0, bytes, trouble });
    }
}

/// Whether the nonce that stands in a bad header is the right one: a frame that passes with it proves it. Sets the
/// alignment to one with which frames are found.
fn prove_nonce(segment: &mut Segment) -> Result<bool, StorageError> {
    let as_it_stands = segment.header.commit_alignment_bytes;
    for alignment in [as_it_stands, COMMIT_ALIGNMENT_BYTES_MIN] {
        segment.header.commit_alignment_bytes = alignment;
        let mut window = Window::new(&segment.file, segment.file.length()?);
        if let Some(found) = find_frame(&mut window, &segment.header, HEADER_END)? {
            if found.offset == segment.header.commit_start(HEADER_END) {
                segment.header.first_seq = found.frame.first_seq;
            }
            return Ok(true);
        }
    }
    Ok(false)
}
