//! Identities: of an event, and of the process that wrote it.
//!
//! Ours are version 7 UUIDs (RFC 9562), whose first bits are the time of their making. Ids given by a caller are
//! kept as they are, whatever their version.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::Timestamp;

/// The identity of an event, unique in its ledger. An append with an id that is already stored is a no-op if the
/// content is the same and a conflict if it is not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

/// The identity of one opening of a ledger for writing: which process wrote an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterInstance(Uuid);

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID: {text:?}")]
pub struct ParseIdError {
    text: String,
}

macro_rules! uuid_newtype {
    ($name:ident) => {
        impl $name {
            /// A new version 7 UUID: the current time and random bits.
            #[must_use]
            #[expect(
                clippy::new_without_default,
                reason = "a default that differs at each call would surprise"
            )]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id with these 16 bytes, in network order.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of the id, in network order.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.into_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| ParseIdError { text: text.to_owned() })
            }
        }
    };
}

uuid_newtype!(EventId);
uuid_newtype!(WriterInstance);

impl EventId {
    /// When a version 7 id was made, to the millisecond; nothing for ids of other versions.
    ///
    /// An event that comes with such an id and without a time is given this one, so that sending it again means the
    /// same event.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        let nanoseconds = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds.into())?;
        i64::try_from(nanoseconds).ok().map(Timestamp::from_nanoseconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_version_7_id_has_a_time() {
        let known: EventId = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap(); // RFC 9562, appendix A.6
        assert_eq!(known.time(), Some("2022-02-22T19:22:22Z".parse().unwrap()));
        let random: EventId = "919108f7-52d1-4320-9bac-f847db4148a8".parse().unwrap();
        assert_eq!(random.time(), None);
    }

    #[test]
    fn ids_that_are_made_here_are_of_version_7_tell_their_time_and_ascend() {
        let millisecond = |time: Timestamp| time.as_nanoseconds() / 1_000_000;
        let mut last = None;
        for _ in 0..2_000 {
            let before = millisecond(Timestamp::now());
            let id = EventId::new();
            let after = millisecond(Timestamp::now());
            let [.., version, _, variant, _, _, _, _, _, _, _] = id.to_bytes();
            assert_eq!((version >> 4, variant >> 6), (7, 0b10));
            let told = millisecond(id.time().unwrap());
            assert!((before..=after).contains(&told), "{before} <= {told} <= {after}");
            assert!(last < Some(id), "{last:?} comes before {id}");
            last = Some(id);
        }
    }
}
