//! From an event to the payload of a record, and back.
//!
//! ```text
//! payload = header(32) part-0 zeroes-to-8 part-1
//! ```
//!
//! Part 0 is the envelope with the body's facts, part 1 what is bulky or sensitive: metadata, the imported line,
//! inputs, outputs, texts, unknown fields. They are rkyv archives of one schema version's types, hashed apart
//! ([`leaf`]), so that the second can be withheld or erased and the first still be proven.
//!
//! INVARIANT: decoding what was encoded gives the same event. Decoding anything else gives a [`DecodeError`], never a
//! panic, and allocates no more than a small multiple of the payload: archives are validated before they are read,
//! and none of their types contains itself.
//!
//! The codec deliberately does not choose salts, does not check that ranges lie within the line that they name, and
//! does not know where a payload is stored.

mod error;
mod header;
mod identity;
mod leaf;
mod v1;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;

pub use error::{DecodeError, EncodeError};
pub(crate) use identity::{audit_digest, content_digest, retry_digest};
pub use leaf::EventLeaf;

use header::{HEADER_BYTES, Malformed, PART_ALIGNMENT_BYTES, Parts, PayloadHeader};
use rkyv::api::high::HighSerializer;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Serialize, rancor};
use runledger_wal::RECORD_BYTES_MAX;
use v1::SCHEMA_VERSION;

use crate::event_json::field_given_twice;
use crate::{Body, Event, Kind};

/// Room for the payload of most events, so that it need not grow.
const PAYLOAD_BYTES_EXPECTED: usize = 1024;

/// The payload of `event`. The salt must be random and never be used again: it keeps a withheld or erased part from
/// being guessed.
pub(crate) fn encode(event: &Event, salt: [u8; 16]) -> Result<AlignedVec, EncodeError> {
    check_figures(&event.body)?;
    if let Some(name) = field_given_twice(event) {
        return Err(EncodeError::FieldTwice { name });
    }
    // Both archives are written where they will lie.
    let mut payload = AlignedVec::with_capacity(PAYLOAD_BYTES_EXPECTED);
    payload.extend_from_slice(&[0; HEADER_BYTES]);
    let (mut payload, part_0_bytes) = push_part_0(event, payload)?;
    let mut part_1_bytes = 0;
    if let Some(contents) = contents_of(event)? {
        payload.resize(payload.len().next_multiple_of(PART_ALIGNMENT_BYTES), 0);
        (payload, part_1_bytes) = push_archive(&contents, payload)?;
    }
    let too_large = || EncodeError::TooLarge { bytes: Some(payload.len() as u64), limit: RECORD_BYTES_MAX };
    if payload.len() as u64 > u64::from(RECORD_BYTES_MAX) {
        return Err(too_large());
    }
    let header = PayloadHeader {
        schema_version: SCHEMA_VERSION,
        kind_code: event.kind().code(),
        flags: 0,
        part_0_bytes: u32::try_from(part_0_bytes).map_err(|_| too_large())?,
        part_1_bytes: u32::try_from(part_1_bytes).map_err(|_| too_large())?,
        salt,
    };
    if let Some(place) = payload.first_chunk_mut() {
        *place = header.to_bytes();
    }
    Ok(payload)
}

/// What is read of a payload.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    EnvelopeAndFacts,
}

/// The event in `payload`.
pub(crate) fn decode(payload: &[u8]) -> Result<Event, DecodeError> {
    decode_to(payload, Extent::Whole)
}

/// The event in `payload`, as far as part 0 tells it: who, when, what, how much. Its contents, which may be most of it, are
/// absent, and not looked at. For events that were decoded whole before, by the indexer.
pub(crate) fn decode_facts(payload: &[u8]) -> Result<Event, DecodeError> {
    decode_to(payload, Extent::EnvelopeAndFacts)
}

fn decode_to(payload: &[u8], extent: Extent) -> Result<Event, DecodeError> {
    let version = schema_version(payload)?;
    if version > SCHEMA_VERSION {
        return Err(DecodeError::NewerSchema { version });
    }
    let parts = Parts::of(payload).map_err(|malformed| damaged_layout(malformed, payload))?;
    if version == 0 {
        return Err(damaged("schema version", 0, "at least 1", version));
    }
    if parts.header.flags != 0 {
        return Err(damaged("flags", 4, "0", parts.header.flags));
    }
    let kind_code = parts.header.kind_code;
    let kind = Kind::from_code(kind_code).ok_or(DecodeError::UnknownKind { code: kind_code })?;
    decode_v1(&parts, kind, extent)
}

fn decode_v1(parts: &Parts<'_>, kind: Kind, extent: Extent) -> Result<Event, DecodeError> {
    let not_an_archive = |part, error: &rancor::Error| {
        let found = error.to_string();
        let first_line = found.lines().next().unwrap_or_default();
        damaged(part_name(part), parts.offset_of(part), "an archive of schema version 1", first_line)
    };
    let envelope = rkyv::from_bytes::<v1::EnvelopeV1, rancor::Error>(&aligned(parts.part_0))
        .map_err(|error| not_an_archive(0, &error))?;
    let facts_kind = v1::read::kind(&envelope.facts);
    if facts_kind != kind {
        return Err(damaged("kind", 2, &facts_kind.to_string(), kind));
    }
    let contents = if parts.part_1.is_empty() || extent == Extent::EnvelopeAndFacts {
        v1::ContentsV1::nothing()
    } else {
        rkyv::from_bytes::<v1::ContentsV1, rancor::Error>(&aligned(parts.part_1))
            .map_err(|error| not_an_archive(1, &error))?
    };
    v1::read::event(envelope, contents).map_err(|problem| {
        damaged(problem.what, parts.offset_of(problem.part), problem.expected, problem.found)
    })
}

/// The archives of both parts; the second is empty when the event has no contents.
fn encode_parts(event: &Event) -> Result<(AlignedVec, AlignedVec), EncodeError> {
    let (part_0, _) = push_part_0(event, AlignedVec::new())?;
    let part_1 = match contents_of(event)? {
        Some(contents) => push_archive(&contents, AlignedVec::new())?.0,
        None => AlignedVec::new(),
    };
    Ok((part_0, part_1))
}

fn push_part_0(event: &Event, out: AlignedVec) -> Result<(AlignedVec, usize), EncodeError> {
    push_archive(&v1::write::envelope(event), out)
}

/// What becomes part 1, if there is anything.
fn contents_of(event: &Event) -> Result<Option<v1::ContentsV1>, EncodeError> {
    // Checked before the line is copied: a caller's mistake should not take three times its memory.
    let source_bytes = event.source.as_ref().map_or(0, |line| line.bytes.len() as u64);
    if source_bytes > u64::from(RECORD_BYTES_MAX) {
        return Err(EncodeError::TooLarge { bytes: Some(source_bytes), limit: RECORD_BYTES_MAX });
    }
    Ok(v1::write::contents(event))
}

/// Appends an archive, at a multiple of its alignment: its pointers are relative, so that its bytes are the same there as
/// at the beginning. Says how long it is.
fn push_archive(
    value: &impl for<'a> Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, rancor::Error>>,
    out: AlignedVec,
) -> Result<(AlignedVec, usize), EncodeError> {
    let start = out.len();
    // An archive's pointers have 32 bits; it fails only where they do not reach.
    let too_large = |_: rancor::Error| EncodeError::TooLarge { bytes: None, limit: RECORD_BYTES_MAX };
    let out = rkyv::api::high::to_bytes_in(value, out).map_err(too_large)?;
    let length = out.len() - start;
    Ok((out, length))
}

/// Archives are read in place and must lie at a multiple of their alignment, which a slice of a file need not.
fn aligned(part: &[u8]) -> AlignedVec {
    let mut copy = AlignedVec::with_capacity(part.len());
    copy.extend_from_slice(part);
    copy
}

/// The version, which stands first in every version's header.
fn schema_version(payload: &[u8]) -> Result<u16, DecodeError> {
    let bytes = payload.first_chunk().ok_or_else(|| damaged_layout(Malformed::NoHeader, payload))?;
    Ok(u16::from_le_bytes(*bytes))
}

/// JSON has no word for an infinite number, so an event that held one could not be printed.
fn check_figures(body: &Body) -> Result<(), EncodeError> {
    let figures = match body {
        Body::RunFinished(run) => [
            ("body.statistics.runtimeSeconds", run.statistics.runtime_seconds),
            ("body.statistics.costUsd", run.statistics.cost_usd),
        ],
        Body::ModelCall(call) => [("body.costUsd", call.cost_usd), ("", None)],
        Body::QueryAudit(audit) => {
            let weights = audit.contributing_assertions.iter().map(|assertion| assertion.weight);
            [
                ("body.resultConfidence", audit.result_confidence.map(f64::from)),
                ("body.contributingAssertions.weight", weights.map(f64::from).find(|it| !it.is_finite())),
            ]
        }
        _ => return Ok(()),
    };
    for (field, figure) in figures {
        if let Some(value) = figure.filter(|value| !value.is_finite()) {
            return Err(EncodeError::NotFinite { field, value });
        }
    }
    Ok(())
}

fn part_name(part: u8) -> &'static str {
    if part == 0 { "part 0 (envelope and facts)" } else { "part 1 (contents)" }
}

fn damaged_layout(malformed: Malformed, payload: &[u8]) -> DecodeError {
    match malformed {
        Malformed::NoHeader => {
            damaged("header", 0, &format!("{HEADER_BYTES} bytes"), format_args!("{} bytes", payload.len()))
        }
        Malformed::Length { expected } => damaged(
            "part lengths",
            8,
            &format!("a payload of {expected} bytes"),
            format_args!("{}", payload.len()),
        ),
        Malformed::Padding { offset } => damaged("padding", offset, "zeroes", "another byte"),
    }
}

fn damaged(what: &'static str, offset: usize, expected: &str, found: impl std::fmt::Display) -> DecodeError {
    DecodeError::Damaged { what, offset, expected: expected.to_owned(), found: found.to_string() }
}
