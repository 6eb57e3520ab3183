//! Logs that lie, in memory: a round must refuse each.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::job::{Outcome, Window};
use crate::wal::Job;
use crate::wal::engine::{Engine, Numbered, Room, Visit};
use crate::wal::rounds;

/// A log that keeps records in memory and changes them when it is closed.
struct Faulty {
    records: Arc<Mutex<Vec<Vec<u8>>>>,
    fault: fn(&mut Vec<Vec<u8>>),
}

struct FaultyLog {
    records: Arc<Mutex<Vec<Vec<u8>>>>,
    fault: fn(&mut Vec<Vec<u8>>),
}

impl Engine for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn open(&self, _directory: &Path, _room: Room) -> Result<Box<dyn Log>> {
        Ok(Box::new(FaultyLog { records: Arc::clone(&self.records), fault: self.fault }))
    }

    fn read(&self, _directory: &Path, visit: &mut Visit<'_>) -> Result<()> {
        let records = self.records.lock().unwrap();
        (0..).zip(&*records).try_for_each(|(number, record)| visit(number, record))
    }
}

impl Log for FaultyLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let mut records = self.records.lock().unwrap();
        records.push(payload.to_vec());
        Ok(records.len() as u64 - 1)
    }

    fn append_batch(&self, payloads: &[&[u8]]) -> Result<()> {
        payloads.iter().try_for_each(|payload| self.append(payload).map(drop))
    }

    fn syncs(&self) -> Option<u64> {
        None
    }

    fn close(self: Box<Self>) -> Result<Vec<Numbered>> {
        (self.fault)(&mut self.records.lock().unwrap());
        Ok(Vec::new())
    }
}

fn round_with(job: &Job, fault: fn(&mut Vec<Vec<u8>>)) -> Result<Outcome> {
    let engine = Faulty { records: Arc::default(), fault };
    rounds::run(&engine, Path::new("/"), job)
}

fn jobs() -> [Job; 2] {
    let window = Window { warm_up: Duration::from_millis(2), measured: Duration::from_millis(10) };
    [Job::Durable { threads: 3, window, sizes: None }, Job::Batches { records: 5, under_way: 1, window }]
}

#[test]
fn a_log_that_keeps_everything_is_measured() {
    for job in jobs() {
        let outcome = round_with(&job, |_| {}).unwrap();
        assert!(outcome.records > 0 && outcome.verified >= outcome.records);
        assert!(outcome.elapsed >= Duration::from_millis(10));
        assert_eq!(outcome.bytes, outcome.records * 256);
    }
}

#[test]
fn a_log_that_loses_changes_or_invents_a_record_is_refused() {
    let faults: [fn(&mut Vec<Vec<u8>>); 5] = [
        |records| drop(records.pop()),
        |records| drop(records.remove(0)),
        |records| records[0][0] ^= 1,
        |records| records.swap(0, 1),
        |records| records.push(records[0].clone()),
    ];
    for fault in faults {
        for job in jobs() {
            assert!(round_with(&job, fault).is_err());
        }
    }
}
