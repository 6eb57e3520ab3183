//! Little-endian fields at fixed places of fixed blocks, and the seeded checksum that ties bytes to their place.
//!
//! Whoever decodes a block has checked its length first; a field outside of it is our own bug, and the only way for
//! these functions to panic.

const INSIDE: &str = "a fixed block holds all of its fields";

/// The `N` bytes at `at`.
pub(crate) fn array_at<const N: usize>(block: &[u8], at: usize) -> [u8; N] {
    *block.get(at..).and_then(|rest| rest.first_chunk()).expect(INSIDE)
}

pub(crate) fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(block, at))
}

pub(crate) fn u64_at(block: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(block, at))
}

pub(crate) fn i64_at(block: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(array_at(block, at))
}

/// The bytes of `block` in `range`.
pub(crate) fn part(block: &[u8], range: std::ops::Range<usize>) -> &[u8] {
    block.get(range).expect(INSIDE)
}

/// Overwrites the bytes at `at`.
pub(crate) fn put(block: &mut [u8], at: usize, field: &[u8]) {
    block.get_mut(at..).and_then(|rest| rest.get_mut(..field.len())).expect(INSIDE).copy_from_slice(field);
}

pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // Sixteen bytes at a time: the rest of a segment is megabytes of zeroes, read at every unclean open.
    let (blocks, rest) = bytes.as_chunks::<16>();
    blocks.iter().all(|block| u128::from_ne_bytes(*block) == 0) && rest.iter().all(|byte| *byte == 0)
}

/// What a "seeded" CRC continues from: the CRC of the segment's nonce and an offset in its file. So bytes of another
/// file, of an earlier use of the same blocks, or at another place never pass.
pub(crate) fn seed(nonce: &[u8; 16], offset: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(nonce), &offset.to_le_bytes())
}

/// A length that a named limit keeps far below the address space, as a size in memory.
#[inline]
pub(crate) fn in_memory(bytes: u64) -> usize {
    usize::try_from(bytes).expect("lengths are checked against a limit before memory is asked for")
}

/// A size in memory as a length on disk.
pub(crate) fn on_disk(bytes: usize) -> u64 {
    u64::try_from(bytes).expect("a size in memory fits into 64 bits")
}
