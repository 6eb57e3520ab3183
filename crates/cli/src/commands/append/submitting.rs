//! The reading half of `append`: lines become events, events are submitted, and what became of each is passed on in
//! the order of the lines.

use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runledger::{AppendError, Durability, Event, Ledger, Submitted};

use super::is_about_the_event;
use super::lines::{self, LINE_BYTES_MAX, Line};
use crate::exit::sentence;

/// Leave to have one event in flight. It goes with the event and comes back with its acknowledgement.
pub(super) struct Permit;

/// What became of a line.
pub(super) enum Outcome {
    /// It is an event and on its way.
    Submitted { line: u64, submitted: Submitted, permit: Permit },
    /// It is no event, or one that the ledger does not take. Nothing of it was stored.
    Refused { line: u64, error: String },
    /// Storage failed; nothing more is submitted.
    Failed { line: u64, error: AppendError },
    /// Standard input failed.
    Unreadable(io::Error),
}

/// Where events go, as long as they may. Whoever shuts it knows that every event that went through is among the
/// outcomes: an event is submitted, and its outcome passed on, under the lock.
#[derive(Clone)]
pub(super) struct Intake(Arc<Mutex<Option<Ledger>>>);

impl Intake {
    /// One that is open.
    pub(super) fn into(ledger: Ledger) -> Self {
        Self(Arc::new(Mutex::new(Some(ledger))))
    }

    /// Lets no further event through.
    pub(super) fn shut(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ledger>> {
        // What the lock guards is never half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads standard input into a ledger.
pub(super) struct Submitter {
    pub(super) intake: Intake,
    pub(super) durability: Durability,
    /// Those not in flight.
    pub(super) permits: Receiver<Permit>,
    pub(super) outcomes: Sender<Outcome>,
}

/// Nothing more is to be read: the input has ended, storage has failed, or nobody asks for outcomes any more.
struct Ended;

impl Submitter {
    /// Goes on until there is a reason to end.
    pub(super) fn run(self, mut input: impl BufRead) {
        let mut spare = None;
        let mut line = 0;
        let mut go_on = Ok(());
        while go_on.is_ok() {
            line += 1;
            go_on = match lines::next(&mut input, LINE_BYTES_MAX) {
                Ok(None) => Err(Ended),
                Ok(Some(Line::Whole(bytes))) if bytes.trim_ascii().is_empty() => Ok(()),
                Ok(Some(Line::Whole(bytes))) => self.take(line, &bytes, &mut spare),
                Ok(Some(Line::TooLong)) => self.refuse(line, format!("longer than {LINE_BYTES_MAX} bytes")),
                Err(error) => self.pass_on(Outcome::Unreadable(error)).and(Err(Ended)),
            };
        }
    }

    /// Submits one line's event once there is room in flight. A permit that an event turned out not to need is left in
    /// `spare` for the next one.
    fn take(&self, line: u64, bytes: &[u8], spare: &mut Option<Permit>) -> Result<(), Ended> {
        let event = match read_event(bytes) {
            Ok(event) => event,
            Err(error) => return self.refuse(line, error),
        };
        let permit = spare.take().or_else(|| self.permits.recv().ok()).ok_or(Ended)?;
        let open = self.intake.lock();
        let ledger = open.as_ref().ok_or(Ended)?;
        match ledger.submit(event, self.durability) {
            Ok(submitted) => self.pass_on(Outcome::Submitted { line, submitted, permit }),
            Err(error) if is_about_the_event(error.class()) => {
                *spare = Some(permit);
                self.refuse(line, sentence(&error))
            }
            Err(error) => self.pass_on(Outcome::Failed { line, error }).and(Err(Ended)),
        }
    }

    fn refuse(&self, line: u64, error: String) -> Result<(), Ended> {
        self.pass_on(Outcome::Refused { line, error })
    }

    fn pass_on(&self, outcome: Outcome) -> Result<(), Ended> {
        self.outcomes.send(outcome).map_err(|_| Ended)
    }
}

fn read_event(bytes: &[u8]) -> Result<Event, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8: a wrong byte at column {}", error.valid_up_to() + 1))?;
    Event::from_json(text).map_err(|error| sentence(&error))
}
