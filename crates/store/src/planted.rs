//! Bugs that can be planted, so that a test can show that it would find them.
//!
//! Each is one mistake that somebody could make in this crate, at the place where they would make it. Without the cargo
//! feature `planted-bugs`, `planted` is a constant `false` and nothing of this is in the program. With it, at most one
//! bug of this crate is planted at a time, for the whole process. The crates above have theirs by the same macro.

/// Declares the bugs that can be planted in a crate. For the crates of this workspace only.
#[doc(hidden)]
#[macro_export]
macro_rules! planted_bugs {
    ($($(#[$line:meta])* $bug:ident = $name:literal,)*) => {
        /// A mistake, and the promise that it breaks.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(
            not(feature = "planted-bugs"),
            expect(unreachable_pub, reason = "with the feature it is for the tests of other packages")
        )]
        pub enum Bug {
            $($(#[$line])* $bug,)*
        }

        #[cfg(feature = "planted-bugs")]
        impl Bug {
            /// All of them.
            pub const ALL: &[Bug] = &[$(Bug::$bug,)*];

            /// What it is called on a command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Bug::$bug => $name,)*
                }
            }
        }

        /// Whether this bug is planted.
        #[cfg(not(feature = "planted-bugs"))]
        #[inline(always)]
        pub(crate) const fn planted(_: Bug) -> bool {
            false
        }

        /// The bug that is planted, plus one; 0 for none.
        #[cfg(feature = "planted-bugs")]
        static PLANTED: ::std::sync::atomic::AtomicUsize = ::std::sync::atomic::AtomicUsize::new(0);

        /// Whether this bug is planted.
        #[cfg(feature = "planted-bugs")]
        pub(crate) fn planted(bug: Bug) -> bool {
            PLANTED.load(::std::sync::atomic::Ordering::Relaxed) == bug as usize + 1
        }

        /// Plants this bug in the whole process, in place of the one before; none takes it out.
        #[cfg(feature = "planted-bugs")]
        pub fn plant(bug: Option<Bug>) {
            let number = bug.map_or(0, |bug| bug as usize + 1);
            PLANTED.store(number, ::std::sync::atomic::Ordering::Relaxed);
        }
    };
}

planted_bugs! {
    // What is durable, and in which order.
    /// A table isn't synced before the manifest that names it is published.
    SkipTableSync = "skip-table-sync",
    /// A manifest isn't synced before it gets its name.
    SkipManifestSync = "skip-manifest-sync",
    /// The names of new tables aren't durable before the manifest that names them.
    SkipTableDirectorySync = "skip-table-directory-sync",
    /// The manifest's name isn't made durable. What a flush covered may be lost, or its old tables be gone.
    SkipManifestDirectorySync = "skip-manifest-directory-sync",
    /// Merged tables are removed before the manifest that drops them is published.
    RemoveTablesTooEarly = "remove-tables-too-early",

    // What a merge makes of its tables.
    /// A merge publishes the checkpoint of what is only in memory. After a crash that is never indexed again.
    MergeMovesCheckpoint = "merge-moves-checkpoint",
    /// A merge leaves the oldest of its tables out. Keys vanish.
    MergeForgetsOldest = "merge-forgets-oldest",
    /// A merge drops deletions that still hide something older. What was deleted comes back.
    MergeDropsDeletions = "merge-drops-deletions",
    /// A merge lets the older of two values win.
    MergeOldestWins = "merge-oldest-wins",
    /// A merge drops the ends of positions that are not among its tables. What ended comes back.
    MergeForgetsEnds = "merge-forgets-ends",
    /// A merge notes that a position ended, and leaves it among what has not.
    MergeLeavesEndedLive = "merge-leaves-ended-live",
    /// A merge leaves ordinals as they were in each table. They lead to other positions.
    MergeKeepsOrdinals = "merge-keeps-ordinals",

    // What a view shows.
    /// A batch's checkpoint is visible before its keys.
    CheckpointBeforeBatch = "checkpoint-before-batch",
    /// What ended in a newer table than the one that has it counts.
    CountPendingEnds = "count-pending-ends",
}
