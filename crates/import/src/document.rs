//! A run whose whole recording is one JSON document: a file, or an element of one.
//!
//! The document is held byte for byte by one event, or by several if it is longer than an event can hold; what follows
//! from it points into them. Its run is named by its content, so the same document is the same run wherever it lies.
//!
//! INVARIANT: the run's end is appended last. Since the log never has a hole, an end that is there says that all of the
//! run is.

use std::io::{self, Read};

use runledger_audit::{
    Body, Content, Custom, Event, EventId, Json, SourceLine, SourceRange, Timestamp, Unparsed,
};
use serde_json::value::RawValue;

use crate::error::{FileError, ImportError};
use crate::hash::sha256_prefix;
use crate::lines::SOURCE_LINE_BYTES_MAX;
use crate::offsets::{content_at, place_in};
use crate::sink::Sink;

/// The largest document that is read whole. A larger one is kept, in pieces, as one that could not be read.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 256 << 20;

/// The last part of the source id of a run's end.
const END: &str = "run/finished";

/// How a document's run is named.
#[derive(Debug, Clone)]
pub(crate) struct DocumentName {
    /// The format: the first part of every source id.
    pub(crate) format: &'static str,
    pub(crate) run_id: String,
    pub(crate) agent_id: String,
    pub(crate) time: Timestamp,
}

impl DocumentName {
    fn event(&self, source_id: &str, body: Body) -> Event {
        Event {
            timestamp: self.time,
            session_id: Some(self.run_id.clone()),
            run_id: Some(self.run_id.clone()),
            agent_id: Some(self.agent_id.clone()),
            source_id: Some(format!("{}/{source_id}", self.format)),
            ..Event::new(body)
        }
    }
}

/// The import of one document, under way.
pub(crate) struct DocumentRun<'s, 'l, 'a> {
    sink: &'s mut Sink<'l>,
    name: DocumentName,
    bytes: &'a [u8],
    piece_bytes_max: usize,
    /// The events that hold the document, piece by piece.
    pieces: Vec<EventId>,
}

impl<'s, 'l, 'a> DocumentRun<'s, 'l, 'a> {
    /// Stores the document as what `type_name` says; `None` if the ledger holds it already, with all that follows.
    pub(crate) fn begin(
        sink: &'s mut Sink<'l>,
        name: DocumentName,
        type_name: &str,
        bytes: &'a [u8],
    ) -> Result<Option<Self>, ImportError> {
        Self::begin_in_pieces(sink, name, type_name, bytes, SOURCE_LINE_BYTES_MAX)
    }

    fn begin_in_pieces(
        sink: &'s mut Sink<'l>,
        name: DocumentName,
        type_name: &str,
        bytes: &'a [u8],
        piece_bytes_max: usize,
    ) -> Result<Option<Self>, ImportError> {
        sink.count_record();
        sink.count_run(&name.run_id);
        if sink.find(Some(&name.run_id), &format!("{}/{END}", name.format))?.is_some() {
            sink.count_duplicate();
            return Ok(None);
        }
        let mut run = Self { sink, name, bytes, piece_bytes_max, pieces: Vec::new() };
        let is_whole = bytes.len() <= piece_bytes_max;
        let count = bytes.len().div_ceil(piece_bytes_max);
        for (index, piece) in bytes.chunks(piece_bytes_max).enumerate() {
            let whole = SourceRange {
                event: None,
                offset: 0,
                length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            };
            let data = is_whole.then_some(Content::At(whole));
            let body = Custom { type_name: type_name.to_owned(), data, ..Custom::default() };
            let mut event = run.name.event(&format!("document/{index}"), Body::Custom(body));
            event.source = Some(SourceLine { bytes: piece.to_vec(), continues: index + 1 < count });
            let id = run.append_event(event)?;
            run.pieces.push(id);
        }
        Ok(Some(run))
    }

    /// What stands in the document: a range of the event that holds it. A value that two pieces share is repeated.
    pub(crate) fn content(&self, value: &RawValue) -> Option<Content> {
        let place = place_in(self.bytes, value)?;
        let (start, length) = (usize::try_from(place.offset).ok()?, usize::try_from(place.length).ok()?);
        let index = start / self.piece_bytes_max;
        let offset = start % self.piece_bytes_max;
        if offset + length > self.piece_bytes_max {
            return Some(Content::Inline(Json::from_raw(value)));
        }
        let range = SourceRange { event: None, offset: u32::try_from(offset).ok()?, length: place.length };
        Some(content_at(Some(*self.pieces.get(index)?), range))
    }

    /// Appends what follows from the document, unless it is there. `id` is unique in the document.
    pub(crate) fn append(
        &mut self,
        id: &str,
        body: Body,
        with: impl FnOnce(&mut Event),
    ) -> Result<(), ImportError> {
        let mut event = self.name.event(id, body);
        with(&mut event);
        self.append_event(event)?;
        Ok(())
    }

    /// Appends the run's end; nothing may follow.
    pub(crate) fn end(mut self, body: Body, with: impl FnOnce(&mut Event)) -> Result<(), ImportError> {
        self.append(END, body, with)
    }

    fn append_event(&mut self, event: Event) -> Result<EventId, ImportError> {
        let source_id = event.source_id.as_deref().unwrap_or_default();
        let known = match self.sink.find(Some(&self.name.run_id), source_id)? {
            Some(known) => known,
            None => self.sink.append(event)?,
        };
        self.sink.event_id(known)
    }
}

/// Keeps everything that `input` still gives, as one source record that could not be read.
pub(crate) fn keep_unreadable(
    sink: &mut Sink<'_>,
    format: &'static str,
    time: Timestamp,
    reason: &str,
    input: &mut dyn Read,
) -> Result<(), FileError> {
    let mut piece = read_piece(input)?;
    if piece.is_empty() {
        return Ok(());
    }
    sink.count_record();
    sink.count_unparsed();
    let session = format!("{format}/unparsed/{}", sha256_prefix(&piece, 12));
    let mut was_there = true;
    for index in 0_u64.. {
        let next = read_piece(input)?;
        let source_id = format!("{format}/document/{index}/{}", sha256_prefix(&piece, 16));
        if sink.find(Some(&session), &source_id)?.is_none() {
            was_there = false;
            let body = Unparsed { reason: Some(reason.to_owned()), ..Unparsed::default() };
            sink.append(Event {
                timestamp: time,
                session_id: Some(session.clone()),
                agent_id: Some(format.to_owned()),
                source_id: Some(source_id),
                source: Some(SourceLine { bytes: piece, continues: !next.is_empty() }),
                ..Event::new(Body::Unparsed(body))
            })?;
        }
        piece = next;
        if piece.is_empty() {
            break;
        }
    }
    if was_there {
        sink.count_duplicate();
    }
    Ok(())
}

fn read_piece(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    input.take(SOURCE_LINE_BYTES_MAX as u64).read_to_end(&mut piece)?;
    Ok(piece)
}
