//! One state of the store: what a view looks at.
//!
//! Invariant: never changes. The writer makes a new one that shares the parts that stayed, and puts it in the old
//! one's place; whoever holds the old one goes on seeing it.

use std::sync::{Arc, OnceLock};

use crate::error::ReadError;
use crate::memtable::Memtable;
use crate::merge::{MergeCursor, Source};
use crate::streams::{self, Layer, Layers};
use crate::table::{Sought, Table};

#[derive(Debug)]
pub(crate) struct Version {
    pub(crate) memory: Memtable,
    /// From the oldest to the newest entries.
    pub(crate) tables: Arc<[Arc<Table>]>,
    /// What `memory` and `tables` together are built through.
    pub(crate) checkpoint: Option<Arc<[u8]>>,
    /// Found when they are first asked for.
    layers: OnceLock<Layers>,
}

impl Version {
    pub(crate) fn new(memory: Memtable, tables: Arc<[Arc<Table>]>, checkpoint: Option<Arc<[u8]>>) -> Self {
        Self { memory, tables, checkpoint, layers: OnceLock::new() }
    }

    /// The layers of all streams, from the oldest to the newest.
    pub(crate) fn layers(&self) -> Result<&Layers, ReadError> {
        if let Some(layers) = self.layers.get() {
            return Ok(layers);
        }
        let layers = Layers::new(self.all_layers().collect())?;
        Ok(self.layers.get_or_init(|| layers))
    }

    fn all_layers(&self) -> impl Iterator<Item = Layer> + '_ {
        let tables = self.tables.iter().map(|table| Layer::Table(Arc::clone(table)));
        tables.chain(self.memory.layers())
    }

    /// The highest number of a position, or of what ended one.
    pub(crate) fn last_number(&self) -> Option<u64> {
        let layers: Vec<Layer> = self.all_layers().collect();
        streams::numbers(&layers).map(|numbers| numbers.last)
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<&[u8]>, ReadError> {
        let sought = Sought::new(key);
        if let Some(change) = self.memory.get(sought) {
            return Ok(change.value());
        }
        for table in self.tables.iter().rev() {
            if let Some(change) = table.get(sought)? {
                return Ok(change.value());
            }
        }
        Ok(None)
    }

    pub(crate) fn merged(&self) -> MergeCursor {
        let tables = self.tables.iter().rev().map(|table| Source::Table(Box::new(table.entries())));
        MergeCursor::new(self.memory.sources().chain(tables).collect())
    }
}
