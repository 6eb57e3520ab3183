//! What a selection selects, from all layers, in order.
//!
//! A layer is looked into only when its first position could be the next: mostly layers follow one another in time, and
//! the first page of an answer is in one of them.

use std::sync::Arc;

use super::join::Join;
use super::{Layer, Section, Selection};
use crate::error::ReadError;
use crate::planted::{Bug, planted};
use crate::position::Position;

/// What a selection cost so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// How many layers there are: tables, and runs in memory.
    pub layers: u64,
    /// How many of them were looked into.
    pub layers_opened: u64,
    /// Positions that all sets of streams had. More than were shown, where some have ended, or came later.
    pub candidates: u64,
    /// For each set of streams of the selection, in its order.
    pub sides: Vec<SideCost>,
}

/// What one set of streams cost, in the layers that were looked into.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideCost {
    /// Lists of positions: of a stream one in each layer, or two where what has ended counts.
    pub lists: u64,
    /// Positions in these.
    pub positions: u64,
    /// How often a position was sought in the set.
    pub seeks: u64,
    /// How often it was not there.
    pub refused: u64,
    /// Blocks of up to 128 positions that were read.
    pub blocks_read: u64,
}

/// The layers of a view, from the oldest to the newest, with what the newer ones say of the older.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    layers: Arc<[Layer]>,
    /// Positions that ended, though their layer does not say so: in order.
    pending: Arc<[(Position, u64)]>,
}

impl Layers {
    pub(crate) fn new(layers: Vec<Layer>) -> Result<Self, ReadError> {
        let mut pending = Vec::new();
        for layer in &layers {
            pending.extend(layer.all_pending()?);
        }
        // Of several ends the first counts.
        pending.sort_unstable();
        pending.dedup_by_key(|(position, _)| *position);
        Ok(Self { layers: layers.into(), pending: pending.into() })
    }

    pub(crate) fn as_slice(&self) -> &[Layer] {
        &self.layers
    }

    /// At which number `position` ended; nothing if it did not, or is not there.
    pub(crate) fn end_of(&self, position: Position) -> Result<Option<u64>, ReadError> {
        for layer in &*self.layers {
            if let Some(ordinal) = layer.ordinal_of(position)? {
                return Ok(earlier(layer.end_of(ordinal)?, self.pending_end(position)));
            }
        }
        Ok(None)
    }

    fn pending_end(&self, position: Position) -> Option<u64> {
        let found = self.pending.binary_search_by_key(&position, |(ended, _)| *ended).ok()?;
        self.pending.get(found).map(|(_, number)| *number)
    }

    /// How many positions are selected.
    pub(crate) fn count(&self, selection: &Selection) -> Result<u64, ReadError> {
        let mut count = 0;
        for index in 0..self.layers.len() {
            let mut layer = LayerMatches::new(self, index, selection)?;
            count += layer.count(self, selection)?;
        }
        Ok(count)
    }
}

/// Which positions to show of what a layer's lists hold.
#[derive(Debug, Clone, Copy)]
struct Shown {
    as_of: Option<u64>,
    with_ended: bool,
    /// Everything in the lists that are looked at.
    all: bool,
}

impl Shown {
    /// What the lists of `layer` hold that is not to be shown decides whether each position must be looked at.
    fn new(layers: &Layers, layer: &Layer, selection: &Selection) -> Self {
        // As of a moment that nothing is newer than is now.
        let newest = layers.layers.iter().filter_map(Layer::numbers).map(|numbers| numbers.last).max();
        let as_of = selection.as_of.filter(|as_of| newest.is_some_and(|newest| newest >= *as_of));
        let with_ended = selection.with_ended;
        let all_ended_are_shown = with_ended || (!layer.has_ends() && layers.pending.is_empty());
        let all = match as_of {
            Some(as_of) => all_ended_are_shown && layer.numbers().is_none_or(|numbers| numbers.last < as_of),
            None => {
                // Lists of what is live lack what has ended, but for what is pending. Without lists, nothing does.
                all_ended_are_shown || (layers.pending.is_empty() && !selection.all_of.is_empty())
            }
        };
        Self { as_of, with_ended, all }
    }

    /// Which lists to look at: what had not ended then may have ended since.
    fn sections(self) -> &'static [Section] {
        if self.with_ended || self.as_of.is_some() {
            &[Section::Live, Section::Ended]
        } else {
            &[Section::Live]
        }
    }

    fn shows(
        self,
        layers: &Layers,
        layer: &Layer,
        ordinal: u32,
        position: Position,
    ) -> Result<bool, ReadError> {
        if self.as_of.is_some_and(|as_of| position.number >= as_of) {
            return Ok(false);
        }
        if self.with_ended {
            return Ok(true);
        }
        let own = if layer.has_ends() { layer.end_of(ordinal)? } else { None };
        let end = earlier(own, layers.pending_end(position));
        Ok(end.is_none_or(|end| self.as_of.is_some_and(|as_of| end >= as_of)))
    }
}

fn earlier(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The matches of one layer.
#[derive(Debug)]
struct LayerMatches {
    index: usize,
    bounds: (u32, u32),
    /// No match is before this one, in the order of the answer; `None` when there are no more.
    nearest: Option<Position>,
    /// `nearest` is a match.
    is_match: bool,
    shown: Shown,
    opened: bool,
    join: Option<Join>,
    candidates: u64,
}

impl LayerMatches {
    fn new(layers: &Layers, index: usize, selection: &Selection) -> Result<Self, ReadError> {
        let nothing = Self {
            index,
            bounds: (0, 0),
            nearest: None,
            is_match: false,
            shown: Shown { as_of: None, with_ended: false, all: true },
            opened: false,
            join: None,
            candidates: 0,
        };
        let Some(layer) = layers.layers.get(index) else { return Ok(nothing) };
        let Some(numbers) = layer.numbers().filter(|_| layer.position_count() > 0) else {
            return Ok(nothing);
        };
        if selection.as_of.is_some_and(|as_of| numbers.first >= as_of) {
            return Ok(nothing);
        }
        let (low, high) = bounds(layer, selection)?;
        if low >= high {
            return Ok(nothing);
        }
        let first = if selection.descending { high - 1 } else { low };
        let nearest = Some(layer.position(first)?);
        Ok(Self { bounds: (low, high), nearest, shown: Shown::new(layers, layer, selection), ..nothing })
    }

    fn open(&mut self, layers: &Layers, selection: &Selection) -> Result<(), ReadError> {
        if !self.opened {
            self.opened = true;
            if let Some(layer) = layers.layers.get(self.index).filter(|_| self.nearest.is_some()) {
                self.join = Join::open(layer, selection, self.bounds, self.shown.sections())?;
            }
        }
        Ok(())
    }

    /// To the next match.
    fn advance(&mut self, layers: &Layers, selection: &Selection) -> Result<(), ReadError> {
        self.open(layers, selection)?;
        self.nearest = None;
        self.is_match = false;
        let (Some(layer), Some(join)) = (layers.layers.get(self.index), &mut self.join) else {
            return Ok(());
        };
        while let Some(ordinal) = join.advance()? {
            self.candidates += 1;
            let position = layer.position(ordinal)?;
            if self.shown.all || self.shown.shows(layers, layer, ordinal, position)? {
                self.nearest = Some(position);
                self.is_match = true;
                break;
            }
        }
        Ok(())
    }

    fn count(&mut self, layers: &Layers, selection: &Selection) -> Result<u64, ReadError> {
        self.open(layers, selection)?;
        let (Some(layer), Some(join)) = (layers.layers.get(self.index), &mut self.join) else { return Ok(0) };
        // A list of what is live has too much only what ended and is still pending.
        let Shown { as_of, with_ended, all } = self.shown;
        let only_pending_is_too_much =
            as_of.is_none() && !with_ended && !(layer.has_ends() && selection.all_of.is_empty());
        if (all || only_pending_is_too_much)
            && let Some(mut count) = join.count_at_once()?
        {
            let too_much = !all && !planted(Bug::CountPendingEnds);
            for (position, _) in layers.pending.iter().filter(|_| too_much) {
                if let Some(ordinal) = layer.ordinal_of(*position)?
                    && layer.end_of(ordinal)?.is_none()
                    && join.contains(ordinal)?
                {
                    count = count.saturating_sub(1);
                }
            }
            return Ok(count);
        }
        let mut count = 0;
        while let Some(ordinal) = join.advance()? {
            self.candidates += 1;
            let counts = self.shown.all || {
                let position = layer.position(ordinal)?;
                self.shown.shows(layers, layer, ordinal, position)?
            };
            count += u64::from(counts);
        }
        Ok(count)
    }
}

/// The ordinals of `layer` that are within the bounds of time, and behind where the last page ended.
fn bounds(layer: &Layer, selection: &Selection) -> Result<(u32, u32), ReadError> {
    let at = |time: u64| layer.count_before(Position { time, number: 0 });
    let mut low = selection.from.map_or(Ok(0), at)?;
    let mut high = selection.to.map_or(Ok(layer.position_count()), at)?;
    if let Some(after) = selection.after {
        if selection.descending {
            high = high.min(layer.count_before(after)?);
        } else {
            let next = after.next().map_or(Ok(high), |next| layer.count_before(next))?;
            low = low.max(next);
        }
    }
    Ok((low, high))
}

/// The positions of a [`Selection`], in its order. Ends after an error.
#[derive(Debug)]
pub struct Matches {
    layers: Layers,
    selection: Selection,
    of_layers: Vec<LayerMatches>,
    failed: bool,
}

impl Matches {
    pub(crate) fn new(layers: Layers, selection: &Selection) -> Result<Self, ReadError> {
        let of_layers = (0..layers.layers.len())
            .map(|index| LayerMatches::new(&layers, index, selection))
            .collect::<Result<_, _>>()?;
        Ok(Self { layers, selection: selection.clone(), of_layers, failed: false })
    }

    /// What it cost to come this far.
    pub fn cost(&self) -> Cost {
        let sides = vec![SideCost::default(); self.selection.all_of.len()];
        let mut cost = Cost { layers: self.of_layers.len() as u64, sides, ..Cost::default() };
        for layer in &self.of_layers {
            cost.layers_opened += u64::from(layer.opened);
            cost.candidates += layer.candidates;
            if let Some(join) = &layer.join {
                join.add_cost(&mut cost.sides);
            }
        }
        cost
    }

    fn advance(&mut self) -> Result<Option<Position>, ReadError> {
        let descending = self.selection.descending;
        loop {
            let candidates = self.of_layers.iter_mut().filter(|layer| layer.nearest.is_some());
            let nearest = if descending {
                candidates.max_by_key(|layer| layer.nearest)
            } else {
                candidates.min_by_key(|layer| layer.nearest)
            };
            let Some(layer) = nearest else { return Ok(None) };
            if std::mem::take(&mut layer.is_match) {
                // The next one is behind this: that is known without looking for it.
                return Ok(layer.nearest);
            }
            layer.advance(&self.layers, &self.selection)?;
        }
    }
}

impl Iterator for Matches {
    type Item = Result<Position, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let found = self.advance();
        self.failed = found.is_err();
        found.transpose()
    }
}

impl std::iter::FusedIterator for Matches {}
