//! The laboratory's other room: an index that follows a log, both on the simulated disk, whose world may end at any
//! moment.
//!
//! The log is the real one and keeps its promises (the laboratory sees to that). [`indexer`] turns its records into keys
//! that are overwritten, deleted and counted, and knows by a plain fold over the records what an index of so many of
//! them must hold. A [`life`] appends, indexes, writes out, merges and reopens; it is then ended at each operation on the
//! disk, by a kill and by power cuts, and each state is [`examine`]d. [`following`] and [`questions`] look at what takes
//! threads, failing calls, or the ledger itself.

#![expect(
    clippy::missing_panics_doc,
    reason = "a laboratory states its expectations by panicking where its own set-up fails"
)]

pub mod directory;
pub mod examine;
pub mod following;
pub mod indexer;
pub mod life;
pub mod questions;
#[cfg(feature = "planted-bugs")]
pub mod suspects;
