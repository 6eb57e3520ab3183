//! Runs written as a caller thinks of them: started, changed, finished, saved whole. Each becomes events.

use runledger_wal::{Durability, Seq};

use super::Ledger;
use super::append::{Receipt, Submitted};
use super::read::StoredEvent;
use super::runs::record_of;
use crate::claim;
use crate::key::run::RunRecord;
use crate::{
    AppendError, Body, Content, Event, Json, NewRun, QueryError, RunFinished, RunStarted, RunStatus,
    RunStatusChanged, TaskRun, Timestamp, rollup,
};

/// What is known of a run before it is written.
#[derive(Default)]
struct Known {
    record: Option<RunRecord>,
    started: Option<StoredEvent>,
}

impl Known {
    /// The event that ended it.
    fn end(&self) -> Option<Seq> {
        self.record.as_ref()?.end_seq.map(Seq::new)
    }

    /// The state that a run's start says it is in, if this is its first word.
    fn status_of_start(&self, status: RunStatus) -> Option<RunStatus> {
        (self.record.is_none() && status.is_live()).then_some(status)
    }

    /// The event that brings a run into its state once it was started, unless it is in it.
    fn change_to(&self, run: &TaskRun) -> Option<Event> {
        let (status, ended_at) = (run.status, run.ended_at);
        let change = Body::RunStatusChanged(RunStatusChanged { ended_at, ..RunStatusChanged::new(status) });
        let is_in_it = self.record.as_ref().is_some_and(|record| rollup::status(record) == status);
        let body = if claim::ends_run(&change) {
            Body::RunFinished(RunFinished {
                ended_at,
                output: run.output.clone().map(Content::Inline),
                error: run.error.clone(),
                statistics: run.statistics,
                ..RunFinished::new(status)
            })
        } else if is_in_it || self.end().is_some() || self.status_of_start(status).is_some() {
            return None;
        } else {
            change
        };
        let (session_id, agent_id) = (run.start.session_id.clone(), run.start.agent_id.clone());
        Some(Event { session_id, agent_id, ..Event::new(body) }.with_run(&run.start.run_id))
    }
}

impl Ledger {
    /// Starts a run. The same start again is not stored again; another start of a run that has not ended takes the
    /// place of the first. Of two at the same moment, both may be stored, and the later one counts.
    ///
    /// ```
    /// use runledger_audit::{Ledger, NewRun, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let run = NewRun { goal: Some("find the leak".to_owned()), ..NewRun::new("run-1") };
    /// ledger.start_run(run.clone())?;
    /// assert!(ledger.start_run(run)?.duplicate);
    /// assert_eq!(ledger.run("run-1")?.expect("it was just started").status, RunStatus::Running);
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
    /// The run has ended, and began otherwise ([`AppendError::RunFinished`]); what is known of it can't be read; as
    /// [`Ledger::append`].
    pub fn start_run(&self, run: NewRun) -> Result<Receipt, AppendError> {
        let known = self.known_run(&run.run_id)?;
        match self.submit_start(&known, run, None)? {
            Ok(submitted) => submitted.wait(),
            Err(stored) => Ok(duplicate_of(&stored)),
        }
    }

    /// Changes the state of a run. A run that is not known yet is known then.
    ///
    /// A change into a state that nothing follows ends the run, as [`Ledger::finish_run`] does. A run that was
    /// interrupted may be taken up again.
    ///
    /// ```
    /// use runledger_audit::{Ledger, NewRun, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// ledger.start_run(NewRun::new("run-1"))?;
    /// ledger.update_run_status("run-1", RunStatus::Canceled, None)?;
    /// assert!(ledger.update_run_status("run-1", RunStatus::Running, None).is_err());
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
    /// The run has ended otherwise ([`AppendError::RunFinished`]); as [`Ledger::append`].
    #[doc(alias = "update_task_run_status")]
    pub fn update_run_status(
        &self,
        run_id: &str,
        status: RunStatus,
        ended_at: Option<Timestamp>,
    ) -> Result<Receipt, AppendError> {
        let change = RunStatusChanged { ended_at, ..RunStatusChanged::new(status) };
        self.append(Event::new(Body::RunStatusChanged(change)).with_run(run_id))
    }

    /// Ends a run, once. The same end again (state, time, output, error, figures; an end that names no time says nothing
    /// against another) gives the receipt of the first. Another end is a conflict, here and wherever an event is
    /// appended, unless the event names the first as what it supersedes.
    ///
    /// ```
    /// use runledger_audit::{AppendError, Ledger, RunFinished, RunStatus};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let first = ledger.finish_run("run-1", RunFinished::new(RunStatus::Completed))?;
    /// let again = ledger.finish_run("run-1", RunFinished::new(RunStatus::Completed))?;
    /// assert_eq!((again.seq, again.duplicate), (first.seq, true));
    ///
    /// let other = ledger.finish_run("run-1", RunFinished::new(RunStatus::Failed));
    /// assert!(matches!(other, Err(AppendError::RunFinished { seq, .. }) if seq == first.seq));
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
    /// The run has ended otherwise ([`AppendError::RunFinished`]); as [`Ledger::append`].
    pub fn finish_run(&self, run_id: &str, end: RunFinished) -> Result<Receipt, AppendError> {
        self.append(Event::new(Body::RunFinished(end)).with_run(run_id))
    }

    /// Saves a run whole: appends the events that bring it into this state, from nothing or from what is known of it,
    /// and gives their receipts; none if all of it is known.
    ///
    /// ```
    /// use runledger_audit::{Json, Ledger, RunStatus, TaskRun};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// let mut run = TaskRun::new("run-1", RunStatus::Running);
    /// ledger.save_run(run.clone())?;
    /// run.status = RunStatus::Completed;
    /// run.output = Some(Json::from_value(&42)?);
    /// assert_eq!(ledger.save_run(run.clone())?.len(), 1);
    /// assert!(ledger.save_run(run.clone())?.is_empty());
    ///
    /// run.output = None;
    /// assert!(ledger.save_run(run).is_err(), "a finished run is not overwritten");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Durability
    ///
    /// On return all of it survives a crash of the process and of the machine. After an error, or a crash before, its
    /// start may be there without the rest: save it again.
    ///
    /// # Errors
    ///
    /// The run has ended, and was otherwise ([`AppendError::RunFinished`]: nothing is appended, unless it was ended by
    /// somebody else at the same moment); what is known of it can't be read; as [`Ledger::append`].
    #[doc(alias = "save_task_run")]
    pub fn save_run(&self, run: TaskRun) -> Result<Vec<Receipt>, AppendError> {
        let known = self.known_run(&run.start.run_id)?;
        let change = known.change_to(&run);
        if let (Some(seq), None) = (known.end(), &change) {
            return Err(AppendError::RunFinished { run_id: run.start.run_id, seq });
        }
        let start = self.submit_start(&known, run.start, known.status_of_start(run.status))?;
        let mut submitted: Vec<Submitted> = start.into_iter().collect();
        if let Some(change) = change {
            submitted.push(self.submit(change, Durability::Durable)?);
        }
        let new = submitted.into_iter().filter(|submitted| !submitted.is_duplicate());
        new.map(Submitted::wait).collect()
    }

    fn known_run(&self, run_id: &str) -> Result<Known, AppendError> {
        let Some(record) = self.core.ask(|view, _| record_of(view, run_id))? else {
            return Ok(Known::default());
        };
        let started = match record.started_seq {
            Some(seq) => self.event_at(Seq::new(seq))?,
            None => None,
        };
        Ok(Known { record: Some(record), started })
    }

    /// Hands the start of a run to the log; gives the start that is stored if it says the same.
    fn submit_start(
        &self,
        known: &Known,
        run: NewRun,
        status: Option<RunStatus>,
    ) -> Result<Result<Submitted, StoredEvent>, AppendError> {
        let run_id = run.run_id.clone();
        let mut event = start_event(run, status);
        if let Some(stored) = &known.started {
            if self.is_same_start(stored, &event)? {
                return Ok(Err(stored.clone()));
            }
            event.supersedes = Some(stored.event.event_id);
        }
        if let Some(seq) = known.end() {
            return Err(AppendError::RunFinished { run_id, seq });
        }
        Ok(Ok(self.submit(event, Durability::Durable)?))
    }

    /// Whether a start says what the stored one does. One that names no time says nothing against the other's.
    fn is_same_start(&self, stored: &StoredEvent, event: &Event) -> Result<bool, QueryError> {
        let (Body::RunStarted(one), Body::RunStarted(other)) = (&stored.event.body, &event.body) else {
            return Ok(false);
        };
        let started_at = one.started_at.unwrap_or(stored.event.timestamp);
        let same_envelope = stored.event.session_id == event.session_id
            && stored.event.agent_id == event.agent_id
            && stored.event.metadata == event.metadata;
        let same_start = one.goal == other.goal
            && other.started_at.is_none_or(|time| time == started_at)
            && one.skill_id == other.skill_id
            && one.caller_id == other.caller_id
            && one.channel_id == other.channel_id
            && one.parent_run_id == other.parent_run_id;
        Ok(same_envelope
            && same_start
            && self.optional_content(stored, one.inputs.as_ref())? == inline(other))
    }
}

/// What a start that was just made is given.
fn inline(start: &RunStarted) -> Option<Json> {
    match &start.inputs {
        Some(Content::Inline(json)) => Some(json.clone()),
        _ => None,
    }
}

fn start_event(run: NewRun, status: Option<RunStatus>) -> Event {
    let body = RunStarted {
        goal: run.goal,
        status: status.filter(|status| *status != RunStatus::Running),
        started_at: run.started_at,
        skill_id: run.skill_id,
        caller_id: run.caller_id,
        channel_id: run.channel_id,
        parent_run_id: run.parent_run_id,
        inputs: run.inputs.map(Content::Inline),
        extra: Vec::new(),
    };
    Event {
        session_id: run.session_id,
        agent_id: run.agent_id,
        metadata: run.metadata,
        run_id: Some(run.run_id),
        ..Event::new(Body::RunStarted(body))
    }
}

fn duplicate_of(stored: &StoredEvent) -> Receipt {
    Receipt { seq: stored.seq, event_id: stored.event.event_id, leaf: stored.leaf, duplicate: true }
}
