//! From what a directory holds to a log that can go on.
//!
//! Three steps, so that each can be tested by itself: [`examine`] looks and changes nothing, [`table`] says what is to
//! be done about what was found, [`apply`] does it. Only what lies behind the watermark is looked at, so the cost
//! doesn't grow with the log's history.
//!
//! Recovery may itself stop anywhere: it changes bytes only by writing the same ones again, cuts only what it has
//! copied aside, and moves the watermark only over what is synced, so that doing it again comes to the same.

pub(crate) mod apply;
pub(crate) mod examine;
pub(crate) mod table;

#[cfg(test)]
mod tests;
