//! A stretch of a segment between two sound places, with damage in it: which of its records keep their numbers.
//!
//! In this order: the footer says where each record lies; or the records fill the stretch exactly, each as long as its
//! length field says; or, under a sound frame, those that follow its start and those that lead up to its end without a
//! break. What is sound and fits none of these is unplaced.

use std::ops::Range;

use crate::damage::Problem;
use crate::fields::u32_at;
use crate::frame::FRAME_BYTES;
use crate::record::{RECORD_ALIGNMENT_BYTES, RECORD_HEADER_BYTES, RecordHeader};
use crate::salvage::search::Search;
use crate::salvage::walk::{Walk, payload_of};
use crate::segment::scan::{PlacedFrame, Walked, commit_closes, read_record};
use crate::seq::Seq;
use crate::storage::file::StorageError;

/// How much of a damaged stretch goes into one commit of the new log.
const COMMIT_BYTES: u64 = 16 << 20;

/// Where a record's checksum stands in it.
const CRC_AT: usize = 4;

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

/// Sound records next to each other.
struct RunOfRecords {
    records: u64,
    end: u64,
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

    /// What follows the start of a sound frame; and, if the frame says that a single record is lost, what follows that.
    fn fill_ends(&mut self, stretch: &Stretch, seqs: Range<Seq>) -> Result<(), StorageError> {
        let vouches = stretch.frame.filter(|_| !stretch.is_contradicted());
        let (mut seq, mut at) = (seqs.start, stretch.from);
        let mut records_crc = 0;
        if let Some(commit) = &vouches {
            (at, records_crc) = (commit.records_offset(), self.segment.header.seed(commit.offset));
            while seq < seqs.end {
                let Link::Sound(record) = self.link(at, stretch.to)? else { break };
                self.keep(seq, at, &record, stretch.commit_time_ns)?;
                records_crc = crc32c::crc32c_append(records_crc, &record.crc.to_le_bytes());
                at += record.total_bytes();
                seq = seq.next();
            }
        }
        let expected = vouches.filter(|_| stretch.ends_exactly).map(|commit| commit.frame.records_crc);
        let behind = self.find_behind_lost((at, stretch.to), seqs.end.since(seq), records_crc, expected)?;
        let (lost_to, lost_end) = behind.map_or((stretch.to, seqs.end), |behind| (behind, seq.next()));
        let problem = stretch.trouble.1.clone();
        self.report_loss(Some(Loss { seqs: seq..lost_end, from: at, to: lost_to, problem }));
        self.copy_unplaced(at, lost_to, stretch.commit_time_ns)?;
        (seq, at) = (lost_end, lost_to);
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

    /// Where the records go on behind a single one whose length is lost: from there to the commit's end there are
    /// all the others, and their checksums, with the one that the lost record still bears, give the frame's. A payload
    /// may hold what looks like a record; that never passes.
    fn find_behind_lost(
        &mut self,
        (lost_at, to): (u64, u64),
        records: u64,
        records_crc: u32,
        expected: Option<u32>,
    ) -> Result<Option<u64>, StorageError> {
        let (Some(expected), 2..) = (expected, records) else { return Ok(None) };
        let lost = self.window.get(lost_at, RECORD_HEADER_BYTES as u64)?.map(|block| u32_at(block, CRC_AT));
        let records_crc = crc32c::crc32c_append(records_crc, &lost.unwrap_or_default().to_le_bytes());
        let mut search = Search::over(lost_at, to);
        let mut at = lost_at + RECORD_ALIGNMENT_BYTES;
        while at < to {
            if self.try_record(&mut search, at)?.is_none() {
                at += RECORD_ALIGNMENT_BYTES;
                continue;
            }
            let run = self.run_of_records(at, to)?;
            if let Some(surplus) = run.records.checked_sub(records - 1).filter(|_| run.end == to) {
                let from = self.behind_records(at, to, surplus)?;
                let found = self.crc_of_records(from, to, records_crc)?;
                return Ok(Some(from).filter(|_| found == expected));
            }
            at = run.end;
        }
        Ok(None)
    }

    /// The sound records that follow each other from here.
    fn run_of_records(&mut self, from: u64, to: u64) -> Result<RunOfRecords, StorageError> {
        let mut run = RunOfRecords { records: 0, end: from };
        while let Link::Sound(record) = self.link(run.end, to)? {
            run.records += 1;
            run.end += record.total_bytes();
        }
        Ok(run)
    }

    /// The place behind so many sound records.
    fn behind_records(&mut self, mut at: u64, to: u64, records: u64) -> Result<u64, StorageError> {
        for _ in 0..records {
            let Link::Sound(record) = self.link(at, to)? else { break };
            at += record.total_bytes();
        }
        Ok(at)
    }

    fn crc_of_records(&mut self, mut at: u64, to: u64, mut crc: u32) -> Result<u32, StorageError> {
        while let Link::Sound(record) = self.link(at, to)? {
            crc = crc32c::crc32c_append(crc, &record.crc.to_le_bytes());
            at += record.total_bytes();
        }
        Ok(crc)
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
