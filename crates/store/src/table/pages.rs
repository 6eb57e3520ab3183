//! The checksums of a table, one for each page of 4 KiB, and the bytes that they vouch for.
//!
//! ```text
//! pages = CRC u32…                       one for each page of the content, the last of which may be short
//! ```
//!
//! Invariant: nothing of a table but its footer is looked at before the page that it lies in was checked. That is done
//! once for each table that is opened, when a page is first touched: a walk through streams touches the same pages again and
//! again. The checksums themselves need no other: one that is damaged does not fit its page.
//!
//! Format: FORMAT.md#pages

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checksum;
use crate::directory::Map;
use crate::error::Damage;

pub(crate) const PAGE_BYTES: usize = 4096;
pub(crate) const PAGE_CRC_BYTES: usize = 4;

/// How many pages `bytes` bytes of content are.
pub(crate) const fn page_count(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE_BYTES as u64)
}

/// Computes the checksums of content as it is written.
#[derive(Debug, Default)]
pub(crate) struct PageChecksums {
    crcs: Vec<u32>,
    /// Of the page that is not full yet.
    open: u32,
    open_bytes: usize,
}

impl PageChecksums {
    /// Takes the content that follows, of the table with this `nonce`.
    pub(crate) fn update(&mut self, nonce: u64, mut content: &[u8]) {
        while !content.is_empty() {
            if self.open_bytes == 0 {
                let offset = (self.crcs.len() * PAGE_BYTES) as u64;
                self.open = checksum::seeded(nonce, offset, &[]);
            }
            let taken = content.len().min(PAGE_BYTES - self.open_bytes);
            let (piece, rest) = content.split_at_checked(taken).unwrap_or((content, &[]));
            self.open = checksum::append(self.open, piece);
            self.open_bytes += taken;
            content = rest;
            if self.open_bytes == PAGE_BYTES {
                self.close_page();
            }
        }
    }

    fn close_page(&mut self) {
        self.crcs.push(self.open);
        self.open_bytes = 0;
    }

    /// The checksums' bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.open_bytes > 0 {
            self.close_page();
        }
        self.crcs.iter().flat_map(|crc| crc.to_le_bytes()).collect()
    }
}

/// The file of an open table.
#[derive(Debug)]
pub(crate) struct TableFile {
    map: Map,
    name: String,
    nonce: u64,
    content_bytes: usize,
    /// A bit for each page that was found sound.
    checked: Box<[AtomicU64]>,
}

impl TableFile {
    /// The table in `map`, whose footer says that it has so many bytes of content, as the footer's decoder made sure that
    /// fit.
    pub(crate) fn new(map: Map, name: String, nonce: u64, content_bytes: usize) -> Self {
        let words = content_bytes.div_ceil(PAGE_BYTES).div_ceil(64);
        let checked = (0..words).map(|_| AtomicU64::new(0)).collect();
        Self { map, name, nonce, content_bytes, checked }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Has the system fetch all of it.
    pub(crate) fn read_ahead(&self) {
        self.map.read_ahead();
    }

    /// The bytes in `range`, checked.
    #[inline]
    pub(crate) fn bytes(&self, range: Range<usize>) -> Result<&[u8], Damage> {
        let Some(bytes) = self.map.get(range.clone()).filter(|_| range.end <= self.content_bytes) else {
            return Err(self.outside(&range));
        };
        if let Some(last) = range.end.checked_sub(1) {
            for page in range.start / PAGE_BYTES..=last / PAGE_BYTES {
                if !self.is_checked(page) {
                    self.check(page)?;
                }
            }
        }
        Ok(bytes)
    }

    /// The bytes in `range`, which [`TableFile::bytes`] gave before.
    #[inline]
    pub(crate) fn checked_bytes(&self, range: Range<usize>) -> &[u8] {
        self.map.get(range).unwrap_or_default()
    }

    #[inline]
    fn is_checked(&self, page: usize) -> bool {
        let word = self.checked.get(page / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (page % 64) != 0)
    }

    #[cold]
    fn check(&self, page: usize) -> Result<(), Damage> {
        let start = page * PAGE_BYTES;
        let content = self.map.get(start..(start + PAGE_BYTES).min(self.content_bytes)).unwrap_or_default();
        let crc = self.map.get(self.content_bytes + page * PAGE_CRC_BYTES..).and_then(<[u8]>::first_chunk);
        let expected = crc.map_or(0, |crc| u32::from_le_bytes(*crc));
        let found = checksum::seeded(self.nonce, start as u64, content);
        if crc.is_none() || found != expected {
            return Err(Damage::checksum(&self.name, start as u64, "page checksum", expected, found));
        }
        if let Some(word) = self.checked.get(page / 64) {
            word.fetch_or(1 << (page % 64), Ordering::Relaxed);
        }
        Ok(())
    }

    #[cold]
    fn outside(&self, range: &Range<usize>) -> Damage {
        let expected = format_args!("an end at or before {}", self.content_bytes).to_string();
        let found = format!("{} to {}", range.start, range.end);
        Damage::new(&self.name, range.start as u64, "a part outside of the table", expected, found)
    }

    /// Damage in this table: fields under a right checksum that can't be.
    #[cold]
    pub(crate) fn malformed(&self, offset: usize, what: &'static str) -> Damage {
        Damage::new(&self.name, offset as u64, what, "possible fields", "others")
    }
}
