//! Tag 05: which event superseded which, in the order in which they did. Value: the `Seq` of the superseded event.
//!
//! It says at a glance whether anything was superseded since a `Seq`: where nothing was, the streams alone answer as of
//! that `Seq`.
//!
//! Format: FORMAT.md#index-keys

use runledger_wal::Seq;

use super::Tag;

pub(crate) fn key(by: Seq) -> Vec<u8> {
    [&[Tag::Supersession.byte()], &by.get().to_be_bytes()[..]].concat()
}

pub(crate) fn value(superseded: Seq) -> Vec<u8> {
    super::short_seq(superseded)
}

/// What such keys have from this `Seq` on.
pub(crate) fn since(by: Seq) -> std::ops::Range<Vec<u8>> {
    key(by)..super::prefix_end(&[Tag::Supersession.byte()])
}
