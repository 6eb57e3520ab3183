//! A query audit from JSON.

use super::{A_HASH, hash, joined};
use crate::body::Extra;
use crate::event_json::EventJsonError;
use crate::event_json::fields::Fields;
use crate::{ContributingAssertion, Epoch, EventId, InvalidEpoch, QueryAudit, QueryId, QueryParams};

/// The audit that the event `event_id` carries, whose query id it has if none is given.
pub(super) fn query_audit(event_id: EventId, mut fields: Fields<'_>) -> Result<QueryAudit, EventJsonError> {
    let query_id = fields.parsed("queryId", A_HASH)?.unwrap_or_else(|| QueryId::of(event_id));
    let (params, nested) = match fields.object("params")? {
        Some(params) => query_params(params)?,
        None => (QueryParams::default(), Extra::new()),
    };
    let result_hash = hash(&mut fields, "resultHash")?;
    let result_value = fields.content("resultValue")?;
    let result_confidence = fields.short_figure("resultConfidence")?;
    let assertions = fields.objects("contributingAssertions")?;
    Ok(QueryAudit {
        query_id,
        params,
        result_hash,
        result_value,
        result_confidence,
        contributing_assertions: assertions.into_iter().map(assertion).collect::<Result<_, _>>()?,
        extra: joined("params", nested, fields)?,
    })
}

fn query_params(mut fields: Fields<'_>) -> Result<(QueryParams, Extra), EventJsonError> {
    let params = QueryParams {
        subject: fields.text("subject")?,
        predicate: fields.text("predicate")?,
        lifecycle: fields.text("lifecycle")?,
        epoch: epoch(&mut fields)?,
        lens: fields.text("lens")?,
    };
    Ok((params, fields.rest()))
}

fn epoch(fields: &mut Fields<'_>) -> Result<Option<Epoch>, EventJsonError> {
    let Some(json) = fields.json("epoch").filter(|json| json.as_str() != "null") else { return Ok(None) };
    let epoch = Epoch::try_from(json);
    epoch.map(Some).map_err(|problem: InvalidEpoch| fields.invalid("epoch", Box::new(problem)))
}

fn assertion(mut fields: Fields<'_>) -> Result<ContributingAssertion, EventJsonError> {
    let assertion_hash = hash(&mut fields, "assertionHash")?;
    let weight = fields.short_figure("weight")?;
    let source_hash = hash(&mut fields, "sourceHash")?;
    Ok(ContributingAssertion {
        assertion_hash: fields.require("assertionHash", assertion_hash, A_HASH)?,
        weight: fields.require("weight", weight, "how much the assertion counted")?,
        source_hash: fields.require("sourceHash", source_hash, A_HASH)?,
        source: fields.text("source")?,
        lifecycle: fields.text("lifecycle")?.unwrap_or_default(),
        extra: fields.rest(),
    })
}
