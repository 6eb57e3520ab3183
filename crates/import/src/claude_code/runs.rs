//! A session's run, and those of its sub-agents.
//!
//! INVARIANT: what a run's start and end say depends on the set of records seen, not on the order in which their files
//! are imported. So a start says the earliest time with that record's circumstances, and the earliest thing that a user
//! asked for; an end the latest time.
//!
//! Nothing of where or when the files lay, or were imported, is said.

use std::collections::HashMap;

use runledger_audit::{
    AppendError, Body, Content, Event, Json, RunFinished, RunStarted, RunStatistics, RunStatus, SourceRange,
    Timestamp,
};
use serde_json::value::RawValue;

use super::line::Reading;
use super::session::Session;
use crate::error::ImportError;
use crate::goal::goal;
use crate::object;
use crate::offsets::content_at;
use crate::sink::{Known, Sink};

/// The runs of one file, in the order in which they appear.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    runs: Vec<Run>,
    by_id: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Run {
    id: String,
    agent_id: String,
    parent: Option<String>,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
    origin: Option<Origin>,
    prompt: Option<Prompt>,
}

/// Where the earliest record of a run that says it was written.
#[derive(Debug)]
struct Origin {
    time: Timestamp,
    workspace_id: String,
    metadata: Json,
}

/// What a run was asked to do.
#[derive(Debug)]
struct Prompt {
    time: Timestamp,
    goal: String,
    place: SourceRange,
    line: Known,
}

impl Runs {
    /// The run of the session itself: it is there even if no line of the file can be read.
    pub(crate) fn of(session: &Session) -> Self {
        let mut runs = Self::default();
        if let Some(run) = runs.run(session.id.clone()) {
            session.agent_id().clone_into(&mut run.agent_id);
            run.parent = session.agent.is_some().then(|| session.main_id.clone());
        }
        runs
    }

    /// Takes note of a record that `line` holds.
    pub(crate) fn add(&mut self, reading: &Reading<'_>, session: &Session, line: Known) {
        let id = reading.run_id(session);
        let Some(run) = self.run(id) else { return };
        if run.agent_id.is_empty() {
            reading.agent_id(session).clone_into(&mut run.agent_id);
            run.parent = (run.id != session.main_id).then(|| session.main_id.clone());
        }
        let Some(time) = reading.time else { return };
        run.earliest = Some(run.earliest.map_or(time, |earliest| earliest.min(time)));
        run.latest = Some(run.latest.map_or(time, |latest| latest.max(time)));
        if run.origin.as_ref().is_none_or(|origin| time < origin.time)
            && let Some(origin) = origin(reading, time)
        {
            run.origin = Some(origin);
        }
        if run.prompt.as_ref().is_none_or(|prompt| time < prompt.time)
            && let Some((goal, place)) = asked_for(reading)
        {
            run.prompt = Some(Prompt { time, goal, place, line });
        }
    }

    fn run(&mut self, id: String) -> Option<&mut Run> {
        let next = self.runs.len();
        let index = *self.by_id.entry(id.clone()).or_insert(next);
        if index == next {
            self.runs.push(Run { id, ..Run::default() });
        }
        self.runs.get_mut(index)
    }

    /// Appends each run's start and end, or what this file adds to them.
    pub(crate) fn append(
        self,
        sink: &mut Sink<'_>,
        session: &Session,
        fallback: Timestamp,
    ) -> Result<(), ImportError> {
        for run in &self.runs {
            sink.count_run(&run.id);
            run.append_start(sink, session, fallback)?;
            run.append_end(sink, session, fallback)?;
        }
        Ok(())
    }
}

impl Run {
    fn append_start(
        &self,
        sink: &mut Sink<'_>,
        session: &Session,
        fallback: Timestamp,
    ) -> Result<(), ImportError> {
        let source_id = format!("claude-code/run/{}/started", self.id);
        let started_at = self.earliest.unwrap_or(fallback);
        let start = RunStarted {
            goal: self.prompt.as_ref().map(|prompt| prompt.goal.clone()),
            inputs: self.prompt.as_ref().map(|prompt| prompt.content(sink)).transpose()?,
            status: Some(RunStatus::Completed),
            started_at: Some(started_at),
            parent_run_id: self.parent.clone(),
            ..RunStarted::default()
        };
        let mut event = self.event(session, started_at, source_id.clone(), Body::RunStarted(start));
        event.metadata = self.origin.as_ref().map(|origin| origin.metadata.clone());
        if let Some(known) = sink.find_anywhere(&source_id)? {
            let stored = sink.stored(known)?.event;
            if !self.merge_start(&mut event, &stored, sink)? {
                return Ok(());
            }
            event.supersedes = Some(stored.event_id);
        }
        sink.append(event)?;
        Ok(())
    }

    /// Makes `event` say what both say; whether that is more than `stored` says.
    fn merge_start(
        &self,
        event: &mut Event,
        stored: &Event,
        sink: &mut Sink<'_>,
    ) -> Result<bool, ImportError> {
        let stored_time = stored.timestamp;
        let (Body::RunStarted(start), Body::RunStarted(old)) = (&mut event.body, &stored.body) else {
            return Ok(false);
        };
        let is_earlier = self.earliest.is_some_and(|earliest| earliest < stored_time);
        if !is_earlier {
            (event.timestamp, start.started_at) = (stored_time, old.started_at);
        }
        if stored.metadata.is_some() && (!is_earlier || event.metadata.is_none()) {
            event.metadata.clone_from(&stored.metadata);
            event.workspace_id.clone_from(&stored.workspace_id);
        }
        let prompted_earlier = match (&self.prompt, prompt_time(old, sink)?) {
            (Some(prompt), Some(old_time)) => prompt.time < old_time,
            (prompt, None) => prompt.is_some(),
            (None, Some(_)) => false,
        };
        if !prompted_earlier {
            start.goal.clone_from(&old.goal);
            start.inputs.clone_from(&old.inputs);
        }
        let adds_metadata = stored.metadata.is_none() && event.metadata.is_some();
        Ok(is_earlier || prompted_earlier || adds_metadata)
    }

    fn append_end(
        &self,
        sink: &mut Sink<'_>,
        session: &Session,
        fallback: Timestamp,
    ) -> Result<(), ImportError> {
        let source_id = format!("claude-code/run/{}/finished", self.id);
        let ended_at = self.latest.unwrap_or(fallback);
        let end = RunFinished {
            status: RunStatus::Completed,
            ended_at: Some(ended_at),
            output: None,
            error: None,
            statistics: RunStatistics::default(),
            extra: Vec::new(),
        };
        let mut event = self.event(session, ended_at, source_id.clone(), Body::RunFinished(end));
        if let Some(known) = sink.find_anywhere(&source_id)? {
            let stored = sink.stored(known)?.event;
            if self.latest.is_none_or(|latest| latest <= stored.timestamp) {
                return Ok(());
            }
            event.supersedes = Some(stored.event_id);
        }
        match sink.append(event) {
            // Somebody who knows said how the run ended. A transcript only shows when it was last heard of.
            Err(ImportError::Append(AppendError::RunFinished { .. })) => Ok(()),
            appended => appended.map(drop),
        }
    }

    fn event(&self, session: &Session, time: Timestamp, source_id: String, body: Body) -> Event {
        Event {
            timestamp: time,
            workspace_id: self.origin.as_ref().map(|origin| origin.workspace_id.clone()),
            session_id: Some(session.id.clone()),
            run_id: Some(self.id.clone()),
            agent_id: Some(self.agent_id.clone()),
            source_id: Some(source_id),
            ..Event::new(body)
        }
    }
}

impl Prompt {
    fn content(&self, sink: &mut Sink<'_>) -> Result<Content, ImportError> {
        Ok(content_at(Some(sink.event_id(self.line)?), self.place))
    }
}

/// When what a stored start says was asked for: the time of the line that it stands in.
fn prompt_time(start: &RunStarted, sink: &mut Sink<'_>) -> Result<Option<Timestamp>, ImportError> {
    let Some(Content::At(SourceRange { event: Some(line), .. })) = start.inputs else { return Ok(None) };
    sink.settle()?;
    Ok(sink.ledger().event(line)?.map(|stored| stored.event.timestamp))
}

fn origin(reading: &Reading<'_>, time: Timestamp) -> Option<Origin> {
    let object = reading.object();
    let workspace_id = object.name("cwd")?;
    let fields: serde_json::Map<String, serde_json::Value> = ["cwd", "gitBranch", "version"]
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), object.name(field)?.into())))
        .collect();
    Some(Origin { time, workspace_id, metadata: Json::from_value(&fields).ok()? })
}

/// What a record asks its run to do: the first line of it, and where the whole of it stands.
fn asked_for(reading: &Reading<'_>) -> Option<(String, SourceRange)> {
    let said = reading.said.as_ref()?;
    if let Some(prompt) = said.agent.as_ref().and_then(|agent| agent.prompt) {
        return Some((goal(&object::text(prompt)?)?, reading.place(prompt)?));
    }
    if said.speaker != "user" || said.is_meta || said.has_tool_result() {
        return None;
    }
    let content: &RawValue = said.message.get("content")?;
    let text = match object::text(content) {
        Some(text) => text.into_owned(),
        None => said.parts().find_map(|part| part.text("text"))?.into_owned(),
    };
    Some((goal(&text)?, reading.place(content)?))
}
