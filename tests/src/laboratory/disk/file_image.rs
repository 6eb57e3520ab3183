//! The images of one file.

use std::ops::Range;
use std::sync::Arc;

/// What was done to a file and isn't known to be on the medium.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// The file was cut, or got longer.
    Length(usize),
    /// Bytes were written at an offset, within the length.
    Write(usize, Arc<[u8]>),
}

/// A file: what programs see, what is on the medium, and what lies between.
#[derive(Debug, Clone, Default)]
pub(crate) struct FileImage {
    pub(crate) live: Arc<Vec<u8>>,
    pub(crate) durable: Arc<Vec<u8>>,
    /// In order. The cached image is the durable one with these. After a failed sync it is empty, and the live image
    /// shows what neither of the others has.
    pub(crate) pending: Vec<Change>,
    /// What blocks of the medium that the file was given held before.
    pub(crate) recycled: Option<Arc<Vec<u8>>>,
}

impl FileImage {
    /// A file whose contents are on the medium.
    pub(crate) fn settled(contents: Arc<Vec<u8>>) -> FileImage {
        FileImage { live: Arc::clone(&contents), durable: contents, ..FileImage::default() }
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: Arc<[u8]>) {
        let end = offset + bytes.len();
        if end > self.live.len() {
            self.set_length(end);
        }
        self.change(Change::Write(offset, bytes));
    }

    /// Has the last write write all of the sectors that it touches, as programs see them.
    pub(crate) fn widen_last_write(&mut self, sector_bytes: usize) {
        if let Some(Change::Write(offset, bytes)) = self.pending.last_mut() {
            let end = (*offset + bytes.len()).next_multiple_of(sector_bytes).min(self.live.len());
            *offset -= *offset % sector_bytes;
            *bytes = self.live[*offset..end].into();
        }
    }

    pub(crate) fn set_length(&mut self, length: usize) {
        self.change(Change::Length(length));
    }

    fn change(&mut self, change: Change) {
        change.apply_to(Arc::make_mut(&mut self.live));
        self.pending.push(change);
    }

    /// Everything pending reaches the medium.
    pub(crate) fn sync(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        self.pending.drain(..).for_each(|change| change.apply_to(durable));
    }

    /// A sync failed: this much of it reached the medium, and the pages count as clean from now on. The length is the
    /// file system's own, and right.
    pub(crate) fn lose(&mut self, mut durable: Arc<Vec<u8>>) {
        Arc::make_mut(&mut durable).resize(self.live.len(), 0);
        (self.durable, self.pending) = (durable, Vec::new());
    }
}

impl Change {
    pub(crate) fn apply_to(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(length) => bytes.resize(*length, 0),
            Change::Write(offset, written) => {
                bytes[*offset..*offset + written.len()].copy_from_slice(written);
            }
        }
    }

    /// Does the part of the change that lies in this range of the file, to the bytes of that range.
    pub(crate) fn apply_within(&self, range: &Range<usize>, bytes: &mut [u8]) {
        match self {
            Change::Length(length) => {
                let from = length.clamp(&range.start, &range.end) - range.start;
                bytes[from..].fill(0);
            }
            Change::Write(offset, written) => {
                let from = range.start.max(*offset);
                let to = range.end.min(offset + written.len());
                if from < to {
                    bytes[from - range.start..to - range.start]
                        .copy_from_slice(&written[from - offset..to - offset]);
                }
            }
        }
    }

    /// The bytes of the file that it may change, in a file of this length before it.
    pub(crate) fn touches(&self, length_before: usize) -> Range<usize> {
        match self {
            Change::Length(length) => *length..length_before.max(*length),
            Change::Write(offset, written) => *offset..offset + written.len(),
        }
    }
}
