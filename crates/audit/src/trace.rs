//! What an agent looked up: the account that answers an [`AuditFilter`](crate::AuditFilter).

use std::collections::BTreeMap;

use crate::{AuditedQuery, Digest, PageToken};

/// An account of queries.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// What was asked, what came back, and from which assertions, in the order that was asked for.
    pub queries: Vec<AuditedQuery>,
    /// Where these answers came from, those that counted in most queries first.
    pub sources: Vec<TracedSource>,
    /// Where the next page goes on, if there is more.
    pub next: Option<PageToken>,
}

/// A source that answers were made of.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct TracedSource {
    /// Its hash.
    pub source_hash: Digest,
    /// What it is, in the words that were given first.
    pub source: Option<String>,
    /// How many of the queries it counted in.
    pub queries: u64,
    /// How many assertions of it counted in them, each time that one did.
    pub assertions: u64,
}

impl Trace {
    pub(crate) fn new(queries: Vec<AuditedQuery>, next: Option<PageToken>) -> Self {
        let sources = sources(&queries);
        Self { queries, sources, next }
    }
}

fn sources(queries: &[AuditedQuery]) -> Vec<TracedSource> {
    let mut by_hash = BTreeMap::<Digest, (TracedSource, usize)>::new();
    for (number, query) in queries.iter().enumerate() {
        for assertion in &query.audit.contributing_assertions {
            let source_hash = assertion.source_hash;
            let new = || (TracedSource { source_hash, source: None, queries: 0, assertions: 0 }, usize::MAX);
            let (source, last) = by_hash.entry(source_hash).or_insert_with(new);
            source.assertions += 1;
            source.queries += u64::from(*last != number);
            *last = number;
            if source.source.is_none() {
                source.source.clone_from(&assertion.source);
            }
        }
    }
    let mut sources: Vec<_> = by_hash.into_values().map(|(source, _)| source).collect();
    sources.sort_by_key(|source| std::cmp::Reverse(source.queries));
    sources
}
