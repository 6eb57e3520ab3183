//! What an agent looked up, what came back, and from which assertions.

use super::Ledger;
use crate::ledger_read::Question;
use crate::{QueryError, Trace, TraceQuestion};

impl Ledger {
    /// What was queried, what came back, and from which assertions with which weights and sources, oldest first.
    ///
    /// ```
    /// use runledger_audit::{AnyOf, Ledger, QueryAudit, QueryParams, TraceQuestion};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let params = QueryParams { subject: Some("auth/token".into()), ..QueryParams::default() };
    /// ledger.put_audit(QueryAudit { params, ..QueryAudit::new() }, Some("planner"))?;
    ///
    /// let subject = Some(AnyOf::glob("auth/*")?);
    /// let question = TraceQuestion { agent: "planner".into(), subject, ..TraceQuestion::default() };
    /// assert_eq!(ledger.trace(&question)?.queries.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read; the page token belongs to another question.
    pub fn trace(&self, question: &TraceQuestion) -> Result<Trace, QueryError> {
        self.recorded(
            || Question::new("trace").audits(&question.as_audit_filter()),
            |ledger| {
                let found = ledger.audits(&question.as_audit_filter())?;
                Ok(Trace::new(found.items, found.next))
            },
        )
    }
}
