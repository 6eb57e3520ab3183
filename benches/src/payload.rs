//! The bytes that are appended: 256 a record, different for each, and made again to compare what was read back.

/// Length of every payload.
pub(crate) const PAYLOAD_BYTES: usize = 256;

/// The payload that is the `index`th of a writer. Looks random, so that nothing gains by compressing it.
pub(crate) fn payload(writer: u64, index: u64) -> [u8; PAYLOAD_BYTES] {
    let mut state = writer.rotate_left(48) ^ index;
    let mut payload = [0; PAYLOAD_BYTES];
    for chunk in payload.chunks_exact_mut(8) {
        chunk.copy_from_slice(&next(&mut state).to_le_bytes());
    }
    payload
}

/// One step of `SplitMix64` (Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_differ_and_are_made_the_same_again() {
        assert_eq!(payload(3, 7), payload(3, 7));
        assert_ne!(payload(3, 7), payload(3, 8));
        assert_ne!(payload(3, 7), payload(7, 3));
    }
}
