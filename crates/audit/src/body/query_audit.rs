//! What a query audit says: which question was asked of a knowledge base, what came back, and from which assertions.
//!
//! INVARIANT: an audit's query id is its own. Who makes none up gets one that is derived from an event id, so that two
//! audits share an id only where their makers say so.
//!
//! Deliberately not here: who asked and when. Those stand in the envelope, as with every event.

use std::fmt;
use std::str::FromStr;

use super::Extra;
use crate::{Content, Digest, EventId, Json, ParseDigestError};

const QUERY_ID_CONTEXT: &str = "Runledger 2026 query id v1";

/// The identity of a query, 32 bytes. As text 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId(Digest);

impl QueryId {
    /// A new one.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "each call gives another one, a default would be the same"
    )]
    pub fn new() -> Self {
        Self::of(EventId::new())
    }

    /// The one that the audit with this event id has when its maker gave none.
    #[must_use]
    pub fn of(event_id: EventId) -> Self {
        Self(Digest::from_bytes(blake3::derive_key(QUERY_ID_CONTEXT, &event_id.to_bytes())))
    }

    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Digest::from_bytes(bytes))
    }

    /// The bytes of the id.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for QueryId {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, ParseDigestError> {
        text.parse().map(Self)
    }
}

/// A question that was asked of a knowledge base, and its answer. Who asked and when stands in the envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryAudit {
    /// Its identity: a ledger holds one audit of an id.
    pub query_id: QueryId,
    /// What was asked.
    pub params: QueryParams,
    /// Hash of the answer.
    pub result_hash: Option<Digest>,
    /// The answer.
    pub result_value: Option<Content>,
    /// How sure the answer is. A finite number.
    pub result_confidence: Option<f32>,
    /// What the answer was made of.
    pub contributing_assertions: Vec<ContributingAssertion>,
    /// Unknown fields.
    pub extra: Extra,
}

impl QueryAudit {
    /// An audit with a new id that says nothing yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each call gives another id, a default would be the same")]
    pub fn new() -> Self {
        Self::with_id(QueryId::new())
    }

    /// An audit with this id that says nothing yet.
    #[must_use]
    pub fn with_id(query_id: QueryId) -> Self {
        Self {
            query_id,
            params: QueryParams::default(),
            result_hash: None,
            result_value: None,
            result_confidence: None,
            contributing_assertions: Vec::new(),
            extra: Extra::new(),
        }
    }
}

/// What a query asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryParams {
    /// What it was about.
    pub subject: Option<String>,
    /// What of that.
    pub predicate: Option<String>,
    /// Which stage of assertions it wanted.
    pub lifecycle: Option<String>,
    /// As of which state of the knowledge.
    pub epoch: Option<Epoch>,
    /// In whose view.
    pub lens: Option<String>,
}

/// A state of the knowledge that was asked: a number or a name, as its maker wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch(Json);

/// The JSON is neither a number nor a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an epoch: expected a number or a string")]
pub struct InvalidEpoch;

impl Epoch {
    /// The epoch as JSON: a number with all of its digits, or a string.
    #[must_use]
    pub fn as_json(&self) -> &Json {
        &self.0
    }
}

impl From<u64> for Epoch {
    fn from(number: u64) -> Self {
        Self(Json::parse(&number.to_string()).expect("the digits of a number are JSON"))
    }
}

impl From<&str> for Epoch {
    fn from(name: &str) -> Self {
        Self(Json::from_value(name).expect("a string can be written as JSON"))
    }
}

impl TryFrom<Json> for Epoch {
    type Error = InvalidEpoch;

    fn try_from(json: Json) -> Result<Self, InvalidEpoch> {
        let is_epoch =
            json.as_str().starts_with(['"', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
        if is_epoch { Ok(Self(json)) } else { Err(InvalidEpoch) }
    }
}

/// An assertion that an answer was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct ContributingAssertion {
    /// Hash of the assertion.
    pub assertion_hash: Digest,
    /// How much it counted. A finite number.
    pub weight: f32,
    /// Hash of where it came from.
    pub source_hash: Digest,
    /// Where it came from, in words.
    pub source: Option<String>,
    /// Its stage when it was used.
    pub lifecycle: String,
    /// Unknown fields.
    pub extra: Extra,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_id_is_derived_from_the_event_and_differs_from_one_to_the_next() {
        let event = EventId::from_bytes([1; 16]);
        assert_eq!(QueryId::of(event), QueryId::of(event));
        assert_ne!(QueryId::of(event), QueryId::of(EventId::from_bytes([2; 16])));
        assert_ne!(QueryId::new(), QueryId::new());
        assert_eq!(QueryId::of(event).to_string().parse(), Ok(QueryId::of(event)));
    }

    #[test]
    fn an_epoch_is_a_number_or_a_name_and_keeps_its_digits() {
        assert_eq!(Epoch::from(7).as_json().as_str(), "7");
        assert_eq!(Epoch::from("dawn \"1\"").as_json().as_str(), r#""dawn \"1\"""#);
        for (text, accepted) in [
            ("12345678901234567890123", true),
            ("-0.50", true),
            (r#""x""#, true),
            ("null", false),
            ("[1]", false),
        ] {
            let epoch = Epoch::try_from(Json::parse(text).unwrap());
            assert_eq!(epoch.is_ok_and(|epoch| epoch.as_json().as_str() == text), accepted, "{text}");
        }
    }
}
