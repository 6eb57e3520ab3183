//! What is asked, and what an answer is told apart by.

use std::hint::black_box;

use serde::{Deserialize, Serialize};

use super::corpus::{AGENTS, Corpus, OUTCOMES, Random, TOOLS};

/// Events of a page.
pub(crate) const PAGE_EVENTS: usize = 100;

/// The number of the kind that tools belong to.
const TOOL_CALL: u32 = 3;

/// What kind of question is asked over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// An event by its id.
    Get,
    /// The hundred events of a run, in order.
    Run,
    /// A page of an agent's events from some time on.
    AgentRange,
    /// A page of what five filters leave, none of which leaves less than a twentieth by itself.
    Five,
    /// How many events an agent has that has a hundredth of all.
    CountAgent,
    /// How many events every agent has.
    CountByAgent,
}

/// One question. Values are numbers of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Get { number: u64, id: [u8; 16] },
    Run { run: u32 },
    AgentRange { agent: u32, from_ns: i64 },
    Five { agent: u32, kind: u32, tool: u32, outcome: u32, from_ns: i64, to_ns: i64 },
    CountAgent { agent: u32 },
    CountByAgent,
}

impl Work {
    /// So many questions, the same for the same seed.
    pub(crate) fn questions(self, corpus: &Corpus, seed: u64, count: u64) -> Vec<Question> {
        let mut random = Random::new(seed);
        (0..count).map(|_| self.question(corpus, &mut random)).collect()
    }

    fn question(self, corpus: &Corpus, random: &mut Random) -> Question {
        let mut somewhere = |from: u64, to: u64| {
            let number = corpus.len() * from / 100 + random.below((corpus.len() * (to - from) / 100).max(1));
            (number, corpus.fact(number).map_or(0, |fact| fact.time_ns))
        };
        match self {
            Self::Get => {
                let (number, _) = somewhere(0, 100);
                Question::Get { number, id: corpus.id(number).unwrap_or_default() }
            }
            Self::Run => {
                let (number, _) = somewhere(0, 100);
                Question::Run { run: corpus.fact(number).map_or(0, |fact| fact.run) }
            }
            Self::AgentRange => {
                let from_ns = somewhere(0, 95).1;
                Question::AgentRange { agent: small(random.below(AGENTS.into())), from_ns }
            }
            Self::Five => {
                let (from_ns, to_ns) = (somewhere(0, 30).1, somewhere(80, 100).1);
                // The busy agents, the three tools with the most calls, the outcome that people ask for: `error`.
                let (agent, tool) = (small(random.below(8)), small(random.below(3)));
                debug_assert!(TOOLS.len() > 3 && OUTCOMES.len() > 1, "the numbers stand for something");
                Question::Five { agent, kind: TOOL_CALL, tool, outcome: 1, from_ns, to_ns }
            }
            Self::CountAgent => Question::CountAgent { agent: 8 + small(random.below(50)) },
            Self::CountByAgent => Question::CountByAgent,
        }
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// What an answer comes to: how many rows it has, and a digest of them in their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rows: u64,
    pub(crate) digest: u64,
}

impl Answer {
    /// The next event of the answer, whose bytes are there to be read.
    pub(crate) fn event(&mut self, number: u64, payload: &[u8]) {
        black_box((payload.first(), payload.last()));
        self.add(number);
    }

    /// How many events this agent has.
    pub(crate) fn count(&mut self, agent: u32, events: u64) {
        self.add(u64::from(agent) << 40 ^ events);
    }

    fn add(&mut self, value: u64) {
        self.rows += 1;
        self.digest = (self.digest.rotate_left(23) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}
