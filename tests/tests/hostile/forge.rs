//! Right checksums over wrong bytes, by the layout that FORMAT.md fixes.

use std::ops::Range;

const HEADER_BYTES: usize = 4096;

/// Overwrites the bytes at `at`.
pub(crate) fn set(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

fn seal(bytes: &mut [u8], covered: Range<usize>, crc_at: usize, seed: u32) {
    let crc = crc32c::crc32c_append(seed, &bytes[covered]);
    set(bytes, crc_at, &crc.to_le_bytes());
}

pub(crate) fn seed(segment: &[u8], offset: usize) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&segment[40..56]), &(offset as u64).to_le_bytes())
}

pub(crate) fn seal_header(segment: &mut [u8]) {
    seal(segment, 0..HEADER_BYTES - 4, HEADER_BYTES - 4, 0);
}

/// Seals the frame at this offset.
pub(crate) fn seal_frame(segment: &mut [u8], at: usize) {
    let seed = seed(segment, at);
    seal(segment, at..at + 60, at + 60, seed);
}

/// Seals the trailer at a segment's end, and the footer in front of it where it names one.
pub(crate) fn seal_footer(segment: &mut [u8]) {
    let trailer = segment.len() - 64;
    let footer = u64::from_le_bytes(*segment[trailer..].first_chunk().unwrap());
    if let Some(footer) = usize::try_from(footer).ok().filter(|footer| *footer <= trailer) {
        let seed = seed(segment, footer);
        seal(segment, footer..trailer, trailer + 40, seed);
    }
    let seed = seed(segment, trailer);
    seal(segment, trailer..trailer + 52, trailer + 52, seed);
}

/// Seals the watermark's slot at this offset.
pub(crate) fn seal_slot(watermark: &mut [u8], at: usize) {
    seal(watermark, at..at + 124, at + 124, 0);
}
