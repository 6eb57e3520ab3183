//! Storing sealed segments in fewer bytes: which of them, and when.
//!
//! Nothing depends on it: a log reads the same with any of its segments compressed. What can't be compressed, for lack of space
//! or because the disk fails, is tried again when the next segment is sealed; what isn't sound stays as it is, for verification
//! to report.
//!
//! INVARIANT: the watermark's segment and those behind it are left alone. Opening a log for writing works on these, by
//! the bytes that were appended.

use std::collections::VecDeque;
use std::time::Duration;

use crate::directory::Inventory;
use crate::error::CompressError;
use crate::log::Log;
use crate::segment::compressed::write::{Compressed, Compressing, compress};
use crate::segment::{Segment, SegmentError};
use crate::seq::Seq;
use crate::storage::OpenMode;
use crate::storage::file::StorageError;
use crate::sync::atomic::Ordering;
use crate::sync::{self, Condvar, Mutex};

/// How long after an opening the first look is taken for segments that were left by an earlier one: until then the caller has
/// better uses for the disk.
const FIRST_LOOK_DELAY: Duration = Duration::from_secs(10);

/// What compressing a log came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressReport {
    /// Segments that were compressed.
    pub segments: u64,
    /// Sealed segments that stay as they are, because they aren't sound: verification says where.
    pub left: u64,
    /// What the compressed ones took before, in bytes.
    pub bytes_before: u64,
    /// What they take now, in bytes.
    pub bytes_after: u64,
}

/// How far compressing a log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressProgress {
    /// Segments that were looked at.
    pub segments_done: u64,
    /// Sealed segments in all.
    pub segments_total: u64,
}

/// What is waiting to be compressed.
#[derive(Debug, Default)]
pub(crate) struct CompressQueue {
    state: Mutex<State>,
    wake: Condvar,
    /// Held by who compresses: one at a time.
    working: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The first records of sealed segments that aren't compressed, and when their last commit was written, once that
    /// was looked up. `None` until somebody has looked into the directory.
    pending: Option<VecDeque<(Seq, Option<i64>)>>,
    /// The disk failed: nothing is tried until the next segment is sealed.
    held: bool,
    stop: bool,
}

impl CompressQueue {
    /// Takes note of a segment that was sealed.
    pub(crate) fn sealed(&self, first_seq: Seq) {
        let mut state = self.state.lock();
        state.held = false;
        if let Some(pending) = &mut state.pending {
            pending.push_back((first_seq, None));
        }
        self.wake.notify_one();
    }

    /// Lets the thread end, in the middle of a segment if need be.
    pub(crate) fn stop(&self) {
        self.state.lock().stop = true;
        self.wake.notify_all();
    }

    fn is_stopped(&self) -> bool {
        self.state.lock().stop
    }
}

/// What is to be done next.
enum Next {
    /// This is old enough.
    Due(Seq),
    /// Something will be, so many nanoseconds from now.
    In(u64),
    Nothing,
}

impl Log {
    /// The compressing thread's life.
    pub(crate) fn run_compressing(&self) {
        let queue = &self.compress_queue;
        let first_look = sync::now() + self.compress_after.unwrap_or_default().min(FIRST_LOOK_DELAY);
        {
            let mut state = queue.state.lock();
            while !state.stop && !queue.wake.wait_until(&mut state, first_look).timed_out() {}
        }
        while !queue.is_stopped() {
            let next = self.compress_due();
            let mut state = queue.state.lock();
            if state.stop {
                return;
            }
            match next {
                Next::Due(_) => {}
                Next::In(ns) => {
                    let deadline = sync::now() + Duration::from_nanos(ns);
                    queue.wake.wait_until(&mut state, deadline);
                }
                Next::Nothing => queue.wake.wait(&mut state),
            }
        }
    }

    /// Compresses a segment that is old enough. Returns whether there was one.
    pub(crate) fn do_compress(&self) -> bool {
        self.compress_after.is_some() && matches!(self.compress_due(), Next::Due(_))
    }

    /// Compresses the oldest segment if that is due, and says what was, or will be.
    fn compress_due(&self) -> Next {
        if self.queue.lock().poison.is_some() {
            return Next::Nothing;
        }
        let next = self.next_due().unwrap_or(Next::Nothing);
        if let Next::Due(first_seq) = next {
            let result = self.compress_segment(first_seq);
            let mut state = self.compress_queue.state.lock();
            state.held = result.is_err();
            if let Some(pending) = &mut state.pending
                && result.is_ok()
            {
                pending.retain(|(pending, _)| *pending != first_seq);
            }
            if state.held {
                return Next::Nothing;
            }
        }
        next
    }

    fn next_due(&self) -> Result<Next, StorageError> {
        let Some(after) = self.compress_after else { return Ok(Next::Nothing) };
        if self.compress_queue.state.lock().pending.is_none() {
            let found = self.look_for_sealed()?;
            self.compress_queue.state.lock().pending.get_or_insert(found);
        }
        let (first_seq, known) = {
            let state = self.compress_queue.state.lock();
            let oldest = state.pending.as_ref().and_then(|pending| pending.front());
            match oldest.filter(|_| !state.held) {
                Some(oldest) => *oldest,
                None => return Ok(Next::Nothing),
            }
        };
        let last_commit_ns = match known {
            Some(time_ns) => time_ns,
            None => self.last_commit_ns(first_seq)?,
        };
        if let Some(oldest) = self.compress_queue.state.lock().pending.as_mut().and_then(VecDeque::front_mut)
        {
            oldest.1 = Some(last_commit_ns);
        }
        let after_ns = i64::try_from(after.as_nanos()).unwrap_or(i64::MAX);
        let due_ns = last_commit_ns.saturating_add(after_ns);
        let wait_ns = due_ns.saturating_sub(self.storage.now_ns());
        Ok(u64::try_from(wait_ns).ok().filter(|wait| *wait > 0).map_or(Next::Due(first_seq), Next::In))
    }

    /// The sealed segments that aren't compressed, but for those in front of one that is: these were left.
    fn look_for_sealed(&self) -> Result<VecDeque<(Seq, Option<i64>)>, StorageError> {
        let mut found = VecDeque::new();
        for first_seq in self.sealed_segments()?.into_iter().rev() {
            let opened = Segment::open_stored(
                &*self.storage,
                &self.directory,
                self.ledger_id,
                first_seq,
                OpenMode::Read,
            );
            match opened {
                Ok(segment) if segment.header.compressed => break,
                Err(SegmentError::Storage(error)) => return Err(error),
                Ok(_) | Err(_) => found.push_front((first_seq, None)),
            }
        }
        Ok(found)
    }

    /// The segments before the watermark's.
    fn sealed_segments(&self) -> Result<Vec<Seq>, StorageError> {
        let growing = self.tail.lock().marked_segment();
        let inventory = Inventory::take(&*self.storage, &self.directory)?.unwrap_or_default();
        Ok(inventory.segments.into_iter().filter(|first_seq| *first_seq < growing).collect())
    }

    fn last_commit_ns(&self, first_seq: Seq) -> Result<i64, StorageError> {
        let opened =
            Segment::open_stored(&*self.storage, &self.directory, self.ledger_id, first_seq, OpenMode::Read);
        match opened {
            Ok(segment) => Ok(segment.trailer()?.map_or(i64::MIN, |trailer| trailer.last_commit_time_ns)),
            Err(SegmentError::Storage(error)) => Err(error),
            // It is left as it is when its turn comes.
            Err(_) => Ok(i64::MIN),
        }
    }

    fn compress_segment(&self, first_seq: Seq) -> Result<Compressed, StorageError> {
        let _working = self.compress_queue.working.lock();
        let keep_going = || !self.compress_queue.is_stopped();
        let (storage, leaf_function) = (&*self.storage, &self.leaf_function);
        let (directory, ledger_id) = (&*self.directory, self.ledger_id);
        let task = Compressing { storage, directory, ledger_id, leaf_function, keep_going: &keep_going };
        let compressed = compress(&task, first_seq);
        self.counters.count_compression(compressed.as_ref().ok());
        if let Ok(Compressed::Done { .. }) = compressed {
            self.durable.rewritten.fetch_add(1, Ordering::Release);
        }
        compressed
    }

    /// Compresses every sealed segment now.
    pub(crate) fn compress_all(
        &self,
        progress: &dyn Fn(CompressProgress),
    ) -> Result<CompressReport, CompressError> {
        let mut report = CompressReport::default();
        let segments = self.sealed_segments()?;
        let segments_total = crate::fields::on_disk(segments.len());
        for (segments_done, first_seq) in (0..).zip(segments) {
            progress(CompressProgress { segments_done, segments_total });
            if self.is_closed() || self.compress_queue.is_stopped() {
                return Err(CompressError::Closed);
            }
            if let Some(error) = self.queue.lock().poison.clone() {
                return Err(CompressError::Poisoned(error));
            }
            match self.compress_segment(first_seq)? {
                Compressed::Done { bytes_before, bytes_after } => {
                    report.segments += 1;
                    report.bytes_before += bytes_before;
                    report.bytes_after += bytes_after;
                }
                Compressed::Already | Compressed::Unsealed => {}
                Compressed::Left => report.left += 1,
            }
        }
        progress(CompressProgress { segments_done: segments_total, segments_total });
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
