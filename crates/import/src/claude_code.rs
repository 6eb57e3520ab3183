//! Transcripts of Claude Code: JSON lines, one file per save of a session.
//!
//! Each line that is not blank becomes one event that holds it byte for byte and shows what it means. Model calls, tool
//! calls, the session's run, those of its sub-agents, and the list of the file's lines follow from them and point into
//! them.
//!
//! A file is read twice: first for whose it is, then line by line. What is kept in memory is a line, and a little per
//! answer and per tool call.

mod line;
mod model_calls;
mod records;
mod runs;
mod saves;
mod session;
#[cfg(test)]
mod tests;
mod tool_calls;

use runledger_audit::{
    Body, Content, Custom, Event, EventId, Message, SourceDigest, SourceLine, Timestamp, Unparsed,
};

use self::line::Reading;
use self::model_calls::ModelCalls;
use self::records::{LineContent, Record};
use self::runs::Runs;
use self::saves::Saves;
use self::session::Session;
use self::tool_calls::ToolCalls;
use crate::error::{FileError, ImportError};
use crate::hash::{sha256, sha256_prefix};
use crate::lines::{Line, Lines};
use crate::save::SaveBuilder;
use crate::sink::{Known, Sink};
use crate::source_file::SourceFile;

/// A longer line of white space is kept as a line that could not be read.
const BLANK_LINE_BYTES_MAX: usize = 1024;

/// Imports a transcript. `read` is told how many bytes each line took.
pub(crate) fn import(
    sink: &mut Sink<'_>,
    file: &mut SourceFile<'_>,
    read: &mut dyn FnMut(u64),
) -> Result<(), FileError> {
    let Some(session) = session::read(Lines::new(file.reader()?))? else { return Ok(()) };
    let mut import = Import::new(sink, session, file.modified());
    let mut lines = Lines::new(file.reader()?);
    while let Some(line) = lines.next_line()? {
        import.line(&line)?;
        read(line.bytes.len() as u64 + u64::from(line.ended));
    }
    Ok(import.finish()?)
}

/// The import of one file, under way.
struct Import<'s, 'l> {
    sink: &'s mut Sink<'l>,
    session: Session,
    /// The time of whatever has none.
    fallback: Timestamp,
    /// The time of the line before: that of a line which has none.
    time: Timestamp,
    builder: SaveBuilder,
    saves: Saves,
    model_calls: ModelCalls,
    tool_calls: ToolCalls,
    runs: Runs,
}

impl<'s, 'l> Import<'s, 'l> {
    fn new(sink: &'s mut Sink<'l>, session: Session, modified: Timestamp) -> Self {
        let fallback = session.first_time.unwrap_or(modified);
        Self {
            sink,
            time: fallback,
            fallback,
            builder: SaveBuilder::default(),
            saves: Saves::default(),
            model_calls: ModelCalls::default(),
            tool_calls: ToolCalls::default(),
            runs: Runs::of(&session),
            session,
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), ImportError> {
        if line.is_whole() && line.is_blank() && line.bytes.len() <= BLANK_LINE_BYTES_MAX {
            self.builder.add_blank(&line.bytes, line.ended);
        } else {
            let known = if line.is_whole() { self.whole_line(&line.bytes)? } else { self.piece(line)? };
            self.builder.add_line(known, &line.bytes, line.ended);
        }
        if self.builder.is_full() {
            self.saves.append(&mut self.builder, self.sink, &self.session, self.fallback)?;
        }
        Ok(())
    }

    fn whole_line(&mut self, bytes: &[u8]) -> Result<Known, ImportError> {
        self.sink.count_record();
        match records::read(bytes) {
            LineContent::Record(record) => {
                let reading = Reading::of(&record, bytes);
                self.time = reading.time_or_snapshot().unwrap_or(self.time);
                let (source_id, time) = (source_id(&reading), self.time);
                let held =
                    self.hold(bytes, false, &source_id, |session| reading.event(session, time, None))?;
                let known = self.counted(held);
                self.take_note(&reading, known);
                Ok(known)
            }
            LineContent::Broken { reason, records } => {
                self.sink.count_unparsed();
                let first = records.first().map(|record| Reading::of(record, bytes));
                self.time = first.and_then(|reading| reading.time_or_snapshot()).unwrap_or(self.time);
                let held = self.hold_unparsed(bytes, false, &line_id(bytes), reason)?;
                let known = self.counted(held);
                for record in &records {
                    self.record_in_line(record, bytes, known)?;
                }
                Ok(known)
            }
        }
    }

    /// A piece of a line that is longer than an event can hold.
    fn piece(&mut self, line: &Line) -> Result<Known, ImportError> {
        if line.piece == 0 {
            self.sink.count_record();
            self.sink.count_unparsed();
        }
        let source_id = format!("{}/piece-{}", line_id(&line.bytes), line.piece);
        let reason = format!(
            "piece {} of a line longer than {} bytes",
            line.piece,
            crate::lines::SOURCE_LINE_BYTES_MAX
        );
        let held = self.hold_unparsed(&line.bytes, line.continues, &source_id, reason)?;
        Ok(if line.piece == 0 { self.counted(held) } else { held.known })
    }

    fn counted(&mut self, held: Held) -> Known {
        if held.was_there {
            self.sink.count_duplicate();
        }
        held.known
    }

    fn hold_unparsed(
        &mut self,
        bytes: &[u8],
        continues: bool,
        source_id: &str,
        reason: String,
    ) -> Result<Held, ImportError> {
        let time = self.time;
        self.hold(bytes, continues, source_id, |session| Event {
            timestamp: time,
            session_id: Some(session.id.clone()),
            run_id: Some(session.id.clone()),
            agent_id: Some(session.agent_id().to_owned()),
            ..Event::new(Body::Unparsed(Unparsed { reason: Some(reason), ..Unparsed::default() }))
        })
    }

    /// The event that holds this line: the one that the ledger has, or a new one.
    fn hold(
        &mut self,
        bytes: &[u8],
        continues: bool,
        source_id: &str,
        event: impl FnOnce(&Session) -> Event,
    ) -> Result<Held, ImportError> {
        let digest = SourceDigest::of_line(bytes);
        let (source_id, former) =
            match self.place_for(source_id, &LINE_NAMES, bytes, |_, known| Ok(known.digest == digest))? {
                Place::Taken(known) => return Ok(Held { known, was_there: true }),
                Place::Free { source_id, former } => (source_id, former),
            };
        let source = Some(SourceLine { bytes: bytes.to_vec(), continues });
        let event = Event { source, source_id: Some(source_id), supersedes: former, ..event(&self.session) };
        Ok(Held { known: self.sink.append(event)?, was_there: false })
    }

    /// The event that shows a record which stands in a line with others.
    fn record_in_line(&mut self, record: &Record<'_>, line: &[u8], holder: Known) -> Result<(), ImportError> {
        self.sink.count_record();
        let reading = Reading::of(record, line);
        self.time = reading.time_or_snapshot().unwrap_or(self.time);
        let holder_id = self.sink.event_id(holder)?;
        let digest = SourceDigest::of_line(reading.bytes());
        // It may be known as a line of its own, from another save, or from this very line.
        let is_same = |sink: &mut Sink<'_>, known: Known| -> Result<bool, ImportError> {
            Ok(known.digest == digest || points_into(&sink.stored(known)?.event) == Some(holder_id))
        };
        match self.place_for(&source_id(&reading), &RECORD_NAMES, reading.bytes(), is_same)? {
            Place::Taken(_) => self.sink.count_duplicate(),
            Place::Free { source_id, former } => {
                let event = Event {
                    source_id: Some(source_id),
                    supersedes: former,
                    ..reading.event(&self.session, self.time, Some(holder_id))
                };
                self.sink.append(event)?;
            }
        }
        self.take_note(&reading, holder);
        Ok(())
    }

    /// Where a record of these bytes has its place: where one of the same id is, if that is the same; else beside it, as
    /// another version, under the first of the ids that `names` makes of its id and is free. What has the last of them is
    /// the same by its name.
    fn place_for(
        &mut self,
        source_id: &str,
        names: &[fn(&str, &str) -> String],
        bytes: &[u8],
        is_same: impl Fn(&mut Sink<'_>, Known) -> Result<bool, ImportError>,
    ) -> Result<Place, ImportError> {
        let Some(mut known) = self.sink.find(Some(&self.session.id), source_id)? else {
            return Ok(Place::Free { source_id: source_id.to_owned(), former: None });
        };
        if is_same(self.sink, known)? {
            return Ok(Place::Taken(known));
        }
        let hash = sha256_prefix(bytes, 16);
        for name in names {
            let source_id = name(source_id, &hash);
            let Some(version) = self.sink.find(Some(&self.session.id), &source_id)? else {
                let former = self.sink.event_id(known)?;
                return Ok(Place::Free { source_id, former: Some(former) });
            };
            if is_same(self.sink, version)? {
                return Ok(Place::Taken(version));
            }
            known = version;
        }
        Ok(Place::Taken(known))
    }

    fn take_note(&mut self, reading: &Reading<'_>, line: Known) {
        self.model_calls.add(reading, &self.session, self.time);
        self.tool_calls.add(reading, &self.session, self.time, line);
        self.runs.add(reading, &self.session, line);
    }

    fn finish(mut self) -> Result<(), ImportError> {
        self.model_calls.append(self.sink)?;
        self.tool_calls.append(self.sink, &self.session)?;
        self.runs.append(self.sink, &self.session, self.fallback)?;
        if !self.builder.is_empty() {
            self.saves.append(&mut self.builder, self.sink, &self.session, self.fallback)?;
        }
        Ok(self.sink.settle()?)
    }
}

/// The ids under which another version of a record in a broken line is kept: one for each content.
const RECORD_NAMES: [fn(&str, &str) -> String; 1] = [another_version];

/// Those of a line. A record of the very same bytes, which stands in a broken line, may have the first; it does not hold
/// the line.
const LINE_NAMES: [fn(&str, &str) -> String; 2] = [another_version, line_beside_record];

fn another_version(source_id: &str, hash: &str) -> String {
    format!("{source_id}#{hash}")
}

fn line_beside_record(source_id: &str, hash: &str) -> String {
    format!("{source_id}#{hash}/line")
}

/// The event that holds a line.
#[derive(Clone, Copy)]
struct Held {
    known: Known,
    was_there: bool,
}

/// Whether a record is in the ledger.
enum Place {
    Taken(Known),
    Free { source_id: String, former: Option<EventId> },
}

fn source_id(reading: &Reading<'_>) -> String {
    match reading.object().name("uuid") {
        Some(uuid) => format!("claude-code/line/{uuid}"),
        None => line_id(reading.bytes()),
    }
}

/// Lines without an id of their own are recognised by their content.
fn line_id(bytes: &[u8]) -> String {
    format!("claude-code/line/sha256-{}", sha256(bytes))
}

/// The event that holds the line which a record's event points into.
fn points_into(event: &Event) -> Option<EventId> {
    match &event.body {
        Body::Message(Message { content: Some(Content::At(range)), .. })
        | Body::Custom(Custom { data: Some(Content::At(range)), .. }) => range.event,
        _ => None,
    }
}
