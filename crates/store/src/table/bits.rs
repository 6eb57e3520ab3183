//! Numbers of any width, packed without gaps, lowest bit first.
//!
//! Invariant: nothing is read beyond the bytes given: what would lie there is `None`, never a panic.

/// Appends numbers of up to 64 bits.
#[derive(Debug)]
pub(crate) struct BitWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Bits not yet in `out`, fewer than eight.
    pending: u8,
    pending_bits: u32,
}

impl<'o> BitWriter<'o> {
    pub(crate) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, pending: 0, pending_bits: 0 }
    }

    /// Appends the lowest `width` bits of `value`.
    pub(crate) fn put(&mut self, value: u64, width: u32) {
        let kept = if width == 0 { 0 } else { value & (u64::MAX >> (64 - width.min(64))) };
        let mut bits = u128::from(self.pending) | (u128::from(kept) << self.pending_bits);
        let mut count = self.pending_bits + width;
        while count >= 8 {
            self.out.push((bits & 0xff) as u8);
            bits >>= 8;
            count -= 8;
        }
        self.pending = (bits & 0xff) as u8;
        self.pending_bits = count;
    }

    /// Fills the last byte up with zeroes.
    pub(crate) fn finish(self) {
        if self.pending_bits > 0 {
            self.out.push(self.pending);
        }
    }
}

/// How many bytes `count` numbers of `width` bits take.
pub(crate) const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// The number `index` of those that are packed with `width` bits, at most 64, in `bytes`.
#[inline]
pub(crate) fn get(bytes: &[u8], index: usize, width: u32) -> Option<u64> {
    get_at(bytes, index.checked_mul(width as usize)?, width)
}

/// The number of `width` bits, at most 64, that starts at `bit` of `bytes`.
#[inline]
pub(crate) fn get_at(bytes: &[u8], bit: usize, width: u32) -> Option<u64> {
    if width == 0 {
        return Some(0);
    }
    let (byte, shift) = (bit / 8, bit % 8);
    let mask = u64::MAX >> (64 - width.min(64));
    // Nearly all numbers lie within eight bytes that are there.
    if shift + width as usize <= 64
        && let Some(word) = bytes.get(byte..).and_then(<[u8]>::first_chunk)
    {
        return Some((u64::from_le_bytes(*word) >> shift) & mask);
    }
    let end = (bit + width as usize).div_ceil(8);
    let mut word = [0; 16];
    let found = bytes.get(byte..end)?;
    word.get_mut(..found.len())?.copy_from_slice(found);
    let shifted = u128::from_le_bytes(word) >> shift;
    u64::try_from(shifted & u128::from(mask)).ok()
}

/// The eight bytes from `index` × 8 on, with zeroes behind the end. `None` when nothing is there.
#[inline]
pub(crate) fn word(bytes: &[u8], index: usize) -> Option<u64> {
    let rest = bytes.get(index * 8..)?;
    if let Some(word) = rest.first_chunk() {
        return Some(u64::from_le_bytes(*word));
    }
    let mut word = [0; 8];
    word.get_mut(..rest.len())?.copy_from_slice(rest);
    (!rest.is_empty()).then(|| u64::from_le_bytes(word))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_read_and_nothing_behind_it(values in vec(any::<u64>(), 0..40), width in 0u32..=64) {
            let kept = |value: u64| if width == 0 { 0 } else { value & (u64::MAX >> (64 - width)) };
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            for value in &values {
                writer.put(*value, width);
            }
            writer.finish();
            prop_assert_eq!(bytes.len(), packed_bytes(values.len(), width));
            for (index, value) in values.iter().enumerate() {
                prop_assert_eq!(get(&bytes, index, width), Some(kept(*value)));
            }
            if width >= 8 {
                prop_assert_eq!(get(&bytes, values.len(), width), None);
            }
        }
    }
}
