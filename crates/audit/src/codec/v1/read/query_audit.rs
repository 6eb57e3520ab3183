//! A query audit: its facts say how many assertions there are, and the contents must agree.

use super::super::{AssertionContentsV1, AssertionFactsV1, QueryAuditContentsV1, QueryAuditFactsV1};
use super::{Impossible, content, fields, in_contents, in_envelope, json};
use crate::body::Extra;
use crate::{ContributingAssertion, Digest, Epoch, QueryAudit, QueryId, QueryParams};

pub(super) fn query_audit(
    facts: QueryAuditFactsV1,
    contents: Option<QueryAuditContentsV1>,
    extra: Extra,
) -> Result<QueryAudit, Impossible> {
    let (result_value, of_assertions) =
        contents.map_or((None, Vec::new()), |it| (it.result_value, it.assertions));
    Ok(QueryAudit {
        query_id: QueryId::from_bytes(facts.query_id),
        params: QueryParams {
            subject: facts.subject,
            predicate: facts.predicate,
            lifecycle: facts.lifecycle,
            epoch: facts.epoch.as_deref().map(epoch).transpose()?,
            lens: facts.lens,
        },
        result_hash: facts.result_hash.map(Digest::from_bytes),
        result_value: result_value.map(content).transpose()?,
        result_confidence: facts.result_confidence.map(|it| finite("confidence", it)).transpose()?,
        contributing_assertions: assertions(facts.assertions, of_assertions)?,
        extra,
    })
}

fn assertions(
    facts: Vec<AssertionFactsV1>,
    contents: Vec<AssertionContentsV1>,
) -> Result<Vec<ContributingAssertion>, Impossible> {
    if !contents.is_empty() && contents.len() != facts.len() {
        return Err(in_contents(
            "number of assertions",
            "none, or as many as the facts have",
            contents.len(),
        ));
    }
    let contents = contents.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    facts.into_iter().zip(contents).map(|(facts, contents)| assertion(facts, contents)).collect()
}

fn assertion(
    facts: AssertionFactsV1,
    contents: Option<AssertionContentsV1>,
) -> Result<ContributingAssertion, Impossible> {
    let (source, extra) = contents.map_or((None, Vec::new()), |it| (it.source, it.extra));
    Ok(ContributingAssertion {
        assertion_hash: Digest::from_bytes(facts.assertion_hash),
        weight: finite("weight of an assertion", facts.weight)?,
        source_hash: Digest::from_bytes(facts.source_hash),
        source,
        lifecycle: facts.lifecycle,
        extra: fields(extra)?,
    })
}

fn epoch(text: &str) -> Result<Epoch, Impossible> {
    let refused = || in_envelope("epoch", "a JSON number or string", format_args!("{text:?}"));
    json(text).ok().and_then(|json| Epoch::try_from(json).ok()).ok_or_else(refused)
}

fn finite(what: &'static str, number: f32) -> Result<f32, Impossible> {
    if number.is_finite() { Ok(number) } else { Err(in_envelope(what, "a finite number", number)) }
}
