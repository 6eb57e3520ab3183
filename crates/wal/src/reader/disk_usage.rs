//! How much room a log takes.

use super::Reader;
use crate::directory::Inventory;
use crate::error::ReadError;
use crate::segment::name::segment_name;
use crate::storage::OpenMode;
use crate::storage::file::LogFile;

/// The room that a log's segments take. The spare segment and files that recovery kept aside aren't counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUsage {
    /// Number of segments.
    pub segments: u64,
    /// The length of their files in bytes; of the one that grows, what was allocated for it.
    pub bytes: u64,
}

impl Reader {
    /// The room that the log's segments take now.
    ///
    /// # Errors
    ///
    /// [`ReadError::Storage`].
    pub fn disk_usage(&self) -> Result<DiskUsage, ReadError> {
        let inner = &self.inner;
        let inventory = Inventory::take(&*inner.storage, &inner.directory)?.unwrap_or_default();
        let mut usage = DiskUsage::default();
        for first_seq in inventory.segments {
            let path = inner.directory.join(segment_name(first_seq));
            usage.segments += 1;
            let file = LogFile::open(&*inner.storage, path, OpenMode::Read)?;
            // Files with holes can claim any length.
            usage.bytes = usage.bytes.saturating_add(file.length()?);
        }
        Ok(usage)
    }
}
