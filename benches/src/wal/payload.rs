//! The bytes that are appended: different for each record, and made again to compare what was read back.

/// Length of every payload but those of the real sizes.
pub(crate) const PAYLOAD_BYTES: usize = 256;

/// The longest payload that can be made.
const POOL_BYTES: usize = 1 << 20;

/// How payloads are made.
pub(crate) enum Payloads {
    /// 256 bytes each.
    Fixed,
    /// Of these lengths, in turn, each writer beginning elsewhere. Cut from a pool of random bytes: making a megabyte
    /// must not take as long as writing it.
    Sizes { sizes: Vec<usize>, pool: Vec<u8> },
}

impl Payloads {
    /// Payloads of these lengths; lengths over a mebibyte are cut to it.
    pub(crate) fn of_sizes(sizes: Vec<usize>) -> Self {
        let mut state = 1;
        let pool = (0..POOL_BYTES / 8).flat_map(|_| next(&mut state).to_le_bytes()).collect();
        Self::Sizes { sizes, pool }
    }

    /// Replaces the contents of `buffer` by the payload that is the `index`th of a writer.
    pub(crate) fn make(&self, writer: u64, index: u64, buffer: &mut Vec<u8>) {
        buffer.clear();
        match self {
            Self::Fixed => buffer.extend_from_slice(&payload(writer, index)),
            Self::Sizes { sizes, pool } => {
                let turn = usize::try_from(writer * 7919 + index).unwrap_or(0) % sizes.len().max(1);
                let bytes = sizes.get(turn).copied().unwrap_or(1);
                buffer.extend(pool.iter().take(bytes));
                let stamp = payload(writer, index);
                buffer.iter_mut().zip(stamp.iter().take(16)).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// The 256-byte payload that is the `index`th of a writer. Looks random, so that nothing gains by compressing it.
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

    #[test]
    fn payloads_of_given_sizes_come_in_turn_and_differ() {
        let payloads = Payloads::of_sizes(vec![100, 40]);
        let made = |index| {
            let mut buffer = vec![9; 3];
            payloads.make(0, index, &mut buffer);
            buffer
        };
        assert_eq!([made(0).len(), made(1).len(), made(2).len()], [100, 40, 100]);
        assert_ne!(made(0), made(2));
        assert_eq!(made(2), made(2));
    }
}
