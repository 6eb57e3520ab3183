//! Bugs that can be planted, so that a test can show that it would find them.
//!
//! Each is one mistake that somebody could make in this crate, at the place where they would make it. Without the
//! cargo feature `planted-bugs`, [`planted`] is a constant `false` and nothing of this is in the program. With it, at
//! most one bug is planted at a time, for the whole process.
//!
//! A planted bug breaks a promise and nothing else: the program goes on as it would with the mistake in it. Those under
//! "who waits for whom" may leave a caller waiting for ever, which is what they break.

#[cfg(feature = "planted-bugs")]
use std::sync::atomic::{AtomicUsize, Ordering};

macro_rules! bugs {
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

            /// Whether it takes several threads to be seen, and may leave them waiting for ever.
            #[must_use]
            pub const fn needs_threads(self) -> bool {
                matches!(
                    self,
                    Bug::KeepLead
                        | Bug::TwoLeaders
                        | Bug::WakeOnlyOne
                        | Bug::RegisterTooLate
                        | Bug::SettleBeforeDurableEnd
                        | Bug::ShareOutcome
                        | Bug::ForgetRoom
                        | Bug::CloseBesideLeader
                )
            }
        }
    };
}

bugs! {
    // What is synced, and in which order.
    /// A commit is written and not synced. Acknowledged records are lost when the power fails.
    SkipCommitSync = "skip-commit-sync",
    /// A new segment isn't synced before it gets its name. Its acknowledged first commit may vanish.
    SkipFirstCommitSync = "skip-first-commit-sync",
    /// The name of a new segment isn't made durable. Acknowledged records vanish with the name.
    SkipRotationDirectorySync = "skip-rotation-directory-sync",
    /// The segment before isn't synced when a new one starts. Its last records are acknowledged and not durable.
    SkipSyncBeforeRotation = "skip-sync-before-rotation",
    /// A filled spare never gets its segment's name. Its acknowledged records are nowhere to be found.
    SkipSpareRename = "skip-spare-rename",
    /// Callers are told that their records are durable before the sync, which follows later.
    AcknowledgeBeforeSync = "acknowledge-before-sync",
    /// A new log's name in the directory above isn't made durable. All of the log may vanish.
    SkipParentDirectorySync = "skip-parent-directory-sync",
    /// The name of a new log's watermark isn't made durable. The log then has records and no watermark.
    SkipCreationDirectorySync = "skip-creation-directory-sync",
    /// A new log's watermark gets its name before its bytes are durable: an empty one may be left.
    SkipCreationSync = "skip-creation-sync",

    // What a failed call means.
    /// A sync that failed is tried again, and the second is believed, although the first lost the bytes.
    RetryFailedSync = "retry-failed-sync",
    /// A failed sync is taken for one that succeeded.
    SwallowFailedSync = "swallow-failed-sync",
    /// After a failed write or sync the log goes on, and acknowledges what lies behind bytes that may be lost.
    GoOnAfterFailedSync = "go-on-after-failed-sync",
    /// A write that was short is taken for a complete one.
    ShortWriteIsComplete = "short-write-is-complete",
    /// A call that a signal interrupted is reported as failed.
    InterruptedIsFailure = "interrupted-is-failure",
    /// A read that failed is taken for the end of the file, so that records seem to be missing.
    ReadErrorIsEnd = "read-error-is-end",
    /// After a full disk the segment goes on where the refused commit began: an offset gets different bytes.
    ReuseBytesAfterFull = "reuse-bytes-after-full",
    /// What was written of a refused commit stays behind the segment's last good one, and may turn up as a record.
    KeepPartOfRefusedCommit = "keep-part-of-refused-commit",
    /// The numbers of a refused commit aren't given out again. The log has a gap.
    KeepNumbersOfRefusedCommit = "keep-numbers-of-refused-commit",

    // What a commit says.
    /// A frame says that what is only written was durable. Recovery takes a lost tail for damage.
    ClaimDurableTooEarly = "claim-durable-too-early",
    /// The time of a commit goes back when the clock does. Such a commit is unreadable.
    CommitTimeGoesBack = "commit-time-goes-back",
    /// Half of a batch is a commit of its own. After a crash only that half may be there.
    SplitBatch = "split-batch",
    /// The seed of checksums doesn't depend on the segment. A commit of another segment is taken for one of this.
    SeedWithoutNonce = "seed-without-nonce",
    /// The seed of checksums doesn't depend on the offset. A commit that lies elsewhere is taken for one that belongs.
    SeedWithoutOffset = "seed-without-offset",

    // What the watermark says.
    /// The watermark is moved before the sync. After a power cut it may claim what was never durable.
    AdvanceWatermarkBeforeSync = "advance-watermark-before-sync",
    /// The watermark never moves. Acknowledged records look like a tail that was never acknowledged.
    NeverAdvanceWatermark = "never-advance-watermark",
    /// The watermark's updates all go to one slot. A torn one leaves no sound slot.
    OneWatermarkSlot = "one-watermark-slot",
    /// Updates take turns although none was synced. A power cut that tears both leaves no sound slot.
    RiskBothSlots = "risk-both-slots",
    /// The older slot counts. Acknowledged records look as if they weren't, and are cut when they are bad.
    OlderWatermarkSlotCounts = "older-watermark-slot-counts",
    /// A slot's checksum isn't looked at. A torn one is believed.
    BelieveWatermarkUnchecked = "believe-watermark-unchecked",
    /// A watermark without a sound slot is taken for that of a new log. What is there is set aside.
    BrokenWatermarkIsNewLog = "broken-watermark-is-new-log",
    /// The mark of a good end stays while the log is in use. Recovery then doubts nothing behind it.
    KeepCleanMark = "keep-clean-mark",
    /// Closing marks a good end without a sync of the last commits. They are acknowledged by it and may be lost.
    CleanMarkBeforeSync = "clean-mark-before-sync",

    // What recovery believes and does.
    /// What lies behind the watermark isn't written again. After a failed sync only the page cache may have had it.
    TrustCachedTail = "trust-cached-tail",
    /// An opening that was cut short is forgotten: the next one takes what it couldn't sync for what is on the medium.
    ForgetOpenings = "forget-openings",
    /// What lies behind the watermark isn't synced before it becomes part of the log.
    SkipRecoverySync = "skip-recovery-sync",
    /// The names of recovered segments aren't made durable before the watermark covers them.
    SkipRecoveryDirectorySync = "skip-recovery-directory-sync",
    /// Damage in front of a commit that says that it was durable is cut like a torn tail.
    CutContradiction = "cut-contradiction",
    /// Commits behind a hole become part of the log.
    ResumeBehindHole = "resume-behind-hole",
    /// A segment is accepted although the records before it are missing.
    AcceptGap = "accept-gap",
    /// A frame's checksum isn't looked at.
    BelieveFrameUnchecked = "believe-frame-unchecked",
    /// A commit is accepted by its frame alone, whatever its records' checksums say.
    BelieveRecordsUnchecked = "believe-records-unchecked",
    /// After a torn tail was cut, the log goes on in the same segment: an offset gets different bytes.
    ReuseBytesAfterCut = "reuse-bytes-after-cut",
    /// The bytes of a torn tail are cut and not kept.
    DropTornBytes = "drop-torn-bytes",
    /// The bytes of a torn tail are cut before their copy is durable.
    CutBeforeCopyIsSynced = "cut-before-copy-is-synced",
    /// The bytes of a torn tail are cut before their copy's name is durable.
    CutBeforeCopyIsNamed = "cut-before-copy-is-named",
    /// Sealing cuts into the last commit.
    SealCutsTooMuch = "seal-cuts-too-much",
    /// A footer and its trailer are written at once. A torn footer then looks like one that was damaged.
    WriteFooterAtOnce = "write-footer-at-once",
    /// A second writer is let in.
    IgnoreWriterLock = "ignore-writer-lock",

    // What compressing does.
    /// A compressed segment isn't synced before it takes the sealed one's place. Acknowledged records may vanish.
    SkipCompressedSync = "skip-compressed-sync",
    /// What a compressed segment shows isn't compared with what was sealed. Damage gets checksums that match.
    TrustPlainImage = "trust-plain-image",
    /// A compressed block is shown although its checksums don't match.
    ShowBlockUnchecked = "show-block-unchecked",
    /// What stands between the blocks and behind them isn't verified.
    VerifyBlocksAlone = "verify-blocks-alone",

    // What a reader shows.
    /// A reader in the same process shows what is written and not durable.
    ShowUnsynced = "show-unsynced",
    /// A record is shown although its checksum doesn't match.
    ShowRecordUnchecked = "show-record-unchecked",

    // Who waits for whom.
    /// A leader doesn't pass the lead on.
    KeepLead = "keep-lead",
    /// The background leads although somebody else does.
    TwoLeaders = "two-leaders",
    /// Only one of those who wait for a commit is woken.
    WakeOnlyOne = "wake-only-one",
    /// Who asks for a commit's outcome too late isn't told that it is known.
    RegisterTooLate = "register-too-late",
    /// Callers are told of their commit before the durable end has moved: what was acknowledged isn't to be seen yet.
    SettleBeforeDurableEnd = "settle-before-durable-end",
    /// A commit shares its outcome with the one before, so that callers hear of another commit.
    ShareOutcome = "share-outcome",
    /// Nobody is told that there is room in the queue again.
    ForgetRoom = "forget-room",
    /// Closing doesn't wait for who leads.
    CloseBesideLeader = "close-beside-leader",
}

/// Whether this bug is planted.
#[cfg(not(feature = "planted-bugs"))]
#[expect(clippy::inline_always, reason = "nothing of it may be left in a program")]
#[inline(always)]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

// Known when compiling, so that the branches of planted bugs are left out.
#[cfg(not(feature = "planted-bugs"))]
const _: () = assert!(!planted(Bug::SkipCommitSync));

/// The bug that is planted, plus one; 0 for none.
#[cfg(feature = "planted-bugs")]
static PLANTED: AtomicUsize = AtomicUsize::new(0);

/// Whether this bug is planted.
#[cfg(feature = "planted-bugs")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.load(Ordering::Relaxed) == bug as usize + 1
}

/// Plants this bug in the whole process, in place of the one before; none takes it out.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.store(bug.map_or(0, |bug| bug as usize + 1), Ordering::Relaxed);
}

#[cfg(all(test, feature = "planted-bugs"))]
mod tests {
    use super::*;

    #[test]
    fn each_bug_has_the_name_of_its_own() {
        for bug in Bug::ALL {
            let mut expected = String::new();
            for letter in format!("{bug:?}").chars() {
                if letter.is_uppercase() && !expected.is_empty() {
                    expected.push('-');
                }
                expected.extend(letter.to_lowercase());
            }
            assert_eq!(bug.name(), expected);
        }
    }

    #[test]
    fn no_bug_is_planted_by_itself() {
        assert!(Bug::ALL.iter().all(|bug| !planted(*bug)));
    }
}
