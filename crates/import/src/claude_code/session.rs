//! The first pass over a transcript: whose it is, and when.

use std::collections::HashMap;
use std::io::{self, BufRead};

use runledger_audit::Timestamp;

use super::line::{Reading, sidechain_agent};
use super::records::{self, LineContent, Record};
use crate::hash::sha256_prefix;
use crate::lines::Lines;

/// How many different session ids of one file are counted. Further ones can't become the file's session.
const SESSIONS_COUNTED_MAX: usize = 4096;

/// What a transcript says about itself as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The session whose lines the file holds: the one that most of its records name; the first of them, where several
    /// are named equally often. Made of the first line's hash, if none is named. It is the run's id too.
    pub(crate) id: String,
    /// The session of the main thread: the same, unless the file is a sub-agent's own.
    pub(crate) main_id: String,
    /// The sub-agent that the file is of.
    pub(crate) agent: Option<String>,
    /// The time of the first record that has one: that of the lines before it, which have none.
    pub(crate) first_time: Option<Timestamp>,
    /// The earliest time that a record was written at.
    pub(crate) earliest: Option<Timestamp>,
    /// The latest time that a record was written at.
    pub(crate) latest: Option<Timestamp>,
}

/// The agent that a transcript is of, if it isn't a sub-agent's.
const AGENT: &str = "claude-code";

impl Session {
    /// The run of a sub-agent of the session.
    pub(crate) fn run_of(&self, agent: &str) -> String {
        run_of(&self.main_id, agent)
    }

    /// Who wrote the file.
    pub(crate) fn agent_id(&self) -> &str {
        self.agent.as_deref().unwrap_or(AGENT)
    }
}

fn run_of(main_id: &str, agent: &str) -> String {
    format!("{main_id}:{agent}")
}

/// Reads a whole transcript; `None` if it has no line that is not blank.
pub(crate) fn read<R: BufRead>(mut lines: Lines<R>) -> io::Result<Option<Session>> {
    let mut survey = Survey::default();
    while let Some(line) = lines.next_line()? {
        if line.is_blank() {
            continue;
        }
        if survey.first_line.is_none() {
            survey.first_line = Some(sha256_prefix(&line.bytes, 32));
        }
        if !line.is_whole() {
            continue;
        }
        match records::read(&line.bytes) {
            LineContent::Record(record) => survey.add(&record, &line.bytes),
            LineContent::Broken { records, .. } => {
                for record in &records {
                    survey.add(record, &line.bytes);
                }
            }
        }
    }
    Ok(survey.finish())
}

#[derive(Default)]
struct Survey {
    first_line: Option<String>,
    /// How often a session, and a sub-agent in it, is named, and how many were named before it.
    sessions: HashMap<(String, Option<String>), (u64, usize)>,
    first_time: Option<Timestamp>,
    earliest: Option<Timestamp>,
    latest: Option<Timestamp>,
}

impl Survey {
    fn add(&mut self, record: &Record<'_>, line: &[u8]) {
        let reading = Reading::of(record, line);
        self.first_time = self.first_time.or_else(|| reading.time_or_snapshot());
        if let Some(time) = reading.time {
            self.earliest = Some(self.earliest.map_or(time, |earliest| earliest.min(time)));
            self.latest = Some(self.latest.map_or(time, |latest| latest.max(time)));
        }
        if let Some(session) = reading.object().name("sessionId") {
            let session = (session, sidechain_agent(reading.object()));
            let before = self.sessions.len();
            if let Some((times, _)) = self.sessions.get_mut(&session) {
                *times += 1;
            } else if before < SESSIONS_COUNTED_MAX {
                self.sessions.insert(session, (1, before));
            }
        }
    }

    fn finish(self) -> Option<Session> {
        let first_line = self.first_line?;
        let most_named =
            self.sessions.into_iter().max_by_key(|(_, (times, before))| (*times, std::cmp::Reverse(*before)));
        let (main_id, agent) =
            most_named.map_or_else(|| (format!("claude-code-{first_line}"), None), |(session, _)| session);
        Some(Session {
            id: agent.as_ref().map_or_else(|| main_id.clone(), |agent| run_of(&main_id, agent)),
            main_id,
            agent,
            first_time: self.first_time,
            earliest: self.earliest,
            latest: self.latest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(text: &str) -> Option<Session> {
        read(Lines::new(text.as_bytes())).unwrap()
    }

    #[test]
    fn the_session_that_most_records_name_owns_the_file_and_the_first_breaks_ties() {
        let lines = |sessions: &[&str]| {
            let line = |session| format!("{{\"type\":\"user\",\"sessionId\":\"{session}\"}}\n");
            sessions.iter().map(line).collect::<Vec<_>>().concat()
        };
        assert_eq!(session(&lines(&["b", "a", "a"])).unwrap().id, "a");
        assert_eq!(session(&lines(&["b", "a", "a", "b"])).unwrap().id, "b");
        assert!(session("{\"type\":\"summary\"}\n").unwrap().id.starts_with("claude-code-"));
        assert_eq!(session("\n  \n"), None);
    }

    #[test]
    fn times_need_not_be_in_order_and_fused_records_count() {
        let text = concat!(
            "{\"type\":\"file-history-snapshot\",\"snapshot\":{\"timestamp\":\"2026-01-01T00:00:09Z\"}}\n",
            "{\"type\":\"user\",\"timestamp\":\"2026-01-01T00:00:05Z\"}{\"type\":\"user\",\"timestamp\":\"2026-01-01T00:00:02Z\",\"sessionId\":\"s\"}\n",
            "{\"type\":\"user\",\"timestamp\":\"2026-01-01T00:00:03Z\"}",
        );
        let session = session(text).unwrap();
        let time = |second: u32| Some(format!("2026-01-01T00:00:0{second}Z").parse().unwrap());
        assert_eq!(session.id, "s");
        assert_eq!((session.first_time, session.earliest, session.latest), (time(9), time(2), time(5)));
    }
}
