//! Bugs that can be planted, so that a test can show that it would find them. See `runledger_store::planted_bugs`.

runledger_store::planted_bugs! {
    /// The record that a checkpoint names isn't compared with the log. An index of another past is believed.
    BelieveCheckpoint = "believe-checkpoint",
    /// What a newer version replaces stays in the streams, and is counted.
    CountSuperseded = "count-superseded",
    /// A page goes on behind the first event that did not fit on the one before.
    PageTokenSkips = "page-token-skips",
    /// Events that came after the first page are shown on later ones.
    PageForgetsWhatItSaw = "page-forgets-what-it-saw",
    /// A reader goes on with an index that a question found damaged.
    KeepDamagedIndex = "keep-damaged-index",
    /// A reader answers from the tables on disk alone.
    IgnoreTail = "ignore-tail",
    /// An event is appended without asking the index for its id.
    NeverLookUpIds = "never-look-up-ids",
    /// What can be said only once is not compared with what was said before.
    ForgetClaims = "forget-claims",
}
