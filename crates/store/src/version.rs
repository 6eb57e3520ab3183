//! One state of the store: what a view looks at.
//!
//! Invariant: never changes. The writer makes a new one that shares the parts that stayed, and puts it in the old
//! one's place; whoever holds the old one goes on seeing it.

use std::sync::Arc;

use crate::error::ReadError;
use crate::memtable::Memtable;
use crate::merge::{MergeCursor, Source};
use crate::table::{Table, TableCursor};

#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) memory: Memtable,
    /// From the oldest to the newest entries.
    pub(crate) tables: Arc<[Arc<Table>]>,
    /// What `memory` and `tables` together are built through.
    pub(crate) checkpoint: Option<Arc<[u8]>>,
}

impl Version {
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(change) = self.memory.get(key) {
            return Ok(change.value().map(<[u8]>::to_vec));
        }
        for table in self.tables.iter().rev() {
            if let Some(cursor) = table.find(key)? {
                return Ok(cursor.value().map(<[u8]>::to_vec));
            }
        }
        Ok(None)
    }

    pub(crate) fn merged(&self) -> MergeCursor {
        let tables = self
            .tables
            .iter()
            .rev()
            .map(|table| Source::Table(Box::new(TableCursor::new(Arc::clone(table)))));
        MergeCursor::new(self.memory.sources().chain(tables).collect())
    }
}
