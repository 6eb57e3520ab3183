//! Remembers which lines each transcript file consisted of, once per content.

use runledger_audit::{Body, Content, Custom, Event, Json, Timestamp};

use super::session::Session;
use crate::error::ImportError;
use crate::save::{Cover, SaveBuilder, SaveData, SavePart, TYPE_NAME, begins_in, covers, saves_of};
use crate::sink::Sink;

/// The saves of one file: one, or one per part of a very long one.
#[derive(Debug, Default)]
pub(crate) struct Saves {
    parts: u64,
    /// The source id of the first part.
    first_part: Option<String>,
}

impl Saves {
    /// Appends what `builder` lists, unless the ledger holds a save that covers it.
    pub(crate) fn append(
        &mut self,
        builder: &mut SaveBuilder,
        sink: &mut Sink<'_>,
        session: &Session,
        fallback: Timestamp,
    ) -> Result<(), ImportError> {
        let part = builder.finish(sink)?;
        let source_id = format!("claude-code/saved/{}", part.hash);
        let number = self.parts;
        self.parts += 1;
        let part_of = self.first_part.clone();
        self.first_part.get_or_insert_with(|| source_id.clone());
        if sink.find(Some(&session.id), &source_id)?.is_some() {
            return Ok(());
        }
        sink.settle()?;
        let mut covered = None;
        for save in saves_of(sink.ledger(), &session.id)? {
            if let Some(cover) = covers(save.listed(), part.listed(), begins_in(sink.ledger()))? {
                return complete(sink, session, cover);
            }
            if let Some(cover) = covers(part.listed(), save.listed(), begins_in(sink.ledger()))? {
                complete(sink, session, cover)?;
                covered.get_or_insert(save.event_id);
            }
        }
        let event = Event {
            timestamp: session.latest.unwrap_or(fallback),
            session_id: Some(session.id.clone()),
            action: Some(TYPE_NAME.to_owned()),
            source_id: Some(source_id),
            supersedes: covered,
            ..Event::new(body(part, session, number, part_of))
        };
        sink.append(event)?;
        Ok(())
    }
}

/// Takes a torn line that is there whole out of what queries answer: a small event supersedes the one that holds it.
/// It belongs to no run, so that a run's figures are those of the whole lines alone.
fn complete(sink: &mut Sink<'_>, session: &Session, cover: Cover) -> Result<(), ImportError> {
    let Cover::ButTorn { torn, completed } = cover else { return Ok(()) };
    let ledger = sink.ledger();
    let (Some(torn), Some(completed)) = (ledger.event_at(torn)?, ledger.event_at(completed)?) else {
        return Ok(());
    };
    let source_id = format!("claude-code/completed/{}", torn.event.event_id);
    if sink.find(Some(&session.id), &source_id)?.is_some() {
        return Ok(());
    }
    let data = serde_json::json!({ "completedBy": completed.event.event_id.to_string() });
    let data = Json::from_value(&data).expect("a map of texts is always JSON");
    let type_name = "claude-code/line_completed".to_owned();
    sink.append(Event {
        timestamp: torn.event.timestamp,
        session_id: Some(session.id.clone()),
        source_id: Some(source_id),
        supersedes: Some(torn.event.event_id),
        ..Event::new(Body::Custom(Custom {
            type_name,
            data: Some(Content::Inline(data)),
            ..Custom::default()
        }))
    })?;
    Ok(())
}

fn body(part: SavePart, session: &Session, number: u64, part_of: Option<String>) -> Body {
    let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let data = SaveData {
        lines: part.lines,
        pieces: part.pieces,
        ends_with_newline: part.ends_with_newline,
        first_time: text(session.earliest),
        last_time: text(session.latest),
        part: number,
        part_of,
    };
    let json = Json::from_value(&data).expect("texts, numbers and lists are always JSON");
    Body::Custom(Custom {
        type_name: TYPE_NAME.to_owned(),
        data: Some(Content::Inline(json)),
        ..Custom::default()
    })
}
