//! Memory mapping of sealed segments: the only unsafe code of this crate.
//!
//! A sealed segment is never truncated and never changed in place (a rewritten one replaces it by rename, and an old
//! mapping goes on seeing the old file), so its pages stay what they are. Whoever truncates a ledger's files behind
//! its back can still end a reading process with SIGBUS, and so can a device that doesn't give a page back; that is why
//! whatever examines damage never maps.

#![expect(unsafe_code, reason = "mapping a file can't be expressed safely; this module is all that does it")]

use std::fmt;
use std::fs::File;
use std::io;

use memmap2::Advice;

/// The contents of a sealed file, as memory.
pub struct Map(Contents);

enum Contents {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Map {
    /// A copy of the contents, for a storage that has no memory of its own to lend.
    #[must_use]
    pub fn owned(contents: Vec<u8>) -> Map {
        Map(Contents::Owned(contents))
    }

    /// Maps the whole file for reading.
    pub(crate) fn of_sealed(file: &File) -> io::Result<Map> {
        // SAFETY: callers map only files whose footer they have read. After its footer is written, no code of this
        // crate truncates or overwrites a segment, in this or another process, so the memory doesn't change while it
        // is borrowed. Every byte that is read from it is checked against its checksum before it is believed.
        let map = unsafe { memmap2::Mmap::map(file) }?;
        // Records are read here and there. Without this the system reads megabytes around each of them, if they aren't
        // in its cache. A system that takes no advice is only slower.
        let _ = map.advise(Advice::Random);
        Ok(Map(Contents::Mapped(map)))
    }

    /// Has the system read these bytes of the file into its cache, without waiting for it.
    pub(crate) fn read_ahead(&self, offset: usize, bytes: usize) {
        if let Contents::Mapped(map) = &self.0 {
            let bytes = bytes.min(map.len().saturating_sub(offset));
            let _ = map.advise_range(Advice::WillNeed, offset, bytes);
        }
    }

    /// The file's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Contents::Mapped(map) => map,
            Contents::Owned(contents) => contents,
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("bytes", &self.bytes().len()).finish()
    }
}
