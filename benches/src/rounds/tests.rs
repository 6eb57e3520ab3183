//! Logs that lie, in memory: a round must refuse each.

use std::sync::Mutex;

use super::*;

/// A log that keeps records in memory and changes them when it is read back.
struct Faulty(fn(&mut Vec<Vec<u8>>));

struct FaultyLog {
    records: Mutex<Vec<Vec<u8>>>,
    fault: fn(&mut Vec<Vec<u8>>),
}

impl Engine for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn create(&self, _directory: &Path) -> Result<Box<dyn Log>> {
        Ok(Box::new(FaultyLog { records: Mutex::default(), fault: self.0 }))
    }
}

impl Log for FaultyLog {
    fn append(&self, payload: &[u8]) -> Result<u64> {
        let mut records = self.records.lock().unwrap();
        records.push(payload.to_vec());
        Ok(records.len() as u64 - 1)
    }

    fn syncs(&self) -> u64 {
        self.records.lock().unwrap().len() as u64
    }

    fn read_back(self: Box<Self>, visit: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let mut records = self.records.into_inner().unwrap();
        (self.fault)(&mut records);
        (0..).zip(&records).try_for_each(|(number, record)| visit(number, record))
    }
}

fn round_with(fault: fn(&mut Vec<Vec<u8>>)) -> Result<Round> {
    let plan = Plan { writers: 3, warm_up: Duration::from_millis(5), measured: Duration::from_millis(20) };
    run(&Faulty(fault), Path::new(""), &plan)
}

#[test]
fn a_log_that_keeps_everything_is_measured() {
    let round = round_with(|_| {}).unwrap();
    assert!(round.appends > 0 && round.verified >= round.appends);
    assert!(round.window >= Duration::from_millis(20));
}

#[test]
fn a_log_that_loses_changes_or_invents_a_record_is_refused() {
    let faults: [fn(&mut Vec<Vec<u8>>); 4] = [
        |records| drop(records.pop()),
        |records| drop(records.remove(0)),
        |records| records[0][0] ^= 1,
        |records| records.push(records[0].clone()),
    ];
    for fault in faults {
        assert!(round_with(fault).is_err());
    }
}
