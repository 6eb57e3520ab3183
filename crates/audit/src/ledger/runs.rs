//! Runs: which they are by the index, and their texts from the events that began and ended them.

use runledger_store::View;
use runledger_wal::Seq;

use super::Ledger;
use super::events::Page;
use super::read::StoredEvent;
use super::run_figures::{apply_statistics, figures_of};
use super::run_selection::RunListCost;
use crate::key;
use crate::key::run::RunRecord;
use crate::key::run_value::RunDimension;
use crate::ledger_read::Question;
use crate::{AsOf, Body, Content, Json, QueryError, RunFilter, RunStatus, RunSummary};

impl Ledger {
    /// The run of this id.
    ///
    /// ```
    /// use runledger_audit::{Body, Event, Ledger, RunStarted, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::RunStarted(RunStarted::default())).with_run("run-1"))?;
    /// let run = ledger.run("run-1")?.expect("it was just started");
    /// assert_eq!((run.status, run.events), (RunStatus::Running, 1));
    /// assert!(ledger.run("run-2")?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    #[doc(alias = "get_run")]
    pub fn run(&self, run_id: &str) -> Result<Option<RunSummary>, QueryError> {
        self.recorded(
            || Question::new("run").text("runId", run_id),
            |ledger| {
                let record = ledger.core.ask(|view, _| record_of(view, run_id))?;
                record.map(|record| ledger.summarize(run_id, &record)).transpose()
            },
        )
    }

    /// The run of this id as it was known then; nothing if it was not.
    ///
    /// ```
    /// use runledger_audit::{AsOf, Body, Event, Ledger, RunStarted, RunStatus, Seq};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.append(Event::new(Body::RunStarted(RunStarted::default())).with_run("a"))?;
    /// assert!(ledger.run_as_of("a", AsOf::Before(Seq::ZERO))?.is_none());
    /// let then = ledger.run_as_of("a", AsOf::Seq(Seq::ZERO))?.expect("it was known then");
    /// assert_eq!(then.status, RunStatus::Running);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    pub fn run_as_of(&self, run_id: &str, as_of: AsOf) -> Result<Option<RunSummary>, QueryError> {
        self.recorded(
            || Question::new("run").text("runId", run_id).moment(as_of),
            |ledger| {
                let record = ledger.core.ask(|view, end| {
                    let moment = ledger.core.moment(view, end, Some(as_of), None)?;
                    let Some(present) = record_of(view, run_id)? else { return Ok(None) };
                    ledger.core.run_record_at(view, run_id, present, moment)
                })?;
                record.map(|record| ledger.summarize(run_id, &record)).transpose()
            },
        )
    }

    /// The runs that match `filter`, in its order, at most as many as its limit. See [`RunFilter`].
    ///
    /// The runs of a skill, of a caller, the children of a run, and those that were interrupted, are runs that match a
    /// filter. What it reads grows with what it answers with, and with what `offset` passes over.
    ///
    /// ```
    /// use runledger_audit::{Body, Event, Ledger, RunFilter, RunStarted, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let start = RunStarted { caller_id: Some("cron".to_owned()), ..RunStarted::default() };
    /// ledger.append(Event::new(Body::RunStarted(start)).with_run("nightly"))?;
    ///
    /// let of_cron = RunFilter { caller: Some("cron".to_owned()), ..RunFilter::default() };
    /// assert_eq!(ledger.runs(&of_cron)?[0].run_id, "nightly");
    /// let interrupted = RunFilter { statuses: vec![RunStatus::Interrupted], ..RunFilter::default() };
    /// assert!(ledger.runs(&interrupted)?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The page token belongs to another filter; the index or the log can't be read.
    #[doc(alias = "list_task_runs")]
    #[doc(alias = "list_runs_by_skill")]
    #[doc(alias = "list_runs_by_caller")]
    #[doc(alias = "list_children")]
    #[doc(alias = "list_interrupted")]
    #[doc(alias = "list_finished_before")]
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, QueryError> {
        Ok(self.run_page(filter)?.items)
    }

    /// As [`Ledger::runs`], and where the next page goes on.
    ///
    /// Later pages leave out the runs whose first event came after the first page was asked for, and no run moves by
    /// what is said of it, unless its start (or its end, where the order goes by that) is changed. What is told of a run
    /// is what is known when its page is asked for: [`RunFilter::as_of`] gives pages of one moment.
    ///
    /// ```
    /// use runledger_audit::{Ledger, NewRun, RunFilter};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for number in 0..3 {
    ///     ledger.start_run(NewRun::new(format!("run-{number}")))?;
    /// }
    /// let mut filter = RunFilter { limit: 2, ..RunFilter::default() };
    /// let mut pages = Vec::new();
    /// loop {
    ///     let page = ledger.run_page(&filter)?;
    ///     pages.push(page.items.len());
    ///     filter.page = page.next;
    ///     if filter.page.is_none() {
    ///         break;
    ///     }
    /// }
    /// assert_eq!(pages, [2, 1]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::runs`].
    pub fn run_page(&self, filter: &RunFilter) -> Result<Page<RunSummary>, QueryError> {
        self.recorded(
            || Question::new("runs").runs(filter),
            |ledger| {
                let page =
                    filter.page.map(|page| page.check(filter.fingerprint(), filter.order)).transpose()?;
                let (found, next) =
                    ledger.core.ask(|view, end| ledger.core.run_page(view, end, filter, page))?;
                let items = found.iter().map(|(run_id, record)| ledger.summarize(run_id, record));
                Ok(Page { items: items.collect::<Result<_, _>>()?, next })
            },
        )
    }

    /// How many runs match `filter`, whatever its offset, limit and page.
    ///
    /// ```
    /// use runledger_audit::{Body, Event, Ledger, RunFilter, RunStarted};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let start = RunStarted { skill_id: Some("triage".to_owned()), ..RunStarted::default() };
    /// ledger.append(Event::new(Body::RunStarted(start)).with_run("r"))?;
    /// let of_skill = RunFilter { skill: Some("triage".to_owned()), ..RunFilter::default() };
    /// assert_eq!(ledger.count_runs(&of_skill)?, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index can't be read.
    #[doc(alias = "count_runs_by_skill")]
    pub fn count_runs(&self, filter: &RunFilter) -> Result<u64, QueryError> {
        self.recorded(
            || Question::new("count_runs").runs(filter),
            |ledger| ledger.core.ask(|view, end| ledger.core.count_runs(view, end, filter)),
        )
    }

    /// Lists runs as [`Ledger::runs`] does, and gives what that took in the index in place of the answer.
    ///
    /// ```
    /// use runledger_audit::{Ledger, NewRun, RunFilter};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for number in 0..20 {
    ///     ledger.start_run(NewRun::new(format!("run-{number}")))?;
    /// }
    /// let cost = ledger.explain_runs(&RunFilter { limit: 1, ..RunFilter::default() })?;
    /// assert!(cost.keys_visited < 20, "a page reads what it answers with, and little more");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Ledger::runs`].
    pub fn explain_runs(&self, filter: &RunFilter) -> Result<RunListCost, QueryError> {
        let page = filter.page.map(|page| page.check(filter.fingerprint(), filter.order)).transpose()?;
        self.core.ask(|view, end| self.core.run_page_cost(view, end, filter, page))
    }

    /// The ids of the runs that this run started, by their start, dry runs included. For the runs themselves, see
    /// [`RunFilter::parent`].
    ///
    /// ```
    /// use runledger_audit::{Body, Event, Ledger, RunStarted};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let start = RunStarted { parent_run_id: Some("plan".to_owned()), ..RunStarted::default() };
    /// ledger.append(Event::new(Body::RunStarted(start)).with_run("step-1"))?;
    /// assert_eq!(ledger.children("plan")?, ["step-1"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index can't be read.
    #[doc(alias = "list_children")]
    pub fn children(&self, run_id: &str) -> Result<Vec<String>, QueryError> {
        self.recorded(
            || Question::new("children").text("runId", run_id),
            |ledger| {
                let prefix = key::run_value::prefix(RunDimension::Parent, run_id);
                ledger.core.ask(|view, _| {
                    let child = |value| {
                        String::from_utf8(value)
                            .map_err(|_| key::MalformedKey::new("id of a listed run").into())
                    };
                    view.prefix(&prefix).map(|entry| child(entry?.1)).collect()
                })
            },
        )
    }

    /// The newest run of each of these skills that has one, by start, in the order of `skills`. Dry runs don't count; nor
    /// do those that came to no good end (failed, canceled, timeout, over budget, interrupted), unless `include_failed`.
    ///
    /// ```
    /// use runledger_audit::{Body, Event, Ledger, RunStarted};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let start = RunStarted { skill_id: Some("triage".to_owned()), ..RunStarted::default() };
    /// ledger.append(Event::new(Body::RunStarted(start)).with_run("r"))?;
    /// let newest = ledger.last_run_by_skills(&["triage", "never run"], false)?;
    /// assert_eq!(newest.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), ["r"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    pub fn last_run_by_skills(
        &self,
        skills: &[&str],
        include_failed: bool,
    ) -> Result<Vec<RunSummary>, QueryError> {
        self.recorded(
            || Question::new("last_run_by_skills").texts("skills", skills),
            |ledger| {
                let counts = |status: &RunStatus| {
                    *status != RunStatus::DryRun && (include_failed || !status.is_failure())
                };
                let statuses: Vec<RunStatus> = RunStatus::ALL.into_iter().filter(counts).collect();
                let mut newest = Vec::new();
                for skill in skills {
                    let skill = Some((*skill).to_owned());
                    let filter =
                        RunFilter { skill, statuses: statuses.clone(), limit: 1, ..RunFilter::default() };
                    newest.extend(ledger.runs(&filter)?);
                }
                Ok(newest)
            },
        )
    }

    pub(super) fn summarize(&self, run_id: &str, record: &RunRecord) -> Result<RunSummary, QueryError> {
        let event = |seq: Option<u64>| match seq {
            Some(seq) => self.event_at(Seq::new(seq)),
            None => Ok(None),
        };
        let started = event(record.started_seq)?;
        let finished = event(record.finished_seq)?;
        let mut summary = figures_of(run_id, record);
        if let Some(stored) = &started
            && let Body::RunStarted(started) = &stored.event.body
        {
            summary.goal = started.goal.clone().unwrap_or_default();
            summary.metadata.clone_from(&stored.event.metadata);
            summary.inputs = self.optional_content(stored, started.inputs.as_ref())?;
        }
        if let Some(stored) = &finished
            && let Body::RunFinished(finished) = &stored.event.body
        {
            summary.output = self.optional_content(stored, finished.output.as_ref())?;
            summary.error.clone_from(&finished.error);
            apply_statistics(&mut summary, &finished.statistics);
        }
        Ok(summary)
    }

    pub(super) fn optional_content(
        &self,
        owner: &StoredEvent,
        content: Option<&Content>,
    ) -> Result<Option<Json>, QueryError> {
        match content {
            Some(content) => self.content(owner, content),
            None => Ok(None),
        }
    }
}

pub(super) fn record_of(view: &View, run_id: &str) -> Result<Option<RunRecord>, QueryError> {
    Ok(view.get(&key::run::key(run_id))?.map(|value| RunRecord::decode(&value)).transpose()?)
}
