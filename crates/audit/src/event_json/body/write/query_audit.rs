//! A query audit to JSON.

use super::apart;
use crate::event_json::OwnLine;
use crate::event_json::object_writer::ObjectWriter;
use crate::{ContributingAssertion, Epoch, QueryAudit, QueryParams};

pub(super) fn query_audit(audit: &QueryAudit, line: OwnLine<'_>, json: &mut ObjectWriter) {
    json.word("queryId", audit.query_id);
    let (nested, extra) = apart("params", &audit.extra);
    if audit.params != QueryParams::default() || !nested.is_empty() {
        json.object("params", |json| {
            query_params(&audit.params, json);
            json.extra(&nested);
        });
    }
    json.optional_word("resultHash", audit.result_hash);
    json.optional_content("resultValue", audit.result_value.as_ref(), line);
    json.optional_short_figure("resultConfidence", audit.result_confidence);
    if !audit.contributing_assertions.is_empty() {
        json.objects("contributingAssertions", &audit.contributing_assertions, contributing_assertion);
    }
    json.extra(&extra);
}

/// What was asked.
pub(in crate::event_json) fn query_params(params: &QueryParams, json: &mut ObjectWriter) {
    json.optional_text("subject", params.subject.as_deref());
    json.optional_text("predicate", params.predicate.as_deref());
    json.optional_text("lifecycle", params.lifecycle.as_deref());
    if let Some(epoch) = params.epoch.as_ref().map(Epoch::as_json) {
        json.raw("epoch", epoch.as_str());
    }
    json.optional_text("lens", params.lens.as_deref());
}

/// An assertion of the answer.
pub(in crate::event_json) fn contributing_assertion(
    assertion: &ContributingAssertion,
    json: &mut ObjectWriter,
) {
    json.word("assertionHash", assertion.assertion_hash);
    json.optional_short_figure("weight", Some(assertion.weight));
    json.word("sourceHash", assertion.source_hash);
    json.optional_text("source", assertion.source.as_deref());
    json.text("lifecycle", &assertion.lifecycle);
    json.extra(&assertion.extra);
}
