//! Records whose bytes follow from their name: which run of the writer made it, in which of its threads, as its
//! how-manieth. Whoever knows the seed can tell each record from any that nobody sent.

use std::fmt;

use crate::random::Random;

/// How many bytes a payload has before those that are random.
const NAME_BYTES: usize = 16;
/// The usual payload's random part is shorter than this.
const USUAL_BYTES_MAX: u64 = 600;
/// Now and then one is longer: up to this.
const LONG_BYTES_MAX: u64 = 96 << 10;
/// One in this many is long.
const LONG_EVERY: u64 = 100;

/// Who wrote a record, and when in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The process, counted by the test.
    pub run: u32,
    /// The thread in it.
    pub thread: u32,
    /// Which of the thread's records.
    pub number: u64,
}

impl Name {
    /// The record's bytes.
    #[must_use]
    pub fn payload(self, seed: u64) -> Vec<u8> {
        let Name { run, thread, number } = self;
        let who = (u64::from(run) << 32) | u64::from(thread);
        // One step of the generator between the parts, so that neighbours have nothing in common.
        let mut random = Random::new(seed ^ Random::new(who ^ Random::new(number).bits()).bits());
        let bytes_max = if random.less_than(LONG_EVERY) == 0 { LONG_BYTES_MAX } else { USUAL_BYTES_MAX };
        let length = NAME_BYTES + usize::try_from(random.less_than(bytes_max)).unwrap_or(0);
        let mut bytes = Vec::with_capacity(length + 8);
        bytes.extend_from_slice(&run.to_le_bytes());
        bytes.extend_from_slice(&thread.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        while bytes.len() < length {
            bytes.extend_from_slice(&random.bits().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Whose bytes these are; nothing if they are not, to the last byte, what somebody with this seed wrote.
    #[must_use]
    pub fn of_payload(seed: u64, payload: &[u8]) -> Option<Name> {
        let (run, rest) = payload.split_first_chunk()?;
        let (thread, rest) = rest.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        let name = Name {
            run: u32::from_le_bytes(*run),
            thread: u32::from_le_bytes(*thread),
            number: u64::from_le_bytes(*number),
        };
        (name.payload(seed) == payload).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} of thread {} of run {}", self.number, self.thread, self.run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_gives_its_name_and_one_with_a_changed_byte_gives_none() {
        let name = Name { run: 3, thread: 1, number: 7 };
        let mut payload = name.payload(5);
        assert_eq!(Name::of_payload(5, &payload), Some(name));
        assert_eq!(Name::of_payload(6, &payload), None);
        assert_eq!(Name::of_payload(5, &payload[..payload.len() - 1]), None);
        for place in 0..payload.len() {
            payload[place] ^= 1;
            assert_eq!(Name::of_payload(5, &payload), None, "byte {place}");
            payload[place] ^= 1;
        }
    }
}
