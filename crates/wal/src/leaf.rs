//! From payload to [`Leaf`]: the hash that a record is committed to by.
//!
//! The function is a parameter of the log, because the layer above may hash the parts of a payload so that one of
//! them can be withheld later. A segment's header names the function by number; the log refuses to go on with
//! another one. This crate brings only function 0, the plain hash of the whole payload.

use crate::seq::Leaf;

/// How the leaf of a payload is computed.
///
/// It must be a pure function of the payload, total (any bytes may arrive, damaged ones too), and collision
/// resistant: everything that the ledger proves later rests on it.
pub trait LeafFunction: Send + Sync + 'static {
    /// The number that segment headers name this function by. 0 is [`Blake3Leaf`].
    fn id(&self) -> u32;

    /// The leaf of this payload.
    fn leaf(&self, payload: &[u8]) -> Leaf;
}

/// Leaf function 0: BLAKE3 of the payload.
#[derive(Debug, Clone, Copy, Default)]
pub struct Blake3Leaf;

impl LeafFunction for Blake3Leaf {
    fn id(&self) -> u32 {
        0
    }

    fn leaf(&self, payload: &[u8]) -> Leaf {
        Leaf::from_bytes(*blake3::hash(payload).as_bytes())
    }
}
