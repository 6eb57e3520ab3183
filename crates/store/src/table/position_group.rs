//! Up to 128 positions in a row, coded against a straight line through them.
//!
//! ```text
//! group = time-width number-width (a byte each) unit slope time-below number-below (varints) packed
//! ```
//!
//! Times are counted in their greatest common unit. Where events are about equally far apart, the line
//! from the first to the last says most of a time, and what is packed is how far each is from it. Numbers mostly count
//! up by one: their line has the slope 1.
//!
//! A group is read at any place without the places before: walks through streams that are in few of the events touch
//! each group once.
//!
//! Invariant: the first position and the count are kept elsewhere. All is computed modulo 2^64, so bytes that another
//! program made may give any positions, in any order, but never a panic.
//!
//! Format: FORMAT.md#positions

use super::bits::{self, BitWriter};
use crate::position::Position;
use crate::varint;

/// All groups of a table but the last hold this many.
pub(crate) const GROUP_POSITIONS: usize = 128;
/// The longest group: two bytes, four varints, and two numbers of 64 bits for each position.
#[cfg(test)]
pub(crate) const GROUP_BYTES_MAX: usize = 42 + GROUP_POSITIONS * 16;

/// A straight line, and how far from it numbers may be: from `below` under it, in `width` bits.
#[derive(Debug, Clone, Copy)]
struct Line {
    slope: u64,
    below: u64,
    width: u32,
}

impl Line {
    /// The line with this slope, and the room that `numbers` need around it.
    fn through(numbers: impl Iterator<Item = u64> + Clone, slope: u64) -> Self {
        let line = Self { slope, below: 0, width: u64::BITS };
        let distances = (0..).zip(numbers).map(|(place, number)| line.distance(place, number));
        let below = distances.clone().map(u64::cast_signed).min().unwrap_or(0).wrapping_neg().cast_unsigned();
        let highest = distances.map(|distance| distance.wrapping_add(below)).max().unwrap_or(0);
        Self { slope, below, width: u64::BITS - highest.leading_zeros() }
    }

    /// How far `number` in this place is above the lowest that the line allows there.
    fn distance(&self, place: u64, number: u64) -> u64 {
        number.wrapping_sub(self.slope.wrapping_mul(place)).wrapping_add(self.below)
    }

    #[inline]
    fn number(&self, place: u64, distance: u64) -> u64 {
        distance.wrapping_add(self.slope.wrapping_mul(place)).wrapping_sub(self.below)
    }
}

/// Numbers of positions count up by one, but for those that came late.
const NUMBER_SLOPE: u64 = 1;

/// Appends the group of `positions`, which ascend and of which there is at least one.
pub(crate) fn encode(positions: &[Position], out: &mut Vec<u8>) {
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else { return };
    let since_first = positions.iter().map(|position| position.time - first.time);
    let unit = since_first.clone().fold(0, greatest_common_divisor).max(1);
    let times = since_first.map(|time| time / unit);
    let numbers = positions.iter().map(|position| position.number.wrapping_sub(first.number));
    let gaps = (positions.len() as u64 - 1).max(1);
    let time_line = Line::through(times.clone(), (last.time - first.time) / unit / gaps);
    let number_line = Line::through(numbers.clone(), NUMBER_SLOPE);

    out.extend([time_line.width, number_line.width].map(|width| (width & 0xff) as u8));
    for field in [unit, time_line.slope, time_line.below, number_line.below] {
        varint::put(out, field);
    }
    let mut packed = BitWriter::new(out);
    for (place, (time, number)) in (0..).zip(times.zip(numbers)) {
        packed.put(time_line.distance(place, time), time_line.width);
        packed.put(number_line.distance(place, number), number_line.width);
    }
    packed.finish();
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A group, ready to be asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group<'b> {
    first: Position,
    count: usize,
    unit: u64,
    times: Line,
    numbers: Line,
    packed: &'b [u8],
}

impl<'b> Group<'b> {
    /// The group of `count` positions from `first` on that `bytes` hold. `None` if they don't.
    #[inline]
    pub(crate) fn decode(first: Position, count: usize, bytes: &'b [u8]) -> Option<Self> {
        let (&[time_width, number_width], mut rest) = bytes.split_first_chunk()?;
        let (time_width, number_width) = (u32::from(time_width), u32::from(number_width));
        let unit = varint::take(&mut rest)?;
        let slope = varint::take(&mut rest)?;
        let times = Line { slope, below: varint::take(&mut rest)?, width: time_width };
        let numbers = Line { slope: NUMBER_SLOPE, below: varint::take(&mut rest)?, width: number_width };
        let possible = time_width.max(number_width) <= u64::BITS
            && rest.len() == bits::packed_bytes(count, time_width + number_width);
        possible.then_some(Self { first, count, unit, times, numbers, packed: rest })
    }

    /// The position in this place.
    #[inline]
    pub(crate) fn get(&self, place: usize) -> Option<Position> {
        let bit = place * (self.times.width + self.numbers.width) as usize;
        let time = self.times.number(place as u64, bits::get_at(self.packed, bit, self.times.width)?);
        let bit = bit + self.times.width as usize;
        let number = self.numbers.number(place as u64, bits::get_at(self.packed, bit, self.numbers.width)?);
        (place < self.count).then_some(Position {
            time: self.first.time.wrapping_add(self.unit.wrapping_mul(time)),
            number: self.first.number.wrapping_add(number),
        })
    }

    /// How many of the positions are before `target`.
    pub(crate) fn count_before(&self, target: Position) -> Option<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle)? < target { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn positions() -> impl Strategy<Value = Vec<Position>> {
        let any_pair = (prop_oneof![any::<u64>(), 0u64..50], prop_oneof![any::<u64>(), 0u64..50]);
        let wild = btree_set(any_pair, 1..=GROUP_POSITIONS);
        let tame = (0u64..1 << 60, 1u64..2_000_000, vec(0u64..9, 1..=GROUP_POSITIONS)).prop_map(
            |(start, unit, steps)| {
                let mut time = start;
                (0u64..)
                    .zip(steps)
                    .map(|(number, step)| {
                        time += step * unit;
                        (time, number)
                    })
                    .collect()
            },
        );
        prop_oneof![wild, tame]
            .prop_map(|pairs| pairs.into_iter().map(|(time, number)| Position { time, number }).collect())
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_found_at_its_index_and_by_its_value(positions in positions(), other: (u64, u64)) {
            let mut bytes = Vec::new();
            encode(&positions, &mut bytes);
            prop_assert!(bytes.len() <= GROUP_BYTES_MAX);
            let group = Group::decode(positions[0], positions.len(), &bytes).unwrap();
            for (index, position) in positions.iter().enumerate() {
                prop_assert_eq!(group.get(index), Some(*position));
                prop_assert_eq!(group.count_before(*position), Some(index));
                prop_assert_eq!(Position::from_bytes(position.to_bytes()), *position);
            }
            prop_assert_eq!(group.get(positions.len()), None);
            let other = Position { time: other.0, number: other.1 };
            let before = positions.iter().filter(|position| **position < other).count();
            prop_assert_eq!(group.count_before(other), Some(before));
        }

        #[test]
        fn hostile_groups_never_panic(bytes in vec(any::<u8>(), 0..300), count in 1usize..=GROUP_POSITIONS, at: (u64, u64)) {
            let first = Position { time: at.0, number: at.1 };
            let Some(group) = Group::decode(first, count, &bytes) else { return Ok(()) };
            for index in 0..=count {
                let _ = group.get(index);
            }
            let _ = group.count_before(first);
        }
    }

    #[test]
    fn a_second_of_events_in_milliseconds_takes_few_bits_each() {
        let position = |number: u64| Position {
            time: (1 << 60) + number * number % 7 * 1_000_000 + number * 8_000_000,
            number,
        };
        let positions: Vec<_> = (0..128).map(position).collect();
        let mut bytes = Vec::new();
        encode(&positions, &mut bytes);
        assert!(bytes.len() <= 128 * 7 / 8, "{} bytes", bytes.len());
    }
}
