//! A file's bytes, mapped into memory. The only unsafe code of this crate.
//!
//! Invariant: only files that were synced and are never changed in place, nor truncated, are mapped (a table is
//! written once, and leaves by being unlinked, which keeps existing maps readable).

#![expect(unsafe_code, reason = "mapping a file is unsafe: the compiler can't know that nobody changes it")]

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;

use memmap2::{Advice, Mmap};

/// The bytes of one immutable file.
pub struct Map(Bytes);

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Map {
    /// Maps all of `file`.
    pub(crate) fn of_file(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self(Bytes::Owned(Vec::new())));
        }
        // SAFETY: the store maps only tables. Those are complete and synced before they are published, are never
        // written or truncated afterwards, and are removed by unlinking only. Another program that changes them
        // under us breaks this; it could as well write into our memory. Checksums are computed over the mapped bytes
        // themselves, and no reference handed out outlives this map.
        let map = unsafe { Mmap::map(file)? };
        // A question reads a few pages here and there. Without this the system reads megabytes around each of them, if
        // they aren't in its cache. A system that takes no advice is only slower.
        let _ = map.advise(Advice::Random);
        Ok(Self(Bytes::Mapped(map)))
    }

    /// Has the system read all of the file into its cache, without waiting for it: somebody is about to go through it.
    pub(crate) fn read_ahead(&self) {
        if let Bytes::Mapped(map) = &self.0 {
            let _ = map.advise(Advice::WillNeed);
        }
    }

    /// Bytes that are in memory already: for directories that are not on a disk.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(Bytes::Owned(bytes))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Map").field("bytes", &self.len()).finish()
    }
}
