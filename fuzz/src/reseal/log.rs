//! Right checksums over an edited log: segment headers, commits, footers, and the watermark's slots.
//!
//! Leaves are left as they are: a record whose leaf is wrong behind a right CRC is a case of its own.

use std::path::Path;

use crate::images::Images;
use crate::reseal::put_crc;

const HEADER_BYTES: usize = 4096;
const NONCE: std::ops::Range<usize> = 40..56;

const FRAME_BYTES: usize = 64;
const FRAME_MAGIC: &[u8] = b"RLCF";
const FRAME_LENGTH: usize = 40;
const FRAME_RECORDS_CRC: usize = 52;
const FRAME_CRC: usize = 60;

const RECORD_BYTES: usize = 40;
const RECORD_CRC: usize = 4;
/// The bits of a record's first field that are its length.
const RECORD_LENGTH_MASK: u32 = (1 << 25) - 1;

const TRAILER_BYTES: usize = 64;
const TRAILER_MAGIC: &[u8] = b"RLSEALED";
const TRAILER_FOOTER_CRC: usize = 40;
const TRAILER_CRC: usize = 52;

/// Where a header names the format's version, and that of compressed segments.
const VERSION: usize = 8;
const COMPRESSED_VERSION: u32 = 2;

const BLOCK_HEADER_BYTES: usize = 96;
const BLOCK_MAGIC: &[u8] = b"RLBLOCK1";
const BLOCK_COMPRESSED_LENGTH: usize = 64;
const BLOCK_CONTENTS_CRC: usize = 80;
const BLOCK_CRC: usize = 92;

const COMPRESSED_TRAILER_BYTES: usize = 192;
const COMPRESSED_TRAILER_MAGIC: &[u8] = b"RLCOMPRS";
const DIRECTORY_OFFSET: usize = 128;
const DIRECTORY_CRC: usize = 152;
const COMPRESSED_TRAILER_CRC: usize = 180;

const WATERMARK_SLOTS: [usize; 2] = [0, 4096];
const WATERMARK_CRC: usize = 124;

/// Makes the checksums right again.
pub fn reseal(images: &mut Images) {
    for (name, bytes) in &mut images.0 {
        if name == "watermark" {
            for slot in WATERMARK_SLOTS {
                reseal_slot(bytes, slot);
            }
        } else if Path::new(name).extension().is_some_and(|ending| ending == "wal") {
            reseal_segment(bytes);
        }
    }
}

/// An unused slot is zero and stays so.
fn reseal_slot(bytes: &mut [u8], slot: usize) {
    if bytes.get(slot..slot + WATERMARK_CRC).is_some_and(|covered| covered.iter().any(|byte| *byte != 0)) {
        put_crc(bytes, slot, slot + WATERMARK_CRC, 0);
    }
}

fn reseal_segment(bytes: &mut [u8]) {
    // A spare has no header yet.
    if bytes.get(..HEADER_BYTES).is_none_or(|header| header.iter().all(|byte| *byte == 0)) {
        return;
    }
    put_crc(bytes, 0, HEADER_BYTES - 4, 0);
    let nonce = crc32c::crc32c(&bytes[NONCE]);
    if u32_at(bytes, VERSION) == Some(COMPRESSED_VERSION) {
        reseal_blocks(bytes, nonce);
        reseal_directory(bytes);
        return;
    }
    let mut at = HEADER_BYTES;
    while let Some(next) = reseal_commit(bytes, at, nonce) {
        at = next;
    }
    reseal_footer(bytes, nonce);
}

/// Seals the blocks of a compressed segment. The checksum of their plain image is left as it is: what decompresses to other bytes
/// is a case of its own.
fn reseal_blocks(bytes: &mut [u8], nonce: u32) {
    let mut at = HEADER_BYTES;
    while bytes
        .get(at..)
        .is_some_and(|rest| rest.starts_with(BLOCK_MAGIC) && rest.len() >= BLOCK_HEADER_BYTES)
    {
        let contents = at + BLOCK_HEADER_BYTES;
        let length =
            u64_at(bytes, at + BLOCK_COMPRESSED_LENGTH).and_then(|length| usize::try_from(length).ok());
        let end = length.and_then(|length| contents.checked_add(length)?.checked_next_multiple_of(8));
        let covered = end.and_then(|end| bytes.get(contents..end));
        if let Some(covered) = covered {
            let crc = crc32c::crc32c_append(seed_at(nonce, contents), covered);
            bytes[at + BLOCK_CONTENTS_CRC..at + BLOCK_CONTENTS_CRC + 4].copy_from_slice(&crc.to_le_bytes());
        }
        put_crc(bytes, at, at + BLOCK_CRC, seed_at(nonce, at));
        let Some(end) = end.filter(|end| *end <= bytes.len()) else { return };
        at = end;
    }
}

fn reseal_directory(bytes: &mut [u8]) {
    if !bytes.ends_with(COMPRESSED_TRAILER_MAGIC) || bytes.len() < COMPRESSED_TRAILER_BYTES {
        return;
    }
    let trailer = bytes.len() - COMPRESSED_TRAILER_BYTES;
    let directory = u64_at(bytes, trailer + DIRECTORY_OFFSET).and_then(|offset| usize::try_from(offset).ok());
    if let Some(covered) = directory.and_then(|directory| bytes.get(directory..trailer)) {
        let crc = crc32c::crc32c(covered);
        bytes[trailer + DIRECTORY_CRC..trailer + DIRECTORY_CRC + 4].copy_from_slice(&crc.to_le_bytes());
    }
    put_crc(bytes, trailer, trailer + COMPRESSED_TRAILER_CRC, 0);
}

/// Seals the commit whose frame stands at `at`; returns where the next one would be.
fn reseal_commit(bytes: &mut [u8], at: usize, nonce: u32) -> Option<usize> {
    let frame = bytes.get(at..at + FRAME_BYTES)?;
    if !frame.starts_with(FRAME_MAGIC) {
        return None;
    }
    let records = at + FRAME_BYTES;
    let length = usize::try_from(u64_at(bytes, at + FRAME_LENGTH)?).ok()?;
    let end = records.checked_add(length).filter(|end| *end <= bytes.len());
    let seed = seed_at(nonce, at);
    let mut records_crc = seed;
    let mut record = records;
    while let Some(next) = reseal_record_at(bytes, record, end.unwrap_or(records)) {
        records_crc =
            crc32c::crc32c_append(records_crc, &bytes[record + RECORD_CRC..record + RECORD_CRC + 4]);
        record = next;
    }
    bytes[at + FRAME_RECORDS_CRC..at + FRAME_RECORDS_CRC + 4].copy_from_slice(&records_crc.to_le_bytes());
    put_crc(bytes, at, at + FRAME_CRC, seed);
    end
}

/// Seals the record that starts with these bytes, if it is whole.
pub fn reseal_record(bytes: &mut [u8]) {
    reseal_record_at(bytes, 0, bytes.len());
}

/// Gives a frame its magic and its checksum, for a segment of this nonce and an offset in it.
pub fn reseal_frame(block: &mut [u8; FRAME_BYTES], nonce: [u8; 16], offset: u64) {
    block[..FRAME_MAGIC.len()].copy_from_slice(FRAME_MAGIC);
    let seed = crc32c::crc32c_append(crc32c::crc32c(&nonce), &offset.to_le_bytes());
    put_crc(block, 0, FRAME_CRC, seed);
}

/// The CRC covers the length field, and what follows the CRC itself.
fn reseal_record_at(bytes: &mut [u8], at: usize, end: usize) -> Option<usize> {
    let payload = usize::try_from(u32_at(bytes, at)? & RECORD_LENGTH_MASK).ok()?;
    let payload_end = at + RECORD_BYTES + payload;
    if payload_end > end {
        return None;
    }
    let length = crc32c::crc32c(&bytes[at..at + RECORD_CRC]);
    let crc = crc32c::crc32c_append(length, &bytes[at + RECORD_CRC + 4..payload_end]);
    bytes[at + RECORD_CRC..at + RECORD_CRC + 4].copy_from_slice(&crc.to_le_bytes());
    Some(payload_end.next_multiple_of(8))
}

fn reseal_footer(bytes: &mut [u8], nonce: u32) {
    if !bytes.ends_with(TRAILER_MAGIC) || bytes.len() < TRAILER_BYTES {
        return;
    }
    let trailer = bytes.len() - TRAILER_BYTES;
    let footer = u64_at(bytes, trailer).and_then(|offset| usize::try_from(offset).ok());
    if let Some((footer, covered)) = footer.and_then(|footer| Some((footer, bytes.get(footer..trailer)?))) {
        let crc = crc32c::crc32c_append(seed_at(nonce, footer), covered);
        bytes[trailer + TRAILER_FOOTER_CRC..trailer + TRAILER_FOOTER_CRC + 4]
            .copy_from_slice(&crc.to_le_bytes());
    }
    put_crc(bytes, trailer, trailer + TRAILER_CRC, seed_at(nonce, trailer));
}

/// Binds a checksum to its place in the file.
fn seed_at(nonce: u32, offset: usize) -> u32 {
    crc32c::crc32c_append(nonce, &(offset as u64).to_le_bytes())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|field| u64::from_le_bytes(*field))
}
