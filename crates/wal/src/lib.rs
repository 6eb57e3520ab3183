//! Durable bytes: an append-only log of records, for one writer and many readers.
//!
//! A record gets a dense number, [`Seq`], and is acknowledged when it and all before it are on stable storage. Records
//! become durable in commits that many callers share. [`Wal`] writes; [`Reader`] reads, in this process or another;
//! neither waits for the other. After a crash, opening finds every acknowledged record and nothing that is half
//! written, tells a torn tail from damage, and says which it was.
//!
//! The log knows nothing of what a payload means. The bytes on disk are described in FORMAT.md.
//!
//! The modules stand in the order in which data flows.

// What a record is, and how it lies on disk.
mod seq;

mod leaf;

mod fields;

mod damage;

mod map;

mod record;

mod frame;

mod tree;

// How threads meet.
mod sync;

// Where the bytes go.
mod storage;

mod directory;

mod lock;

mod segment;

mod torn;

mod spare;

mod watermark;

// How they get there.
mod options;

mod commit;

mod tail;

mod durable_mark;

mod counters;

mod failure;

mod upkeep;

mod compress;

mod log;

mod wal;

// How they are read.
mod reader;

// What happens after a crash.
mod open;

mod recovery;

mod verify;

mod recover;

// How a log becomes another one.
mod new_place;

mod salvage;

mod backup;

mod restore;

mod reset;

mod error;

// What the tests need.
mod planted;

// For tests.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod testing;

pub use backup::{BackupOptions, BackupReport, backup};
pub use commit::ticket::{BatchReceipt, BatchTicket, Receipt, Ticket};
pub use compress::{CompressProgress, CompressReport};
pub use counters::{Backlog, Counters};
pub use damage::{Damage, Problem};
pub use durable_mark::DurableWait;
pub use error::{
    AppendError, BackupError, CloseError, CompressError, OpenError, ReadError, RecoverError, ResetError,
    RestoreError, SalvageError, VerifyError,
};
pub use failure::Failure;
pub use leaf::{Blake3Leaf, LeafFunction};
pub use map::Map;
pub use open::OpenReport;
pub use options::{
    BATCH_BYTES_MAX, Background, COMMIT_QUEUE_BYTES_MAX_DEFAULT, COMMIT_QUEUE_BYTES_MIN, Durability, Options,
    ReaderOptions, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SYNC_DELAY_DEFAULT,
};
#[cfg(feature = "planted-bugs")]
#[doc(hidden)]
pub use planted::{Bug, plant};
pub use reader::{DiskUsage, Reader, Replay, Scan};
pub use record::{RECORD_BYTES_MAX, Record, RecordRef};
pub use recover::{RecoverOptions, RecoverReport, Repair, recover};
pub use reset::{Reset, ResetOptions, ResetPlan, plan_reset, reset};
pub use restore::restore;
pub use salvage::report::{
    CopiedRange, Listed, SALVAGE_ENTRIES_MAX, SalvageFinding, SalvageReport, Trouble, UnplacedRange,
};
pub use salvage::{SalvageOptions, salvage};
pub use segment::header::FORMAT_VERSION;
pub use seq::{Leaf, LedgerId, Seq};
pub use storage::file::StorageError;
pub use storage::{DiskStorage, LockMode, OpenMode, Storage, StorageFile};
pub use verify::{VerifyCallback, VerifyOptions, VerifyProgress, VerifyReport, verify};
pub use wal::{Prepared, Wal};
