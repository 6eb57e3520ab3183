//! The real disk with syncs that fail or stall and space that runs out, as a test says. For ledgers whose log fails while
//! their process lives on.
//!
//! What a failed sync leaves behind is the page cache's: nothing is lost here, and the log must not rely on that. The
//! crash laboratory's disk is the one that loses things.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::altered_disk::{Alteration, AlteredDisk};

/// Input/output error.
const EIO: i32 = 5;
/// No space left on device.
const ENOSPC: i32 = 28;

/// A disk that can be told to fail. Clones are the same disk.
pub type FailingStorage = AlteredDisk<Failures>;

/// How it fails.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Every so manieth sync of a segment fails; none when 0.
    failing_sync_every: u64,
    /// Syncs of segments so far.
    segment_syncs: u64,
    failed_syncs: u64,
    /// How long each sync of a segment takes at least.
    stall: Duration,
    /// Syncs of segments wait for as long as this is set.
    is_held: bool,
    is_full: bool,
}

impl FailingStorage {
    /// A disk that does as it should.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on every `every`th sync of a segment fails; none when 0.
    pub fn fail_syncs(&self, every: u64) {
        let mut state = self.0.shared.state.lock();
        (state.failing_sync_every, state.segment_syncs) = (every, 0);
    }

    /// From now on each sync of a segment takes so long at least.
    pub fn stall(&self, stall: Duration) {
        self.0.shared.state.lock().stall = stall;
    }

    /// Syncs of segments wait until this is called again with `false`.
    pub fn hold_syncs(&self, is_held: bool) {
        self.0.shared.state.lock().is_held = is_held;
        self.0.shared.changed.notify_all();
    }

    /// Whether the disk has no space: writes to segments are refused, and they can't grow.
    pub fn fill(&self, is_full: bool) {
        self.0.shared.state.lock().is_full = is_full;
    }

    /// How many syncs were made to fail.
    #[must_use]
    pub fn failed_syncs(&self) -> u64 {
        self.0.shared.state.lock().failed_syncs
    }
}

impl Failures {
    fn sync_segment(&self) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        while state.is_held {
            self.shared.changed.wait(&mut state);
        }
        state.segment_syncs += 1;
        let fails =
            state.failing_sync_every > 0 && state.segment_syncs.is_multiple_of(state.failing_sync_every);
        state.failed_syncs += u64::from(fails);
        let stall = state.stall;
        drop(state);
        std::thread::sleep(stall);
        if fails { Err(io::Error::from_raw_os_error(EIO)) } else { Ok(()) }
    }
}

fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "wal")
}

impl Alteration for Failures {
    fn before_write(&self, path: &Path) -> io::Result<()> {
        let is_full = is_segment(path) && self.shared.state.lock().is_full;
        if is_full { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }

    fn sync(&self, path: &Path, sync: &dyn Fn() -> io::Result<()>) -> io::Result<()> {
        if is_segment(path) {
            self.sync_segment()?;
        }
        sync()
    }
}
