//! Answers questions from the index: a filter becomes a plan, its streams are joined, and positions come out in order.

pub(crate) mod matching;
pub(crate) mod moment;
pub(crate) mod plan;
pub(crate) mod run_lists;
pub(crate) mod values;
