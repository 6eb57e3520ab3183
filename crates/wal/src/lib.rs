//! Durable bytes: an append-only log of records, for one writer and many readers.

mod damage;
mod error;
mod fields;
mod frame;
mod leaf;
mod map;
mod options;
mod record;
mod segment;
mod seq;
mod storage;
mod tree;
mod watermark;

pub use damage::{Damage, Problem};
pub use error::{AppendError, CloseError, OpenError, ReadError, RecoverError, VerifyError};
pub use leaf::{Blake3Leaf, LeafFunction};
pub use map::Map;
pub use options::{
    BATCH_BYTES_MAX, COMMIT_QUEUE_BYTES_MAX_DEFAULT, Durability, Options, ReaderOptions,
    SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SYNC_DELAY_DEFAULT,
};
pub use record::{RECORD_BYTES_MAX, Record};
pub use segment::header::FORMAT_VERSION;
pub use seq::{Leaf, LedgerId, Seq};
pub use storage::file::StorageError;
pub use storage::{DiskStorage, LockMode, OpenMode, Storage, StorageFile};
