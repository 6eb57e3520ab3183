//! What an agent looked up: the question, and the account that answers it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::filter::PAGE_ITEMS_DEFAULT;
use crate::{AnyOf, AuditAgent, AuditFilter, AuditedQuery, Digest, Order, PageToken, Timestamp};

/// What to trace. Every field that is set must hold; [`TraceQuestion::default`] asks for all.
///
/// ```
/// use std::time::Duration;
/// use runledger_audit::{AnyOf, Timestamp, TraceQuestion};
///
/// let question = TraceQuestion {
///     agent: "planner".into(),
///     subject: Some(AnyOf::glob("auth/*")?),
///     ..TraceQuestion::around(Timestamp::now(), Duration::from_secs(600))
/// };
/// assert!(question.from < question.to);
/// # Ok::<(), runledger_audit::GlobError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceQuestion {
    /// Who asked.
    pub agent: AuditAgent,
    /// What it was about.
    pub subject: Option<AnyOf>,
    /// Queries at this time or later.
    pub from: Option<Timestamp>,
    /// Queries at this time or earlier: the bound is inclusive.
    pub to: Option<Timestamp>,
    /// How many queries to answer with at most.
    pub limit: usize,
    /// Where an earlier answer to the same question ended.
    pub page: Option<PageToken>,
}

impl Default for TraceQuestion {
    fn default() -> Self {
        Self {
            agent: AuditAgent::Any,
            subject: None,
            from: None,
            to: None,
            limit: PAGE_ITEMS_DEFAULT,
            page: None,
        }
    }
}

impl TraceQuestion {
    /// The queries at most so long before or after `time`.
    #[must_use]
    pub fn around(time: Timestamp, window: Duration) -> Self {
        let window_ns = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
        let bound = |nanoseconds| Some(Timestamp::from_nanoseconds(nanoseconds));
        Self {
            from: bound(time.as_nanoseconds().saturating_sub(window_ns)),
            to: bound(time.as_nanoseconds().saturating_add(window_ns)),
            ..Self::default()
        }
    }

    /// The list of audits that answers it.
    pub(crate) fn as_audit_filter(&self) -> AuditFilter {
        AuditFilter {
            agent: self.agent.clone(),
            subject: self.subject.clone(),
            from: self.from,
            to: self.to,
            order: Order::Ascending,
            limit: self.limit,
            page: self.page,
        }
    }
}

/// An account of queries, oldest first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// What was asked, what came back, and from which assertions.
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
