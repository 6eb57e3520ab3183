//! Page tokens that nobody was given: as text they are refused, or have one form; sealed, they lead to a page of the
//! answer or to an error, whatever they claim.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use runledger_audit::fuzzing::page_token;
use runledger_audit::{Body, Custom, Durability, Event, EventFilter, Ledger, Order, PageToken, Timestamp};

const EVENTS: u64 = 60;

struct Fixture {
    ledger: Ledger,
    _folder: tempfile::TempDir,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger");
    let ledger = Ledger::open(&path).unwrap();
    let mut first = None;
    for number in 0..EVENTS {
        let body = Body::Custom(Custom { type_name: "note".to_owned(), ..Custom::default() });
        let time = Timestamp::from_nanoseconds((number % 13).cast_signed() - 6);
        let supersedes = first.filter(|_| number == 40);
        let event = Event { timestamp: time, supersedes, ..Event::new(body).with_run("run") };
        first.get_or_insert(event.event_id);
        let _ = ledger.submit(event, Durability::Buffered).unwrap();
    }
    ledger.close().unwrap();
    Fixture { ledger: Ledger::open_read_only(&path).unwrap(), _folder: folder }
});

fuzz_target!(|input: (String, bool, u8, u64, i64, u64)| {
    let (text, descending, limit, seen, time, seq) = input;
    if let Ok(token) = text.parse::<PageToken>() {
        assert_eq!(token.to_string(), text.to_ascii_lowercase());
    }
    let order = if descending { Order::Descending } else { Order::Ascending };
    let limit = usize::from(limit);
    let filter = EventFilter { run: Some("run".into()), order, limit, ..EventFilter::default() };
    let token = page_token(&filter, seen, time, seq);
    assert_eq!(token.to_string().parse(), Ok(token));
    let asked = EventFilter { page: Some(token), ..filter };
    let Ok(page) = FIXTURE.ledger.events(&asked) else { return };
    assert!(page.items.len() <= limit);
    let place =
        |stored: &runledger_audit::StoredEvent| (stored.event.timestamp.as_nanoseconds(), stored.seq.get());
    let mut before = (time, seq);
    for stored in &page.items {
        let place = place(stored);
        assert!(if descending { place < before } else { place > before }, "{place:?} behind {before:?}");
        assert!(stored.seq.get() < seen, "record {} of {seen}", stored.seq);
        before = place;
    }
});
