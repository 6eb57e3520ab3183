//! An index that belongs to other events, and a log that holds what no append would have put there.

use std::sync::Arc;

use runledger_audit::{EventFilter, EventLeaf, IndexState, Ledger, Seq};
use runledger_wal::{Durability, Options, Wal};

use super::{Place, copy_folder, custom};

fn put_index(from: &Place, to: &Place) {
    let (from, to) = (from.path().join("index"), to.path().join("index"));
    std::fs::remove_dir_all(&to).unwrap();
    copy_folder(&from, &to);
}

fn append_and_close(place: &Place, run_id: &str) {
    let ledger = place.open();
    ledger.append(custom("a").with_run(run_id)).unwrap();
    ledger.close().unwrap();
}

fn events_of(ledger: &Ledger, run_id: &str) -> u64 {
    ledger.count(&EventFilter { run: Some(run_id.into()), ..EventFilter::default() }).unwrap()
}

fn is_rebuilt(ledger: &Ledger) -> bool {
    matches!(ledger.open_report().index, IndexState::Rebuilt { .. })
}

#[test]
fn an_index_of_another_ledger_is_not_believed() {
    let (mine, other) = (Place::new(), Place::new());
    append_and_close(&mine, "mine");
    append_and_close(&other, "other");
    put_index(&other, &mine);
    let ledger = mine.open();
    assert!(is_rebuilt(&ledger));
    assert_eq!((events_of(&ledger, "mine"), events_of(&ledger, "other")), (1, 0));
}

#[test]
fn an_index_of_another_past_of_the_same_ledger_is_not_believed() {
    let mine = Place::new();
    append_and_close(&mine, "common");
    let restored = mine.killed();
    append_and_close(&mine, "mine");
    append_and_close(&restored, "other");
    put_index(&mine, &restored);
    let ledger = restored.open();
    assert!(is_rebuilt(&ledger));
    let counts = ["common", "mine", "other"].map(|run_id| events_of(&ledger, run_id));
    assert_eq!(counts, [1, 0, 1]);
}

#[test]
fn an_event_that_stands_in_the_log_twice_counts_once() {
    let place = Place::new();
    append_and_close(&place, "r");
    let options = Options::new().leaf_function(Arc::new(EventLeaf));
    let (log, _) = Wal::open(&place.path().join("wal"), options).unwrap();
    let record = log.reader().read(Seq::new(0)).unwrap().unwrap();
    log.append(record.payload(), Durability::Durable).unwrap();
    log.close().unwrap();
    let ledger = place.open();
    assert_eq!(events_of(&ledger, "r"), 1);
    assert_eq!(ledger.run("r").unwrap().unwrap().events, 1);
    assert_eq!(ledger.durable_end().unwrap(), Seq::new(2));
}
