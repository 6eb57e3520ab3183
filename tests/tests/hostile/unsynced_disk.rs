//! The real disk without its syncs, for tests that look at thousands of files and cut no power. All else is the disk's.

use std::io;
use std::path::Path;

use runledger_tests::altered_disk::{Alteration, AlteredDisk};

pub(crate) const UNSYNCED_DISK: AlteredDisk<Unsynced> = AlteredDisk(Unsynced);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsynced;

impl Alteration for Unsynced {
    fn sync(&self, _: &Path, _: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
        Ok(())
    }
}
