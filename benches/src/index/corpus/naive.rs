//! The answers that are right: by a look at every event.

use super::{AGENTS, Corpus, Fact};
use crate::index::question::{Answer, PAGE_EVENTS, Question};

impl Corpus {
    /// Answers by looking at every event.
    pub(crate) fn answer(&self, question: &Question) -> Answer {
        let mut answer = Answer::default();
        match *question {
            Question::Get { number, .. } => answer.event(number, &[]),
            Question::Run { run } => self.select(&mut answer, |fact| fact.run == run),
            Question::AgentRange { agent, from_ns } => {
                self.select(&mut answer, |fact| u32::from(fact.agent) == agent && fact.time_ns >= from_ns);
            }
            Question::Five { agent, kind, tool, outcome, from_ns, to_ns } => {
                self.select(&mut answer, |fact| {
                    u32::from(fact.agent) == agent
                        && u32::from(fact.kind) == kind
                        && fact.tool.map(u32::from) == Some(tool)
                        && u32::from(fact.outcome) == outcome
                        && (from_ns..to_ns).contains(&fact.time_ns)
                });
            }
            Question::CountAgent { agent } => answer.count(agent, self.count(agent)),
            Question::CountByAgent => {
                for agent in (0..AGENTS).filter(|agent| self.count(*agent) > 0) {
                    answer.count(agent, self.count(agent));
                }
            }
        }
        answer
    }

    fn count(&self, agent: u32) -> u64 {
        self.facts.iter().filter(|fact| u32::from(fact.agent) == agent).count() as u64
    }

    /// The first page of what matches, by time and number.
    fn select(&self, answer: &mut Answer, matches: impl Fn(&Fact) -> bool) {
        let numbered = (0..).zip(self.facts());
        let mut found: Vec<_> =
            numbered.filter(|(_, fact)| matches(fact)).map(|(number, fact)| (fact.time_ns, number)).collect();
        found.sort_unstable();
        found.iter().take(PAGE_EVENTS).for_each(|(_, number)| answer.event(*number, &[]));
    }
}
