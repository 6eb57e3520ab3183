//! The one checksum of the index: CRC-32C, bound to the table and the place.
//!
//! Everything in a table is checked with a seed made of the table's nonce and the offset, so that bytes of another
//! table, or of another place in the same one, never pass for these.

/// The CRC of `bytes`, unseeded: for what stands at the start of trust (manifest, footer).
pub(crate) fn plain(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// The CRC of `bytes` that lie at `offset` in the table with this `nonce`.
pub(crate) fn seeded(nonce: u64, offset: u64, bytes: &[u8]) -> u32 {
    let seed = crc32c::crc32c_append(crc32c::crc32c(&nonce.to_le_bytes()), &offset.to_le_bytes());
    crc32c::crc32c_append(seed, bytes)
}

/// The CRC of what `crc` is the CRC of, followed by `bytes`.
pub(crate) fn append(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_check_value_holds() {
        assert_eq!(plain(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_seeded_checksum_depends_on_table_and_place() {
        let here = seeded(1, 64, b"same bytes");
        assert_ne!(here, seeded(2, 64, b"same bytes"));
        assert_ne!(here, seeded(1, 128, b"same bytes"));
    }
}
