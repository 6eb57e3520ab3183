//! An index of sorted keys with values, and of streams: named sets of positions. One writer, many readers.
//!
//! The store is *derived*: whoever fills it can fill it again. So it has no log of its own and syncs nothing per batch.
//! Each batch carries a small opaque **checkpoint** that says what the index is built through; after a crash the store
//! is as of the last flush, and says so by its checkpoint, from where the caller goes on. What it never does is give a
//! wrong answer: whatever is read is checked, each page of a table once for as long as it is open, and damage is a typed error that says "build me anew"
//! ([`OpenError::is_rebuildable`], [`ReadError::is_rebuildable`]).
//!
//! ```
//! use runledger_store::{Batch, Options, Store};
//!
//! # let dir = tempfile::tempdir()?;
//! let store = Store::open(dir.path(), Options::new().create(true))?;
//! let mut batch = Batch::new();
//! batch.put(b"run/7/0001", b"started");
//! batch.put(b"run/7/0002", b"finished");
//! store.apply(&batch, b"through 2")?;
//!
//! let view = store.view(); // consistent, and never blocks the writer
//! assert_eq!(view.get(b"run/7/0001")?, Some(b"started".to_vec()));
//! let newest = view.prefix(b"run/7/").next_back().transpose()?;
//! assert_eq!(newest, Some((b"run/7/0002".to_vec(), b"finished".to_vec())));
//! assert_eq!(view.checkpoint(), Some(&b"through 2"[..]));
//! store.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Data flows down this list: a batch becomes a run of the memory table, runs are flushed into a table, tables are
//! merged into fewer, the manifest says which count, and a view looks at all of them: through one merging cursor at the keys,
//! by a join in each of them at the streams ([`Selection`]).

mod batch;
mod checksum;
mod compaction;
mod core;
mod directory;
mod error;
#[cfg(test)]
mod format_page;
mod key_range;
mod manifest;
mod memtable;
mod merge;
mod open;
mod options;
mod planted;
mod position;
mod store;
mod streams;
mod table;
mod tier;
mod varint;
mod version;
mod view;

pub use self::batch::{BATCH_BYTES_MAX, Batch, Change, KEY_BYTES_MAX, VALUE_BYTES_MAX};
pub use self::directory::{Directory, DirectoryLock, DiskDirectory, Map, OutputFile};
pub use self::error::{Damage, OpenError, ReadError, WriteError};
pub use self::key_range::KeyRange;
pub use self::manifest::CHECKPOINT_BYTES_MAX;
pub use self::open::reset;
pub use self::options::Options;
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use self::planted::{Bug, plant};
pub use self::position::Position;
pub use self::store::{Store, StoreStats};
pub use self::streams::{Cost, Matches, Selection, SideCost, StreamNames};
pub use self::table::FirstBytes;
pub use self::view::{Cursor, Range, View};
