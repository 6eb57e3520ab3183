//! Tag 21: all runs, by their start. Value: the run's id.
//!
//! Format: FORMAT.md#index-keys

use super::Tag;

/// What every such key starts with; the run's place follows.
pub(crate) fn prefix() -> Vec<u8> {
    vec![Tag::RunStart.byte()]
}
