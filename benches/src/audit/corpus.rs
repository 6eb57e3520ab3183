//! The events of the ledger that is asked: those of the index's bench, every tenth of them a query audit instead.

use anyhow::{Context as _, Result};
use runledger::{
    Body, ContributingAssertion, Digest, Event, EventId, QueryAudit, QueryId, QueryParams, Timestamp,
};

use super::job::Work;
use crate::index::corpus::{AGENTS, Corpus, Dimension, Random};

/// One event of so many is a query audit.
const EVENTS_PER_AUDIT: u64 = 10;

/// Assertions that each answer was made of.
const ASSERTIONS: u64 = 3;

/// What query audits are about: so many subjects.
const SUBJECTS: u64 = 500;

/// The events, in the order in which they are appended.
pub(super) struct Audited {
    corpus: Corpus,
}

/// One question.
pub(super) enum Question {
    Recent,
    Chain { correlation: String },
    Trace { agent: String, from: Timestamp },
    Provenance { decision: EventId },
}

impl Audited {
    pub(super) fn generate(events: u64) -> Self {
        Self { corpus: Corpus::generate(events) }
    }

    pub(super) fn len(&self) -> u64 {
        self.corpus.len()
    }

    /// The event of this number. Who decides right after an audit names it as what the decision follows from.
    pub(super) fn event(&self, number: u64) -> Result<Event> {
        let mut event = self.corpus.event(number).context("no such event")?;
        match number % EVENTS_PER_AUDIT {
            0 => event.body = Body::QueryAudit(audit(number)),
            1 => event.parent_event_id = self.corpus.id(number - 1).map(EventId::from_bytes),
            _ => {}
        }
        Ok(event)
    }

    /// A question about some event, run or agent.
    pub(super) fn question(&self, work: Work, random: &mut Random) -> Result<Question> {
        let number = random.below(self.len() / EVENTS_PER_AUDIT) * EVENTS_PER_AUDIT + 1;
        let fact = self.corpus.fact(number).context("no such event")?;
        Ok(match work {
            Work::Recent => Question::Recent,
            Work::Chain => Question::Chain { correlation: Dimension::Correlation.name(fact.correlation) },
            Work::Trace => {
                let agent = u32::try_from(random.below(AGENTS.into())).context("an agent's number")?;
                let from = Timestamp::from_nanoseconds(fact.time_ns);
                Question::Trace { agent: Dimension::Agent.name(agent), from }
            }
            Work::Provenance => {
                let id = self.corpus.id(number).context("no such event")?;
                Question::Provenance { decision: EventId::from_bytes(id) }
            }
        })
    }
}

fn audit(number: u64) -> QueryAudit {
    let mut random = Random::new(number);
    let subject = random.below(SUBJECTS);
    let mut hash = || {
        let mut bytes = [0; 32];
        for word in bytes.as_chunks_mut::<8>().0 {
            *word = random.next().to_le_bytes();
        }
        bytes
    };
    let query_id = QueryId::from_bytes(hash());
    let result_hash = Some(Digest::from_bytes(hash()));
    let assertion = |place: u64| ContributingAssertion {
        assertion_hash: Digest::from_bytes(hash()),
        weight: 1.0 / (place + 1) as f32,
        source_hash: Digest::from_bytes(hash()),
        source: Some(format!("runbook/{subject}#{place}")),
        lifecycle: "accepted".to_owned(),
        extra: Vec::new(),
    };
    let contributing_assertions = (0..ASSERTIONS).map(assertion).collect();
    QueryAudit {
        params: QueryParams {
            subject: Some(format!("service{}/{subject}", subject % 20)),
            predicate: Some("is-configured-as".to_owned()),
            ..QueryParams::default()
        },
        result_hash,
        result_confidence: Some(0.9),
        contributing_assertions,
        ..QueryAudit::with_id(query_id)
    }
}
