//! Following a correlation to those that it came from.
//!
//! INVARIANT: a chain is built from one view of the index, so that no event is in it twice, and none that was there at
//! its beginning is missing but for those that the cut counts.

use std::collections::HashSet;

use runledger_store::View;
use serde::Deserialize;

use super::Ledger;
use super::answer::Answer;
use super::ask::Asker;
use super::read::StoredEvent;
use crate::correlation_chain::{
    CHAIN_CORRELATIONS_MAX, CHAIN_EVENTS_MAX, ChainCut, ChainGap, ChainedCorrelation, CorrelationChain,
    cycles,
};
use crate::ledger_read::Question;
use crate::query::moment::Moment;
use crate::query::plan::Plan;
use crate::{Event, EventFilter, QueryError};

impl Ledger {
    /// All events of a correlation and of those that it follows from, in the order of their times.
    ///
    /// An event names a correlation as parent of its own by the text at `parentCorrelationId` in its metadata. A named
    /// correlation without events is a gap, one that leads back to itself a cycle; neither is an error. An unknown id
    /// gives a chain of no events with itself as the gap. At most [`CHAIN_CORRELATIONS_MAX`] correlations are followed and
    /// [`CHAIN_EVENTS_MAX`] events given; the chain says what is left out. Superseded events are.
    ///
    /// ```
    /// use runledger_audit::{Event, Ledger};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let ledger = Ledger::open(folder.path().join("ledger"))?;
    /// for line in [
    ///     r#"{"kind":"custom","correlationId":"ticket"}"#,
    ///     r#"{"kind":"custom","correlationId":"fix","metadata":{"parentCorrelationId":"ticket"}}"#,
    ///     r#"{"kind":"custom","correlationId":"fix","metadata":{"parentCorrelationId":"call"}}"#,
    /// ] {
    ///     ledger.append(Event::from_json(line)?)?;
    /// }
    /// let chain = ledger.correlation_chain("fix")?;
    /// assert_eq!(chain.events.len(), 3);
    /// assert_eq!(chain.gaps[0].id, "call");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The index or the log can't be read.
    pub fn correlation_chain(&self, id: &str) -> Result<CorrelationChain, QueryError> {
        self.recorded(
            || Question::new("correlation_chain").text("correlationId", id),
            |ledger| ledger.core.ask(|view, end| follow(&ledger.core, view, Moment::now(view, end), id)),
        )
    }
}

fn follow(core: &Asker, view: &View, moment: Moment, id: &str) -> Result<CorrelationChain, QueryError> {
    let mut chain = CorrelationChain {
        correlations: Vec::new(),
        events: Vec::new(),
        cycles: Vec::new(),
        gaps: Vec::new(),
        cut: None,
    };
    let mut cut = ChainCut::default();
    let mut named = vec![ChainGap { id: id.to_owned(), named_by: None }];
    let mut seen = HashSet::from([id.to_owned()]);
    let mut followed = 0;
    while let Some(next) = named.get(followed).cloned() {
        if followed == CHAIN_CORRELATIONS_MAX {
            cut.correlations = named.len() - followed;
            break;
        }
        followed += 1;
        let room = CHAIN_EVENTS_MAX - chain.events.len();
        let found = events_of(core, view, moment, &next.id, room)?;
        cut.events += found.left_out;
        if found.events.is_empty() && found.left_out == 0 {
            chain.gaps.push(next);
            continue;
        }
        let parents = parents(&found.events);
        for parent in parents.iter().filter(|parent| seen.insert((*parent).clone())) {
            named.push(ChainGap { id: parent.clone(), named_by: Some(next.id.clone()) });
        }
        chain.correlations.push(ChainedCorrelation { id: next.id, parents, events: found.events.len() });
        chain.events.extend(found.events);
    }
    chain.events.sort_by_key(|stored| (stored.event.timestamp, stored.seq));
    chain.cycles = cycles(&chain.correlations);
    chain.cut = (cut != ChainCut::default()).then_some(cut);
    Ok(chain)
}

/// The first events of a correlation, and how many more it has.
struct Found {
    events: Vec<StoredEvent>,
    left_out: u64,
}

fn events_of(
    core: &Asker,
    view: &View,
    moment: Moment,
    correlation: &str,
    limit: usize,
) -> Result<Found, QueryError> {
    let filter = EventFilter { correlation: Some(correlation.into()), ..EventFilter::default() };
    let plan = Plan::make(view, &filter, moment)?;
    let mut answer = Answer::new(core, view, &plan, None)?;
    let found = answer.take_events(limit)?;
    let events = found.iter().map(|found| StoredEvent::decode(&found.record)).collect::<Result<_, _>>()?;
    Ok(Found { events, left_out: answer.count_rest()? })
}

/// The correlations that these events name as parent, each once, in the order in which they first do.
fn parents(events: &[StoredEvent]) -> Vec<String> {
    let mut seen = HashSet::new();
    let named = events.iter().filter_map(|stored| parent_correlation(&stored.event));
    named.filter(|parent| seen.insert(parent.clone())).collect()
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "parentCorrelationId")]
    parent: String,
}

/// The correlation that an event names as parent of its own, if it does, in a text.
fn parent_correlation(event: &Event) -> Option<String> {
    let metadata: Metadata = event.metadata.as_ref()?.read().ok()?;
    Some(metadata.parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Custom, Json};

    #[test]
    fn only_a_text_at_its_place_names_a_parent() {
        let parent = |metadata: &str| {
            let metadata = Some(Json::parse(metadata).unwrap());
            parent_correlation(&Event { metadata, ..Event::new(Body::Custom(Custom::default())) })
        };
        assert_eq!(parent(r#"{"a":1,"parentCorrelationId":"caf\u00e9"}"#).as_deref(), Some("café"));
        for other in [r#"{"parentCorrelationId":7}"#, r#"{"parentCorrelationId":null}"#, "{}", "[]", r#""x""#]
        {
            assert_eq!(parent(other), None, "{other}");
        }
    }
}
