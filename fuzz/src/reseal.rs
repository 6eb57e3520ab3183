//! Right checksums over edited files, by the layout that FORMAT.md fixes.
//!
//! Written from the page and not with the crates' own encoders: those refuse to write what a target wants to have.

pub mod index;
pub mod log;

/// Writes the CRC of `bytes[from..at]` to `at`, continuing from `seed`. Nothing happens where the file is too short.
fn put_crc(bytes: &mut [u8], from: usize, at: usize, seed: u32) {
    if let (Some(covered), true) = (bytes.get(from..at), at + 4 <= bytes.len()) {
        let crc = crc32c::crc32c_append(seed, covered);
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    }
}
