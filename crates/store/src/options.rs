//! How a store is set up, each limit with its name and unit.

use crate::table::FirstBytes;

const MEMORY_TABLE_BYTES_MAX_DEFAULT: usize = 32 << 20;
const PRIVATE_MEMORY_BYTES_MAX_DEFAULT: usize = 256 << 20;
const TABLES_MAX_DEFAULT: usize = 16;
const BLOCK_BYTES_DEFAULT: usize = 4 << 10;

/// How a store is opened.
///
/// ```
/// let options = runledger_store::Options::new().create(true).memory_table_bytes_max(8 << 20);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) create: bool,
    pub(crate) memory_table_bytes_max: usize,
    pub(crate) private_memory_bytes_max: usize,
    pub(crate) tables_max: usize,
    pub(crate) block_bytes: usize,
    pub(crate) filtered: FirstBytes,
    pub(crate) merge_in_background: bool,
}

impl Options {
    /// An existing index, and the default limits.
    pub fn new() -> Self {
        Self {
            create: false,
            memory_table_bytes_max: MEMORY_TABLE_BYTES_MAX_DEFAULT,
            private_memory_bytes_max: PRIVATE_MEMORY_BYTES_MAX_DEFAULT,
            tables_max: TABLES_MAX_DEFAULT,
            block_bytes: BLOCK_BYTES_DEFAULT,
            filtered: FirstBytes::all(),
            merge_in_background: true,
        }
    }

    /// Whether to make an index where there is none. A damaged one is never replaced by this.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// The memory table is written out when a batch would take it beyond this. 32 MiB by default.
    #[must_use]
    pub fn memory_table_bytes_max(mut self, bytes: usize) -> Self {
        self.memory_table_bytes_max = bytes;
        self
    }

    /// What a store that was opened read-only may hold in private memory. 256 MiB by default.
    #[must_use]
    pub fn private_memory_bytes_max(mut self, bytes: usize) -> Self {
        self.private_memory_bytes_max = bytes;
        self
    }

    /// The number of tables that merging aims at; writing waits when it is far above. 16 by default, at least 1.
    #[must_use]
    pub fn tables_max(mut self, tables: usize) -> Self {
        self.tables_max = tables.max(1);
        self
    }

    /// A block is closed when it has reached this length. 4 KiB by default.
    #[must_use]
    pub fn block_bytes(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// Keys that start with one of these bytes are looked up whole, and get a place in the tables' filters; others
    /// are found as well, but an absent one costs a search in each table. All by default.
    #[must_use]
    pub fn filtered(mut self, first_bytes: FirstBytes) -> Self {
        self.filtered = first_bytes;
        self
    }

    /// Whether a thread merges tables. Otherwise [`Store::flush`](crate::Store::flush) does it, before it returns.
    /// True by default.
    #[must_use]
    pub fn merge_in_background(mut self, background: bool) -> Self {
        self.merge_in_background = background;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
