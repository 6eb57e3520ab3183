//! When two events say the same.

use super::encode_parts;
use crate::{Event, EventId};

/// The bytes of a content digest.
pub(crate) const CONTENT_DIGEST_BYTES: usize = 16;

const CONTENT_CONTEXT: &str = "Runledger 2026 event content v1";

/// A hash of all that `event` says: not of which event it is, which one it replaces, or who wrote it down. Two saves
/// of one imported record have the same digest if and only if nothing in it changed.
///
/// An event too large for an archive has the digest of zeroes: it is in no ledger, so nothing stored is like it.
pub(crate) fn content_digest(event: &Event) -> [u8; CONTENT_DIGEST_BYTES] {
    let neutral = Event {
        event_id: EventId::from_bytes([0; 16]),
        supersedes: None,
        writer_instance: None,
        ..event.clone()
    };
    let mut digest = [0; CONTENT_DIGEST_BYTES];
    let Ok((part_0, part_1)) = encode_parts(&neutral) else { return digest };
    let mut hasher = blake3::Hasher::new_derive_key(CONTENT_CONTEXT);
    // The length keeps bytes from wandering from one part to the other.
    hasher.update(&(part_0.len() as u64).to_le_bytes()).update(&part_0).update(&part_1);
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// Whether two events are the same but for the process that wrote them: an append with an id that is already stored
/// is a retry if they are, and a conflict if they are not.
pub(crate) fn same_content(one: &Event, other: &Event) -> bool {
    let neutral = |event: &Event| Event { writer_instance: None, ..event.clone() };
    neutral(one) == neutral(other)
}
