//! The leaf of an event: the hash that the log's tree is built over.
//!
//! It is made of one hash per part, each under a key of its own. So an erased or withheld part cannot be guessed from
//! its hash by trying what it may have said, and whoever is shown one part, its key and the other part's hash can
//! compute the leaf and check what they are shown. The key of one part tells nothing of the other's; the salt would,
//! and must not be given away with a withheld part.
//!
//! INVARIANT: every payload has exactly one leaf, whatever its bytes, and two payloads with the same leaf are the same
//! bytes. What is not well formed is hashed whole under another context. The leaf is over plaintext and uncompressed
//! bytes, so neither encryption nor compression changes it.
//!
//! Format: FORMAT.md#leaf-of-an-event

use std::sync::LazyLock;

use blake3::Hasher;
use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use runledger_wal::{Leaf, LeafFunction};

use super::header::{PLAIN_BYTES, Parts};

/// The number of this function in a segment's header.
const EVENT_LEAF_ID: u32 = 1;

const LEAF_VERSION: u32 = 1;
const LEAF_CONTEXT: &str = "Runledger 2026 event leaf v1";
const PART_KEY_CONTEXT: &str = "Runledger 2026 part key v1";
const MALFORMED_CONTEXT: &str = "Runledger 2026 malformed payload v1";

/// What deriving a key does first with its context, which is always the same: three of an event's twenty compressions.
static LEAF_CONTEXT_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(LEAF_CONTEXT));
static PART_KEY_CONTEXT_KEY: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context(PART_KEY_CONTEXT));

/// The leaf function of events: BLAKE3 over the header and the keyed hashes of the two parts.
///
/// ```
/// use runledger_audit::EventLeaf;
/// use runledger_wal::LeafFunction;
///
/// assert_eq!(EventLeaf.id(), 1);
/// // Every payload has a leaf, also one that is no event.
/// assert_ne!(EventLeaf.leaf(b""), EventLeaf.leaf(b"?"));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventLeaf;

impl LeafFunction for EventLeaf {
    fn id(&self) -> u32 {
        EVENT_LEAF_ID
    }

    fn leaf(&self, payload: &[u8]) -> Leaf {
        match Parts::of(payload) {
            Ok(parts) => {
                let hash = |number, part| part_hash(&part_key(&parts.header.salt, number), part);
                leaf_from_part_hashes(parts.plain, &hash(0, parts.part_0), &hash(1, parts.part_1))
            }
            Err(_) => Leaf::from_bytes(blake3::derive_key(MALFORMED_CONTEXT, payload)),
        }
    }
}

/// The key under which part `number` (0 or 1) is hashed.
pub(crate) fn part_key(salt: &[u8; 16], number: u8) -> [u8; 32] {
    let mut hasher = Hasher::new_from_context_key(&PART_KEY_CONTEXT_KEY);
    *hasher.update(salt).update(&[number]).finalize().as_bytes()
}

/// The hash of a part under its key. An absent part is an empty one.
pub(crate) fn part_hash(key: &[u8; 32], part: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(key, part).as_bytes()
}

/// The leaf of the event with these first 16 bytes of header and these part hashes: all that a proof needs of a part
/// that it withholds.
pub(crate) fn leaf_from_part_hashes(plain: &[u8; PLAIN_BYTES], hash_0: &[u8; 32], hash_1: &[u8; 32]) -> Leaf {
    let mut hasher = Hasher::new_from_context_key(&LEAF_CONTEXT_KEY);
    hasher.update(&LEAF_VERSION.to_le_bytes()).update(plain).update(hash_0).update(hash_1);
    Leaf::from_bytes(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests;
