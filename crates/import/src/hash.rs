//! SHA-256, by which tool inputs and outputs, lines without an id, and documents are recognised.

use std::fmt::Write;

use runledger_audit::Digest;
use sha2::{Digest as _, Sha256};

/// A hash that grows with what it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningHash(Sha256);

impl RunningHash {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest::from_bytes(self.0.finalize().into())
    }
}

/// The SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The first `digits` hexadecimal digits of the SHA-256 of `bytes`.
pub(crate) fn sha256_prefix(bytes: &[u8], digits: usize) -> String {
    let mut text = String::with_capacity(64);
    write!(text, "{}", sha256(bytes)).expect("a String takes every text");
    text.truncate(digits);
    text
}
