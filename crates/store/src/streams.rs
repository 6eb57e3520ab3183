//! Streams: named sets of positions, and the questions that are asked of several of them at once.
//!
//! A *layer* is the memory of one batch or of several (a [`StreamRun`]), or one table. Within a layer each position has
//! an *ordinal*: its place among the layer's positions in ascending order. A stream is an ascending list of ordinals, so a
//! conjunction compares integers of four bytes, and looks positions up only for what it found.
//!
//! A position may have *ended*: a later number made it history. It then moves from the live list of each of its streams to
//! the list of what ended, as soon as its layer is merged with the one that says so; until then that says so by a
//! *pending* end. What was known before a number is in both lists together.
//!
//! Invariant: numbers ascend from layer to layer, so a position is in one layer only.

mod join;
mod layer;
mod list;
mod matches;
mod merge;
mod names;
mod ordinal_map;
mod run;
mod selection;

pub(crate) use self::layer::Layer;
pub(crate) use self::list::{BLOCK_ORDINALS, List};
pub(crate) use self::matches::Layers;
pub use self::matches::{Cost, Matches, SideCost};
pub(crate) use self::merge::{StreamSink, merge};
pub use self::names::StreamNames;
pub(crate) use self::run::{StreamRun, StreamRunBuilder};
pub use self::selection::Selection;

use crate::position::NumberRange;

/// The two lists of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Section {
    /// Positions that have not ended.
    Live = 1,
    /// Positions that have.
    Ended = 2,
}

/// The numbers of all of `layers`.
pub(crate) fn numbers(layers: &[Layer]) -> Option<NumberRange> {
    layers.iter().fold(None, |range, layer| NumberRange::union(range, layer.numbers()))
}
