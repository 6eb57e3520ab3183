//! Where the positions of one layer are in the layer that it is merged into.
//!
//! Invariant: ascending ordinals have ascending images. Positions that stay neighbours take no room of their own: layers
//! mostly follow one another in time, so that a map of millions of positions is a few numbers.

use crate::planted::{Bug, planted};

/// Maps the ordinals of one input to those of the output.
#[derive(Debug, Default)]
pub(super) struct OrdinalMap {
    /// From where on the ordinals of the input follow one another in the output, and from which place there.
    pieces: Vec<(u32, u32)>,
    count: u32,
}

impl OrdinalMap {
    /// The next ordinal of the input has this place in the output, above all before.
    pub(super) fn push(&mut self, image: u32) {
        let image = if planted(Bug::MergeKeepsOrdinals) { self.count } else { image };
        let follows =
            self.pieces.last().is_some_and(|(from, to)| self.count - from == image.wrapping_sub(*to));
        if !follows {
            self.pieces.push((self.count, image));
        }
        self.count += 1;
    }

    /// The image of `ordinal`. `finger` remembers where the last one was found; begin with zero.
    #[inline]
    pub(super) fn image(&self, ordinal: u32, finger: &mut usize) -> u32 {
        if self.pieces.get(*finger).is_none_or(|(from, _)| *from > ordinal) {
            *finger = 0;
        }
        // A few steps, then a search among the rest.
        for _ in 0..4 {
            if self.pieces.get(*finger + 1).is_none_or(|(from, _)| *from > ordinal) {
                break;
            }
            *finger += 1;
        }
        if self.pieces.get(*finger + 1).is_some_and(|(from, _)| *from <= ordinal) {
            let rest = self.pieces.get(*finger..).unwrap_or_default();
            *finger += rest.partition_point(|(from, _)| *from <= ordinal).saturating_sub(1);
        }
        self.pieces.get(*finger).map_or(ordinal, |(from, to)| to + (ordinal - from))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_ordinal_has_the_image_it_was_given(
            images in proptest::collection::btree_set(0u32..300, 1..120), asked in proptest::collection::vec(any::<prop::sample::Index>(), 1..80)
        ) {
            let images: Vec<u32> = images.into_iter().collect();
            let mut map = OrdinalMap::default();
            for image in &images {
                map.push(*image);
            }
            let mut finger = 0;
            for ordinal in asked.iter().map(|index| index.index(images.len())) {
                prop_assert_eq!(map.image(u32::try_from(ordinal).unwrap(), &mut finger), images[ordinal]);
            }
        }
    }

    #[test]
    fn neighbours_take_no_room() {
        let mut map = OrdinalMap::default();
        for image in (7..1000).chain(2000..9000) {
            map.push(image);
        }
        assert_eq!(map.pieces, [(0, 7), (993, 2000)]);
    }
}
