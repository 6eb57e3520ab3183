//! Follows the log's durable records into the index, batch by batch.
//!
//! An [`Indexer`] says which keys a record has; this crate reads the log, collects the keys of some records in a
//! batch, and applies the batch together with a checkpoint. So the index is always as of one record, and after a crash
//! goes on behind it. An index that does not fit the log, or is damaged, is emptied and built anew from the log.
//!
//! - [`Ingestor`] does it in a thread, and lets readers wait until it has come as far as they need.
//! - [`catch_up`] does it once, on the caller's thread: for a process that reads beside the writer and lays what is new
//!   over the index on disk in private memory.
//!
//! ```
//! use runledger_ingest::{Indexer, Ingestor, Options, Pending, Resume};
//! use runledger_store::{ReadError, Store};
//! use runledger_wal::{Damage, Durability, Leaf, Reader, Record, Seq, Wal};
//!
//! /// Finds records by their payload.
//! struct ByPayload;
//!
//! impl Indexer for ByPayload {
//!     type Error = ReadError;
//!
//!     fn index(&mut self, record: &Record, pending: &mut Pending<'_>) -> Result<(), ReadError> {
//!         pending.put(record.payload(), record.seq().get().to_be_bytes());
//!         Ok(())
//!     }
//!
//!     fn damaged(
//!         &mut self,
//!         from: Seq,
//!         to: Seq,
//!         _damage: &Damage,
//!         pending: &mut Pending<'_>,
//!     ) -> Result<(), ReadError> {
//!         pending.put(format!("damaged from {from} to before {to}"), b"");
//!         Ok(())
//!     }
//!
//!     fn checkpoint(&self, seq: Seq, _leaf: Leaf) -> Vec<u8> {
//!         seq.get().to_be_bytes().to_vec()
//!     }
//!
//!     fn resume(&self, checkpoint: Option<&[u8]>, _log: &Reader) -> Resume {
//!         let last = checkpoint.and_then(|bytes| bytes.first_chunk()).map(|bytes| u64::from_be_bytes(*bytes));
//!         Resume::From(last.map_or(Seq::ZERO, |last| Seq::new(last).next()))
//!     }
//! }
//!
//! # let dir = tempfile::tempdir()?;
//! let (log, _) = Wal::open(&dir.path().join("wal"), runledger_wal::Options::new().create(true))?;
//! let store = Store::open(&dir.path().join("index"), runledger_store::Options::new().create(true))?;
//! let ingestor = Ingestor::start(log.reader(), store.clone(), ByPayload, Options::new())?;
//!
//! log.append(b"first", Durability::Durable)?;
//! let view = ingestor.view(&store, log.durable_end(), None)?;
//! assert_eq!(view.get(b"first")?, Some(0u64.to_be_bytes().to_vec()));
//!
//! ingestor.stop();
//! store.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What this crate never does: index a record that is not durable, write to the log, or hold up whoever appends. A
//! failing index (a full disk) is tried again until it heals, and says so meanwhile.

mod catch_up;
mod error;
mod follower;
mod indexer;
mod ingestor;
mod options;
mod pending;
mod planted;

pub use self::catch_up::catch_up;
pub use self::error::{IngestError, StartError, WaitError};
pub use self::follower::Progress;
pub use self::indexer::{Indexer, Resume};
pub use self::ingestor::{Ingestor, Lag, Status};
pub use self::options::{BATCH_INTERVAL_DEFAULT, INDEX_TAIL_EVENTS_MAX_DEFAULT, Options};
pub use self::pending::Pending;
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use self::planted::{Bug, plant};
