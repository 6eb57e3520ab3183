//! A ledger as the destination of a sink, which it can open again.
//!
//! INVARIANT: after a failure whose outcome is unknown, the log itself is asked which events it has, before any is sent
//! again. The index could say so too, but may be paused or be built anew just then.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use runledger_wal::{self as wal, Seq};

use super::destination::{Destination, StoreError};
use super::queue::QueuedEvent;
use crate::{AppendError, BatchError, ErrorClass, Event, EventId, Ledger, LedgerOptions, QueryError, codec};

/// Why a ledger could not be opened again.
#[derive(Debug, thiserror::Error)]
enum ReopenError {
    #[error("cannot open the ledger again")]
    Open(#[from] crate::OpenError),
    #[error("cannot find out which events are stored")]
    Read(#[from] QueryError),
}

/// A ledger, and how to open it again.
pub(super) struct LedgerDestination {
    current: Arc<Mutex<Ledger>>,
    reopen: Option<LedgerOptions>,
    /// The log takes nothing more until it is opened again.
    is_broken: bool,
    /// From here on the log may hold events that nobody was told of.
    doubtful_from: Option<Seq>,
    /// What it turned out to hold: what each of them says.
    found: HashMap<EventId, Content>,
}

/// All that an event says, but for which process wrote it.
type Content = [u8; 16];

impl LedgerDestination {
    pub(super) fn new(current: Arc<Mutex<Ledger>>, reopen: Option<LedgerOptions>) -> Self {
        Self { current, reopen, is_broken: false, doubtful_from: None, found: HashMap::new() }
    }

    /// Opens the ledger again, in the place of the handle that failed.
    fn open_again(&mut self, options: &LedgerOptions) -> Result<(), ReopenError> {
        let failed = self.current.lock().clone();
        // CRASH: like a kill of the writer. Whoever opens the ledger next finds what was acknowledged.
        let _ = failed.clone().close();
        let again = options.clone().create(false).continuing(&failed).open(failed.directory())?;
        *self.current.lock() = again;
        self.is_broken = false;
        Ok(())
    }

    /// Reads which events the log has of those in doubt.
    fn look(&mut self) -> Result<(), ReopenError> {
        let Some(from) = self.doubtful_from else { return Ok(()) };
        let ledger = self.current.lock().clone();
        let mut found = HashMap::new();
        for stored in ledger.tail(from) {
            let event = stored?.event;
            found.insert(event.event_id, codec::retry_digest(&event));
        }
        (self.found, self.doubtful_from) = (found, None);
        Ok(())
    }

    fn is_found(&self, event: &Event) -> bool {
        self.found.get(&event.event_id).is_some_and(|content| *content == codec::retry_digest(event))
    }

    /// Notes what a failure means for the next attempt.
    fn note(&mut self, error: &AppendError, durable_before: Option<Seq>) {
        if let AppendError::Log(error) = error {
            use wal::AppendError::{Closed, OutcomeUnknown, Poisoned};
            self.is_broken |= matches!(error, OutcomeUnknown(_) | Poisoned(_) | Closed);
            if error.is_outcome_unknown() {
                self.doubtful_from = self.doubtful_from.or(durable_before).or(Some(Seq::ZERO));
            }
        }
    }
}

impl Destination for LedgerDestination {
    fn store(&mut self, events: &[QueuedEvent]) -> Result<(), StoreError> {
        if self.is_broken
            && let Some(options) = self.reopen.clone()
        {
            self.open_again(&options).map_err(|error| StoreError::failed(0, error))?;
        }
        if !self.is_broken {
            self.look().map_err(|error| StoreError::failed(0, error))?;
        }
        // What is sent again begins with what was in doubt, and of that a beginning is there.
        let known = events.iter().take_while(|event| self.is_found(event)).count();
        let ledger = self.current.lock().clone();
        let durable_before = ledger.durable_end().ok();
        match ledger.append_batch(events.get(known..).unwrap_or_default()) {
            Ok(_) => {
                self.found.clear();
                Ok(())
            }
            Err(BatchError { receipts, error }) => {
                self.note(&error, durable_before);
                let stored = known + receipts.len();
                if is_final(&error) {
                    Err(StoreError::refused(stored, error))
                } else {
                    Err(StoreError::failed(stored, error))
                }
            }
        }
    }
}

/// Whether it is the event that is wrong, so that no later attempt can store it.
fn is_final(error: &AppendError) -> bool {
    match error {
        AppendError::ReadOnly => false,
        // What stands under its id can't be read, and that will not change.
        AppendError::Lookup(_) => matches!(error.class(), ErrorClass::Damage | ErrorClass::Refused),
        _ => error.class() == ErrorClass::Refused,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Body, Custom};

    fn custom(type_name: &str) -> Event {
        Event::new(Body::Custom(Custom { type_name: type_name.to_owned(), ..Custom::default() }))
    }

    #[test]
    fn what_is_in_doubt_is_found_in_the_log_while_the_index_is_paused() {
        let folder = tempfile::tempdir().unwrap();
        let ledger =
            Ledger::options().query_wait_max(Duration::ZERO).open(folder.path().join("ledger")).unwrap();
        let (settled, stored, unsent) = (custom("settled"), custom("stored"), custom("unsent"));
        let doubtful_from = ledger.append(settled.clone()).unwrap().seq.next();
        ledger.pause_index().unwrap();
        ledger.append(stored.clone()).unwrap();
        let behind = ledger.event(stored.event_id).unwrap_err();
        assert!(matches!(behind, QueryError::Behind(_)), "the index has no answer: {behind}");

        let mut destination = LedgerDestination::new(Arc::new(Mutex::new(ledger)), None);
        destination.doubtful_from = Some(doubtful_from);
        destination.look().unwrap();
        assert!(destination.is_found(&stored));
        assert!(!destination.is_found(&Event { outcome: Some("failure".into()), ..stored }), "other content");
        assert!(!destination.is_found(&settled) && !destination.is_found(&unsent));
        assert_eq!(destination.doubtful_from, None, "nothing is in doubt any more");
    }
}
