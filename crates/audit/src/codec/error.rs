//! Why an event cannot become a payload, or a payload an event.

use super::v1::SCHEMA_VERSION;

/// Why an event cannot be stored. Nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The event does not fit into a record.
    #[error("the event takes {} bytes, more than the {limit} bytes that a record can hold", at_least(*.bytes))]
    TooLarge {
        /// Bytes of its payload; `None` when it was not even laid out.
        bytes: Option<u64>,
        /// `RECORD_BYTES_MAX`.
        limit: u32,
    },
    /// A figure is infinite or not a number, which JSON cannot say.
    #[error("{field} is {value}, expected a finite number")]
    NotFinite {
        /// The path of the field in the event's JSON.
        field: &'static str,
        /// What it holds.
        value: f64,
    },
    /// An extra field has the name of a known one or of another extra field, so that the event's JSON would hold it
    /// twice.
    #[error("the extra field {name:?} has the name of another field")]
    FieldTwice {
        /// The path of the field in the event's JSON.
        name: String,
    },
}

/// Why a payload cannot be shown as an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A newer program wrote it.
    #[error("the event has schema version {version}, this program reads up to version {SCHEMA_VERSION}")]
    NewerSchema {
        /// The version that it says it has.
        version: u16,
    },
    /// A newer program wrote an event of a kind that this one does not know.
    #[error("the event has kind number {code}, which this program does not know")]
    UnknownKind {
        /// The number of the kind.
        code: u16,
    },
    /// The bytes are not what any program writes.
    #[error("damaged event: {what} at byte {offset} of the payload: expected {expected}, found {found}")]
    Damaged {
        /// Which part or field is wrong.
        what: &'static str,
        /// Where it, or the part that holds it, starts in the payload.
        offset: usize,
        /// What should stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
}

fn at_least(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "far too many".to_owned(), |bytes| bytes.to_string())
}
