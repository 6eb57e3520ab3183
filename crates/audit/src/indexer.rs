//! Derives the index keys from each record of the log, in `Seq` order.
//!
//! INVARIANT: what is written depends only on the log up to the record, never on when or in which batches it is read,
//! so that replay after a crash, a rebuild and the first pass give the same index. Aggregates are written as absolute
//! values in the batch of the events that they cover.
//!
//! It never fails for what a record says: a damaged record, a payload that is no readable event, an id that was used before,
//! and what can be said only once and was said before (see `claim`), are noted under the anomaly tag, told to whoever opens
//! the ledger, and left out of the streams.

use foldhash::{HashMap, HashMapExt as _};
use runledger_ingest::{Indexer, Pending, Resume};
use runledger_wal::{Damage, Leaf, LedgerId, Reader, Record, Seq};

use crate::checkpoint::Checkpoint;
use crate::claim::{self, Claim, Holder};
use crate::key::run::RunRecord;
use crate::key::stream::Names;
use crate::key::{self, Position};
use crate::ledger::Feeder;
use crate::planted::{Bug, planted};
use crate::{Event, EventId, IndexError, SourceDigest, codec, names, rollup, run_keys};

/// Turns records into keys.
pub(crate) struct EventIndexer {
    ledger_id: LedgerId,
    /// For the events that a newer one supersedes: what they added to figures is taken out again.
    reader: Reader,
    /// Whether any event is known to be superseded, once that was looked up for the batch. Mostly none is, and no event needs
    /// to be looked for among them.
    any_superseded: Option<bool>,
    /// The runs that the batch has changed so far.
    runs: HashMap<String, ChangedRun>,
    names: Names,
    feeder: Option<Feeder>,
}

/// A run's record, and what the index had before the batch.
struct ChangedRun {
    before: Option<RunRecord>,
    after: RunRecord,
}

/// An event with its place in the log.
struct Placed {
    event: Event,
    seq: Seq,
}

impl Placed {
    fn position(&self) -> Position {
        Position { time: self.event.timestamp, seq: self.seq }
    }
}

impl EventIndexer {
    pub(crate) fn new(ledger_id: LedgerId, reader: Reader) -> Self {
        let (runs, names) = (HashMap::new(), Names::default());
        Self { ledger_id, reader, any_superseded: None, runs, names, feeder: None }
    }

    /// Has it hand over the events that it decodes.
    pub(crate) fn feeding(self, feeder: Feeder) -> Self {
        Self { feeder: Some(feeder), ..self }
    }

    fn index_event(&mut self, placed: &Placed, pending: &mut Pending<'_>) -> Result<(), IndexError> {
        let Placed { event, seq } = placed;
        let id_key = key::event_id::key(event.event_id);
        if let Some(first) = pending.get(id_key)? {
            let first = key::event_id::decode_value(&first)?;
            note(pending, *seq, &format!("repeats the event id of Seq {first}"));
            return Ok(());
        }
        pending.put(id_key, key::event_id::value(*seq));
        let is_superseded = self.is_superseded(event.event_id, pending)?;
        let claim = Claim::of(event).filter(|claim| !(is_superseded && claim.passes_to_newer_versions()));
        if let Some(claim) = claim
            && let Some(reason) = self.refusal(claim, event, pending)?
        {
            note(pending, *seq, &reason);
            return Ok(());
        }
        if !is_superseded && let Some(old) = event.supersedes.filter(|old| *old != event.event_id) {
            self.supersede(old, placed, pending)?;
        }
        if let Some(claim) = claim {
            hold(claim, placed, pending);
        }
        if is_superseded { Ok(()) } else { self.add(placed, pending) }
    }

    /// Whether the newer version of an event came first (a copied ledger fed back in another order).
    fn is_superseded(&mut self, event: EventId, pending: &mut Pending<'_>) -> Result<bool, IndexError> {
        let any = match self.any_superseded {
            Some(any) => any,
            None => pending.was_applied(&key::superseded::prefix())?,
        };
        self.any_superseded = Some(any);
        Ok(any && pending.get(key::superseded::key(event))?.is_some())
    }

    /// Why an event does not count beside what was claimed before it, if so.
    fn refusal(
        &self,
        claim: Claim<'_>,
        event: &Event,
        pending: &mut Pending<'_>,
    ) -> Result<Option<String>, IndexError> {
        let Some(Holder { seq: first, digest }) = self.holder(claim, pending)? else { return Ok(None) };
        if claim.passes_to_newer_versions()
            && let Some(old) = event.supersedes.filter(|old| *old != event.event_id)
        {
            let newest = newest_version(old, pending)?;
            if seq_of(newest, pending)? == Some(first) {
                return Ok(None);
            }
        }
        let repeats = match digest {
            Some(digest) => digest == codec::audit_digest(event),
            None => self.read(first)?.is_some_and(|stored| claim::is_same(&stored, event)),
        };
        Ok(Some(match claim {
            Claim::Audit { .. } if repeats => format!("repeats the query id of Seq {first}"),
            Claim::Audit { .. } => format!("repeats the query id of Seq {first}, with other content"),
            _ if repeats => format!("says again what Seq {first} said of the run"),
            Claim::State { .. } => format!("contradicts Seq {first}, by which the run had ended"),
            Claim::LogEntry { sequence, .. } => {
                format!("contradicts Seq {first}, which is entry {sequence} of the run's log")
            }
        }))
    }

    /// The event that claimed the same before.
    fn holder(&self, claim: Claim<'_>, pending: &mut Pending<'_>) -> Result<Option<Holder>, IndexError> {
        if let Claim::State { run_id, .. } = claim
            && let Some(changed) = self.runs.get(run_id)
        {
            return Ok(changed.after.end_seq.map(|seq| Holder { seq: Seq::new(seq), digest: None }));
        }
        match pending.get(claim.key())? {
            Some(value) => Ok(claim.holder(&value)?),
            None => Ok(None),
        }
    }

    /// Marks `old`, and the version that had replaced it before, as replaced by `placed`.
    fn supersede(
        &mut self,
        old: EventId,
        placed: &Placed,
        pending: &mut Pending<'_>,
    ) -> Result<(), IndexError> {
        let newest_before = newest_version(old, pending)?;
        self.any_superseded = Some(true);
        let value = key::superseded::value(placed.seq, placed.event.event_id);
        pending.put(key::superseded::key(old), value.clone());
        pending.put(key::superseded::key(newest_before), value);
        match seq_of(newest_before, pending)? {
            Some(seq) => self.retract(seq, placed.seq, pending),
            None => Ok(()),
        }
    }

    fn retract(&mut self, seq: Seq, by: Seq, pending: &mut Pending<'_>) -> Result<(), IndexError> {
        if pending.get(key::anomaly::key(seq))?.is_some() {
            // It never counted.
            return Ok(());
        }
        let Some(event) = self.read(seq)? else { return Ok(()) };
        let placed = Placed { event, seq };
        if planted(Bug::CountSuperseded) {
            return Ok(());
        }
        pending.end(placed.position().into(), by.get());
        if let Some(claim @ Claim::LogEntry { .. }) = Claim::of(&placed.event) {
            pending.delete(claim.key());
        }
        // The source id's entry stays: it is overwritten when the newer version has the same source id, and tells an
        // importer otherwise that this source was seen.
        self.change_run(&placed.event, by, pending, |record| rollup::retract(record, &placed.event, seq))
    }

    fn read(&self, seq: Seq) -> Result<Option<Event>, IndexError> {
        let record = self.reader.read(seq)?;
        Ok(record.and_then(|record| codec::decode(record.payload()).ok()))
    }

    /// Puts an event into its streams, under its source id, and into its run's figures.
    fn add(&mut self, placed: &Placed, pending: &mut Pending<'_>) -> Result<(), IndexError> {
        let Placed { event, seq } = placed;
        self.names.set(event);
        pending.post(placed.position().into(), self.names.iter());
        if let Some(source_id) = &event.source_id {
            let source_key = key::source_id::key(event.session_id.as_deref(), source_id);
            pending.put(source_key, key::source_id::value(*seq, SourceDigest::of(event)));
        }
        self.change_run(event, *seq, pending, |record| rollup::add(record, event, *seq))
    }

    /// Applies a change that the event at `by` makes to the record of `event`'s run.
    fn change_run(
        &mut self,
        event: &Event,
        by: Seq,
        pending: &mut Pending<'_>,
        change: impl FnOnce(&mut RunRecord),
    ) -> Result<(), IndexError> {
        let Some(run_id) = event.run_id.as_deref() else { return Ok(()) };
        if let Some(ChangedRun { after, .. }) = self.runs.get_mut(run_id) {
            change(after);
            after.changed_seq = by.get();
            return Ok(());
        }
        let before = stored_run(run_id, pending)?;
        let mut after = before.clone().unwrap_or_default();
        change(&mut after);
        after.changed_seq = by.get();
        self.runs.insert(run_id.to_owned(), ChangedRun { before, after });
        Ok(())
    }
}

/// Puts down who made a claim. Who ended a run stands among the run's figures.
fn hold(claim: Claim<'_>, Placed { event, seq }: &Placed, pending: &mut Pending<'_>) {
    match claim {
        Claim::State { .. } => {}
        Claim::LogEntry { .. } => pending.put(claim.key(), key::run_log::value(*seq)),
        Claim::Audit { .. } => {
            pending.put(claim.key(), key::query_id::value(*seq, codec::audit_digest(event)));
        }
    }
}

/// The record of a run that the batch has not changed.
fn stored_run(run_id: &str, pending: &mut Pending<'_>) -> Result<Option<RunRecord>, IndexError> {
    Ok(pending.get(key::run::key(run_id))?.map(|value| RunRecord::decode(&value)).transpose()?)
}

/// The newest version of an event, itself if none replaced it.
fn newest_version(event: EventId, pending: &mut Pending<'_>) -> Result<EventId, IndexError> {
    let mut newest = event;
    // Each of them names a version that came after it, so that this ends.
    while let Some(value) = pending.get(key::superseded::key(newest))? {
        newest = key::superseded::decode_value(&value)?.1;
    }
    Ok(newest)
}

/// The first event of this id.
fn seq_of(event: EventId, pending: &mut Pending<'_>) -> Result<Option<Seq>, IndexError> {
    let value = pending.get(key::event_id::key(event))?;
    Ok(value.map(|value| key::event_id::decode_value(&value)).transpose()?)
}

/// Notes a record that stays out of the streams.
fn note(pending: &mut Pending<'_>, seq: Seq, reason: &str) {
    pending.put(key::anomaly::key(seq), reason.as_bytes());
}

impl Indexer for EventIndexer {
    type Error = IndexError;

    fn begin(&mut self) {
        self.runs.clear();
        self.any_superseded = None;
        self.feeder.iter_mut().for_each(Feeder::begin);
    }

    fn finish(&mut self, pending: &mut Pending<'_>) -> Result<(), IndexError> {
        for (run_id, run) in self.runs.drain() {
            run_keys::put(&run_id, run.before.as_ref(), &run.after, pending);
        }
        self.feeder.iter_mut().for_each(Feeder::finish);
        Ok(())
    }

    fn index(&mut self, record: &Record, pending: &mut Pending<'_>) -> Result<(), IndexError> {
        let seq = record.seq();
        match codec::decode(record.payload()) {
            Ok(event) => match names::check(&event) {
                Ok(()) => {
                    let placed = Placed { event, seq };
                    self.index_event(&placed, pending)?;
                    if let Some(feeder) = &mut self.feeder {
                        feeder.add(record, placed.event);
                    }
                    Ok(())
                }
                Err(error) => {
                    note(pending, seq, &error.to_string());
                    Ok(())
                }
            },
            Err(error) => {
                note(pending, seq, &error.to_string());
                Ok(())
            }
        }
    }

    fn damaged(
        &mut self,
        from: Seq,
        to: Seq,
        damage: &Damage,
        pending: &mut Pending<'_>,
    ) -> Result<(), IndexError> {
        let last = Seq::new(to.get().saturating_sub(1)).max(from);
        let range = if last > from { format!(", with all up to record {last}") } else { String::new() };
        note(pending, from, &format!("damaged{range}: {damage}"));
        Ok(())
    }

    fn checkpoint(&self, seq: Seq, leaf: Leaf) -> Vec<u8> {
        Checkpoint { ledger_id: self.ledger_id, seq, leaf }.encode()
    }

    fn resume(&self, checkpoint: Option<&[u8]>, reader: &Reader) -> Resume {
        let Some(bytes) = checkpoint else { return Resume::From(Seq::new(0)) };
        match Checkpoint::decode(bytes) {
            Ok(checkpoint) => checkpoint.compare(self.ledger_id, reader),
            Err(reason) => Resume::Rebuild(reason.to_string()),
        }
    }
}
