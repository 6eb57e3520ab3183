//! The index as an indexer sees it: what is in the store, and over it what the batch under construction changes.

use runledger_store::{Batch, Change, KeyRange, Position, ReadError, View};

/// A batch under construction over a view of the store. Reads see the batch's own writes.
#[derive(Debug)]
pub struct Pending<'a> {
    batch: &'a mut Batch,
    view: &'a View,
    /// Set once the store is found damaged, since the indexer wraps the error in its own.
    damage: Option<ReadError>,
}

impl<'a> Pending<'a> {
    /// `batch` over `view`. For tests of indexers, too.
    pub fn new(batch: &'a mut Batch, view: &'a View) -> Self {
        Self { batch, view, damage: None }
    }

    /// Sets `key` to `value`.
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.batch.put(key.as_ref(), value.as_ref());
    }

    /// Removes `key`, if it is there.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) {
        self.batch.delete(key.as_ref());
    }

    /// Puts a position into streams: see [`Batch::post`]. Its number is above those of the records before.
    pub fn post<'n>(&mut self, position: Position, streams: impl IntoIterator<Item = &'n [u8]>) {
        self.batch.post(position, streams);
    }

    /// Makes a position history from `number` on: see [`Batch::end`].
    pub fn end(&mut self, position: Position, number: u64) {
        self.batch.end(position, number);
    }

    /// The value of `key` as of the record that is being indexed.
    pub fn get(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Vec<u8>>, ReadError> {
        let key = key.as_ref();
        match self.batch.get(key) {
            Some(Change::Put(value)) => Ok(Some(value.to_vec())),
            Some(Change::Delete) => Ok(None),
            None => self.view.get(key).inspect_err(|error| self.damage = Some(error.clone())),
        }
    }

    /// Whether any key that starts with `prefix` was there before this batch.
    pub fn was_applied(&mut self, prefix: &[u8]) -> Result<bool, ReadError> {
        let mut cursor = self.view.cursor(KeyRange::prefix(prefix));
        cursor.seek_to_first().inspect_err(|error| self.damage = Some(error.clone()))?;
        Ok(cursor.key().is_some())
    }

    /// Why the store must be built anew, if a read found that.
    pub(crate) fn damage(&self) -> Option<&ReadError> {
        self.damage.as_ref().filter(|error| error.is_rebuildable())
    }
}
