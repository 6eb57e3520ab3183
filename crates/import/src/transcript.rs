//! Gives an imported file back, byte for byte, from the lines that the ledger holds.
//!
//! A session may have been imported in parts, from several saves, or only half. The saves that no other one covers are
//! given back in the order of their first record's time, each as its file was; lines that an earlier one gave already
//! are left out of a later one. Lines of no save, because their import was killed or their format needs no list, come
//! last, in the order of the log.

use std::io::Write;

use runledger_audit::{EventFilter, Ledger, QueryError, Seq, StoredEvent};

use crate::error::TranscriptError;
use crate::save::{EVENTS_READ_MAX, Item, Save, begins_in, covers, refuse_if_damaged, saves_of};
use seq_set::SeqSet;

mod seq_set;

/// Writes the source lines of the session that `run` belongs to, as they stood in the imported files. `run` may also be
/// the session's own name.
///
/// A line at a time is in memory, and a few bytes per line.
///
/// # Errors
///
/// There is no such run, or nothing of it was imported; the ledger can't be read, or a line may be missing because a
/// record is damaged; `output` can't be written.
pub fn transcript(ledger: &Ledger, run: &str, output: &mut dyn Write) -> Result<(), TranscriptError> {
    let session = session_of(ledger, run)?;
    let mut covered = SeqSet::default();
    let saves = uncovered(ledger, saves_of(ledger, &session)?, &mut covered)?;
    let mut writer = Writer { ledger, output, given: SeqSet::default(), at_line_start: true };
    let mut identity = None;
    let mut given_now = SeqSet::default();
    for save in &saves {
        if identity != Some(&save.identity) {
            // Within one file a line may well stand twice.
            writer.given.add_all(&std::mem::take(&mut given_now));
            identity = Some(&save.identity);
        }
        writer.save(save, &mut given_now)?;
    }
    writer.given.add_all(&given_now);
    writer.given.add_all(&covered);
    let rest = lines_of_no_save(ledger, &session, &writer.given)?;
    if !rest.is_empty() || saves.is_empty() {
        refuse_if_damaged(ledger)?;
    }
    if saves.is_empty() && rest.is_empty() {
        return Err(TranscriptError::NotFound { run: run.to_owned() });
    }
    for seq in rest {
        writer.separate()?;
        writer.line(seq)?;
    }
    writer.output.flush().map_err(TranscriptError::Write)
}

/// The session whose lines are asked for: the one of that name, else the one that the run of that name belongs to.
fn session_of(ledger: &Ledger, run: &str) -> Result<String, QueryError> {
    let named = EventFilter { session: Some(run.into()), limit: 1, ..EventFilter::default() };
    if !ledger.events(&named)?.items.is_empty() {
        return Ok(run.to_owned());
    }
    Ok(ledger.run(run)?.and_then(|summary| summary.session_id).unwrap_or_else(|| run.to_owned()))
}

/// The saves that say something which no other one says, in the order in which they are given back. The lines of the
/// others are noted in `covered`: one of them may be torn, and so in none that is given back.
fn uncovered(ledger: &Ledger, mut saves: Vec<Save>, covered: &mut SeqSet) -> Result<Vec<Save>, QueryError> {
    saves.sort_by(|a, b| a.order().cmp(&b.order()));
    let mut kept: Vec<Save> = Vec::new();
    for save in saves {
        let covers = |whole: &Save, part: &Save| -> Result<bool, QueryError> {
            // Parts of one file may well say the same.
            let is_same_file = whole.identity == part.identity;
            Ok(!is_same_file && covers(whole.listed(), part.listed(), begins_in(ledger))?.is_some())
        };
        let mut others = Vec::with_capacity(kept.len() + 1);
        let mut is_covered = false;
        for other in kept {
            if covers(&save, &other)? {
                covered.add_lines(&other.items);
            } else {
                is_covered |= covers(&other, &save)?;
                others.push(other);
            }
        }
        if is_covered {
            covered.add_lines(&save.items);
        } else {
            others.push(save);
        }
        kept = others;
    }
    Ok(kept)
}

/// The lines of the session that are not in `given`, in the order of the log.
fn lines_of_no_save(ledger: &Ledger, session: &str, given: &SeqSet) -> Result<Vec<Seq>, QueryError> {
    let mut filter =
        EventFilter { session: Some(session.into()), limit: EVENTS_READ_MAX, ..EventFilter::default() };
    let mut lines = Vec::new();
    loop {
        let page = ledger.events(&filter)?;
        let missing = |stored: &StoredEvent| stored.event.source.is_some() && !given.contains(stored.seq);
        lines.extend(page.items.iter().filter(|stored| missing(stored)).map(|stored| stored.seq));
        filter.page = page.next;
        if filter.page.is_none() {
            lines.sort_unstable();
            return Ok(lines);
        }
    }
}

struct Writer<'a> {
    ledger: &'a Ledger,
    output: &'a mut dyn Write,
    given: SeqSet,
    /// Whether nothing stands in front of what is written next but a line feed, or a piece of its own line.
    at_line_start: bool,
}

impl Writer<'_> {
    fn save(&mut self, save: &Save, given_now: &mut SeqSet) -> Result<(), TranscriptError> {
        let last = save.items.len().saturating_sub(1);
        for (index, item) in save.items.iter().enumerate() {
            let mut goes_on = false;
            match item {
                Item::Line(seq) if self.given.contains(*seq) => continue,
                Item::Line(seq) => {
                    self.separate()?;
                    goes_on = self.line(*seq)?;
                    given_now.add(*seq);
                }
                Item::Blank(blank) => {
                    self.separate()?;
                    self.write(blank.as_bytes())?;
                    self.at_line_start = false;
                }
            }
            if !goes_on && (index < last || save.data.ends_with_newline) {
                self.separate_always()?;
            }
        }
        Ok(())
    }

    /// Writes the line that an event holds; whether the next one continues it.
    fn line(&mut self, seq: Seq) -> Result<bool, TranscriptError> {
        let stored = self.ledger.event_at(seq)?;
        let Some(source) = stored.and_then(|stored| stored.event.source) else { return Ok(false) };
        self.write(&source.bytes)?;
        self.at_line_start = source.continues;
        Ok(source.continues)
    }

    /// Ends the line that stands before, if it isn't ended.
    fn separate(&mut self) -> Result<(), TranscriptError> {
        if self.at_line_start { Ok(()) } else { self.separate_always() }
    }

    fn separate_always(&mut self) -> Result<(), TranscriptError> {
        self.at_line_start = true;
        self.write(b"\n")
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), TranscriptError> {
        self.output.write_all(bytes).map_err(TranscriptError::Write)
    }
}
