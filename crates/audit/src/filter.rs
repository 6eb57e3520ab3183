//! Which events to ask for, and in which order.

use std::borrow::Cow;

use crate::{AnyOf, AsOf, Dimension, Glob, Kind, PageToken, Timestamp};

/// How many items a page holds unless told otherwise.
pub const PAGE_ITEMS_DEFAULT: usize = 100;

/// Which way answers are ordered: by time, and by `Seq` where times tie.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// Which events to answer with. Every field that is set must hold; [`EventFilter::default`] asks for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter {
    /// Events of this workspace.
    pub workspace: Option<AnyOf>,
    /// Events of this lane.
    pub lane: Option<AnyOf>,
    /// Events of this session.
    pub session: Option<AnyOf>,
    /// Events of this run.
    pub run: Option<AnyOf>,
    /// Events of this agent.
    pub agent: Option<AnyOf>,
    /// Events of this actor.
    pub actor: Option<AnyOf>,
    /// Events of any of these kinds; of all kinds when empty.
    pub kinds: Vec<Kind>,
    /// Uses of this tool.
    pub tool: Option<AnyOf>,
    /// Answers of this model.
    pub model: Option<AnyOf>,
    /// Events with this action.
    pub action: Option<AnyOf>,
    /// Events with this outcome.
    pub outcome: Option<AnyOf>,
    /// Events of this correlation.
    pub correlation: Option<AnyOf>,
    /// Query audits about this subject.
    pub subject: Option<AnyOf>,
    /// Events at this time or later.
    pub from: Option<Timestamp>,
    /// Events before this time.
    pub to: Option<Timestamp>,
    /// As of when to answer; now when absent.
    pub as_of: Option<AsOf>,
    /// Oldest or newest first.
    pub order: Order,
    /// How many events to answer with at most.
    pub limit: usize,
    /// Where an earlier answer to the same filter ended.
    pub page: Option<PageToken>,
}

impl Default for EventFilter {
    fn default() -> Self {
        Self {
            workspace: None,
            lane: None,
            session: None,
            run: None,
            agent: None,
            actor: None,
            kinds: Vec::new(),
            tool: None,
            model: None,
            action: None,
            outcome: None,
            correlation: None,
            subject: None,
            from: None,
            to: None,
            as_of: None,
            order: Order::Ascending,
            limit: PAGE_ITEMS_DEFAULT,
            page: None,
        }
    }
}

impl EventFilter {
    /// What an event must all fulfil: the values that it may have in these dimensions.
    pub(crate) fn conditions(&self) -> Vec<(Dimension, Cow<'_, AnyOf>)> {
        let fields = [
            (Dimension::Workspace, &self.workspace),
            (Dimension::Lane, &self.lane),
            (Dimension::Session, &self.session),
            (Dimension::Run, &self.run),
            (Dimension::Agent, &self.agent),
            (Dimension::Actor, &self.actor),
            (Dimension::Tool, &self.tool),
            (Dimension::Model, &self.model),
            (Dimension::Action, &self.action),
            (Dimension::Outcome, &self.outcome),
            (Dimension::Correlation, &self.correlation),
            (Dimension::Subject, &self.subject),
        ];
        let mut conditions = Vec::new();
        for (dimension, wanted) in fields {
            conditions.extend(wanted.as_ref().map(|wanted| (dimension, Cow::Borrowed(wanted))));
        }
        if !self.kinds.is_empty() {
            let kinds = AnyOf::texts(self.kinds.iter().map(|kind| kind.as_str()));
            conditions.push((Dimension::Kind, Cow::Owned(kinds)));
        }
        conditions
    }

    /// Tells filters apart in page tokens: everything that decides which events match and in which order.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = blake3::Hasher::new_derive_key("Runledger 2026 event filter");
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        for (dimension, wanted) in self.conditions() {
            let (texts, globs) = (wanted.wanted_texts(), wanted.wanted_globs());
            add(&[dimension as u8]);
            add(&[texts.len() as u64, globs.len() as u64].map(u64::to_le_bytes).concat());
            texts.chain(globs.map(Glob::as_str)).for_each(|text| add(text.as_bytes()));
        }
        for bound in [self.from, self.to] {
            add(&bound.map_or_else(Vec::new, |time| time.as_nanoseconds().to_le_bytes().to_vec()));
        }
        match self.as_of {
            None => add(&[]),
            Some(AsOf::Seq(seq)) => add(&[&[1], &seq.get().to_le_bytes()[..]].concat()),
            Some(AsOf::Before(seq)) => add(&[&[3], &seq.get().to_le_bytes()[..]].concat()),
            Some(AsOf::CommitTime(time)) => add(&[&[2], &time.as_nanoseconds().to_le_bytes()[..]].concat()),
        }
        add(&[u8::from(self.order == Order::Descending)]);
        let mut fingerprint = [0; 8];
        hasher.finalize_xof().fill(&mut fingerprint);
        u64::from_le_bytes(fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_differ_by_field_and_not_by_the_order_of_kinds() {
        let filter = EventFilter::default;
        let run = EventFilter { run: Some("a".into()), ..filter() };
        let agent = EventFilter { agent: Some("a".into()), ..filter() };
        assert_ne!(run.fingerprint(), agent.fingerprint());
        assert_ne!(run.fingerprint(), filter().fingerprint());
        let kinds = |kinds: &[Kind]| EventFilter { kinds: kinds.to_vec(), ..filter() }.fingerprint();
        assert_eq!(
            kinds(&[Kind::Message, Kind::ToolCall]),
            kinds(&[Kind::ToolCall, Kind::Message, Kind::Message])
        );
        let (from, to) = (Some(Timestamp::from_nanoseconds(1)), Some(Timestamp::from_nanoseconds(1)));
        assert_ne!(
            EventFilter { from, ..filter() }.fingerprint(),
            EventFilter { to, ..filter() }.fingerprint()
        );
        assert_eq!(EventFilter { limit: 3, ..run.clone() }.fingerprint(), run.fingerprint());
    }

    #[test]
    fn fingerprints_tell_texts_patterns_and_moments_apart() {
        let of_tool = |tool: AnyOf| EventFilter { tool: Some(tool), ..EventFilter::default() };
        let as_of = |as_of| EventFilter { as_of: Some(as_of), ..EventFilter::default() };
        let filters = [
            of_tool("a*".into()),
            of_tool(AnyOf::glob("a*").unwrap()),
            of_tool(AnyOf::texts(["a*", "b"])),
            of_tool(AnyOf::glob("a*").unwrap().or("b")),
            of_tool(AnyOf::default()),
            as_of(AsOf::Seq(runledger_wal::Seq::new(1))),
            as_of(AsOf::Before(runledger_wal::Seq::new(1))),
            as_of(AsOf::CommitTime(Timestamp::from_nanoseconds(1))),
            EventFilter::default(),
        ];
        let fingerprints: std::collections::BTreeSet<_> =
            filters.iter().map(EventFilter::fingerprint).collect();
        assert_eq!(fingerprints.len(), filters.len());
        assert_eq!(
            of_tool(AnyOf::texts(["a", "b"])).fingerprint(),
            of_tool(AnyOf::from("b").or("a")).fingerprint()
        );
    }
}
