//! Bugs that can be planted, so that a test can show that it would find them. See `runledger_store::planted_bugs`.

runledger_store::planted_bugs! {
    /// A batch that the store refused counts as taken. Its records are never indexed.
    LoseRefusedBatch = "lose-refused-batch",
    /// Following goes on one record too far behind the checkpoint. A record is never indexed.
    ResumeTooFar = "resume-too-far",
    /// An index that does not fit is filled on top of what it holds, instead of being emptied.
    RebuildWithoutClearing = "rebuild-without-clearing",
}
