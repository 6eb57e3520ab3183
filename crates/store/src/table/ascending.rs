//! Numbers that never descend, each in about two bits more than the logarithm of the mean gap.
//!
//! This is the code of Elias (1974) and Fano (1971): the low bits of each number stand packed, the high bits in unary.
//! Its size depends on count and span alone, not on how the gaps are spread. Neither of them is in the bytes: whoever
//! keeps them knows the length.
//!
//! Invariant: the first number is 0 and the last is the span, so only those in between take room; with a span of 0,
//! none do. Bytes that another program made may give numbers in any order, but never a panic.
//!
//! Format: FORMAT.md#ascending-numbers

use super::bits::{self, BitWriter};

/// `count` numbers from 0 to `span`, in as many bytes as [`encoded_bytes`] says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ascending<'b> {
    count: usize,
    span: u64,
    /// How many numbers take room.
    inner: usize,
    low_bits: u32,
    low: &'b [u8],
    high: &'b [u8],
}

/// How many numbers take room.
fn inner_count(count: usize, span: u64) -> usize {
    if span == 0 { 0 } else { count.saturating_sub(2) }
}

/// How many bits of each number are packed: the logarithm of the mean gap, without a division.
#[inline]
fn low_bits(inner: usize, span: u64) -> u32 {
    let (Some(span_log), Some(inner_log)) = (span.checked_ilog2(), (inner as u64).checked_ilog2()) else {
        return 0;
    };
    let Some(difference) = span_log.checked_sub(inner_log) else { return 0 };
    // Rounded up, or exact.
    if (inner as u64) << difference > span { difference.saturating_sub(1) } else { difference }
}

/// Lengths of the packed and of the unary part. Both are small: there are at most three unary bits a number.
#[inline]
fn part_bytes(inner: usize, span: u64, low_bits: u32) -> (usize, usize) {
    if inner == 0 {
        return (0, 0);
    }
    let high_bits = inner + usize::try_from(span >> low_bits).unwrap_or(usize::MAX / 2);
    (bits::packed_bytes(inner, low_bits), high_bits.div_ceil(8))
}

/// Appends `numbers`, which ascend from 0.
pub(crate) fn encode(numbers: &[u64], out: &mut Vec<u8>) {
    let Some((&span, rest)) = numbers.split_last().filter(|(span, _)| **span > 0) else { return };
    let Some((_, inner)) = rest.split_first() else { return };
    let low_bits = low_bits(inner.len(), span);
    let mut low = BitWriter::new(out);
    for number in inner {
        low.put(*number, low_bits);
    }
    low.finish();
    let (_, high_bytes) = part_bytes(inner.len(), span, low_bits);
    let start = out.len();
    out.resize(start + high_bytes, 0);
    for (index, number) in inner.iter().enumerate() {
        let bit = index + usize::try_from(number >> low_bits).expect("below three times the count");
        if let Some(byte) = out.get_mut(start + bit / 8) {
            *byte |= 1 << (bit % 8);
        }
    }
}

impl<'b> Ascending<'b> {
    /// The numbers that `bytes` start with, and what follows. `None` when the bytes are fewer than they take.
    #[inline]
    pub(crate) fn split_off(count: usize, span: u64, bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let inner = inner_count(count, span);
        let low_bits = low_bits(inner, span);
        let (low_bytes, high_bytes) = part_bytes(inner, span, low_bits);
        let (low, rest) = bytes.split_at_checked(low_bytes)?;
        let (high, rest) = rest.split_at_checked(high_bytes)?;
        Some((Self { count, span, inner, low_bits, low, high }, rest))
    }

    /// Hands each number to `take`, in order, until that says no. `None` when it did, or when the bytes don't have
    /// them all, or they descend.
    #[inline]
    pub(crate) fn decode_all(&self, mut take: impl FnMut(u64) -> Option<()>) -> Option<()> {
        match self.count {
            0 => return Some(()),
            1 => return take(self.span),
            _ => take(0)?,
        }
        if self.span == 0 {
            return (1..self.count).try_for_each(|_| take(0));
        }
        let (mut previous, mut found, mut index) = (0, 0, 0);
        while found < self.inner {
            let mut word = bits::word(self.high, index)?;
            while word != 0 && found < self.inner {
                let bit = index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                let high = bit.checked_sub(found)? as u64;
                // Where events are many there are no low bits, and these are most of all lists that are read.
                let number = if self.low_bits == 0 { high } else { self.join(found, high)? };
                if number < previous || number > self.span {
                    return None;
                }
                take(number)?;
                previous = number;
                found += 1;
            }
            index += 1;
        }
        take(self.span)
    }

    #[inline]
    fn join(&self, inner: usize, high: u64) -> Option<u64> {
        let low = bits::get(self.low, inner, self.low_bits)?;
        Some(high.checked_shl(self.low_bits)? | low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        (vec(any::<u64>(), 0..200), 0u32..64).prop_map(|(gaps, shift)| {
            let each = (gaps.len() as u64).max(1);
            let mut sum = 0;
            let ascending = gaps.into_iter().map(|gap| {
                sum += (gap >> shift) / each;
                sum
            });
            std::iter::once(0).chain(ascending).collect()
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(numbers in numbers()) {
            let mut bytes = Vec::new();
            encode(&numbers, &mut bytes);
            let span = *numbers.last().unwrap();
            let (ascending, rest) = Ascending::split_off(numbers.len(), span, &bytes).unwrap();
            prop_assert!(rest.is_empty());
            let mut all = Vec::new();
            ascending.decode_all(|number| { all.push(number); Some(()) }).unwrap();
            prop_assert_eq!(&all, &numbers);
            // Within two bits a number, and a byte for each part, of what the mean gap takes.
            let inner = inner_count(numbers.len(), span);
            let mean_bits = (span / (inner as u64).max(1)).max(1).ilog2() as usize + 3;
            prop_assert!(bytes.len() <= inner * mean_bits / 8 + 2, "{} bytes", bytes.len());
        }

        #[test]
        fn hostile_bytes_never_panic_and_never_descend_or_pass_the_span(
            count in 0usize..200, span: u64, shift in 0u32..64, fill in vec(any::<u8>(), 1..20)
        ) {
            let span = span >> shift;
            let bytes: Vec<u8> = fill.iter().copied().cycle().take(2000).collect();
            let (ascending, rest) = Ascending::split_off(count, span, &bytes).unwrap();
            let mut previous = 0;
            let _ = ascending.decode_all(|number| {
                assert!(number >= previous && number <= span);
                previous = number;
                Some(())
            });
            let taken = bytes.len() - rest.len();
            prop_assert!(taken == 0 || Ascending::split_off(count, span, &bytes[..taken - 1]).is_none());
        }
    }
}
