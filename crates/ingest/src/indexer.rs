//! The seam to the layer that knows what a record means.

use runledger_wal::{Damage, Leaf, Reader, Record, Seq};

use crate::pending::Pending;

/// Turns records into keys.
///
/// What is written for a record may depend on that record, and on what was written for the records before it, and on
/// nothing else: not on the time, nor on how records fall into batches. Then replay gives the same index.
pub trait Indexer: Send + 'static {
    /// Why a record could not be indexed. What a record *says* should be no such reason: the same record is tried
    /// again until it succeeds, and nothing behind it is indexed meanwhile.
    type Error: std::error::Error + Send + Sync + 'static;

    /// A batch begins. What was kept of an earlier one does not count: it may have failed.
    fn begin(&mut self) {}

    /// Puts the keys of `record` into `pending`. Records come in `Seq` order, each once, but for this: after a failure
    /// the records of the batch that failed come again, and nothing that was put for them counts.
    fn index(&mut self, record: &Record, pending: &mut Pending<'_>) -> Result<(), Self::Error>;

    /// The batch has all its records: puts what was kept until here, such as figures that many of them change.
    fn finish(&mut self, pending: &mut Pending<'_>) -> Result<(), Self::Error> {
        let _ = pending;
        Ok(())
    }

    /// Takes note in `pending` that the records from `from` to before `to` are damaged in the log, so that the index will
    /// never have them. Comes in their place in the order, and may come for the same records again.
    fn damaged(
        &mut self,
        from: Seq,
        to: Seq,
        damage: &Damage,
        pending: &mut Pending<'_>,
    ) -> Result<(), Self::Error>;

    /// What the index is built through when the record with this `Seq` and leaf was the last: opaque, at most
    /// [`CHECKPOINT_BYTES_MAX`](runledger_store::CHECKPOINT_BYTES_MAX) bytes.
    fn checkpoint(&self, seq: Seq, leaf: Leaf) -> Vec<u8>;

    /// Where indexing goes on for an index with this checkpoint, `None` for an empty one.
    fn resume(&self, checkpoint: Option<&[u8]>, log: &Reader) -> Resume;
}

/// How an index and a log go on together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resume {
    /// This is the first record that is not in the index.
    From(Seq),
    /// The index does not belong to this log as it is, for this reason: it is emptied and built from the first record.
    Rebuild(String),
    /// It can't be told, for this reason (the log could not be read just now). It is tried again; nothing is thrown
    /// away.
    Unknown(String),
}
