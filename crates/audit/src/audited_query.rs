//! A query audit as it is asked for: who asked and when beside what was asked and what came back, in one.

use runledger_wal::Seq;

use crate::{Body, EventId, Json, QueryAudit, StoredEvent, Timestamp};

/// A query that was audited.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AuditedQuery {
    /// The number of its event in the log.
    pub seq: Seq,
    /// Its event.
    pub event_id: EventId,
    /// When it was asked.
    pub timestamp: Timestamp,
    /// Who asked; `None` for an anonymous one.
    pub agent_id: Option<String>,
    /// In which session.
    pub session_id: Option<String>,
    /// In which run.
    pub run_id: Option<String>,
    /// In which correlation.
    pub correlation_id: Option<String>,
    /// What was asked, what came back, and from which assertions.
    pub audit: QueryAudit,
    /// The answer itself, also where the audit only says where it stands.
    pub result_value: Option<Json>,
}

impl AuditedQuery {
    /// The query that `stored` holds; nothing if that is another kind of event.
    pub(crate) fn of(stored: StoredEvent, result_value: Option<Json>) -> Option<Self> {
        let event = stored.event;
        let Body::QueryAudit(audit) = event.body else { return None };
        Some(Self {
            seq: stored.seq,
            event_id: event.event_id,
            timestamp: event.timestamp,
            agent_id: event.agent_id,
            session_id: event.session_id,
            run_id: event.run_id,
            correlation_id: event.correlation_id,
            audit,
            result_value,
        })
    }
}
