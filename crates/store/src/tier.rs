//! Which neighbours to merge: the one policy for sorted runs in memory and for tables on disk.
//!
//! Only neighbours in age are ever merged, since a newer entry hides an older one. A merge takes pieces of similar
//! size, so that each byte is rewritten about as often as its piece can double, and the number of pieces stays small.

use std::ops::Range;

/// Which pieces to merge next, given their sizes from the oldest to the newest. `None`: leave them alone.
///
/// - From the newest backwards, the longest row of neighbours in which each older one is no larger than all newer ones
///   of the row together: merged if there are `width` of them or more.
/// - Otherwise, with more than `count_max` pieces, the neighbours whose merge costs least and brings the number down to
///   `count_max`.
pub(crate) fn pick(sizes: &[u64], width: usize, count_max: usize) -> Option<Range<usize>> {
    for end in (1..=sizes.len()).rev() {
        let row = similar_row(sizes, end);
        if row.len() >= width.max(2) {
            return Some(row);
        }
    }
    if sizes.len() <= count_max.max(1) {
        return None;
    }
    let merged = sizes.len() - count_max.max(1) + 1;
    let (start, _) = sizes
        .windows(merged)
        .map(|window| window.iter().fold(0u64, |sum, size| sum.saturating_add(*size)))
        .enumerate()
        .min_by_key(|(_, bytes)| *bytes)?;
    Some(start..start + merged)
}

/// The longest row that ends before `end` and in which no piece outweighs the newer ones together.
fn similar_row(sizes: &[u64], end: usize) -> Range<usize> {
    let mut start = end;
    let mut sum = 0u64;
    for size in sizes.iter().take(end).rev() {
        if start != end && *size > sum {
            break;
        }
        sum = sum.saturating_add(*size);
        start -= 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_neighbours_are_merged_when_there_are_enough_of_them() {
        assert_eq!(pick(&[8, 8, 8], 4, 100), None);
        assert_eq!(pick(&[8, 8, 8, 8], 4, 100), Some(0..4));
        assert_eq!(pick(&[100, 8, 8, 8, 8], 4, 100), Some(1..5));
        // Older neighbours of similar size are found behind a small newest one.
        assert_eq!(pick(&[100, 100, 100, 100, 1], 4, 100), Some(0..4));
    }

    #[test]
    fn too_many_pieces_are_brought_down_at_the_least_cost() {
        assert_eq!(pick(&[1000, 500, 240, 120, 2], 4, 4), Some(3..5));
        assert_eq!(pick(&[1000, 500, 240, 120, 2], 4, 5), None);
    }

    proptest! {
        #[test]
        fn steady_growth_keeps_the_number_bounded_and_rewrites_each_byte_seldom(
            added in proptest::collection::vec(1u64..1000, 1..400)
        ) {
            let (mut pieces, mut rewritten) = (Vec::new(), 0u64);
            for size in &added {
                pieces.push(*size);
                while let Some(range) = pick(&pieces, 4, 16) {
                    prop_assert!(range.len() >= 2 && range.end <= pieces.len());
                    let sum: u64 = pieces[range.clone()].iter().sum();
                    rewritten += sum;
                    pieces.splice(range, [sum]);
                }
                prop_assert!(pieces.len() <= 16);
            }
            let total: u64 = added.iter().sum();
            prop_assert_eq!(pieces.iter().sum::<u64>(), total);
            // 400 pieces of up to 1000 times different sizes: log2(400 * 1000) is below 19.
            prop_assert!(rewritten <= 19 * total, "rewrote {} of {}", rewritten, total);
        }
    }
}
