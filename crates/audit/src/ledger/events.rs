//! The events that match a filter, page by page.

use runledger_store::View;
use runledger_wal::{Leaf, Record, Seq};

use super::Ledger;
use super::answer::{Answer, Found, count_method};
use super::ask::Asker;
use super::read::StoredEvent;
use crate::ledger_read::Question;
use crate::planted::{Bug, planted};
use crate::query::plan::Plan;
use crate::{Event, EventFilter, Explanation, PageToken, QueryError, Timestamp, codec};

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The answer's next items.
    pub items: Vec<T>,
    /// Where the next page goes on, if there is more.
    pub next: Option<PageToken>,
}

/// An event as it lies in the log: for those who pass it on, or hash it, and need not look inside.
#[derive(Clone)]
pub struct StoredRecord {
    record: Record,
}

impl StoredRecord {
    /// Its number in the log.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.record.seq()
    }

    /// The hash that commits to it.
    #[must_use]
    pub fn leaf(&self) -> Leaf {
        self.record.leaf()
    }

    /// When it was committed, by the writer's clock.
    #[must_use]
    pub fn commit_time(&self) -> Timestamp {
        Timestamp::from_nanoseconds(self.record.commit_time())
    }

    /// Its bytes.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.record.payload()
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// It is no event that this version can read.
    pub fn decode(&self) -> Result<Event, QueryError> {
        let seq = self.seq();
        codec::decode(self.payload()).map_err(|source| QueryError::Undecodable { seq, source })
    }
}

impl From<Record> for StoredRecord {
    fn from(record: Record) -> Self {
        Self { record }
    }
}

impl std::fmt::Debug for StoredRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredRecord").field("seq", &self.seq()).finish_non_exhaustive()
    }
}

impl Ledger {
    /// The events that match `filter`, in its order, at most as many as its limit. Superseded events are left out. The
    /// pages of an answer all rest on the same events, whatever is appended or superseded between them.
    ///
    /// The answer holds every event that was acknowledged before the call.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger, Order};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for run in ["a", "b", "a"] {
    ///     ledger.append(Event::new(Body::Custom(Custom::default())).with_run(run))?;
    /// }
    /// let mut newest = EventFilter { order: Order::Descending, limit: 2, ..EventFilter::default() };
    /// let page = ledger.events(&newest)?;
    /// assert_eq!(page.items[0].seq.get(), 2);
    /// // The next page goes on where this one ended.
    /// newest.page = page.next;
    /// assert_eq!(ledger.events(&newest)?.items[0].seq.get(), 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time, or can't be read; the log can't be read, or is damaged there; the page
    /// token belongs to another question.
    pub fn events(&self, filter: &EventFilter) -> Result<Page<StoredEvent>, QueryError> {
        self.recorded(
            || Question::new("events").events(filter),
            |ledger| ledger.ask_for_page(filter, |record| StoredEvent::decode(&record)),
        )
    }

    /// The same as [`Ledger::events`], without decoding them.
    ///
    /// ```
    /// use runledger_audit::{Body, Custom, Event, EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::Custom(Custom::default())))?;
    /// let bytes: usize = ledger
    ///     .records(&EventFilter::default())?
    ///     .items
    ///     .iter()
    ///     .map(|record| record.payload().len())
    ///     .sum();
    /// assert!(bytes > 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::events`], but that a record need not be an event that this program can read.
    pub fn records(&self, filter: &EventFilter) -> Result<Page<StoredRecord>, QueryError> {
        self.recorded(
            || Question::new("records").events(filter),
            |ledger| ledger.ask_for_page(filter, |record| Ok(record.into())),
        )
    }

    /// Answers `filter` as [`Ledger::records`] does, and gives what that took in place of the answer.
    ///
    /// ```
    /// use runledger_audit::{EventFilter, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let filter = EventFilter { agent: Some("planner".into()), ..EventFilter::default() };
    /// let explanation = ledger.explain(&filter)?;
    /// assert_eq!((explanation.joined.len(), explanation.matches), (1, 0));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::events`].
    pub fn explain(&self, filter: &EventFilter) -> Result<Explanation, QueryError> {
        self.recorded(
            || Question::new("explain").events(filter),
            |ledger| {
                let page =
                    filter.page.map(|page| page.check(filter.fingerprint(), filter.order)).transpose()?;
                ledger.core.ask(|view, end| {
                    let began = std::time::Instant::now();
                    let moment = ledger.core.moment(view, end, filter.as_of, page)?;
                    let plan = Plan::make(view, filter, moment)?;
                    let mut answer = Answer::new(&ledger.core, view, &plan, page.map(|page| page.last))?;
                    let page = make_page(&mut answer, filter, moment.end(), |_| Ok(()))?;
                    Ok(Explanation {
                        known_end: moment.end(),
                        joined: answer.joined(),
                        checked: answer.checked(),
                        candidates: answer.candidates(),
                        events_read: answer.events_read(),
                        matches: page.items.len() as u64,
                        ended_at_limit: page.next.is_some(),
                        count_method: count_method(&plan),
                        took: began.elapsed(),
                    })
                })
            },
        )
    }

    fn ask_for_page<T>(
        &self,
        filter: &EventFilter,
        item: impl Fn(Record) -> Result<T, QueryError>,
    ) -> Result<Page<T>, QueryError> {
        let page = filter.page.map(|page| page.check(filter.fingerprint(), filter.order)).transpose()?;
        self.core.ask(|view, end| page_of(&self.core, view, end, filter, page, &item))
    }
}

fn page_of<T>(
    core: &Asker,
    view: &View,
    durable_end: Seq,
    filter: &EventFilter,
    page: Option<PageToken>,
    item: impl Fn(Record) -> Result<T, QueryError>,
) -> Result<Page<T>, QueryError> {
    let moment = core.moment(view, durable_end, filter.as_of, page)?;
    let plan = Plan::make(view, filter, moment)?;
    let mut answer = Answer::new(core, view, &plan, page.map(|page| page.last))?;
    make_page(&mut answer, filter, moment.end(), item)
}

/// Takes events from an answer up to the filter's limit, and looks for one more, to know whether there is a next page.
fn make_page<T>(
    answer: &mut Answer<'_>,
    filter: &EventFilter,
    seen: Seq,
    item: impl Fn(Record) -> Result<T, QueryError>,
) -> Result<Page<T>, QueryError> {
    let (mut items, mut last) = (Vec::new(), None);
    while items.len() < filter.limit {
        let found = answer.next_events(filter.limit - items.len())?;
        if found.is_empty() {
            return Ok(Page { items, next: None });
        }
        last = found.last().map(|found| found.position);
        items.reserve(found.len());
        for Found { record, .. } in found {
            items.push(item(record)?);
        }
    }
    let Some(behind) = answer.next_position()? else { return Ok(Page { items, next: None }) };
    let (filter, order) = (filter.fingerprint(), filter.order);
    let last = if planted(Bug::PageTokenSkips) { Some(behind) } else { last };
    let seen = if planted(Bug::PageForgetsWhatItSaw) { Seq::new(u64::MAX) } else { seen };
    Ok(Page { items, next: last.map(|last| PageToken { filter, order, seen, last }) })
}
