//! Runs as of an earlier moment: their figures, folded anew from the events that counted then.
//!
//! INVARIANT: what is folded is what the indexer did until then, in its order: each event added at its own `Seq`, and
//! taken out just before the one that superseded it. So the figures are those that the index held at that moment.

use runledger_store::{Selection, View};
use runledger_wal::Seq;

use super::Core;
use crate::key::run::RunRecord;
use crate::key::stream::{self, Dimension};
use crate::query::moment::Moment;
use crate::{Event, QueryError, codec, rollup};

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
    let selection = Selection {
        all_of: vec![vec![stream::name(Dimension::Run, run_id)]],
        as_of: moment.as_of(),
        with_ended: true,
        ..Selection::default()
    };
    let mut steps = Vec::new();
    for position in view.select(&selection)? {
        let position = position?;
        let seq = Seq::new(position.number);
        steps.push(Step::Add { seq });
        let by = view.end_of(position)?.map(Seq::new).filter(|by| *by < moment.end());
        steps.extend(by.map(|by| Step::TakeOut { by, seq }));
    }
    steps.sort_unstable_by_key(|step| step.order());
    Ok(steps)
}
