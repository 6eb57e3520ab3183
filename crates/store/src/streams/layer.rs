//! One layer, in memory or in a table, and what can be asked of either.

use std::sync::Arc;

use super::Section;
use super::list::{List, ListBlocks};
use super::names::LayerNames;
use super::run::StreamRun;
use crate::error::{Damage, ReadError};
use crate::position::{NumberRange, Position};
use crate::table::Table;

#[derive(Debug, Clone)]
pub(crate) enum Layer {
    Run(Arc<StreamRun>),
    Table(Arc<Table>),
}

impl Layer {
    pub(crate) fn position_count(&self) -> u32 {
        match self {
            Self::Run(run) => u32::try_from(run.positions().len()).unwrap_or(u32::MAX),
            Self::Table(table) => table.positions().count(),
        }
    }

    /// The position with this ordinal, of which there are [`Layer::position_count`].
    #[inline]
    pub(crate) fn position(&self, ordinal: u32) -> Result<Position, Damage> {
        match self {
            Self::Run(run) => Ok(run.positions().get(ordinal as usize).copied().unwrap_or(Position::MAX)),
            Self::Table(table) => table.positions().get(ordinal),
        }
    }

    /// How many positions are before `target`: the ordinal of the first that is not.
    pub(crate) fn count_before(&self, target: Position) -> Result<u32, Damage> {
        match self {
            Self::Run(run) => {
                let before = run.positions().partition_point(|position| *position < target);
                Ok(u32::try_from(before).unwrap_or(u32::MAX))
            }
            Self::Table(table) => table.positions().count_before(target),
        }
    }

    /// The ordinal of `position`, if the layer has it.
    pub(crate) fn ordinal_of(&self, position: Position) -> Result<Option<u32>, Damage> {
        if self.numbers().is_none_or(|numbers| !numbers.contains(position.number)) {
            return Ok(None);
        }
        let ordinal = self.count_before(position)?;
        let here = ordinal < self.position_count() && self.position(ordinal)? == position;
        Ok(here.then_some(ordinal))
    }

    /// The numbers of the layer's positions, and of the ends that it tells of.
    pub(crate) fn numbers(&self) -> Option<NumberRange> {
        match self {
            Self::Run(run) => run.numbers(),
            Self::Table(table) => table.numbers(),
        }
    }

    /// The list of a stream, if the layer has it.
    pub(crate) fn list(&self, section: Section, name: &[u8]) -> Result<Option<List>, ReadError> {
        match self {
            Self::Run(run) => {
                let found = run.stream(run.find(section, name));
                let found = found.filter(|(other, text, _)| (*other, *text) == (section, name));
                Ok(found.map(|(_, _, range)| List::new(ListBlocks::Run(Arc::clone(run), range))))
            }
            Self::Table(table) => {
                Ok(table.list(section, name)?.map(|list| List::new(ListBlocks::Table(list))))
            }
        }
    }

    /// The streams of a section, in the order of their names.
    pub(crate) fn names(&self, section: Section) -> LayerNames {
        match self {
            Self::Run(run) => LayerNames::of_run(Arc::clone(run), section),
            Self::Table(table) => LayerNames::of_table(table, section),
        }
    }

    /// Whether positions of this layer have ended, as the layer itself says.
    pub(crate) fn has_ends(&self) -> bool {
        match self {
            Self::Run(run) => !run.ends().is_empty(),
            Self::Table(table) => table.ends() > 0,
        }
    }

    /// At which number the position with this ordinal ended, as the layer itself says.
    pub(crate) fn end_of(&self, ordinal: u32) -> Result<Option<u64>, ReadError> {
        match self {
            Self::Run(run) => {
                let found = run.ends().binary_search_by_key(&ordinal, |(ended, _)| *ended);
                Ok(found.ok().and_then(|index| run.ends().get(index)).map(|(_, number)| *number))
            }
            Self::Table(table) => table.end_of(ordinal),
        }
    }

    /// All positions of this layer that have ended, in order.
    pub(crate) fn all_ends(&self) -> Result<Vec<(u32, u64)>, ReadError> {
        match self {
            Self::Run(run) => Ok(run.ends().to_vec()),
            Self::Table(table) => table.all_ends(),
        }
    }

    /// All positions of earlier layers that this one says have ended, in order.
    pub(crate) fn all_pending(&self) -> Result<Vec<(Position, u64)>, ReadError> {
        match self {
            Self::Run(run) => Ok(run.pending().to_vec()),
            Self::Table(table) => table.all_pending(),
        }
    }
}
