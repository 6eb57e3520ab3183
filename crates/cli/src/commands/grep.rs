//! `events --grep`: of the events that match the filter, those that hold a text somewhere in what `event` shows of them.
//!
//! Page by page, so that memory is bounded whatever is looked through. INVARIANT: with a limit, the token that follows
//! the last hit leads to the next one, wherever on a page that was.

use std::io::Write as _;

use anyhow::Result;
use runledger::{EventFilter, Ledger, PageToken};

use crate::event_json;
use crate::event_table::EventTable;
use crate::output::{Output, progress_bar};

/// How many events are looked through at a time. Any of them may be as long as a record.
const PAGE_EVENTS: usize = 64;

/// A text that is looked for.
pub(super) struct Needle {
    /// As it was given, and as it stands in a JSON string, where that differs.
    forms: Vec<String>,
    ignores_case: bool,
}

impl Needle {
    /// Looks for `text` as it is, or in whichever case its letters are written.
    pub(super) fn new(text: &str, ignores_case: bool) -> Self {
        let text = if ignores_case { text.to_lowercase() } else { text.to_owned() };
        let quoted = serde_json::Value::from(text.as_str()).to_string();
        let escaped = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
        let mut forms = vec![text];
        if !forms.contains(&escaped) {
            forms.push(escaped);
        }
        Self { forms, ignores_case }
    }

    fn is_in(&self, json: &str) -> bool {
        if self.ignores_case {
            let json = json.to_lowercase();
            self.forms.iter().any(|form| json.contains(form))
        } else {
            self.forms.iter().any(|form| json.contains(form))
        }
    }
}

/// Writes the events that match the filter and hold the needle, up to the filter's limit; says where the search goes on,
/// if it ended at the limit. Progress is shown on a terminal only, and above it the hits as they come.
pub(super) fn write_events_with(
    needle: &Needle,
    ledger: &Ledger,
    mut filter: EventFilter,
    output: &mut Output,
) -> Result<Option<PageToken>> {
    let mut missing = filter.limit;
    if missing == 0 {
        return Ok(filter.page);
    }
    let bar = progress_bar("searching", "{pos} of {len} events");
    if !bar.is_hidden() {
        bar.set_length(ledger.count(&filter)?);
    }
    let mut table = EventTable::new(output);
    filter.limit = PAGE_EVENTS;
    loop {
        let page = ledger.events(&filter)?;
        let (mut looked_at, mut hits) = (0, Vec::new());
        for stored in &page.items {
            looked_at += 1;
            if needle.is_in(&event_json::resolved(ledger, stored)?) {
                hits.push(stored);
            }
            if hits.len() == missing {
                break;
            }
        }
        bar.inc(looked_at as u64);
        missing -= hits.len();
        if !hits.is_empty() {
            bar.suspend(|| -> Result<()> {
                hits.iter().try_for_each(|stored| table.add(ledger, stored, output))?;
                table.flush(output)?;
                Ok(output.flush()?)
            })?;
        }
        if missing == 0 {
            // The same page again, as far as it was looked at: its token leads behind the last hit.
            filter.limit = looked_at;
            bar.finish_and_clear();
            return Ok(ledger.events(&filter)?.next);
        }
        filter.page = page.next;
        if filter.page.is_none() {
            bar.finish_and_clear();
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_needle_is_found_as_it_is_and_as_json_escapes_it() {
        assert!(Needle::new("a \"b\"", false).is_in(r#"{"x":"a \"b\""}"#));
        assert!(Needle::new(r#""kind":"custom""#, false).is_in(r#"{"kind":"custom"}"#));
        assert!(Needle::new("two\nlines", false).is_in(r#"{"x":"two\nlines"}"#));
        assert!(!Needle::new("B", false).is_in(r#"{"x":"b"}"#));
    }

    #[test]
    fn letters_are_compared_in_any_case_only_when_asked_for() {
        assert!(Needle::new("ÄRGER", true).is_in(r#"{"x":"kein Ärger"}"#));
        assert!(!Needle::new("ÄRGER", false).is_in(r#"{"x":"kein Ärger"}"#));
    }
}
