//! Answers questions from the index: positions from streams, joined; events from the log.

pub(crate) mod join;
pub(crate) mod matching;
pub(crate) mod moment;
pub(crate) mod positions;
pub(crate) mod rank;
