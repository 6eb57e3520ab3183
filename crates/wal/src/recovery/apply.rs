//! Doing what the decision table says.
//!
//! The order matters: what is kept is made durable before the watermark covers it, and what is cut is durable
//! elsewhere before it is cut.

use std::path::{Path, PathBuf};

use crate::planted::{Bug, planted};
use crate::recovery::examine::{Examined, Junk, Part};
use crate::recovery::table::Answer;
use crate::segment::name::segment_name;
use crate::segment::scan::Window;
use crate::seq::Seq;
use crate::storage::Storage;
use crate::storage::file::StorageError;
use crate::torn;
use crate::watermark::Watermark;
use crate::watermark::file::WatermarkFile;

/// How much is written again at a time.
const COPY_BYTES: u64 = 256 << 10;

/// Where recovery works.
pub(crate) struct Surgeon<'a> {
    pub(crate) storage: &'a dyn Storage,
    pub(crate) directory: &'a Path,
    /// Whether the page cache may show what the medium lacks, so that what is kept must be written again.
    pub(crate) rewrites: bool,
}

impl Surgeon<'_> {
    /// Makes what was found behind the watermark part of the log, and puts away what wasn't sound. Returns the file
    /// that now holds what was put away.
    pub(crate) fn apply(
        &self,
        examined: &Examined,
        answer: Answer,
        watermark: &mut WatermarkFile,
    ) -> Result<Option<PathBuf>, StorageError> {
        for part in &examined.parts {
            self.keep(part)?;
        }
        // Nor is it known whether the name of a segment behind the watermark's became durable.
        let last = *watermark.last();
        let is_marked = |part: &Part| last.offset > 0 && part.segment.header.first_seq == last.segment;
        if !examined.parts.iter().all(is_marked) && !planted(Bug::SkipRecoveryDirectorySync) {
            self.sync_directory()?;
        }
        // One that says all that there is already need not be synced now: it may lag.
        if last.clean || examined.end.seq != last.seq {
            move_watermark(examined, watermark)?;
        }
        match (&examined.junk, answer) {
            (Some(junk), Answer::Cut) => self.cut(examined, junk).map(Some),
            (Some(junk), Answer::SetAside) => self.set_aside(junk.segment).map(Some),
            _ => Ok(None),
        }
    }

    /// Makes the sound bytes behind the watermark durable.
    pub(crate) fn keep(&self, part: &Part) -> Result<(), StorageError> {
        // The watermark was moved there after a sync.
        if part.from == part.to {
            return Ok(());
        }
        if self.rewrites && !part.sealed && !planted(Bug::TrustCachedTail) {
            rewrite(part)?;
        }
        if planted(Bug::SkipRecoverySync) { Ok(()) } else { part.segment.file.sync() }
    }

    /// Copies the bytes behind the last sound commit into a file of their own, then cuts them.
    fn cut(&self, examined: &Examined, junk: &Junk) -> Result<PathBuf, StorageError> {
        let last = examined.parts.last().expect("junk lies behind the last sound commit of a segment");
        let (file, offset) = (&last.segment.file, examined.end.offset);
        let kept = torn::keep(self.storage, self.directory, &last.segment, offset, junk.bytes)?;
        // CRASH: the bytes are in both places. The next recovery keeps them a second time, under another name.
        file.set_length(cut_at(last, offset)?)?;
        file.sync()?;
        Ok(kept)
    }

    /// Gives a segment without a sound commit a name that isn't a segment's.
    fn set_aside(&self, segment: Seq) -> Result<PathBuf, StorageError> {
        let from = self.directory.join(segment_name(segment));
        let kept = torn::new_file(self.storage, self.directory, segment, 0)?;
        self.storage.rename(&from, kept.path()).map_err(|error| StorageError::new("rename", &from, error))?;
        self.sync_directory()?;
        Ok(kept.path().to_owned())
    }

    fn sync_directory(&self) -> Result<(), StorageError> {
        let synced = self.storage.sync_directory(self.directory);
        synced.map_err(|error| StorageError::new("sync", self.directory, error))
    }
}

/// Moves the watermark over what is synced now.
fn move_watermark(examined: &Examined, watermark: &mut WatermarkFile) -> Result<(), StorageError> {
    let last = *watermark.last();
    let segment = examined.parts.last().map_or(last.segment, |part| part.segment.header.first_seq);
    let end = examined.end;
    watermark.advance(Watermark {
        clean: false,
        segment,
        offset: end.offset,
        seq: end.seq,
        commit_time_ns: end.commit_time_ns,
        ..last
    })?;
    watermark.sync()
}

/// Writes the sound bytes behind the watermark once more, the same ones. Whether the process that wrote them saw a sync
/// fail is unknown, and after a failed sync the page cache shows bytes that the medium lacks. After a reboot they were
/// read from the medium itself: then this would only put them at risk, should the power fail while it is done.
fn rewrite(part: &Part) -> Result<(), StorageError> {
    let file = &part.segment.file;
    // Not the padding: it shares a sector with a commit that is durable.
    let mut at = part.segment.header.commit_start(part.from);
    while at < part.to {
        let bytes = COPY_BYTES.min(part.to - at);
        let mut window = Window::new(file, part.to);
        let block = window.get(at, bytes)?.map(<[u8]>::to_vec);
        file.write_all(&block.ok_or_else(|| torn::vanished(file))?, at)?;
        at += bytes;
    }
    Ok(())
}

/// Where to cut a segment whose last sound commit ends at `end`: where the next one could start, so that no sector
/// changes that holds a commit. Only if there is something in the padding, which no write leaves, right behind it.
fn cut_at(part: &Part, end: u64) -> Result<u64, StorageError> {
    let start = part.segment.header.commit_start(end);
    let padding_end = Window::new(&part.segment.file, start).data_end(end)?;
    Ok(if padding_end > end { end } else { start })
}
