//! The operating system's files, seen by a system that was booted anew.
//!
//! Shutting a file system down loses what a power cut loses, but the kernel goes on. Without this, the log would rely
//! on the page cache having kept what was written before: it recognises a reboot by the boot's identity.

use crate::altered_disk::{Alteration, AlteredDisk};

/// The disk, in the boot of this name.
pub type RebootedDisk = AlteredDisk<Boot>;

/// A boot of the system.
#[derive(Debug, Clone)]
pub struct Boot(String);

impl RebootedDisk {
    /// The disk, as the boot of this name sees it.
    #[must_use]
    pub fn new(boot_id: &str) -> RebootedDisk {
        AlteredDisk(Boot(boot_id.to_owned()))
    }
}

impl Alteration for Boot {
    fn boot_id(&self) -> Option<String> {
        Some(self.0.clone())
    }
}
