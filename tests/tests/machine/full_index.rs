//! A full disk below the index alone: appends go on, health says so, and the index heals when space returns, without the
//! ledger being opened anew.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use runledger::{Body, Custom, Durability, Event, EventFilter, Health, IndexStatus, Ledger};

use crate::mounted::Mounted;

/// How often the disk is filled.
const ROUNDS: u64 = 3;
/// Events of each round, before it is full and while it is.
const EVENTS: u64 = 6_000;
const RUNS: u64 = 7;
const INDEX_TAIL_EVENTS_MAX: u64 = 500;
const DISK_BYTES: u64 = 24 << 20;

#[test]
#[ignore = "needs root"]
fn an_index_on_a_full_tmpfs_never_stops_appends_is_told_and_heals_when_space_returns() {
    let disk = Mounted::in_memory(DISK_BYTES);
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("ledger");
    std::fs::create_dir(&directory).unwrap();
    let index = disk.path("index");
    std::fs::create_dir(&index).unwrap();
    let options = || Ledger::options().index_tail_events_max(INDEX_TAIL_EVENTS_MAX);
    Ledger::open(&directory).unwrap().close().unwrap();
    std::fs::remove_dir_all(directory.join("index")).unwrap();
    std::os::unix::fs::symlink(&index, directory.join("index")).unwrap();
    let ledger = options().open(&directory).unwrap();
    let mut appended = 0;
    for round in 0..ROUNDS {
        append(&ledger, &mut appended);
        check(&ledger, appended);
        let ballast = Ballast::fill(&disk.path("ballast"));
        append(&ledger, &mut appended);
        let failed = wait_for(&ledger, |health| matches!(health.index.status, IndexStatus::Failed { .. }));
        assert!(!failed.is_well() && failed.log_failure.is_none(), "{failed:?}");
        append(&ledger, &mut appended);
        let still = ledger.health().unwrap();
        assert!(still.index.lag_events >= EVENTS, "nothing piles up beyond the tail: {still:?}");
        drop(ballast);
        let healed = wait_for(&ledger, |health| health.index.lag_events == 0);
        assert!(healed.is_well() && healed.index.last_failure.is_some(), "round {round}: {healed:?}");
        check(&ledger, appended);
    }
    ledger.close().unwrap();
    let reopened = options().open(&directory).unwrap();
    assert!(reopened.health().unwrap().index.lag_events <= 1, "nothing was left to index again");
    check(&reopened, appended + reopened.interrupted_runs().unwrap().len() as u64);
}

fn append(ledger: &Ledger, appended: &mut u64) {
    for _ in 0..EVENTS {
        let body = Body::Custom(Custom { type_name: "note".to_owned(), ..Custom::default() });
        let event = Event::new(body).with_run((*appended % RUNS).to_string());
        let _ = ledger.submit(event, Durability::Buffered).unwrap();
        *appended += 1;
    }
    ledger.sync().unwrap();
}

/// Every event is found, by its run.
fn check(ledger: &Ledger, appended: u64) {
    let count = |run: u64| EventFilter { run: Some(run.to_string().into()), ..EventFilter::default() };
    let found: u64 = (0..RUNS).map(|run| ledger.count(&count(run)).unwrap()).sum();
    assert_eq!(found, appended);
}

fn wait_for(ledger: &Ledger, wanted: impl Fn(&Health) -> bool) -> Health {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let health = ledger.health().unwrap();
        if wanted(&health) {
            return health;
        }
        assert!(Instant::now() < deadline, "{health:?}");
        std::thread::yield_now();
    }
}

/// A file that takes all the space there is, until it is dropped.
pub(crate) struct Ballast(PathBuf);

impl Ballast {
    pub(crate) fn fill(path: &Path) -> Self {
        let mut file = File::create(path).unwrap();
        // Down to the last page.
        for piece in [1 << 20, 4096] {
            while file.write_all(&vec![1; piece]).is_ok() {}
        }
        Self(path.to_owned())
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}
