//! Which query audits to ask for.

use std::time::Duration;

use crate::filter::PAGE_ITEMS_DEFAULT;
use crate::{AnyOf, EventFilter, Kind, Order, PageToken, Timestamp};

/// Who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuditAgent {
    /// Whoever it was.
    #[default]
    Any,
    /// Nobody who gave a name.
    Anonymous,
    /// This agent, or any of these.
    Of(AnyOf),
}

impl<T: Into<AnyOf>> From<T> for AuditAgent {
    fn from(agent: T) -> Self {
        Self::Of(agent.into())
    }
}

/// Which query audits to answer with. Every field that is set must hold; [`AuditFilter::default`] asks for all, oldest
/// first.
///
/// ```
/// use runledger_audit::{AnyOf, AuditFilter, Order};
///
/// let filter = AuditFilter {
///     agent: "planner".into(),
///     subject: Some(AnyOf::glob("auth/*")?),
///     order: Order::Descending,
///     ..AuditFilter::default()
/// };
/// # Ok::<(), runledger_audit::GlobError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// Who asked.
    pub agent: AuditAgent,
    /// What it was about.
    pub subject: Option<AnyOf>,
    /// Audits at this time or later.
    pub from: Option<Timestamp>,
    /// Audits at this time or earlier: unlike that of an [`EventFilter`], this bound is inclusive.
    pub to: Option<Timestamp>,
    /// Oldest or newest first.
    pub order: Order,
    /// How many audits to answer with at most.
    pub limit: usize,
    /// Where an earlier answer to the same filter ended.
    pub page: Option<PageToken>,
}

impl Default for AuditFilter {
    fn default() -> Self {
        Self {
            agent: AuditAgent::Any,
            subject: None,
            from: None,
            to: None,
            order: Order::Ascending,
            limit: PAGE_ITEMS_DEFAULT,
            page: None,
        }
    }
}

impl AuditFilter {
    /// The audits at most so long before or after `time`.
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

    /// The same question about events, but for anonymity, which no field of theirs can ask for.
    pub(crate) fn as_event_filter(&self) -> EventFilter {
        EventFilter {
            kinds: vec![Kind::QueryAudit],
            agent: match &self.agent {
                AuditAgent::Of(agent) => Some(agent.clone()),
                AuditAgent::Any | AuditAgent::Anonymous => None,
            },
            subject: self.subject.clone(),
            from: self.from,
            // Behind the last moment there is none, and no bound is needed.
            to: self.to.and_then(|to| to.as_nanoseconds().checked_add(1)).map(Timestamp::from_nanoseconds),
            order: self.order,
            limit: self.limit,
            page: self.page,
            ..EventFilter::default()
        }
    }

    /// Tells filters apart in page tokens, also from those over events.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("Runledger 2026 audit filter");
        hasher.update(&self.as_event_filter().fingerprint().to_le_bytes());
        hasher.update(&[u8::from(self.agent == AuditAgent::Anonymous)]);
        let mut fingerprint = [0; 8];
        hasher.finalize_xof().fill(&mut fingerprint);
        u64::from_le_bytes(fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_around_a_time_ends_where_time_does() {
        let around = |time, window| {
            let filter = AuditFilter::around(time, Duration::from_nanos(window));
            (filter.from.unwrap().as_nanoseconds(), filter.to.unwrap().as_nanoseconds())
        };
        assert_eq!(around(Timestamp::from_nanoseconds(15), 5), (10, 20));
        assert_eq!(around(Timestamp::MAX, 5), (i64::MAX - 5, i64::MAX));
        assert_eq!(around(Timestamp::MIN, u64::MAX), (i64::MIN, -1));
    }

    #[test]
    fn the_last_moment_is_inclusive_too() {
        let to = |to| AuditFilter { to: Some(to), ..AuditFilter::default() }.as_event_filter().to;
        assert_eq!(to(Timestamp::from_nanoseconds(7)), Some(Timestamp::from_nanoseconds(8)));
        assert_eq!(to(Timestamp::from_nanoseconds(i64::MAX)), None);
    }

    #[test]
    fn fingerprints_tell_anonymous_audits_from_all_and_audits_from_events() {
        let all = AuditFilter::default();
        let anonymous = AuditFilter { agent: AuditAgent::Anonymous, ..AuditFilter::default() };
        let own = AuditFilter { agent: "".into(), ..AuditFilter::default() };
        let fingerprints = [
            all.fingerprint(),
            anonymous.fingerprint(),
            own.fingerprint(),
            all.as_event_filter().fingerprint(),
        ];
        assert_eq!(std::collections::BTreeSet::from(fingerprints).len(), fingerprints.len());
    }
}
