//! What an agent looked up, what came back, and from which assertions.

use super::Ledger;
use crate::ledger_read::Question;
use crate::{AuditFilter, QueryError, Trace};

impl Ledger {
    /// What was queried, what came back, and from which assertions with which weights and sources: the audits that match
    /// `filter`, in its order, with an account of their sources.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runledger_audit::{AnyOf, AuditFilter, Ledger, QueryAudit, QueryParams, Timestamp};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let params = QueryParams { subject: Some("auth/token".into()), ..QueryParams::default() };
    /// ledger.put_audit(QueryAudit { params, ..QueryAudit::new() }, Some("planner"))?;
    ///
    /// let filter = AuditFilter {
    ///     agent: "planner".into(),
    ///     subject: Some(AnyOf::glob("auth/*")?),
    ///     ..AuditFilter::around(Timestamp::now(), Duration::from_secs(600))
    /// };
    /// assert_eq!(ledger.trace(&filter)?.queries.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read; the page token belongs to another filter.
    pub fn trace(&self, filter: &AuditFilter) -> Result<Trace, QueryError> {
        self.recorded(
            || Question::new("trace").audits(filter),
            |ledger| {
                let found = ledger.audits(filter)?;
                Ok(Trace::new(found.items, found.next))
            },
        )
    }
}
