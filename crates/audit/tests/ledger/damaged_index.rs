//! An index in which any byte is flipped, any file is cut, missing, old or another's: whoever opens the ledger gets the
//! answers that the log gives, and is never refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use runledger_audit::{
    Event, EventFilter, IndexState, Kind, Ledger, Order, RunFilter, RunSummary, Seq, SourceEntry, StoredEvent,
};
use runledger_store::{Batch, Store};

use super::{Place, at, custom, started};

/// Few, since every byte of their index costs an opening of the ledger, and often a new index.
const EVENTS_PER_SESSION: u64 = 11;

/// Everything that this ledger is asked.
#[derive(Debug, PartialEq)]
struct Answers {
    by_run: Vec<Vec<StoredEvent>>,
    newest_first: Vec<Seq>,
    joined: u64,
    by_id: Vec<Option<StoredEvent>>,
    runs: Vec<RunSummary>,
    source: Option<SourceEntry>,
    anomalies: Vec<(Seq, String)>,
}

impl Answers {
    fn of(ledger: &Ledger) -> Self {
        let everything = EventFilter { limit: 1_000, ..EventFilter::default() };
        let of_run = |run: u64| EventFilter { run: Some(format!("run-{run}").into()), ..everything.clone() };
        let newest = EventFilter { order: Order::Descending, ..everything.clone() };
        let joined = EventFilter { agent: Some("a-1".into()), kinds: vec![Kind::Custom], ..of_run(1) };
        let events = |filter: &EventFilter| ledger.events(filter).unwrap().items;
        let newest_first = events(&newest);
        let ids = newest_first.iter().step_by(9).map(|stored| stored.event.event_id);
        Self {
            by_run: (0..3).map(|run| events(&of_run(run))).collect(),
            by_id: ids.map(|id| ledger.event(id).unwrap()).collect(),
            newest_first: newest_first.iter().map(|stored| stored.seq).collect(),
            joined: ledger.count(&joined).unwrap(),
            runs: ledger.runs(&RunFilter::default()).unwrap(),
            source: ledger.find_source(Some("s"), "line/7").unwrap(),
            anomalies: ledger.anomalies().unwrap(),
        }
    }
}

/// A ledger that was closed in good order, with several tables in its index.
struct Damaged {
    place: Place,
    files: BTreeMap<PathBuf, Vec<u8>>,
    right: Answers,
}

impl Damaged {
    fn make() -> Self {
        let place = Place::new();
        let open = || Ledger::options().leave_runs_open(true).index_tail_events_max(20).open(place.path());
        for session in 0..3 {
            let ledger = open().unwrap();
            for number in 0..EVENTS_PER_SESSION {
                ledger.append(event(number + session * EVENTS_PER_SESSION)).unwrap();
            }
            ledger.close().unwrap();
        }
        let right = Answers::of(&place.read());
        assert_eq!(right.newest_first.len() as u64, 3 * EVENTS_PER_SESSION);
        let files = read_folder(&place.path().join("index"));
        assert!(files.len() >= 3, "a manifest and tables: {:?}", files.keys());
        Self { place, files, right }
    }

    fn put_back(&self) {
        let folder = self.place.path().join("index");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::create_dir(&folder).unwrap();
        for (path, bytes) in &self.files {
            std::fs::write(path, bytes).unwrap();
        }
    }

    fn ask_a_reader(&self, what: &str) {
        let reader = Ledger::open_read_only(self.place.path());
        let reader = reader.unwrap_or_else(|error| panic!("{what} keeps readers out: {error}"));
        assert_eq!(Answers::of(&reader), self.right, "{what}, asked by a reader");
    }

    fn ask_a_writer(&self, what: &str) {
        let options = || Ledger::options().leave_runs_open(true);
        let writer = options().open(self.place.path());
        let writer = writer.unwrap_or_else(|error| panic!("{what} keeps writers out: {error}"));
        assert_eq!(Answers::of(&writer), self.right, "{what}, asked by a writer");
        writer.close().unwrap();
        let reopened = options().open(self.place.path()).unwrap();
        assert_eq!(reopened.open_report().index, IndexState::Current, "{what} was healed");
        assert_eq!(Answers::of(&reopened), self.right, "{what}, asked after it was healed");
    }
}

/// The log's own time: a writer that opens the ledger must not add to it.
fn event(number: u64) -> Event {
    let nanoseconds = i64::try_from(number).unwrap() * 1_000 - (i64::try_from(number % 4).unwrap() * 3_000);
    let base = if number == 0 { started("run-0") } else { custom("note") };
    let session_id = number.is_multiple_of(2).then(|| "s".to_owned());
    let source_id = number.is_multiple_of(7).then(|| format!("line/{number}"));
    let agent_id = Some(format!("a-{}", number % 2));
    let run = format!("run-{}", number % 3);
    Event { session_id, source_id, agent_id, ..at(nanoseconds, base) }.with_run(run)
}

fn read_folder(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Each writer that heals an index syncs it: so only one in so many damages is shown to one.
const WRITER_STRIDE: usize = 97;

#[test]
fn no_flipped_byte_of_an_index_gives_a_wrong_answer_or_refuses_the_ledger() {
    let damaged = Damaged::make();
    let mut number = 0_usize;
    for (path, bytes) in &damaged.files {
        for place in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place] ^= [0x01, 0x80, 0xff][place % 3];
            std::fs::write(path, &flipped).unwrap();
            let what = format!("{} flipped at {place}", path.display());
            damaged.ask_a_reader(&what);
            if number.is_multiple_of(WRITER_STRIDE) {
                damaged.ask_a_writer(&what);
                damaged.put_back();
            }
            number += 1;
        }
        std::fs::write(path, bytes).unwrap();
    }
    println!("{number} bytes flipped");
}

#[test]
fn no_cut_file_of_an_index_gives_a_wrong_answer_or_refuses_the_ledger() {
    let damaged = Damaged::make();
    let mut number = 0_usize;
    for (path, bytes) in &damaged.files {
        for length in 0..bytes.len() {
            std::fs::write(path, &bytes[..length]).unwrap();
            let what = format!("{} cut at {length}", path.display());
            damaged.ask_a_reader(&what);
            if number.is_multiple_of(WRITER_STRIDE) {
                damaged.ask_a_writer(&what);
                damaged.put_back();
            }
            number += 1;
        }
        std::fs::write(path, bytes).unwrap();
    }
    println!("{number} lengths");
}

#[test]
fn no_missing_swapped_or_foreign_file_of_an_index_gives_a_wrong_answer_or_refuses_the_ledger() {
    let damaged = Damaged::make();
    let other = Damaged::make();
    let others: BTreeMap<_, _> =
        other.files.iter().map(|(path, bytes)| (path.file_name().unwrap(), bytes)).collect();
    let paths: Vec<&PathBuf> = damaged.files.keys().collect();
    let ask = |what: &str| {
        damaged.ask_a_reader(what);
        damaged.ask_a_writer(what);
        damaged.put_back();
    };
    for path in &paths {
        let name = path.file_name().unwrap();
        std::fs::remove_file(path).unwrap();
        ask(&format!("{name:?} missing"));
        if let Some(bytes) = others.get(name) {
            std::fs::write(path, bytes).unwrap();
            ask(&format!("{name:?} of another ledger"));
        }
        for source in &paths {
            std::fs::write(path, &damaged.files[*source]).unwrap();
            ask(&format!("{name:?} with the bytes of {:?}", source.file_name()));
        }
    }
    for path in other.files.keys() {
        let target = damaged.place.path().join("index").join(path.file_name().unwrap());
        std::fs::copy(path, target).unwrap();
    }
    ask("every file of another ledger");
    std::fs::write(damaged.place.path().join("index/0000000000000099.table"), b"left over").unwrap();
    ask("a table too many");
}

#[test]
fn an_old_index_is_brought_up_to_the_log_and_one_that_is_ahead_is_built_anew() {
    let damaged = Damaged::make();
    let place = damaged.place.killed();
    let ledger = place.open();
    ledger.append(event(3 * EVENTS_PER_SESSION)).unwrap();
    ledger.close().unwrap();
    let right = Answers::of(&place.read());
    let (old, new) = (damaged.place.path().join("index"), place.path().join("index"));
    // The log of today with the index of yesterday …
    replace_folder(&old, &new);
    for ledger in [place.read(), place.open()] {
        assert_eq!(ledger.open_report().index, IndexState::Current);
        assert_eq!(Answers::of(&ledger), right);
    }
    // … and the log of yesterday with the index of today.
    replace_folder(&new, &old);
    damaged.ask_a_reader("an index that is ahead");
    damaged.ask_a_writer("an index that is ahead");
}

fn replace_folder(from: &Path, to: &Path) {
    std::fs::remove_dir_all(to).unwrap();
    super::copy_folder(from, to);
}

#[test]
fn an_index_of_another_version_of_the_keys_is_built_anew() {
    let damaged = Damaged::make();
    for version in [0_u32, 1, 99, u32::MAX] {
        let store =
            Store::open(&damaged.place.path().join("index"), runledger_store::Options::new()).unwrap();
        let mut checkpoint = store.checkpoint().unwrap();
        checkpoint[..4].copy_from_slice(&version.to_le_bytes());
        let mut lie = Batch::new();
        lie.put(b"\x05whatever another version means by this", b"");
        store.apply(&lie, &checkpoint).unwrap();
        store.close().unwrap();
        damaged.ask_a_reader(&format!("version {version}"));
        damaged.ask_a_writer(&format!("version {version}"));
        damaged.put_back();
    }
}
