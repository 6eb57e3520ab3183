//! What models and tools were used, summed over the calls that match a filter.
//!
//! Reads each call once, in bounded memory: a group per value, not an event per call; and of each its facts alone, not what
//! went in and came out. It deliberately does not use the
//! figures of runs: those may be replaced by what a run's caller gave at its end, and then add up to nothing.

use std::collections::BTreeMap;

use super::answer::{Answer, Found};
use super::{Ledger, Progress};
use crate::ledger_read::Question;
use crate::query::plan::Plan;
use crate::{EventFilter, Kind, QueryError, UsageBy, UsageFigures, UsageGroup, UsageReport, codec};

/// The kinds of events that use something.
const CALLS: [Kind; 2] = [Kind::ModelCall, Kind::ToolCall];

/// After how many calls progress is told.
const PROGRESS_CALLS: u64 = 4_096;

impl Ledger {
    /// Tokens, cost, calls and failures of the model calls and tool calls that match `filter`, whatever its order, limit
    /// and page, grouped by what `by` says. Superseded events are left out, so that an answer that a forked session
    /// repeats counts once, in the run that holds its newest version.
    ///
    /// Kinds that the filter names beside the two find nothing. Every call that matches is read.
    ///
    /// # Errors
    ///
    /// The index did not come far enough in time; an event can't be read.
    ///
    /// ```
    /// use runledger_audit::{Body, Event, EventFilter, Ledger, ModelCall, ToolCall, Usage, UsageBy};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let usage = Usage { input_tokens: 1_200, output_tokens: 80, ..Usage::default() };
    /// let call = ModelCall { model_id: "small".into(), usage, cost_usd: Some(0.02), ..ModelCall::default() };
    /// ledger.append(Event::new(Body::ModelCall(call)))?;
    /// ledger.append(Event::new(Body::ToolCall(ToolCall { tool_id: "shell".into(), ..ToolCall::default() })))?;
    /// let report = ledger.usage(&UsageBy::Model, &EventFilter::default())?;
    /// assert_eq!(report.groups[0].value.as_deref(), Some("small"));
    /// assert_eq!(report.groups[1].value, None); // the tool call
    /// assert_eq!((report.total.total_tokens(), report.total.calls()), (1_280, 2));
    /// # Ok(())
    /// # }
    /// ```
    pub fn usage(&self, by: &UsageBy, filter: &EventFilter) -> Result<UsageReport, QueryError> {
        self.usage_with_progress(by, filter, |_| {})
    }

    /// The same as [`Ledger::usage`]; `progress` counts calls.
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// use runledger_audit::{Body, Event, EventFilter, Ledger, ToolCall, UsageBy};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::ToolCall(ToolCall { tool_id: "shell".into(), ..ToolCall::default() })))?;
    /// let done = Cell::new(0);
    /// let show = |progress: runledger_audit::Progress| done.set(progress.done);
    /// ledger.usage_with_progress(&UsageBy::Tool, &EventFilter::default(), show)?;
    /// assert_eq!(done.get(), 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`Ledger::usage`].
    pub fn usage_with_progress(
        &self,
        by: &UsageBy,
        filter: &EventFilter,
        progress: impl Fn(Progress),
    ) -> Result<UsageReport, QueryError> {
        self.recorded(
            || Question::new("usage").text("by", &format!("{by:?}")).events(filter),
            |ledger| {
                let Some(filter) = of_calls(filter) else { return Ok(UsageReport::default()) };
                ledger.core.ask(|view, end| {
                    let moment = ledger.core.moment(view, end, filter.as_of, None)?;
                    let plan = Plan::make(view, &filter, moment)?;
                    let mut answer = Answer::new(&ledger.core, view, &plan, None)?;
                    // An upper bound where conditions are checked on events; exact else.
                    let total = plan.count(view)?;
                    let mut sums = Sums::default();
                    let mut done = 0_u64;
                    loop {
                        let found = answer.next_events(usize::MAX)?;
                        if found.is_empty() {
                            break;
                        }
                        for Found { record, .. } in found {
                            let seq = record.seq();
                            let event = codec::decode_facts(record.payload())
                                .map_err(|source| QueryError::Undecodable { seq, source })?;
                            sums.add(by.value_of(&event), &event);
                            done += 1;
                            if done.is_multiple_of(PROGRESS_CALLS) {
                                progress(Progress { done, total });
                            }
                        }
                    }
                    progress(Progress { done: total, total });
                    Ok(sums.report())
                })
            },
        )
    }
}

/// The same filter, of the calls alone; `None` if it asks for other kinds only.
fn of_calls(filter: &EventFilter) -> Option<EventFilter> {
    let mut kinds = CALLS.to_vec();
    if !filter.kinds.is_empty() {
        kinds.retain(|kind| filter.kinds.contains(kind));
    }
    (!kinds.is_empty()).then(|| EventFilter { kinds, page: None, ..filter.clone() })
}

/// The sums so far.
#[derive(Default)]
struct Sums {
    by_value: BTreeMap<String, UsageFigures>,
    without_value: UsageFigures,
    total: UsageFigures,
}

impl Sums {
    fn add(&mut self, value: Option<String>, event: &crate::Event) {
        let group = match value {
            Some(value) => self.by_value.entry(value).or_default(),
            None => &mut self.without_value,
        };
        group.add(event);
        self.total.add(event);
    }

    fn report(self) -> UsageReport {
        let named = self.by_value.into_iter().map(|(value, figures)| (Some(value), figures));
        let unnamed = (self.without_value.calls() > 0).then_some((None, self.without_value));
        let groups = named.chain(unnamed).map(|(value, figures)| UsageGroup { value, figures }).collect();
        UsageReport { groups, total: self.total }
    }
}
