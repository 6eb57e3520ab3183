//! When two events say the same.
//!
//! The digests are over archives of the newest schema version, so a later one gives others. They are compared within
//! one process or kept in the index, which is rebuilt then; they must not be written into the log.

use super::encode_parts;
use crate::{Event, EventId, Timestamp};

/// The bytes of a digest.
pub(crate) const CONTENT_DIGEST_BYTES: usize = 16;

const CONTENT_CONTEXT: &str = "Runledger 2026 event content v1";
const RETRY_CONTEXT: &str = "Runledger 2026 event retry v1";

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
    digest(CONTENT_CONTEXT, &neutral)
}

/// A hash of all of `event` but the process that wrote it: an append with an id that is already stored is a retry if
/// it has the same one, and a conflict if it has another. Unlike the content digest it tells an event that replaces
/// another from one that does not.
pub(crate) fn retry_digest(event: &Event) -> [u8; CONTENT_DIGEST_BYTES] {
    digest(RETRY_CONTEXT, &Event { writer_instance: None, ..event.clone() })
}

/// A hash of all that an audit says: not of which event holds it, when that was, or who wrote it down. Who puts an audit
/// again under the same query id does not know the first event's id and time.
pub(crate) fn audit_digest(event: &Event) -> [u8; CONTENT_DIGEST_BYTES] {
    let neutral = Event { timestamp: Timestamp::from_nanoseconds(0), ..event.clone() };
    content_digest(&neutral)
}

fn digest(context: &str, event: &Event) -> [u8; CONTENT_DIGEST_BYTES] {
    let mut digest = [0; CONTENT_DIGEST_BYTES];
    let Ok((part_0, part_1)) = encode_parts(event) else { return digest };
    let mut hasher = blake3::Hasher::new_derive_key(context);
    // The length keeps bytes from wandering from one part to the other.
    hasher.update(&(part_0.len() as u64).to_le_bytes()).update(&part_0).update(&part_1);
    hasher.finalize_xof().fill(&mut digest);
    digest
}
