//! What the index is built through, in the bytes that the store keeps for us.
//!
//! It names the ledger, the last record, that record's leaf and the version of the keys. Where any of them differs
//! from what is found (another ledger's index, a log that was restored or cut, an older program), the index is rebuilt.
//!
//! Format: FORMAT.md#index-checkpoint

use runledger_ingest::Resume;
use runledger_wal::{Leaf, LedgerId, ReadError, Reader, Seq};

use crate::key::KEY_SCHEMA_VERSION;
use crate::planted::{Bug, planted};

const LENGTH: usize = 60;

/// The last record that the index covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) ledger_id: LedgerId,
    pub(crate) seq: Seq,
    pub(crate) leaf: Leaf,
}

/// Why a checkpoint can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("its checkpoint is {0} bytes long instead of {LENGTH}")]
    Length(usize),
    #[error("its keys are of version {0}, this program's of version {KEY_SCHEMA_VERSION}")]
    KeySchema(u32),
}

impl Checkpoint {
    /// Key-schema version (4), ledger id (16), `Seq` (8), leaf (32).
    pub(crate) fn encode(&self) -> Vec<u8> {
        [
            &KEY_SCHEMA_VERSION.to_le_bytes()[..],
            &self.ledger_id.to_bytes()[..],
            &self.seq.get().to_le_bytes()[..],
            &self.leaf.to_bytes()[..],
        ]
        .concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unusable> {
        let whole: &[u8; LENGTH] = bytes.try_into().map_err(|_| Unusable::Length(bytes.len()))?;
        let (version, rest) = whole.split_first_chunk().expect("60 bytes start with 4");
        let (ledger_id, rest) = rest.split_first_chunk().expect("56 bytes start with 16");
        let (seq, rest) = rest.split_first_chunk().expect("40 bytes start with 8");
        let leaf = rest.first_chunk().expect("32 bytes are left");
        let version = u32::from_le_bytes(*version);
        if version != KEY_SCHEMA_VERSION {
            return Err(Unusable::KeySchema(version));
        }
        Ok(Self {
            ledger_id: LedgerId::from_bytes(*ledger_id),
            seq: Seq::new(u64::from_le_bytes(*seq)),
            leaf: Leaf::from_bytes(*leaf),
        })
    }

    /// Where indexing goes on, if the log still is the one that this checkpoint was made of.
    pub(crate) fn compare(&self, ledger_id: LedgerId, log: &Reader) -> Resume {
        if self.ledger_id != ledger_id {
            return Resume::Rebuild("it belongs to another ledger".to_owned());
        }
        match log.read(self.seq) {
            Ok(Some(record)) if record.leaf() == self.leaf || planted(Bug::BelieveCheckpoint) => {
                Resume::From(self.seq.next())
            }
            Ok(Some(_)) => Resume::Rebuild(format!("the log has another record at Seq {}", self.seq)),
            Ok(None) => {
                Resume::Rebuild(format!("the log ends before Seq {}, which the index covers", self.seq))
            }
            // The index was built when the record was whole; it finds what else is whole.
            Err(ReadError::Damaged(_)) => Resume::From(self.seq.next()),
            // Says nothing about the index: it is not thrown away for it.
            Err(error) => Resume::Unknown(format!("the log can't be read at Seq {}: {error}", self.seq)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_round_trips_and_other_lengths_and_versions_are_unusable() {
        let checkpoint = Checkpoint {
            ledger_id: LedgerId::from_bytes([1; 16]),
            seq: Seq::new(77),
            leaf: Leaf::from_bytes([2; 32]),
        };
        let mut bytes = checkpoint.encode();
        assert_eq!(Checkpoint::decode(&bytes), Ok(checkpoint));
        assert_eq!(Checkpoint::decode(&bytes[1..]), Err(Unusable::Length(LENGTH - 1)));
        bytes[0] += 1;
        assert_eq!(Checkpoint::decode(&bytes), Err(Unusable::KeySchema(KEY_SCHEMA_VERSION + 1)));
    }
}
