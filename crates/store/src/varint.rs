//! Unsigned integers in as few bytes as they need: seven bits a byte, lowest first, the high bit set on all but the
//! last.

/// A `u64` never takes more than this.
const VARINT_BYTES_MAX: usize = 10;

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Takes one integer from the front of `input`. `None` if there is none, or if it is over 64 bits.
#[inline]
pub(crate) fn take(input: &mut &[u8]) -> Option<u64> {
    // Nearly all lengths in a block are under 128.
    if let Some((&first, rest)) = input.split_first()
        && first < 0x80
    {
        *input = rest;
        return Some(u64::from(first));
    }
    take_long(input)
}

/// Takes one integer that must fit an in-memory length.
#[inline]
pub(crate) fn take_length(input: &mut &[u8]) -> Option<usize> {
    usize::try_from(take(input)?).ok()
}

fn take_long(input: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for index in 0..VARINT_BYTES_MAX {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * index;
        // The tenth byte has room for one bit only.
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_is_taken(value: u64, shift in 0u32..64, tail: Vec<u8>) {
            let value = value >> shift;
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            bytes.extend_from_slice(&tail);
            let mut input = bytes.as_slice();
            prop_assert_eq!(take(&mut input), Some(value));
            prop_assert_eq!(input, tail.as_slice());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let mut input = bytes.as_slice();
            while take(&mut input).is_some() {}
        }
    }

    #[test]
    fn integers_over_64_bits_are_refused() {
        let mut input = [0xffu8; 11].as_slice();
        assert_eq!(take(&mut input), None);
        let mut input = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02].as_slice();
        assert_eq!(take(&mut input), None);
    }
}
