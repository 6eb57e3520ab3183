//! A query audit: names, numbers and hashes among the facts; the answer and the words about sources among the contents.

use super::super::{AssertionContentsV1, AssertionFactsV1, QueryAuditContentsV1, QueryAuditFactsV1};
use super::{content, fields, json};
use crate::{ContributingAssertion, Digest, QueryAudit};

pub(super) fn facts(audit: &QueryAudit) -> QueryAuditFactsV1 {
    let params = &audit.params;
    QueryAuditFactsV1 {
        subject: params.subject.clone(),
        predicate: params.predicate.clone(),
        lifecycle: params.lifecycle.clone(),
        epoch: params.epoch.as_ref().map(|epoch| json(epoch.as_json())),
        lens: params.lens.clone(),
        assertions: audit.contributing_assertions.iter().map(assertion_facts).collect(),
        result_confidence: audit.result_confidence,
        query_id: audit.query_id.to_bytes(),
        result_hash: audit.result_hash.map(Digest::to_bytes),
    }
}

fn assertion_facts(assertion: &ContributingAssertion) -> AssertionFactsV1 {
    AssertionFactsV1 {
        lifecycle: assertion.lifecycle.clone(),
        weight: assertion.weight,
        assertion_hash: assertion.assertion_hash.to_bytes(),
        source_hash: assertion.source_hash.to_bytes(),
    }
}

/// Nothing when the audit has no contents.
pub(super) fn contents(audit: &QueryAudit) -> Option<QueryAuditContentsV1> {
    let has_contents =
        |assertion: &ContributingAssertion| assertion.source.is_some() || !assertion.extra.is_empty();
    let assertions = if audit.contributing_assertions.iter().any(has_contents) {
        audit.contributing_assertions.iter().map(assertion_contents).collect()
    } else {
        Vec::new()
    };
    (audit.result_value.is_some() || !assertions.is_empty())
        .then(|| QueryAuditContentsV1 { result_value: audit.result_value.as_ref().map(content), assertions })
}

fn assertion_contents(assertion: &ContributingAssertion) -> AssertionContentsV1 {
    AssertionContentsV1 { source: assertion.source.clone(), extra: fields(&assertion.extra) }
}
