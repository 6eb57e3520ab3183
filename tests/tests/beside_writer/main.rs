//! Readers in a process of their own beside a writer that writes its index out and merges it all the time: their answers
//! hold what was acknowledged before they asked, only grow, and have no hole.
//!
//! The writer is this same program, started again with a variable set. It prints how far its events were acknowledged.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's own report")]

mod live;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use runledger::{Body, Custom, Durability, Event, EventFilter, IndexState, Ledger, LedgerOptions, Order};

/// Names the ledger for the writing process.
const WRITER_VARIABLE: &str = "RUNLEDGER_TEST_WRITES_TO";
/// Events belong to these in turn.
const RUNS: u64 = 5;
/// How many events the writer appends.
const EVENTS: u64 = 20_000;
/// The index is written out this often, so that it is merged all the time.
const INDEX_TAIL_EVENTS_MAX: u64 = 100;
/// Events that share a sync.
const EVENTS_PER_SYNC: u64 = 8;

fn options() -> LedgerOptions {
    Ledger::options().index_tail_events_max(INDEX_TAIL_EVENTS_MAX)
}

/// Not a test of its own: what the test below starts.
#[test]
fn writes_where_it_is_told_to() {
    let Some(directory) = std::env::var_os(WRITER_VARIABLE) else { return };
    let ledger = options().open(directory).unwrap();
    let mut stdout = std::io::stdout();
    for number in 0..EVENTS {
        let body = Body::Custom(Custom { type_name: "note".to_owned(), ..Custom::default() });
        let event = Event::new(body).with_run((number % RUNS).to_string());
        let submitted = ledger.submit(event, Durability::Buffered).unwrap();
        assert_eq!(submitted.seq().get(), number);
        if (number + 1).is_multiple_of(EVENTS_PER_SYNC) {
            ledger.sync().unwrap();
            writeln!(stdout, "acknowledged {}", number + 1).unwrap();
            stdout.flush().unwrap();
        }
    }
    ledger.close().unwrap();
}

/// The writing process, and what it says.
struct Writer {
    child: Child,
    acknowledged: Arc<AtomicU64>,
    is_done: Arc<AtomicBool>,
}

impl Writer {
    fn start(directory: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "writes_where_it_is_told_to", "--nocapture"]);
        command.env(WRITER_VARIABLE, directory).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (acknowledged, is_done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (heard, done) = (Arc::clone(&acknowledged), Arc::clone(&is_done));
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let number = line.rsplit_once("acknowledged ").and_then(|(_, number)| number.parse().ok());
                if let Some(number) = number {
                    heard.store(number, Ordering::SeqCst);
                }
            }
            done.store(true, Ordering::SeqCst);
        });
        Self { child, acknowledged, is_done }
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    fn is_done(&self) -> bool {
        self.is_done.load(Ordering::SeqCst)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What one reader was shown last: how many events of each run.
#[derive(Default)]
struct Shown(BTreeMap<u64, u64>);

impl Shown {
    /// Asks about one run, and holds the answer against what was acknowledged before and what was shown before.
    fn ask(&mut self, reader: &Ledger, run: u64, acknowledged: u64, whose: &str) {
        let filter = EventFilter { run: Some(run.to_string().into()), limit: 50, ..EventFilter::default() };
        let count = reader.count(&filter).unwrap();
        let due = acknowledged / RUNS + u64::from(acknowledged % RUNS > run);
        assert!(count >= due, "{whose} reader counts {count} of run {run}, {due} were acknowledged");
        let before = self.0.insert(run, count).unwrap_or(0);
        assert!(count >= before, "{whose} reader counts {count} of run {run}, and counted {before}");

        let newest = EventFilter { order: Order::Descending, ..filter.clone() };
        for (filter, step) in [(filter, 1), (newest, -1)] {
            let page = reader.events(&filter).unwrap().items;
            let numbers: Vec<i64> =
                page.iter().map(|stored| i64::try_from(stored.seq.get()).unwrap()).collect();
            let first = numbers.first().copied().unwrap_or(0);
            let dense = (0_i64..).zip(&numbers);
            for (place, number) in dense {
                let expected = first + step * place * i64::try_from(RUNS).unwrap();
                assert_eq!(*number, expected, "{whose} reader, run {run}: {numbers:?}");
            }
            if let Some(newest) = numbers.first().filter(|_| step < 0) {
                assert!(*newest >= i64::try_from((count - 1) * RUNS + run).unwrap(), "{whose}: {numbers:?}");
            } else if step > 0 && count > 0 {
                assert_eq!(numbers.first(), Some(&i64::try_from(run).unwrap()), "{whose}: {numbers:?}");
            }
        }
    }
}

fn tables_made(directory: &Path) -> u64 {
    let names = std::fs::read_dir(directory.join("index")).into_iter().flatten();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".table")?.parse().ok()).max().unwrap_or(0)
}

#[test]
fn answers_beside_a_busy_writer_hold_what_was_acknowledged_only_grow_and_have_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    let writer = Writer::start(&directory);
    while writer.acknowledged() == 0 {
        assert!(!writer.is_done(), "the writer ended at once");
        std::thread::yield_now();
    }
    let lasting = Ledger::open_read_only(&directory).unwrap();
    let (mut shown_to_lasting, mut shown_to_fresh) = (Shown::default(), Shown::default());
    let (mut round, mut tables) = (0, 0);
    loop {
        let is_last = writer.is_done();
        let run = round % RUNS;
        shown_to_lasting.ask(&lasting, run, writer.acknowledged(), "lasting");
        let acknowledged = writer.acknowledged();
        let fresh = options().open_read_only(&directory).unwrap();
        assert_eq!(fresh.open_report().index, IndexState::Current, "the index on disk answers");
        shown_to_fresh.ask(&fresh, run, acknowledged, "fresh");
        tables = tables_made(&directory).max(tables);
        round += 1;
        if is_last {
            break;
        }
    }
    println!("asked {round} times, beside {tables} tables that came and went");
    assert!(round > 20 && tables > EVENTS / INDEX_TAIL_EVENTS_MAX / 4, "{round} rounds, {tables} tables");
    assert_eq!(writer.acknowledged(), EVENTS);
    for run in 0..RUNS {
        shown_to_lasting.ask(&lasting, run, EVENTS, "lasting");
    }
}
