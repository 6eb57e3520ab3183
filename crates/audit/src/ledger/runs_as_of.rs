//! Runs as of an earlier moment: their figures, folded anew from the events that counted then.
//!
//! INVARIANT: what is folded is what the indexer did until then, in its order: each event added at its own `Seq`, and
//! taken out just before the one that superseded it. So the figures are those that the index held at that moment.

use runledger_store::View;
use runledger_wal::Seq;

use super::Core;
use crate::key::run::RunRecord;
use crate::key::stream::{Dimension, StreamPrefix};
use crate::key::{self, Position};
use crate::query::moment::Moment;
use crate::query::positions::{Walk, range};
use crate::{Event, Order, QueryError, codec, rollup};

/// What the indexer did with an event of a run. Sorts in the order in which it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// By the event at `by`, which comes right after.
    TakeOut {
        by: Seq,
        seq: Seq,
    },
    Add {
        seq: Seq,
    },
}

impl Step {
    /// The record that the step was a part of, and the place within its indexing.
    fn order(self) -> (Seq, Self) {
        match self {
            Self::TakeOut { by, .. } => (by, self),
            Self::Add { seq } => (seq, self),
        }
    }
}

impl Core {
    /// What was known of a run at `moment`; nothing if it was unknown. `present` is what is known now.
    pub(super) fn run_record_at(
        &self,
        view: &View,
        run_id: &str,
        present: RunRecord,
        moment: Moment,
    ) -> Result<Option<RunRecord>, QueryError> {
        if present.changed_seq < moment.end().get() {
            return Ok(Some(present));
        }
        let steps = steps(view, run_id, moment)?;
        let mut record = None;
        for step in steps {
            let (seq, at) = match step {
                Step::TakeOut { by, seq } => (seq, by),
                Step::Add { seq } => (seq, seq),
            };
            let Some(event) = self.readable_event(seq)? else { continue };
            let record = record.get_or_insert_with(RunRecord::default);
            match step {
                Step::TakeOut { .. } => rollup::retract(record, &event, seq),
                Step::Add { .. } => rollup::add(record, &event, seq),
            }
            record.changed_seq = at.get();
        }
        Ok(record)
    }

    /// What the indexer reads: nothing where no event can be read.
    fn readable_event(&self, seq: Seq) -> Result<Option<Event>, QueryError> {
        let record = self.log.read(seq)?;
        Ok(record.and_then(|record| codec::decode(record.payload()).ok()))
    }
}

/// What the indexer had done with a run's events by then, in its order.
fn steps(view: &View, run_id: &str, moment: Moment) -> Result<Vec<Step>, QueryError> {
    let stream = StreamPrefix::dimension(Dimension::Run, run_id);
    let walk = Walk { order: Order::Ascending, from: None, to: None };
    let mut steps = Vec::new();
    for prefix in [&stream, &stream.history()] {
        let mut cursor = view.cursor(range(prefix, walk));
        cursor.seek_to_first()?;
        while let Some((key, value)) = cursor.entry() {
            let position = key.get(prefix.as_bytes().len()..).unwrap_or_default();
            let seq = Position::from_bytes(position)?.seq;
            if seq < moment.end() {
                steps.push(Step::Add { seq });
                // What supersedes an event comes after it, and so never has the empty value of the first `Seq`.
                if !value.is_empty() {
                    let by = key::stream::decode_history_value(value)?;
                    steps.extend((by < moment.end()).then_some(Step::TakeOut { by, seq }));
                }
            }
            cursor.move_next()?;
        }
    }
    steps.sort_unstable_by_key(|step| step.order());
    Ok(steps)
}
