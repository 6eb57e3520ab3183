//! A conjunction of unions within one layer, over ordinals.
//!
//! It is a zigzag join: whichever set stands furthest ahead names the next candidate, and the others seek to it, so that
//! what only one of them holds is passed over in one step; the shortest goes first. (The technique is that of
//! sorted-set intersection by galloping; see E. Demaine, A. López-Ortiz, J. I. Munro, "Adaptive set intersections, unions,
//! and differences", SODA 2000.)

use super::{Layer, List, Section, Selection, SideCost};
use crate::error::{Damage, ReadError};

/// A union of more lists than this is made into a bit for each ordinal, once.
const LISTS_MAX: usize = 8;

/// The union of the streams of one set of a selection.
#[derive(Debug)]
struct Side {
    /// Which set.
    index: usize,
    union: Union,
    seeks: u64,
    /// How often it did not have what the others asked for.
    refused: u64,
}

/// The union of some lists.
#[derive(Debug)]
enum Union {
    One(Box<List>),
    Few(Vec<Head>),
    Bits(Bits),
}

/// A list of a union, and the ordinal that it stands on.
#[derive(Debug)]
struct Head {
    list: List,
    at: Option<u32>,
    placed: bool,
}

/// A set of ordinals as bits.
#[derive(Debug)]
struct Bits {
    words: Vec<u64>,
    lists: usize,
    blocks_read: u64,
    count: usize,
}

impl Bits {
    fn union_of(lists: Vec<List>, ordinals: u32) -> Result<Self, Damage> {
        let mut words = vec![0u64; (ordinals as usize).div_ceil(64)];
        let (count, mut blocks_read) = (lists.len(), 0);
        for mut list in lists {
            let mut block = 0;
            while let Some(found) = list.block(block)? {
                for ordinal in found {
                    if let Some(word) = words.get_mut(*ordinal as usize / 64) {
                        *word |= 1 << (ordinal % 64);
                    }
                }
                block += 1;
            }
            blocks_read += list.blocks_read();
        }
        let ones = words.iter().map(|word| word.count_ones() as usize).sum();
        Ok(Self { words, lists: count, blocks_read, count: ones })
    }

    fn seek(&self, ordinal: u32) -> Option<u32> {
        let mut index = ordinal as usize / 64;
        let mut word = self.words.get(index)? & (u64::MAX << (ordinal % 64));
        while word == 0 {
            index += 1;
            word = *self.words.get(index)?;
        }
        u32::try_from(index * 64 + word.trailing_zeros() as usize).ok()
    }

    fn seek_back(&self, ordinal: u32) -> Option<u32> {
        let mut index = ordinal as usize / 64;
        let mut word = self.words.get(index)? & (u64::MAX >> (63 - ordinal % 64));
        while word == 0 {
            index = index.checked_sub(1)?;
            word = *self.words.get(index)?;
        }
        u32::try_from(index * 64 + 63 - word.leading_zeros() as usize).ok()
    }
}

impl Union {
    /// The streams called `names`, in those `sections`. `None` if none of them is in the layer.
    fn open(layer: &Layer, names: &[Vec<u8>], sections: &[Section]) -> Result<Option<Self>, ReadError> {
        let mut lists = Vec::with_capacity(names.len());
        for name in names {
            for section in sections {
                lists.extend(layer.list(*section, name)?);
            }
        }
        Ok(match lists.len() {
            0 => None,
            1 => lists.pop().map(|list| Self::One(Box::new(list))),
            2..=LISTS_MAX => Some(Self::Few(
                lists.into_iter().map(|list| Head { list, at: None, placed: false }).collect(),
            )),
            _ => Some(Self::Bits(Bits::union_of(lists, layer.position_count())?)),
        })
    }

    /// How many ordinals there are; one that is in several of a few lists counts as often.
    fn count(&self) -> usize {
        match self {
            Self::One(list) => list.count(),
            Self::Few(heads) => heads.iter().map(|head| head.list.count()).sum(),
            Self::Bits(bits) => bits.count,
        }
    }

    fn lists(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Few(heads) => heads.len(),
            Self::Bits(bits) => bits.lists,
        }
    }

    fn blocks_read(&self) -> u64 {
        match self {
            Self::One(list) => list.blocks_read(),
            Self::Few(heads) => heads.iter().map(|head| head.list.blocks_read()).sum(),
            Self::Bits(bits) => bits.blocks_read,
        }
    }

    /// The nearest ordinal at `ordinal` or further on. Targets never go back.
    #[inline]
    fn seek(&mut self, ordinal: u32, descending: bool) -> Result<Option<u32>, Damage> {
        match self {
            Self::One(list) if descending => list.seek_back(ordinal),
            Self::One(list) => list.seek(ordinal),
            Self::Bits(bits) if descending => Ok(bits.seek_back(ordinal)),
            Self::Bits(bits) => Ok(bits.seek(ordinal)),
            Self::Few(heads) => {
                let mut nearest: Option<u32> = None;
                for Head { list, at, placed } in heads {
                    let stands_before = match *at {
                        Some(at) => {
                            if descending {
                                at > ordinal
                            } else {
                                at < ordinal
                            }
                        }
                        None => !*placed,
                    };
                    if stands_before {
                        *at = if descending { list.seek_back(ordinal)? } else { list.seek(ordinal)? };
                        *placed = true;
                    }
                    nearest = match (nearest, *at) {
                        (Some(nearest), Some(at)) => {
                            Some(if descending { nearest.max(at) } else { nearest.min(at) })
                        }
                        (nearest, at) => nearest.or(at),
                    };
                }
                Ok(nearest)
            }
        }
    }
}

/// The ordinals of one layer that are in all sides and within bounds.
#[derive(Debug)]
pub(super) struct Join {
    sides: Vec<Side>,
    low: u32,
    high: u32,
    descending: bool,
    /// Where the next seek starts; `None` at the end.
    next: Option<u32>,
}

impl Join {
    /// The ordinals from `low` on and before `high` that `selection` selects in `layer`, of what is there or ended
    /// according to `sections`. `None` if a side has no stream here.
    pub(super) fn open(
        layer: &Layer,
        selection: &Selection,
        (low, high): (u32, u32),
        sections: &[Section],
    ) -> Result<Option<Self>, ReadError> {
        if low >= high {
            return Ok(None);
        }
        let mut sides = Vec::with_capacity(selection.all_of.len());
        for names in &selection.all_of {
            let Some(union) = Union::open(layer, names, sections)? else { return Ok(None) };
            sides.push(Side { index: sides.len(), union, seeks: 0, refused: 0 });
        }
        sides.sort_by_key(|side| side.union.count());
        let descending = selection.descending;
        let next = Some(if descending { high - 1 } else { low });
        Ok(Some(Self { sides, low, high, descending, next }))
    }

    /// The next ordinal.
    pub(super) fn advance(&mut self) -> Result<Option<u32>, Damage> {
        let Some(mut candidate) = self.next.take() else { return Ok(None) };
        let mut agreeing = 0;
        while agreeing < self.sides.len() {
            agreeing = 0;
            for side in &mut self.sides {
                side.seeks += 1;
                let Some(found) = side.union.seek(candidate, self.descending)? else { return Ok(None) };
                if found != candidate {
                    side.refused += 1;
                    candidate = found;
                    // All sides follow, from the shortest on.
                    if agreeing > 0 {
                        agreeing = 0;
                        break;
                    }
                }
                agreeing += 1;
            }
        }
        if candidate < self.low || candidate >= self.high {
            return Ok(None);
        }
        self.next = if self.descending { candidate.checked_sub(1) } else { candidate.checked_add(1) };
        self.next = self.next.filter(|next| (self.low..self.high).contains(next));
        Ok(Some(candidate))
    }

    /// How many ordinals there are, where that can be told without walking: of one list, or of all positions.
    pub(super) fn count_at_once(&mut self) -> Result<Option<u64>, Damage> {
        match self.sides.as_mut_slice() {
            [] => Ok(Some(u64::from(self.high - self.low))),
            [Side { union: Union::One(list), .. }] => {
                let (low, high) = (list.rank(self.low)?, list.rank(self.high)?);
                Ok(Some(high.saturating_sub(low) as u64))
            }
            _ => Ok(None),
        }
    }

    /// Whether an ordinal is in all sides, and within the bounds.
    pub(super) fn contains(&mut self, ordinal: u32) -> Result<bool, Damage> {
        for side in &mut self.sides {
            let Union::One(list) = &mut side.union else { return Ok(false) };
            if !list.contains(ordinal)? {
                return Ok(false);
            }
        }
        Ok((self.low..self.high).contains(&ordinal))
    }

    /// Adds what each side cost so far to the costs of the sets of the selection.
    pub(super) fn add_cost(&self, costs: &mut [SideCost]) {
        for side in &self.sides {
            if let Some(cost) = costs.get_mut(side.index) {
                cost.lists += side.union.lists() as u64;
                cost.positions += side.union.count() as u64;
                cost.seeks += side.seeks;
                cost.refused += side.refused;
                cost.blocks_read += side.union.blocks_read();
            }
        }
    }
}
