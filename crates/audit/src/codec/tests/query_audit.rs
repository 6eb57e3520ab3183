//! Query audits: what belongs into which part, and what no audit can say.

use super::*;
use crate::{ContributingAssertion, QueryAudit, QueryId};

fn assertion() -> ContributingAssertion {
    ContributingAssertion {
        assertion_hash: Digest::from_bytes([1; 32]),
        weight: 0.5,
        source_hash: Digest::from_bytes([2; 32]),
        source: Some("a secret manual".to_owned()),
        lifecycle: "approved".to_owned(),
        extra: vec![],
    }
}

fn audit() -> QueryAudit {
    QueryAudit {
        result_value: Some(Content::Inline(Json::parse("\"a secret answer\"").unwrap())),
        contributing_assertions: vec![assertion(), assertion()],
        ..QueryAudit::with_id(QueryId::from_bytes([3; 32]))
    }
}

#[test]
fn answers_and_words_about_sources_stand_in_the_part_that_can_be_withheld() {
    let payload = encode(&event_of(Body::QueryAudit(audit())), SALT).unwrap();
    let parts = Parts::of(&payload).unwrap();
    let holds = |part: &[u8], text: &str| part.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    for secret in ["a secret answer", "a secret manual"] {
        assert!(holds(parts.part_1, secret) && !holds(parts.part_0, secret), "{secret}");
    }
    let bare = ContributingAssertion { source: None, ..assertion() };
    let audit = QueryAudit { result_value: None, contributing_assertions: vec![bare], ..audit() };
    let payload = encode(&event_of(Body::QueryAudit(audit)), SALT).unwrap();
    assert!(Parts::of(&payload).unwrap().part_1.is_empty());
}

#[test]
fn infinite_confidences_and_weights_are_refused_in_both_directions() {
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        let unsure = QueryAudit { result_confidence: Some(value), ..audit() };
        let weightless = ContributingAssertion { weight: value, ..assertion() };
        let weighed = QueryAudit { contributing_assertions: vec![assertion(), weightless], ..audit() };
        for (audit, path) in
            [(unsure, "body.resultConfidence"), (weighed, "body.contributingAssertions.weight")]
        {
            let refused = encode(&event_of(Body::QueryAudit(audit)), SALT);
            assert!(
                matches!(refused, Err(EncodeError::NotFinite { field, .. }) if field == path),
                "{refused:?}"
            );
        }
        let said = decode_changed(&event_of(Body::QueryAudit(audit())), |envelope, _| {
            let v1::FactsV1::QueryAudit(facts) = &mut envelope.facts else { return };
            facts.assertions[1].weight = value;
        });
        assert!(said.contains("weight of an assertion at byte 32"), "{said}");
    }
}

#[test]
fn contents_of_another_number_of_assertions_are_damage() {
    let event = event_of(Body::QueryAudit(audit()));
    let said = decode_changed(&event, |_, contents| {
        let v1::BodyContentsV1::QueryAudit(body) = &mut contents.body else { return };
        body.assertions.pop();
    });
    assert!(said.ends_with("expected none, or as many as the facts have, found 1"), "{said}");
    let said = decode_changed(&event, |envelope, _| {
        let v1::FactsV1::QueryAudit(facts) = &mut envelope.facts else { return };
        facts.epoch = Some("[7]".to_owned());
    });
    assert!(said.contains("epoch at byte 32 of the payload: expected a JSON number or string"), "{said}");
}

#[test]
fn an_extra_field_of_an_assertion_with_a_known_name_is_refused() {
    let doubled = ContributingAssertion {
        extra: vec![("weight".to_owned(), Json::parse("1").unwrap())],
        ..assertion()
    };
    let audit = QueryAudit { contributing_assertions: vec![assertion(), doubled], ..audit() };
    let refused = encode(&event_of(Body::QueryAudit(audit)), SALT).unwrap_err();
    assert!(refused.to_string().contains("body.contributingAssertions[1].weight"), "{refused}");
}
