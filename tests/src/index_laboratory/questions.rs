//! The ledger asked: pages, counts, readers of damaged and of foreign indexes, ids that come twice.

use std::path::Path;

use runledger_audit::{
    Body, Custom, Durability, Event, EventFilter, Ledger, RunFinished, RunStatus, Seq, StoredEvent, Timestamp,
};

use super::following::folder;
use super::life::works;
use crate::laboratory::history::{Violation, claim};

const EVENTS: u64 = 40;
const PAGE_EVENTS: usize = 7;

fn event(number: u64) -> Event {
    let body = Body::Custom(Custom { type_name: "note".to_owned(), ..Custom::default() });
    let timestamp = Timestamp::from_nanoseconds(i64::try_from(number % 11).unwrap_or(0));
    Event { timestamp, ..Event::new(body) }.with_run("run")
}

/// Appends events of these numbers, and gives them back.
fn append(ledger: &Ledger, numbers: std::ops::Range<u64>) -> Result<Vec<Event>, Violation> {
    let events: Vec<Event> = numbers.map(event).collect();
    for event in &events {
        let _ = works("appending", ledger.submit(event.clone(), Durability::Buffered))?;
    }
    works("syncing", ledger.sync())?;
    Ok(events)
}

fn of_run() -> EventFilter {
    EventFilter { run: Some("run".into()), ..EventFilter::default() }
}

fn all_of(ledger: &Ledger) -> Result<Vec<StoredEvent>, Violation> {
    let filter = EventFilter { limit: 10_000, ..of_run() };
    Ok(works("asking", ledger.events(&filter))?.items)
}

fn open(path: &Path) -> Result<Ledger, Violation> {
    works("opening", Ledger::options().leave_runs_open(true).open(path))
}

/// The pages of an answer are the answer, whatever comes between them.
///
/// # Errors
///
/// They are not.
pub fn pages_are_the_answer() -> Result<(), Violation> {
    let (_folder, path) = folder()?;
    let ledger = open(&path)?;
    append(&ledger, 0..EVENTS)?;
    let whole: Vec<Seq> = all_of(&ledger)?.iter().map(|stored| stored.seq).collect();
    let (mut paged, mut page) = (Vec::new(), None);
    loop {
        let filter = EventFilter { limit: PAGE_EVENTS, page, ..of_run() };
        let answer = works("asking for a page", ledger.events(&filter))?;
        paged.extend(answer.items.iter().map(|stored| stored.seq));
        // Also such as belong between what was shown and what was not.
        append(&ledger, 0..11)?;
        page = answer.next;
        if page.is_none() || paged.len() > whole.len() {
            break;
        }
    }
    claim(paged == whole, "the pages of an answer are the answer", || format!("{paged:?} of {whole:?}"))
}

/// What a newer version replaces is not counted.
///
/// # Errors
///
/// It is.
pub fn counts_leave_out_what_was_replaced() -> Result<(), Violation> {
    let (_folder, path) = folder()?;
    let ledger = open(&path)?;
    let events = append(&ledger, 0..EVENTS)?;
    for old in events.iter().step_by(4) {
        let newer = Event { supersedes: Some(old.event_id), ..event(5) };
        works("appending", ledger.append(newer))?;
    }
    let count = works("counting", ledger.count(&of_run()))?;
    claim(count == EVENTS, "what was replaced is not counted", || format!("{count} of {EVENTS}"))
}

/// Readers answer from a damaged index, and beside a writer, what the log says.
///
/// # Errors
///
/// They do not.
pub fn readers_answer_what_the_log_says() -> Result<(), Violation> {
    let (_folder, path) = folder()?;
    let ledger = open(&path)?;
    append(&ledger, 0..EVENTS)?;
    works("closing", ledger.close())?;
    let ledger = open(&path)?;
    append(&ledger, 0..EVENTS)?;
    let reader = works("opening for reading", Ledger::open_read_only(&path))?;
    let beside = all_of(&reader)?.len() as u64;
    claim(beside == 2 * EVENTS, "a reader sees what was acknowledged", || {
        format!("{beside} of {}", 2 * EVENTS)
    })?;
    works("closing", ledger.close())?;
    for entry in works("listing the index", std::fs::read_dir(path.join("index")))? {
        let table = works("listing the index", entry)?.path();
        if table.extension().is_some_and(|extension| extension == "table") {
            let mut bytes = works("reading a table", std::fs::read(&table))?;
            // The first block of keys. The table opens without a look at it.
            bytes.iter_mut().take(64).for_each(|byte| *byte ^= 0x55);
            works("damaging a table", std::fs::write(&table, bytes))?;
        }
    }
    let reader = works("opening for reading", Ledger::open_read_only(&path))?;
    let found = works("asking a damaged index", reader.events(&EventFilter { limit: 1_000, ..of_run() }))?;
    claim(found.items.len() as u64 == 2 * EVENTS, "a damaged index gives no wrong answer", || {
        format!("{} of {}", found.items.len(), 2 * EVENTS)
    })
}

/// An index of another past of the same ledger is not believed.
///
/// # Errors
///
/// It is.
pub fn an_index_of_another_past_is_not_believed() -> Result<(), Violation> {
    let (_folder, path) = folder()?;
    let ledger = open(&path)?;
    append(&ledger, 0..3)?;
    works("closing", ledger.close())?;
    let restored = path.with_extension("restored");
    copy_folder(&path, &restored)?;
    for (path, run) in [(&path, "mine"), (&restored, "other")] {
        let ledger = open(path)?;
        works("appending", ledger.append(event(1).with_run(run)))?;
        works("closing", ledger.close())?;
    }
    works("removing an index", std::fs::remove_dir_all(restored.join("index")))?;
    copy_folder(&path.join("index"), &restored.join("index"))?;
    let ledger = open(&restored)?;
    let count = |run: &str| {
        let filter = EventFilter { run: Some(run.into()), ..EventFilter::default() };
        works("counting", ledger.count(&filter))
    };
    let counts = (count("mine")?, count("other")?);
    claim(counts == (0, 1), "an index of another past is not believed", || format!("{counts:?}"))
}

/// An event that is sent again after the ledger was opened again is stored once.
///
/// # Errors
///
/// It is stored twice.
pub fn an_event_that_is_sent_again_is_stored_once() -> Result<(), Violation> {
    let (_folder, path) = folder()?;
    let ledger = open(&path)?;
    let events = append(&ledger, 0..3)?;
    works("closing", ledger.close())?;
    let ledger = open(&path)?;
    for event in events {
        works("appending again", ledger.append(event))?;
    }
    let end = works("asking", ledger.durable_end())?;
    claim(end == Seq::new(3), "an event that is sent again is stored once", || format!("{end} records"))
}

/// A run ends once: another end is refused while the first is on its way and once it is stored.
///
/// # Errors
///
/// It ends twice.
pub fn a_run_ends_once() -> Result<(), Violation> {
    let (_folder, path) = folder()?;
    let end = |status| Event::new(Body::RunFinished(RunFinished::new(status))).with_run("run");
    let ledger = open(&path)?;
    works("appending", ledger.append(end(RunStatus::Completed)))?;
    let in_flight = ledger.append(end(RunStatus::Failed));
    works("closing", ledger.close())?;
    let ledger = open(&path)?;
    let stored = ledger.append(end(RunStatus::Failed));
    let run = works("asking", ledger.run("run"))?;
    let status = run.map(|run| run.status);
    let refused = in_flight.is_err() && stored.is_err() && status == Some(RunStatus::Completed);
    claim(refused, "a run ends once", || format!("{in_flight:?}, {stored:?}, {status:?}"))
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), Violation> {
    works("making a folder", std::fs::create_dir_all(to))?;
    for entry in works("listing a folder", std::fs::read_dir(from))? {
        let path = works("listing a folder", entry)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            works("copying a file", std::fs::copy(&path, target))?;
        }
    }
    Ok(())
}
