//! A ledger whose log fails while its process lives on: full disks, failed syncs. What was not stored is never taken for
//! stored, what is sent again is stored once, and the same process can open the ledger again and go on.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod appending;

mod batches;

mod health;

mod reopening;

mod sink;

use std::path::PathBuf;

use runledger_audit::{Body, Custom, Event, Ledger, LedgerOptions, Seq};
use runledger_tests::failing_storage::FailingStorage;

/// A ledger on a disk that can be told to fail.
struct Place {
    folder: tempfile::TempDir,
    disk: FailingStorage,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), disk: FailingStorage::new() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger")
    }

    fn options(&self) -> LedgerOptions {
        Ledger::options().log_storage(std::sync::Arc::new(self.disk.clone()))
    }

    fn open(&self) -> Ledger {
        self.options().open(self.path()).unwrap()
    }
}

fn custom(type_name: &str) -> Event {
    Event::new(Body::Custom(Custom { type_name: type_name.to_owned(), ..Custom::default() }))
}

/// The ids in the log, in its order.
fn ids(ledger: &Ledger) -> Vec<runledger_audit::EventId> {
    ledger.tail(Seq::ZERO).map(|stored| stored.unwrap().event.event_id).collect()
}
