//! Which lines a file consisted of, and in which order: what makes it possible to give the file back.
//!
//! The lines themselves are events, each stored once. Per imported file one event of the type [`TYPE_NAME`] lists runs
//! of them, and the blank lines between. A very long file is listed in parts of [`SAVE_PART_LINES_MAX`] lines, so that
//! a list always fits into an event.
//!
//! A save whose lines all stand in a later save of the same session is covered by it, and says nothing any more.

mod builder;
mod cover;

use runledger_audit::{
    Body, Content, Event, EventFilter, EventId, Ledger, QueryError, Seq, StoredEvent, Timestamp,
};
use serde::{Deserialize, Serialize};

pub(crate) use self::builder::{SaveBuilder, SavePart};
pub(crate) use self::cover::{Cover, Listed, begins_in, covers};

/// The type, and the action, of the events that list a file's lines.
pub(crate) const TYPE_NAME: &str = "transcript_saved";

/// How many lines one event lists.
pub(crate) const SAVE_PART_LINES_MAX: u64 = 65_536;

/// How many events are read at once while saves, or lines of no save, are looked for: any of them may be as long as a
/// record.
pub(crate) const EVENTS_READ_MAX: usize = 16;

/// What such an event says, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaveData {
    /// How many lines, or pieces of very long lines, it lists.
    pub(crate) lines: u64,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) ends_with_newline: bool,
    /// The earliest and the latest time in the whole file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_time: Option<String>,
    /// Which part of the file it lists, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) part: u64,
    /// Of a later part: the source id of the file's first part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) part_of: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_zero(part: &u64) -> bool {
    *part == 0
}

/// A stretch of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Piece {
    /// This many lines of the session in the order of their `Seq`, beginning with the one that this event holds.
    Lines {
        /// The event's id.
        from: String,
        /// How many.
        lines: u64,
    },
    /// A line of white space.
    Blank {
        /// Its characters.
        blank: String,
    },
}

/// A save, or a part of one, that the ledger holds.
#[derive(Debug)]
pub(crate) struct Save {
    pub(crate) event_id: EventId,
    pub(crate) seq: Seq,
    /// The same in all parts of one save, and in no other.
    pub(crate) identity: String,
    pub(crate) data: SaveData,
    pub(crate) items: Vec<Item>,
}

/// A line of a save.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// The line that the event at this `Seq` holds.
    Line(Seq),
    /// A line of white space.
    Blank(String),
}

impl Save {
    pub(crate) fn listed(&self) -> Listed<'_> {
        (&self.items, self.data.ends_with_newline)
    }

    /// Orders saves as the transcript gives them back: by the time of their first record.
    pub(crate) fn order(&self) -> (Timestamp, &str, u64, Seq) {
        let first_time = self.data.first_time.as_deref().and_then(|time| time.parse().ok());
        (first_time.unwrap_or(Timestamp::MAX), &self.identity, self.data.part, self.seq)
    }
}

/// The saves of a session that no newer version replaced. One whose lines are not all there is left out: whatever is
/// there of it counts as lines of no save.
pub(crate) fn saves_of(ledger: &Ledger, session: &str) -> Result<Vec<Save>, QueryError> {
    let mut filter = EventFilter {
        session: Some(session.into()),
        action: Some(TYPE_NAME.into()),
        limit: EVENTS_READ_MAX,
        ..EventFilter::default()
    };
    let mut saves = Vec::new();
    loop {
        let page = ledger.events(&filter)?;
        for stored in page.items {
            saves.extend(save(ledger, session, &stored)?);
        }
        filter.page = page.next;
        if filter.page.is_none() {
            return Ok(saves);
        }
    }
}

fn save(ledger: &Ledger, session: &str, stored: &StoredEvent) -> Result<Option<Save>, QueryError> {
    let Event { event_id, source_id, body, .. } = &stored.event;
    let Body::Custom(custom) = body else { return Ok(None) };
    let Some(Content::Inline(json)) = &custom.data else { return Ok(None) };
    let Ok(data) = json.read::<SaveData>() else { return Ok(None) };
    let Some(items) = items(ledger, session, &data)? else { return Ok(None) };
    let identity = data.part_of.clone().or_else(|| source_id.clone()).unwrap_or_else(|| event_id.to_string());
    Ok(Some(Save { event_id: *event_id, seq: stored.seq, identity, data, items }))
}

/// The lines that `data` lists, each by its place; `None` if one of them is not there.
fn items(ledger: &Ledger, session: &str, data: &SaveData) -> Result<Option<Vec<Item>>, QueryError> {
    let mut items = Vec::new();
    for piece in &data.pieces {
        match piece {
            Piece::Blank { blank } => items.push(Item::Blank(blank.clone())),
            Piece::Lines { from, lines } => {
                let Ok(from) = from.parse::<EventId>() else { return Ok(None) };
                let Some(first) = ledger.event(from)? else {
                    refuse_if_damaged(ledger)?;
                    return Ok(None);
                };
                if !add_lines(ledger, session, first.seq, *lines, &mut items)? {
                    return Ok(None);
                }
            }
        }
    }
    Ok(Some(items))
}

/// Fails with what is wrong with the first record that can't be read, if there is one: it may be what is missing. Nobody
/// should take a transcript with a hole for the whole.
pub(crate) fn refuse_if_damaged(ledger: &Ledger) -> Result<(), QueryError> {
    for (seq, _) in ledger.anomalies()? {
        ledger.event_at(seq)?;
    }
    Ok(())
}

/// Adds the next `lines` lines of the session from `seq` on; whether there are as many.
fn add_lines(
    ledger: &Ledger,
    session: &str,
    mut seq: Seq,
    lines: u64,
    items: &mut Vec<Item>,
) -> Result<bool, QueryError> {
    let mut missing = lines;
    while missing > 0 {
        let Some(stored) = ledger.event_at(seq)? else { return Ok(false) };
        if stored.event.source.is_some() && stored.event.session_id.as_deref() == Some(session) {
            items.push(Item::Line(seq));
            missing -= 1;
        }
        seq = Seq::new(seq.get().saturating_add(1));
    }
    Ok(true)
}
