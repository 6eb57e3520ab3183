//! Tag 26: the runs that ended, by their end. Value: the run's id.
//!
//! A run that was interrupted ended when that was found.
//!
//! Format: FORMAT.md#index-keys

use super::Tag;

/// What every such key starts with; the run's place by its end follows.
pub(crate) fn prefix() -> Vec<u8> {
    vec![Tag::RunEnd.byte()]
}
