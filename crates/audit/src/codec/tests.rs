//! What the codec promises: equal in, equal out; damage is told and named; nothing that is read can hurt.

mod query_audit;

use proptest::prelude::*;

use super::*;
use crate::{Content, Custom, EventId, Json, ModelCall, RunFinished, RunStatistics, RunStatus, SourceLine};
use crate::{Digest, SourceRange, ToolCall, Unparsed, UsageBy, UsageFigures, WriterInstance};

const SALT: [u8; 16] = [7; 16];

/// The payload as plain bytes, to be changed and compared.
pub(super) fn encode(event: &Event, salt: [u8; 16]) -> Result<Vec<u8>, EncodeError> {
    super::encode(event, salt).map(AlignedVec::into_vec)
}

/// Puts a payload together.
fn assemble(header: PayloadHeader, part_0: &[u8], part_1: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(HEADER_BYTES + part_0.len() + PART_ALIGNMENT_BYTES + part_1.len());
    payload.extend_from_slice(&header.to_bytes());
    payload.extend_from_slice(part_0);
    if !part_1.is_empty() {
        payload.resize(payload.len().next_multiple_of(PART_ALIGNMENT_BYTES), 0);
        payload.extend_from_slice(part_1);
    }
    payload
}

fn event_of(body: Body) -> Event {
    Event { event_id: EventId::from_bytes([1; 16]), ..Event::new(body) }
}

fn custom() -> Event {
    let data = Some(Content::Inline(Json::parse("[1,2]").unwrap()));
    event_of(Body::Custom(Custom { type_name: "note".to_owned(), data, extra: vec![] }))
}

/// A payload of these archives, whether or not an event can say so.
fn payload_of(kind: Kind, envelope: &v1::EnvelopeV1, contents: &v1::ContentsV1) -> Vec<u8> {
    let part_0 = rkyv::to_bytes::<rancor::Error>(envelope).unwrap();
    let part_1 = rkyv::to_bytes::<rancor::Error>(contents).unwrap();
    let header = PayloadHeader {
        schema_version: SCHEMA_VERSION,
        kind_code: kind.code(),
        flags: 0,
        part_0_bytes: u32::try_from(part_0.len()).unwrap(),
        part_1_bytes: u32::try_from(part_1.len()).unwrap(),
        salt: SALT,
    };
    assemble(header, &part_0, &part_1)
}

/// What decoding says of `event` once its archives were changed.
fn decode_changed(event: &Event, change: impl FnOnce(&mut v1::EnvelopeV1, &mut v1::ContentsV1)) -> String {
    let mut envelope = v1::write::envelope(event);
    let mut contents = v1::write::contents(event).unwrap_or_else(v1::ContentsV1::nothing);
    change(&mut envelope, &mut contents);
    decode(&payload_of(event.kind(), &envelope, &contents)).unwrap_err().to_string()
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_the_same_event(event in arbitrary::event(), salt: [u8; 16]) {
        let payload = encode(&event, salt).unwrap();
        prop_assert_eq!(decode(&payload).unwrap(), event);
    }

    #[test]
    fn facts_say_all_that_is_summed_up_and_contents_are_not_looked_at(event in arbitrary::event()) {
        let mut payload = encode(&event, SALT).unwrap();
        let contents_from = payload.len() - Parts::of(&payload).unwrap().part_1.len();
        payload[contents_from..].fill(0xFF);
        let facts = decode_facts(&payload).unwrap();
        let named = |event: &Event| (event.event_id, event.timestamp, event.kind(), event.outcome.clone());
        prop_assert_eq!(named(&facts), named(&event));
        for by in [UsageBy::Model, UsageBy::Tool, UsageBy::Agent, UsageBy::Run, UsageBy::Session] {
            prop_assert_eq!(by.value_of(&facts), by.value_of(&event), "{:?}", by);
        }
        let summed_up = |event: &Event| {
            let mut figures = UsageFigures::default();
            figures.add(event);
            figures
        };
        prop_assert_eq!(summed_up(&facts), summed_up(&event));
    }

    #[test]
    fn the_same_event_and_salt_give_the_same_bytes(event in arbitrary::event()) {
        prop_assert_eq!(encode(&event, SALT).unwrap(), encode(&event.clone(), SALT).unwrap());
    }

    #[test]
    fn overwritten_bytes_never_panic(
        event in arbitrary::event(),
        writes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut payload = encode(&event, SALT).unwrap();
        for (index, byte) in writes {
            let at = index.index(payload.len());
            payload[at] = byte;
        }
        // Whatever it decodes to is an event like others: it can be stored and printed again.
        if let Ok(changed) = decode(&payload) {
            let _ = changed.to_json(None);
            let _ = encode(&changed, SALT);
        }
    }

    #[test]
    fn any_bytes_behind_a_good_header_never_panic(part_0: Vec<u8>, part_1: Vec<u8>, kind in 1_u16..12) {
        let header = PayloadHeader {
            schema_version: SCHEMA_VERSION,
            kind_code: kind,
            flags: 0,
            part_0_bytes: u32::try_from(part_0.len()).unwrap(),
            part_1_bytes: u32::try_from(part_1.len()).unwrap(),
            salt: SALT,
        };
        let decoded = decode(&assemble(header, &part_0, &part_1));
        let damaged = matches!(decoded, Err(DecodeError::Damaged { .. }));
        prop_assert!(damaged);
    }
}

#[test]
fn every_truncation_is_damage() {
    for (name, event) in golden::events() {
        let payload = encode(&event, SALT).unwrap();
        for length in 0..payload.len() {
            let decoded = decode(&payload[..length]);
            assert!(
                matches!(decoded, Err(DecodeError::Damaged { .. })),
                "{name} cut to {length}: {decoded:?}"
            );
        }
    }
}

#[test]
fn no_flipped_bit_and_no_huge_length_panics() {
    for (_, event) in golden::events() {
        let payload = encode(&event, SALT).unwrap();
        for at in 0..payload.len() {
            for bit in 0..8 {
                let mut flipped = payload.clone();
                flipped[at] ^= 1 << bit;
                let _ = decode(&flipped);
            }
        }
        // Lengths and pointers are 32 bits wide and aligned to them.
        for at in (0..payload.len() - 4).step_by(4) {
            for value in [u32::MAX, i32::MAX.cast_unsigned(), i32::MIN.cast_unsigned(), 1 << 24] {
                let mut overwritten = payload.clone();
                overwritten[at..at + 4].copy_from_slice(&value.to_le_bytes());
                let _ = decode(&overwritten);
            }
        }
    }
}

#[test]
fn a_payload_decodes_at_any_address() {
    let payload = encode(&custom(), SALT).unwrap();
    for shift in 0..16 {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(&payload);
        assert_eq!(decode(&shifted[shift..]), decode(&payload));
        assert!(decode(&payload).is_ok());
    }
}

#[test]
fn an_event_without_contents_has_no_part_1() {
    let payload = encode(&event_of(Body::ModelCall(ModelCall::default())), SALT).unwrap();
    let parts = Parts::of(&payload).unwrap();
    assert!(parts.part_1.is_empty());
    assert_eq!(payload.len(), HEADER_BYTES + parts.part_0.len());
}

#[test]
fn a_newer_schema_version_is_told_from_damage_whatever_follows() {
    let mut payload = encode(&custom(), SALT).unwrap();
    payload[..2].copy_from_slice(&2_u16.to_le_bytes());
    assert_eq!(decode(&payload), Err(DecodeError::NewerSchema { version: 2 }));
    assert_eq!(decode(&payload[..2]), Err(DecodeError::NewerSchema { version: 2 }));
    payload[..2].copy_from_slice(&0_u16.to_le_bytes());
    assert!(matches!(decode(&payload), Err(DecodeError::Damaged { what: "schema version", offset: 0, .. })));
}

#[test]
fn each_field_of_the_header_is_checked() {
    let payload = encode(&custom(), SALT).unwrap();
    let with = |at: usize, byte: u8| {
        let mut changed = payload.clone();
        changed[at] = byte;
        decode(&changed)
    };
    assert_eq!(with(2, 99), Err(DecodeError::UnknownKind { code: 99 }));
    assert!(matches!(with(2, 10), Err(DecodeError::Damaged { what: "kind", offset: 2, .. })));
    assert!(matches!(with(7, 1), Err(DecodeError::Damaged { what: "flags", offset: 4, .. })));
    assert!(matches!(with(11, 255), Err(DecodeError::Damaged { what: "part lengths", offset: 8, .. })));
    assert!(matches!(with(15, 255), Err(DecodeError::Damaged { what: "part lengths", offset: 8, .. })));
    let mut longer = payload.clone();
    longer.push(0);
    assert!(matches!(decode(&longer), Err(DecodeError::Damaged { what: "part lengths", .. })));
}

#[test]
fn padding_between_the_parts_must_be_zero() {
    let header = PayloadHeader {
        schema_version: 1,
        kind_code: 9,
        flags: 0,
        part_0_bytes: 3,
        part_1_bytes: 1,
        salt: SALT,
    };
    let mut payload = assemble(header, b"abc", b"d");
    assert_eq!(Parts::of(&payload).unwrap().part_1, b"d");
    assert_eq!(payload.len(), HEADER_BYTES + 8 + 1);
    payload[HEADER_BYTES + 5] = 1;
    assert_eq!(Parts::of(&payload).unwrap_err(), Malformed::Padding { offset: HEADER_BYTES + 5 });
}

#[test]
fn what_no_event_can_say_is_named() {
    let finished = event_of(Body::RunFinished(RunFinished {
        status: RunStatus::Failed,
        ended_at: None,
        output: None,
        error: Some("no".to_owned()),
        statistics: RunStatistics::default(),
        extra: vec![],
    }))
    .with_run("r");
    let said = decode_changed(&finished, |envelope, _| {
        if let v1::FactsV1::RunFinished(facts) = &mut envelope.facts {
            facts.status = 77;
        }
    });
    assert_eq!(
        said,
        "damaged event: run status at byte 32 of the payload: expected a number from 1 to 9, found 77"
    );
    let said = decode_changed(&finished, |envelope, _| envelope.ids[0].dimension = 12);
    assert!(said.contains("dimension at byte 32"), "{said}");
    let said = decode_changed(&finished, |envelope, _| {
        envelope.ids.push(v1::IdV1 { value: String::new(), dimension: v1::dimension::RUN });
    });
    assert!(said.contains("found 4 twice"), "{said}");
    let said = decode_changed(&finished, |envelope, _| {
        envelope.links.push(v1::LinkV1 { relation: 9, id: [0; 16] });
    });
    assert!(said.contains("relation"), "{said}");
    let said = decode_changed(&finished, |_, contents| contents.metadata = Some("{".to_owned()));
    assert!(said.contains("expected one JSON value"), "{said}");
    let said = decode_changed(&finished, |_, contents| {
        contents.body = v1::BodyContentsV1::Unparsed(Box::new(v1::ReasonV1 { reason: String::new() }));
    });
    assert!(said.ends_with("expected RunFinished, found Unparsed"), "{said}");
}

#[test]
fn infinite_figures_are_refused_in_both_directions() {
    let call =
        |cost_usd| event_of(Body::ModelCall(ModelCall { cost_usd: Some(cost_usd), ..ModelCall::default() }));
    for cost in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let refused = encode(&call(cost), SALT);
        assert!(matches!(refused, Err(EncodeError::NotFinite { field: "body.costUsd", .. })), "{refused:?}");
        let said = decode_changed(&call(1.0), |envelope, _| {
            if let v1::FactsV1::ModelCall(facts) = &mut envelope.facts {
                facts.cost_usd = Some(cost);
            }
        });
        assert!(said.contains("expected a finite number"), "{said}");
    }
}

#[test]
fn an_extra_field_of_a_known_or_repeated_name_is_refused() {
    let one = || Json::parse("1").unwrap();
    let with = |envelope: &[&str], body: &[&str]| {
        let fields = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), one())).collect();
        let unparsed = Unparsed { reason: None, extra: fields(body) };
        encode(&Event { extra: fields(envelope), ..event_of(Body::Unparsed(unparsed)) }, SALT)
    };
    let refused = |result: Result<Vec<u8>, EncodeError>| match result {
        Err(EncodeError::FieldTwice { name }) => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(with(&["runId"], &[])), "runId");
    assert_eq!(refused(with(&["a", "b", "a"], &[])), "a");
    assert_eq!(refused(with(&["a"], &["a", "reason"])), "body.reason");
    assert!(with(&["reason", "a"], &["runId", "a"]).is_ok());
}

#[test]
fn an_event_over_the_record_limit_is_refused_and_one_just_below_it_is_not() {
    let limit = usize::try_from(RECORD_BYTES_MAX).unwrap();
    let with_line = |bytes: usize| Event {
        source: Some(SourceLine::whole(vec![b'x'; bytes])),
        ..event_of(Body::Unparsed(Unparsed::default()))
    };
    let overhead = encode(&with_line(1 << 20), SALT).unwrap().len() - (1 << 20);
    let largest = encode(&with_line(limit - overhead), SALT).unwrap();
    assert_eq!(largest.len(), limit);
    assert_eq!(decode(&largest).unwrap().source.unwrap().bytes.len(), limit - overhead);
    for bytes in [limit - overhead + 8, limit, limit + 1] {
        let refused = encode(&with_line(bytes), SALT).unwrap_err();
        assert!(matches!(refused, EncodeError::TooLarge { limit: RECORD_BYTES_MAX, .. }), "{refused:?}");
    }
}

#[test]
fn the_content_digest_leaves_out_which_event_it_is_and_who_wrote_it() {
    let event = custom();
    let again = Event {
        event_id: EventId::from_bytes([9; 16]),
        supersedes: Some(event.event_id),
        writer_instance: Some(WriterInstance::from_bytes([8; 16])),
        ..event.clone()
    };
    assert_eq!(content_digest(&event), content_digest(&again));
    for changed in [
        Event { run_id: Some("r".to_owned()), ..event.clone() },
        Event { metadata: Some(Json::parse("1").unwrap()), ..event.clone() },
        Event { body: Body::ToolCall(ToolCall::default()), ..event.clone() },
    ] {
        assert_ne!(content_digest(&event), content_digest(&changed));
    }
}

#[test]
fn a_retry_by_another_writer_has_the_same_digest_and_any_other_change_is_a_conflict() {
    let event = custom();
    let retried = Event { writer_instance: Some(WriterInstance::from_bytes([8; 16])), ..event.clone() };
    assert_eq!(retry_digest(&event), retry_digest(&retried));
    for changed in [
        Event { event_id: EventId::from_bytes([9; 16]), ..event.clone() },
        Event { supersedes: Some(event.event_id), ..event.clone() },
        Event { outcome: Some("failure".to_owned()), ..event.clone() },
    ] {
        assert_ne!(retry_digest(&event), retry_digest(&changed));
    }
}

/// Identities as long as those of imported transcripts.
fn imported(body: Body) -> Event {
    let session = || Some("0e4b54a8-6c8f-4c53-9d10-1f7e35a7d1c2".to_owned());
    Event {
        workspace_id: Some("/home/ada/projects/engine".to_owned()),
        session_id: session(),
        run_id: session(),
        agent_id: Some("claude-code".to_owned()),
        outcome: Some("success".to_owned()),
        writer_instance: Some(WriterInstance::from_bytes([8; 16])),
        ..event_of(body)
    }
}

#[test]
fn a_typical_call_takes_less_than_its_budget() {
    let range = |offset| {
        let event = Some(EventId::from_bytes([3; 16]));
        Some(Content::At(SourceRange { event, offset, length: 500 }))
    };
    let tool_call = imported(Body::ToolCall(ToolCall {
        tool_id: "Bash".to_owned(),
        tool_call_id: Some("toolu_01AbCdEfGhIjKlMnOpQrStUv".to_owned()),
        input_hash: Some(Digest::from_bytes([1; 32])),
        output_hash: Some(Digest::from_bytes([2; 32])),
        duration_ms: Some(1234),
        input: range(100),
        output: range(900),
        ..ToolCall::default()
    }));
    let source_id = Some("claude-code/tool/toolu_01AbCdEfGhIjKlMnOpQrStUv".to_owned());
    let tool_call = Event { source_id, ..tool_call };
    let model_call = imported(Body::ModelCall(ModelCall {
        provider_id: "anthropic".to_owned(),
        model_id: "claude-opus-4-5-20251101".to_owned(),
        message_id: Some("msg_01AbCdEfGhIjKlMnOpQrStUv".to_owned()),
        ..ModelCall::default()
    }));
    let source_id = Some("claude-code/message/msg_01AbCdEfGhIjKlMnOpQrStUv".to_owned());
    let model_call = Event { source_id, ..model_call };
    for (event, payload_bytes_max) in [(tool_call, 600), (model_call, 500)] {
        let payload_bytes = encode(&event, SALT).unwrap().len();
        assert!(payload_bytes <= payload_bytes_max, "{}: {payload_bytes} bytes", event.kind());
    }
}
