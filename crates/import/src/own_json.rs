//! Runledger's own event JSON, one event per line, as `events` and `tail` print it.
//!
//! An event that brings its id is stored under it; the same event again is a duplicate. One without an id is recognised
//! by its source id, or by the content of its line. What is no event, and what contradicts a stored one, is kept as it
//! is.

#[cfg(test)]
mod tests;

use std::error::Error as _;

use runledger_audit::{AppendError, Body, Event, SourceDigest, SourceLine, Unparsed};

use crate::error::{FileError, ImportError};
use crate::hash::sha256;
use crate::lines::{Line, Lines, SOURCE_LINE_BYTES_MAX};
use crate::object::Object;
use crate::sink::Sink;
use crate::source_file::SourceFile;

/// Imports a file of event JSON. `read` is told how many bytes each line took.
pub(crate) fn import(
    sink: &mut Sink<'_>,
    file: &mut SourceFile<'_>,
    read: &mut dyn FnMut(u64),
) -> Result<(), FileError> {
    let mut lines = Lines::new(file.reader()?);
    while let Some(line) = lines.next_line()? {
        if !(line.is_whole() && line.is_blank()) {
            import_line(sink, &line)?;
        }
        read(line.bytes.len() as u64 + u64::from(line.ended));
    }
    Ok(sink.settle().map_err(ImportError::from)?)
}

fn import_line(sink: &mut Sink<'_>, line: &Line) -> Result<(), ImportError> {
    if line.piece == 0 {
        sink.count_record();
    }
    if !line.is_whole() {
        let reason = format!("piece {} of a line longer than {SOURCE_LINE_BYTES_MAX} bytes", line.piece);
        return keep(sink, line, reason);
    }
    match read_event(&line.bytes) {
        Ok((event, true)) => append_given(sink, line, event),
        Ok((event, false)) => append_unnamed(sink, line, event),
        Err(reason) => keep(sink, line, reason),
    }
}

/// The event that a line says, and whether the line says its id too.
fn read_event(bytes: &[u8]) -> Result<(Event, bool), String> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 at byte {}", error.valid_up_to()))?;
    let event = Event::from_json(text).map_err(|error| error.to_string())?;
    let fields: Object<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok((event, fields.get("eventId").is_some_and(|id| id.get() != "null")))
}

fn append_given(sink: &mut Sink<'_>, line: &Line, event: Event) -> Result<(), ImportError> {
    match sink.append_given(event) {
        Ok(false) => Ok(()),
        Ok(true) => {
            sink.count_duplicate();
            Ok(())
        }
        Err(ImportError::Append(error)) if is_about_the_event(&error) => keep(sink, line, sentence(&error)),
        Err(error) => Err(error),
    }
}

fn append_unnamed(sink: &mut Sink<'_>, line: &Line, mut event: Event) -> Result<(), ImportError> {
    let source_id = event.source_id.take().unwrap_or_else(|| line_id(&line.bytes));
    if sink.find(event.session_id.as_deref(), &source_id)?.is_some() {
        sink.count_duplicate();
        return Ok(());
    }
    event.source_id = Some(source_id);
    match sink.append(event) {
        Err(ImportError::Append(error)) if is_about_the_event(&error) => keep(sink, line, sentence(&error)),
        result => result.map(|_| ()),
    }
}

/// Keeps a line that is no event, or none that can be stored.
fn keep(sink: &mut Sink<'_>, line: &Line, reason: String) -> Result<(), ImportError> {
    if line.piece == 0 {
        sink.count_unparsed();
    }
    let mut source_id = format!("jsonl/unparsed/sha256-{}", sha256(&line.bytes));
    if !line.is_whole() {
        source_id = format!("{source_id}/piece-{}", line.piece);
    }
    if let Some(known) = sink.find(None, &source_id)?
        && known.digest == SourceDigest::of_line(&line.bytes)
    {
        if line.piece == 0 {
            sink.count_duplicate();
        }
        return Ok(());
    }
    let mut event = Event::new(Body::Unparsed(Unparsed { reason: Some(reason), ..Unparsed::default() }));
    event.source = Some(SourceLine { bytes: line.bytes.clone(), continues: line.continues });
    event.source_id = Some(source_id);
    sink.append(event)?;
    Ok(())
}

fn line_id(bytes: &[u8]) -> String {
    format!("jsonl/line/sha256-{}", sha256(bytes))
}

/// Whether an append failed for what the event says, rather than for the state of the ledger.
fn is_about_the_event(error: &AppendError) -> bool {
    error.is_conflict() || matches!(error, AppendError::Encode(_) | AppendError::Name(_))
}

fn sentence(error: &AppendError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
