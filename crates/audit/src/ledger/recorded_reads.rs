//! Recording who asked what, where a ledger is opened so.
//!
//! INVARIANT: a question is asked first and recorded afterwards, by a handle that records nothing: so its record is never
//! in its own answer, and recording is not recorded. No answer is given that could not be recorded.

use super::events::Page;
use super::live::Recent;
use super::{Ledger, Subscription, ValueCounts};
use crate::ledger_read::Question;
use crate::{Ancestry, CorrelationChain, Explanation, LedgerReader, QueryError, Trace, UsageReport};

impl Ledger {
    /// The same ledger, each question of which is recorded as one of `reader`. See
    /// [`LedgerOptions::audit_reads`](crate::LedgerOptions::audit_reads).
    ///
    /// ```
    /// use runledger_audit::{EventFilter, Ledger, LedgerReader};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let reader = LedgerReader { actor: "ada".into(), ..LedgerReader::default() };
    /// ledger.read_by(reader).events(&EventFilter::default())?;
    ///
    /// let of_ada = EventFilter { actor: Some("ada".into()), ..EventFilter::default() };
    /// assert_eq!(ledger.count(&of_ada)?, 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn read_by(&self, reader: LedgerReader) -> Self {
        Self { core: self.core.clone(), reader: Some(reader.into()) }
    }

    /// The same ledger, no question of which is recorded.
    pub(super) fn unrecorded(&self) -> Self {
        Self { core: self.core.clone(), reader: None }
    }

    /// Asks, and records the question if that is wanted.
    pub(super) fn recorded<T: Answered>(
        &self,
        question: impl FnOnce() -> Question,
        ask: impl FnOnce(&Self) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let Some(reader) = &self.reader else { return ask(self) };
        let unrecorded = self.unrecorded();
        let answer = ask(&unrecorded);
        let answered = answer.as_ref().map(Answered::items).map_err(ToString::to_string);
        let record = unrecorded.append(question().recorded(reader, answered));
        // Why there is no answer matters more than that this could not be recorded either.
        let answer = answer?;
        record.map_err(|error| QueryError::Unrecorded(Box::new(error)))?;
        Ok(answer)
    }
}

/// How much an answer is.
pub(super) trait Answered {
    /// How many things it tells of.
    fn items(&self) -> u64;
}

macro_rules! answered {
    ($($answer:ty, $(<$generic:ident>,)? |$it:ident| $items:expr;)*) => {
        $(impl$(<$generic>)? Answered for $answer {
            fn items(&self) -> u64 {
                let $it = self;
                $items
            }
        })*
    };
}

answered! {
    Page<T>, <T>, |page| page.items.len() as u64;
    Vec<T>, <T>, |items| items.len() as u64;
    Option<T>, <T>, |found| u64::from(found.is_some());
    u64, |_count| 1;
    bool, |_found| 1;
    Explanation, |explanation| explanation.matches;
    ValueCounts, |counts| counts.by_value.len() as u64;
    Ancestry, |ancestry| ancestry.runs.len() as u64;
    UsageReport, |report| report.groups.len() as u64;
    Recent, |recent| recent.events.len() as u64;
    Subscription, |_begun| 0;
    CorrelationChain, |chain| chain.events.len() as u64;
    Trace, |trace| trace.queries.len() as u64;
}
