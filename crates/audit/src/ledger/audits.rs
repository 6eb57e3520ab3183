//! Query audits: putting one, finding it by its query id, listing them by who asked, about what, and when.
//!
//! INVARIANT: a list reads from the log what it answers with and nothing else: who asked, about what and when are
//! streams, and those that nobody signed are one of their own.

use runledger_store::View;
use runledger_wal::Seq;

use super::Ledger;
use super::answer::Answer;
use super::ask::Asker;
use super::events::Page;
use super::read::StoredEvent;
use crate::key::{self, stream};
use crate::ledger_read::Question;
use crate::query::moment::Moment;
use crate::query::plan::Plan;
use crate::{
    AppendError, AuditAgent, AuditFilter, AuditedQuery, Body, Event, Order, PageToken, QueryAudit,
    QueryError, QueryId, Timestamp,
};

impl Ledger {
    /// Puts a query audit that happens now, and waits until it is on stable storage. Without an agent it is an anonymous
    /// one. To say more about it (its run, its correlation, another time), append an [`Event`] with that body.
    ///
    /// Audits are never replaced: the same audit under the same query id again is not stored again, and another one is
    /// refused.
    ///
    /// ```
    /// use runledger_audit::{Ledger, QueryAudit, QueryParams};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let params = QueryParams { subject: Some("auth/token".into()), ..QueryParams::default() };
    /// let audit = QueryAudit { params, result_confidence: Some(0.9), ..QueryAudit::new() };
    /// let query_id = ledger.put_audit(audit.clone(), Some("planner"))?;
    ///
    /// let found = ledger.audit(query_id)?.expect("just put");
    /// assert_eq!((found.agent_id.as_deref(), found.audit), (Some("planner"), audit));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// As [`Ledger::append`].
    ///
    /// # Errors
    ///
    /// [`AppendError::QueryConflict`] where the ledger has another audit of that query id; else as [`Ledger::append`].
    pub fn put_audit(&self, audit: QueryAudit, agent: Option<&str>) -> Result<QueryId, AppendError> {
        let query_id = audit.query_id;
        let event = Event { agent_id: agent.map(str::to_owned), ..Event::new(Body::QueryAudit(audit)) };
        self.append(event)?;
        Ok(query_id)
    }

    /// The audit of a query. There is an example at [`Ledger::put_audit`].
    ///
    /// ```
    /// use runledger_audit::{Ledger, QueryAudit, QueryId};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let query_id = ledger.put_audit(QueryAudit::new(), Some("planner"))?;
    /// assert_eq!(ledger.audit(query_id)?.expect("just put").agent_id.as_deref(), Some("planner"));
    /// assert!(ledger.audit(QueryId::new())?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    #[doc(alias = "get_audit")]
    pub fn audit(&self, query_id: QueryId) -> Result<Option<AuditedQuery>, QueryError> {
        self.recorded(
            || Question::new("audit").text("queryId", &query_id.to_string()),
            |ledger| {
                let found = ledger.core.ask(|view, _| {
                    let value = view.get(&key::query_id::key(query_id))?;
                    Ok(value.map(|value| key::query_id::decode_value(&value)).transpose()?)
                })?;
                let Some((seq, _)) = found else { return Ok(None) };
                let stored = ledger.core.stored_event(seq)?.ok_or(QueryError::IndexAhead { seq })?;
                ledger.audited_query(stored).map(Some)
            },
        )
    }

    /// The audits that match `filter`, in its order, at most as many as its limit. The pages of an answer all rest on the
    /// same audits, whatever is put between them.
    ///
    /// ```
    /// use runledger_audit::{AnyOf, AuditAgent, AuditFilter, Ledger, QueryAudit};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.put_audit(QueryAudit::new(), None)?;
    /// let anonymous = AuditFilter { agent: AuditAgent::Anonymous, ..AuditFilter::default() };
    /// assert_eq!(ledger.audits(&anonymous)?.items.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read; the page token belongs to another filter.
    #[doc(alias = "list_audits")]
    pub fn audits(&self, filter: &AuditFilter) -> Result<Page<AuditedQuery>, QueryError> {
        self.recorded(
            || Question::new("audits").audits(filter),
            |ledger| {
                let page =
                    filter.page.map(|page| page.check(filter.fingerprint(), filter.order)).transpose()?;
                let found = ledger
                    .core
                    .ask(|view, end| Ok(audit_page(&ledger.core, view, end, filter, page)?.page))?;
                let items = found.items.into_iter().map(|stored| ledger.audited_query(stored));
                Ok(Page { items: items.collect::<Result<_, _>>()?, next: found.next })
            },
        )
    }

    /// The audits of an agent from `from` to `to`, both inclusive, oldest first; without `to` until now.
    ///
    /// ```
    /// use runledger_audit::{Ledger, QueryAudit, Timestamp};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.put_audit(QueryAudit::new(), Some("planner"))?;
    /// assert_eq!(ledger.audits_for_agent("planner", Timestamp::MIN, None, 10)?.len(), 1);
    /// assert!(ledger.has_audits_for_agent("planner")? && !ledger.has_audits_for_agent("tester")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    #[doc(alias = "get_audits_for_agent")]
    pub fn audits_for_agent(
        &self,
        agent: &str,
        from: Timestamp,
        to: Option<Timestamp>,
        limit: usize,
    ) -> Result<Vec<AuditedQuery>, QueryError> {
        let filter =
            AuditFilter { agent: agent.into(), from: Some(from), to, limit, ..AuditFilter::default() };
        Ok(self.audits(&filter)?.items)
    }

    /// The newest audits, newest first, whoever asked. Reads those and no others.
    ///
    /// ```
    /// use runledger_audit::{Ledger, QueryAudit};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let newest = [(); 3].map(|()| ledger.put_audit(QueryAudit::new(), None)).into_iter().last();
    /// assert_eq!(ledger.recent_audits(1)?[0].audit.query_id, newest.expect("three were put")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    #[doc(alias = "list_recent_audits")]
    pub fn recent_audits(&self, limit: usize) -> Result<Vec<AuditedQuery>, QueryError> {
        let filter = AuditFilter { order: Order::Descending, limit, ..AuditFilter::default() };
        Ok(self.audits(&filter)?.items)
    }

    /// Whether the ledger has any audit of this agent. Reads no event.
    ///
    /// ```
    /// use runledger_audit::{Ledger, QueryAudit};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.put_audit(QueryAudit::new(), Some("planner"))?;
    /// assert!(ledger.has_audits_for_agent("planner")?);
    /// assert!(!ledger.has_audits_for_agent("tester")?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index can't be read.
    pub fn has_audits_for_agent(&self, agent: &str) -> Result<bool, QueryError> {
        self.recorded(
            || Question::new("has_audits_for_agent").text("agent", agent),
            |ledger| {
                let filter = AuditFilter { agent: agent.into(), ..AuditFilter::default() };
                ledger.core.ask(|view, end| {
                    let plan = plan(view, &filter, Moment::now(view, end))?;
                    Ok(Answer::new(&ledger.core, view, &plan, None)?.next_position()?.is_some())
                })
            },
        )
    }

    /// An audit with its answer, also where that stands in an imported line.
    pub(super) fn audited_query(&self, stored: StoredEvent) -> Result<AuditedQuery, QueryError> {
        let seq = stored.seq;
        let result_value = match &stored.event.body {
            Body::QueryAudit(QueryAudit { result_value: Some(value), .. }) => self.content(&stored, value)?,
            _ => None,
        };
        AuditedQuery::of(stored, result_value).ok_or(QueryError::IndexAhead { seq })
    }
}

/// A page of audits, and how many records were read for it.
struct FoundPage {
    page: Page<StoredEvent>,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what a list costs is a promise, which its test checks")
    )]
    events_read: u64,
}

fn audit_page(
    core: &Asker,
    view: &View,
    durable_end: Seq,
    filter: &AuditFilter,
    page: Option<PageToken>,
) -> Result<FoundPage, QueryError> {
    let moment = core.moment(view, durable_end, None, page)?;
    let plan = plan(view, filter, moment)?;
    let mut answer = Answer::new(core, view, &plan, page.map(|page| page.last))?;
    let found = answer.take_events(filter.limit)?;
    let last = found.last().map(|found| found.position);
    let items = found.iter().map(|found| StoredEvent::decode(&found.record)).collect::<Result<_, _>>()?;
    let has_more = answer.next_position()?.is_some();
    let (filter, order, seen) = (filter.fingerprint(), filter.order, moment.end());
    let next = last.filter(|_| has_more).map(|last| PageToken { filter, order, seen, last });
    Ok(FoundPage { page: Page { items, next }, events_read: answer.events_read() })
}

fn plan(view: &View, filter: &AuditFilter, moment: Moment) -> Result<Plan, QueryError> {
    let plan = Plan::make(view, &filter.as_event_filter(), moment)?;
    Ok(match filter.agent {
        AuditAgent::Anonymous => plan.and_in("no agent", stream::ANONYMOUS_AUDITS.to_vec()),
        AuditAgent::Any | AuditAgent::Of(_) => plan,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Custom;

    #[test]
    fn a_list_of_recent_audits_reads_only_what_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(folder.path().join("ledger")).unwrap();
        for number in 0..300 {
            ledger.put_audit(QueryAudit::new(), (number % 2 == 0).then_some("planner")).unwrap();
            ledger.append(Event::new(Body::Custom(Custom::default()))).unwrap();
        }
        for agent in [AuditAgent::Any, AuditAgent::Anonymous, "planner".into()] {
            let filter = AuditFilter { agent, order: Order::Descending, limit: 7, ..AuditFilter::default() };
            let found =
                ledger.core.ask(|view, end| audit_page(&ledger.core, view, end, &filter, None)).unwrap();
            assert_eq!((found.page.items.len(), found.events_read), (7, 7), "{:?}", filter.agent);
            assert!(found.page.next.is_some());
        }
    }
}
