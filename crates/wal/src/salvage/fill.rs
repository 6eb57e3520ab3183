//! A stretch of a segment between two sound places, with damage in it: which of its records keep their numbers.
//!
//! In this order: the footer says where each record lies; or the records fill the stretch exactly, each as long as its
//! length field says; or, under a sound frame, those that follow its start and those that lead up to its end without a
//! break. What is sound and fits none of these is unplaced.

use std::ops::Range;

use crate::damage::Problem;
use crate::frame::FRAME_BYTES;
use crate::record::{RECORD_ALIGNMENT_BYTES, RecordHeader};
use crate::salvage::search::Search;
use crate::salvage::walk::{Walk, payload_of};
use crate::segment::scan::{PlacedFrame, Walked, commit_closes, read_record};
use crate::seq::Seq;
use crate::storage::file::StorageError;

/// How much of a damaged stretch goes into one commit of the new log.
const COMMIT_BYTES: u64 = 16 << 20;

/// A stretch with damage in it.
#[derive(Debug)]
pub(super) struct Stretch {
    /// Where its frame stands, or stood.
    pub(super) from: u64,
    pub(super) to: u64,
    /// The records that belong there, if that is known.
    pub(super) seqs: Option<Range<Seq>>,
    /// Whether `to` is a sound place, and not just where the data may end.
    pub(super) ends_exactly: bool,
    /// Its frame, if that is sound.
    pub(super) frame: Option<PlacedFrame>,
    pub(super) commit_time_ns: i64,
    /// What was found wrong first, and where.
    pub(super) trouble: (u64, Problem),
}

impl Stretch {
    pub(super) fn records_from(&self) -> u64 {
        self.from + FRAME_BYTES as u64
    }

    /// Whether its records are sound in themselves, and still not those that its frame was made for.
    fn is_contradicted(&self) -> bool {
        self.ends_exactly && self.frame.is_some_and(|frame| self.trouble.0 == frame.offset)
    }
}

/// A record by its length field, or the lack of one.
enum Link {
    Sound(RecordHeader),
    Bad(RecordHeader, Problem),
    Broken(Problem),
}

/// Records next to each other that are lost.
struct Loss {
    seqs: Range<Seq>,
    from: u64,
    to: u64,
    problem: Problem,
}

impl Walk<'_, '_> {
    /// Copies what can be copied of a stretch, and reports the rest.
    pub(super) fn fill(&mut self, stretch: &Stretch) -> Result<(), StorageError> {
        let Some(seqs) = stretch.seqs.clone() else {
            return self.fill_unplaced(stretch);
        };
        let (offset, problem) = stretch.trouble.clone();
        let lost_before = self.salvage.report.records_lost;
        if seqs.start == seqs.end {
            self.remark(offset, stretch.to.saturating_sub(offset), problem);
            return Ok(());
        }
        if seqs.end <= self.salvage.next {
            // They stand in another segment too.
            return Ok(());
        }
        if !stretch.is_contradicted() && self.footer.is_sound() {
            self.fill_by_footer(stretch, seqs.clone())?;
        } else if !stretch.is_contradicted() && self.fills_exactly(stretch, &seqs)? {
            self.fill_chain(stretch, seqs.clone())?;
        } else {
            self.fill_ends(stretch, seqs.clone())?;
        }
        self.salvage.next = seqs.end;
        if self.salvage.report.records_lost == lost_before {
            self.remark(offset, 0, problem);
        }
        Ok(())
    }

    /// The numbers of the records in this stretch aren't known.
    fn fill_unplaced(&mut self, stretch: &Stretch) -> Result<(), StorageError> {
        let (offset, problem) = stretch.trouble.clone();
        self.gap(None, offset, stretch.to.saturating_sub(offset), problem);
        self.copy_unplaced(stretch.from, stretch.to, stretch.commit_time_ns)
    }

    /// The footer says where each record lies.
    fn fill_by_footer(&mut self, stretch: &Stretch, seqs: Range<Seq>) -> Result<(), StorageError> {
        let (mut seq, mut loss, mut commit) = (seqs.start.max(self.salvage.next), None, None);
        while seq < seqs.end {
            let Some((offset, entry)) = self.footer.place_of(self.segment.header.first_seq, seq) else {
                let (offset, problem) = stretch.trouble.clone();
                self.lose(&mut loss, Loss { seqs: seq..seqs.end, from: offset, to: offset, problem });
                break;
            };
            if commit != Some(entry) {
                self.salvage.copy.commit(commit.map(|entry| entry.commit_time_ns))?;
                commit = Some(entry);
            }
            match self.link(offset, self.window.limit())? {
                Link::Sound(record) => self.keep(seq, offset, &record, entry.commit_time_ns)?,
                Link::Bad(_, problem) | Link::Broken(problem) => {
                    let next = self.footer.place_of(self.segment.header.first_seq, seq.next());
                    let to = next.map_or(stretch.to, |(next, _)| next).max(offset);
                    self.lose(&mut loss, Loss { seqs: seq..seq.next(), from: offset, to, problem });
                }
            }
            seq = seq.next();
        }
        self.report_loss(loss);
        self.salvage.copy.commit(commit.map(|entry| entry.commit_time_ns))
    }

    /// The records and, where frames are lost, the places of these fill the stretch exactly.
    fn fill_chain(&mut self, stretch: &Stretch, seqs: Range<Seq>) -> Result<(), StorageError> {
        let (mut seq, mut at, mut loss) = (seqs.start, stretch.records_from(), None);
        while seq < seqs.end {
            let (offset, link) = self.chain_link(stretch, at, seq > seqs.start)?;
            if offset != at {
                self.salvage.copy.commit(Some(stretch.commit_time_ns))?;
            }
            at = offset + link.total_bytes();
            match link {
                Link::Sound(record) => self.keep(seq, offset, &record, stretch.commit_time_ns)?,
                Link::Bad(_, problem) | Link::Broken(problem) => {
                    self.lose(&mut loss, Loss { seqs: seq..seq.next(), from: offset, to: at, problem });
                }
            }
            seq = seq.next();
        }
        self.report_loss(loss);
        self.salvage.copy.commit(Some(stretch.commit_time_ns))
    }

    /// What follows the start of a sound frame, and what leads up to its end.
    fn fill_ends(&mut self, stretch: &Stretch, seqs: Range<Seq>) -> Result<(), StorageError> {
        let is_vouched = stretch.frame.is_some() && !stretch.is_contradicted();
        let (mut seq, mut at) = (seqs.start, if is_vouched { stretch.records_from() } else { stretch.from });
        while is_vouched && seq < seqs.end {
            let Link::Sound(record) = self.link(at, stretch.to)? else { break };
            self.keep(seq, at, &record, stretch.commit_time_ns)?;
            at += record.total_bytes();
            seq = seq.next();
        }
        let behind_lost = (at + RECORD_ALIGNMENT_BYTES).min(stretch.to);
        let suffix = if is_vouched && stretch.ends_exactly && seq < seqs.end {
            self.find_suffix(behind_lost, stretch.to, seqs.end.since(seq) - 1)?
        } else {
            None
        };
        let (suffix_at, suffix_seq) = suffix
            .map_or((stretch.to, seqs.end), |(offset, records)| (offset, Seq::new(seqs.end.get() - records)));
        let lost =
            Loss { seqs: seq..suffix_seq, from: at, to: suffix_at, problem: stretch.trouble.1.clone() };
        self.report_loss(Some(lost));
        self.copy_unplaced(at, suffix_at, stretch.commit_time_ns)?;
        (seq, at) = (suffix_seq, suffix_at);
        while seq < seqs.end {
            let Link::Sound(record) = self.link(at, stretch.to)? else { break };
            self.keep(seq, at, &record, stretch.commit_time_ns)?;
            at += record.total_bytes();
            seq = seq.next();
        }
        self.salvage.copy.commit(Some(stretch.commit_time_ns))
    }

    /// Whether so many records fill the stretch exactly, each as long as its length field says.
    fn fills_exactly(&mut self, stretch: &Stretch, seqs: &Range<Seq>) -> Result<bool, StorageError> {
        if let Some(commit) = &stretch.frame {
            // A sound frame says more: the checksums that it covers.
            return commit_closes(&mut self.window, &self.segment.header, commit);
        }
        let (mut seq, mut at) = (seqs.start, stretch.records_from());
        while seq < seqs.end {
            let (offset, link) = self.chain_link(stretch, at, seq > seqs.start)?;
            if matches!(link, Link::Broken(_)) {
                return Ok(false);
            }
            at = offset + link.total_bytes();
            seq = seq.next();
        }
        if stretch.ends_exactly {
            let fills = at == stretch.to || self.segment.header.commit_start(at) == stretch.to;
            return Ok(fills);
        }
        let behind = self.window.get(at, 8)?.map(crate::segment::footer::is_marked_as_footer);
        Ok(behind == Some(true) || self.window.data_end(at)? == at)
    }

    /// The record at this place of a chain, or behind the frame that may have stood there.
    fn chain_link(
        &mut self,
        stretch: &Stretch,
        at: u64,
        may_be_frame: bool,
    ) -> Result<(u64, Link), StorageError> {
        let link = self.link(at, stretch.to)?;
        if may_be_frame && stretch.frame.is_none() && !matches!(link, Link::Sound(_)) {
            let behind = self.segment.header.commit_start(at) + FRAME_BYTES as u64;
            if let Link::Sound(record) = self.link(behind, stretch.to)? {
                return Ok((behind, Link::Sound(record)));
            }
        }
        Ok((at, link))
    }

    fn link(&mut self, at: u64, to: u64) -> Result<Link, StorageError> {
        let leaf_function = &*self.salvage.options.leaf_function;
        Ok(match read_record(&mut self.window, at, to, Some(leaf_function))? {
            Walked::Sound(record) => Link::Sound(record),
            // Damaged padding is no part of the record.
            Walked::Bad { record, problem: Problem::NotZero { .. }, .. }
                if self.is_leaf_right(at, &record)? =>
            {
                Link::Sound(record)
            }
            Walked::Bad { record, problem, .. } => Link::Bad(record, problem),
            Walked::Lost(problem) => Link::Broken(problem),
        })
    }

    fn is_leaf_right(&mut self, at: u64, record: &RecordHeader) -> Result<bool, StorageError> {
        let payload = payload_of(&mut self.window, at, record)?;
        Ok(self.salvage.options.leaf_function.leaf(payload) == record.leaf)
    }

    /// The first place from which sound records, at most so many, lead up to `to` without a break; and how many.
    fn find_suffix(
        &mut self,
        from: u64,
        to: u64,
        records_max: u64,
    ) -> Result<Option<(u64, u64)>, StorageError> {
        let mut search = Search::over(from, to);
        let mut at = from;
        while at < to && records_max > 0 {
            let Some(record) = self.try_record(&mut search, at)? else {
                at += RECORD_ALIGNMENT_BYTES;
                continue;
            };
            let (first, mut records) = (at, 1);
            at += record.total_bytes();
            while let Link::Sound(record) = self.link(at, to)? {
                at += record.total_bytes();
                records += 1;
            }
            if at == to {
                return self.drop_surplus(first, to, records, records_max);
            }
        }
        Ok(None)
    }

    /// A payload may hold what looks like a record: more of them than there is room for can't all be right.
    fn drop_surplus(
        &mut self,
        mut from: u64,
        to: u64,
        mut records: u64,
        records_max: u64,
    ) -> Result<Option<(u64, u64)>, StorageError> {
        while records > records_max {
            let Link::Sound(record) = self.link(from, to)? else { return Ok(None) };
            from += record.total_bytes();
            records -= 1;
        }
        Ok(Some((from, records)))
    }

    /// Copies a sound record under its number.
    fn keep(
        &mut self,
        seq: Seq,
        offset: u64,
        record: &RecordHeader,
        time_ns: i64,
    ) -> Result<(), StorageError> {
        if seq < self.salvage.next {
            return Ok(());
        }
        if self.salvage.copy.pending_bytes() >= COMMIT_BYTES {
            self.salvage.copy.commit(Some(time_ns))?;
        }
        let payload = payload_of(&mut self.window, offset, record)?;
        let new = self.salvage.copy.push(record, payload);
        self.salvage.report.note_copied(seq, new, 1);
        Ok(())
    }

    /// Adds to the records that are lost next to each other.
    fn lose(&mut self, so_far: &mut Option<Loss>, more: Loss) {
        match so_far {
            Some(loss) if loss.seqs.end == more.seqs.start => {
                loss.seqs.end = more.seqs.end;
                loss.to = more.to;
            }
            _ => {
                let before = so_far.replace(more);
                self.report_loss(before);
            }
        }
    }

    fn report_loss(&mut self, loss: Option<Loss>) {
        if let Some(Loss { seqs, from, to, problem }) = loss
            && seqs.end > self.salvage.next
        {
            let seqs = seqs.start.max(self.salvage.next)..seqs.end;
            self.gap(Some(seqs), from, to.saturating_sub(from), problem);
        }
    }
}

impl Link {
    fn total_bytes(&self) -> u64 {
        match self {
            Link::Sound(record) | Link::Bad(record, _) => record.total_bytes(),
            Link::Broken(_) => 0,
        }
    }
}
