//! The reading half of `append`: lines become events, events are submitted, and what became of each is passed on in
//! the order of the lines.

use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, Sender};

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

/// Reads standard input into a ledger.
pub(super) struct Submitter {
    pub(super) ledger: Ledger,
    pub(super) durability: Durability,
    /// Those not in flight.
    pub(super) permits: Receiver<Permit>,
    pub(super) outcomes: Sender<Outcome>,
}

impl Submitter {
    /// Goes on until the input ends, storage fails, or nobody asks for the outcomes any more.
    pub(super) fn run(self, mut input: impl BufRead) {
        let mut line = 0;
        let mut spare = None;
        loop {
            let read = lines::next(&mut input, LINE_BYTES_MAX);
            line += 1;
            let outcome = match read {
                Ok(None) => return,
                Ok(Some(Line::Whole(bytes))) if bytes.trim_ascii().is_empty() => continue,
                Ok(Some(Line::Whole(bytes))) => match self.submit(line, &bytes, &mut spare) {
                    Some(outcome) => outcome,
                    None => return,
                },
                Ok(Some(Line::TooLong)) => Outcome::Refused {
                    line,
                    error: format!("longer than {LINE_BYTES_MAX} bytes, which no event is"),
                },
                Err(error) => Outcome::Unreadable(error),
            };
            let is_last = matches!(outcome, Outcome::Failed { .. } | Outcome::Unreadable(_));
            if self.outcomes.send(outcome).is_err() || is_last {
                return;
            }
        }
    }

    /// Submits one line's event once there is room in flight; `None` when nobody waits for outcomes any more. A permit
    /// that an event turned out not to need is left in `spare` for the next one.
    fn submit(&self, line: u64, bytes: &[u8], spare: &mut Option<Permit>) -> Option<Outcome> {
        let event = match read_event(bytes) {
            Ok(event) => event,
            Err(error) => return Some(Outcome::Refused { line, error }),
        };
        let permit = spare.take().or_else(|| self.permits.recv().ok())?;
        Some(match self.ledger.submit(event, self.durability) {
            Ok(submitted) => Outcome::Submitted { line, submitted, permit },
            Err(error) if is_about_the_event(error.class()) => {
                *spare = Some(permit);
                Outcome::Refused { line, error: sentence(&error) }
            }
            Err(error) => Outcome::Failed { line, error },
        })
    }
}

fn read_event(bytes: &[u8]) -> Result<Event, String> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8: a wrong byte at column {}", error.valid_up_to() + 1))?;
    Event::from_json(text).map_err(|error| sentence(&error))
}
