//! Query audits with anything in them that the vocabulary allows.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{content, digest, extra, text};
use crate::{ContributingAssertion, Epoch, Json, QueryAudit, QueryId, QueryParams};

pub(super) fn query_audit() -> impl Strategy<Value = QueryAudit> {
    let answer = (option::of(digest()), option::of(content()), option::of(short_finite()));
    (any::<[u8; 32]>(), query_params(), answer, vec(assertion(), 0..3), extra()).prop_map(
        |(
            query_id,
            params,
            (result_hash, result_value, result_confidence),
            contributing_assertions,
            extra,
        )| {
            QueryAudit {
                query_id: QueryId::from_bytes(query_id),
                params,
                result_hash,
                result_value,
                result_confidence,
                contributing_assertions,
                extra,
            }
        },
    )
}

fn query_params() -> impl Strategy<Value = QueryParams> {
    let texts = (option::of(text()), option::of(text()), option::of(text()), option::of(text()));
    (texts, option::of(epoch())).prop_map(|((subject, predicate, lifecycle, lens), epoch)| QueryParams {
        subject,
        predicate,
        lifecycle,
        epoch,
        lens,
    })
}

fn epoch() -> impl Strategy<Value = Epoch> {
    prop_oneof![
        any::<u64>().prop_map(Epoch::from),
        text().prop_map(|name| Epoch::from(name.as_str())),
        "-?[1-9][0-9]{0,40}(\\.[0-9]{1,20})?"
            .prop_map(|number| Epoch::try_from(Json::parse(&number).unwrap()).unwrap()),
    ]
}

fn assertion() -> impl Strategy<Value = ContributingAssertion> {
    (digest(), short_finite(), digest(), option::of(text()), text(), extra()).prop_map(
        |(assertion_hash, weight, source_hash, source, lifecycle, extra)| ContributingAssertion {
            assertion_hash,
            weight,
            source_hash,
            source,
            lifecycle,
            extra,
        },
    )
}

fn short_finite() -> impl Strategy<Value = f32> {
    // Without -0, as with the figures of 64 bits.
    prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL | prop::num::f32::POSITIVE | prop::num::f32::ZERO
}
